"""Colours under and beside transparency."""

from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt

FloatPixels = npt.NDArray[np.float32]

_CERTAIN = np.float32(1 / 16)
"""Opacity from which a pixel's own colour counts in full; fainter ones hold few steps of it."""


def extend_colours(colours: FloatPixels, opacity: FloatPixels) -> FloatPixels:
    """Continue the visible colours into the transparent parts.

    Programs leave any colour in transparent pixels, mostly black or white. A picture that is made
    of them would have an outline in that colour.

    Args:
        colours: (H, W, 3) float32, not multiplied by the opacity.
        opacity: (H, W) float32 in [0, 1].

    Returns:
        (H, W, 3) float32, within the range of the visible colours; white if nothing is visible.

    Source: the pull and push of Gortler 1996, section 3.4.
    """
    weight = np.clip(opacity / _CERTAIN, np.float32(0.0), np.float32(1.0))[..., None]
    if not weight.any():
        return np.ones_like(colours)
    levels = [(colours * weight, weight)]
    while max(levels[-1][1].shape[:2]) > 1:
        summed, total = levels[-1]
        height, width = (max(1, side // 2) for side in total.shape[:2])
        smaller = [_resized(plane, height, width, cv2.INTER_AREA) for plane in (summed, total)]
        levels.append((smaller[0], smaller[1]))
    summed, total = levels[-1]
    filled = summed / total
    for summed, total in reversed(levels[:-1]):
        filled = _resized(filled, total.shape[0], total.shape[1], cv2.INTER_LINEAR)
        own = summed / np.maximum(total, np.float32(1e-6))
        filled = own * total + filled * (np.float32(1.0) - total)
    return np.ascontiguousarray(np.clip(filled, colours.min(), colours.max()))


def _resized(plane: FloatPixels, height: int, width: int, how: int) -> FloatPixels:
    made: FloatPixels = cv2.resize(plane, (width, height), interpolation=how)
    return made if made.ndim == 3 else made[..., None]


def with_opacity(colours: FloatPixels, opacity: FloatPixels | None) -> FloatPixels:
    """Append an alpha channel to (H, W, 3) pixels; ``opacity`` None: return them as they are."""
    return colours if opacity is None else np.concatenate([colours, opacity[..., None]], axis=2)
