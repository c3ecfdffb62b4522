"""Soften the edges of a mask."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

FloatPixels = npt.NDArray[np.float32]

_SETTLED = np.float32(1e-4)  # from 0 or 1: what lies beyond the edge is not touched at all


def feathered(coverage: FloatPixels, width_px: float) -> FloatPixels:
    """Blur a mask, so that a hard edge becomes a ramp of this width with the edge in its middle.

    Args:
        coverage: (H, W, 1) float32 in [0, 1].
        width_px: of the ramp; below a pixel nothing changes.

    Returns:
        The same shape; exactly 0 or 1 where the mask is so within half of the width.
    """
    radius = round(width_px / 2)
    if radius < 1:
        return coverage
    side = 2 * radius + 1
    plane = np.ascontiguousarray(coverage[..., 0])
    blurred = cv2.GaussianBlur(
        plane, (side, side), sigmaX=width_px / 4, borderType=cv2.BORDER_REPLICATE
    )
    blurred[blurred < _SETTLED] = 0.0
    blurred[blurred > 1 - _SETTLED] = 1.0
    return np.asarray(blurred[..., None], np.float32)
