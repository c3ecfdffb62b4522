"""Constants shared by all versions of the warp."""

from __future__ import annotations

import math

SAME_PX = 0.25  # neighbours whose matches differ by less than this continue each other
SHARPNESS = 1 / (3 * 0.05**2)  # three channels 0.05 further from the mean: e⁻¹ of the weight
SPLINE_POLE = math.sqrt(3.0) - 2.0
