"""Luma of frames, and changes of exposure and light between two of them.

Motion is estimated from luma, so a change of light must not count as motion or occlusion.

Source: docs/method.md, "Exposure along the motion".
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from batch_analogy.colour import luma_of_planes
from batch_analogy.motion.flow.sampling import Luma, sample

SIMILARITY_SCALE = 0.08
"""Difference of luma or chroma at which the similarity of two pixels falls to e⁻¹."""

MIN_VISIBLE_SHARE = 0.05
"""Share of a frame that must be visible in both frames for its exposure to be compared."""

_LIGHT_RADIUS_SHARE = 0.05  # radius of a region whose light changes together, of the mean side
_LIGHT_LIMIT = 0.16  # largest change of luma that counts as a change of light
_LIGHT_DOWNSCALE = 4  # light is measured at this fraction of the size


def brightness(picture: NDArray[np.float32]) -> Luma:
    """Compute the luma of (H, W, 3) float32 RGB, (H, W)."""
    planes = picture[..., 0], picture[..., 1], picture[..., 2]
    return np.ascontiguousarray(luma_of_planes(*planes), np.float32)


def denoise(difference: Luma) -> Luma:
    """Average over 3×3 pixels, so that noise of single pixels does not count as a difference."""
    return np.asarray(cv2.blur(difference, (3, 3), borderType=cv2.BORDER_REPLICATE), np.float32)


def remove_light_change(difference: Luma, visible: NDArray[np.bool_]) -> Luma:
    """Subtract the change of light by region from differences of luma.

    A change of light does not make a match wrong; a wrong match differs in its pattern.

    Args:
        difference: (H, W) float32.
        visible: (H, W) bool, pixels visible in both frames; only these measure the light.
    """
    return np.asarray(difference - regional_light_change(difference, visible), np.float32)


def regional_light_change(difference: Luma, visible: NDArray[np.bool_]) -> Luma:
    """Estimate the change of light by region from differences of luma: vignettes, a moving sun."""
    small = tuple(-(-side // _LIGHT_DOWNSCALE) for side in difference.shape[::-1])
    side = 2 * round(_LIGHT_RADIUS_SHARE * math.sqrt(small[0] * small[1])) + 1
    limited = np.where(visible, difference.clip(-_LIGHT_LIMIT, _LIGHT_LIMIT), 0)
    maps = limited.astype(np.float32), visible.astype(np.float32)
    sums = [cv2.resize(m, small, interpolation=cv2.INTER_AREA) for m in maps]
    for _ in range(2):
        sums = [cv2.blur(m, (side, side), borderType=cv2.BORDER_CONSTANT) for m in sums]
    light = np.asarray(sums[0] / np.maximum(sums[1], 0.1), np.float32)
    full = cv2.resize(light, difference.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(full, np.float32)


def exposure_between(before: Luma, now: Luma) -> tuple[float, float]:
    """Return the gain and lift that give ``before`` the mean and contrast of ``now``."""
    gain = float(now.std(dtype=np.float64)) / max(float(before.std(dtype=np.float64)), 1e-3)
    gain = min(max(gain, 0.5), 2.0)
    return gain, float(now.mean(dtype=np.float64)) - gain * float(before.mean(dtype=np.float64))


def exposure_along(
    before: Luma, now: Luma, positions: NDArray[np.float32], visible: NDArray[np.bool_]
) -> tuple[float, float]:
    """Measure ``exposure_between`` over the pixels visible in both frames.

    Frames far apart show different content, which must not count as a change of exposure.

    Args:
        before: the earlier frame. now: the later one.
        positions: (H, W, 2), the position (x, y) in ``before`` of each pixel of ``now``.
        visible: (H, W) bool, pixels of ``now`` that ``before`` shows too.
    """
    if visible.mean() < MIN_VISIBLE_SHARE:
        return exposure_between(before, now)
    return exposure_between(sample(before, positions)[visible], now[visible])


def apply_exposure(
    picture: NDArray[np.float32], exposure: tuple[float, float]
) -> NDArray[np.float32]:
    """Apply a gain and a lift to a picture."""
    gain, lift = exposure
    return (picture * np.float32(gain) + np.float32(lift)).clip(0.0, 1.0)
