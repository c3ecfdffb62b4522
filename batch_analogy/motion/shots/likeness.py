"""Tell which of several similar frames a painted picture shows.

A painter changes colours and texture but keeps outlines, so outlines are compared, and only where
the frames differ: what stands still says nothing about which frame it is.
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
import numpy.typing as npt

Pixels = npt.NDArray[np.float32]

SIDE_PX = 192  # frames are compared at this size
BLUR_PX = 1.0
LEAST_DIFFERENCE = 0.02  # of colours in [0, 1]; less is noise
LEAST_SHARE = 0.005  # of the picture that must differ
LEAST_LIKENESS = 0.2
"""Correlation that shows that the picture was painted over one of the frames at all."""
LEAST_MARGIN = 0.02
"""Lead of the likest frame.

Measured on a pan of 1 to 3 pixels a frame and on a small moving disc, under five filters: the right
frame leads by 0.02 to 0.8 and correlates with 0.32 to 0.99; noise and flat colour stay below 0.07.
"""


def likeness(picture: Pixels, frames: Sequence[Pixels]) -> list[float] | None:
    """Compare a painted picture with frames that it may have been painted over.

    Args:
        picture: (H, W, 3) float32 RGB in [0, 1].
        frames: the frames, in the shape of the picture, (H', W', 3) each.

    Returns:
        The correlation of its outlines with those of each frame; None if the frames hardly differ.
    """
    height, width = frames[0].shape[:2]
    scale = min(1.0, SIDE_PX / max(height, width))
    size = max(1, round(width * scale)), max(1, round(height * scale))
    smooth = [_smooth(frame, size) for frame in frames]
    different = np.ptp(np.stack(smooth), axis=0).max(axis=2)
    weight = np.where(different > LEAST_DIFFERENCE, different, 0.0).astype(np.float64)
    if np.count_nonzero(weight) < LEAST_SHARE * weight.size:
        return None
    own = _outlines(_smooth(picture, size))
    return [_correlation(own, _outlines(frame), weight / weight.sum()) for frame in smooth]


def clear_winner(likenesses: Sequence[float]) -> int | None:
    """Return the index of the likest frame; None if no frame is clearly so."""
    order = np.argsort(likenesses)[::-1]
    best = likenesses[order[0]]
    if best < LEAST_LIKENESS:
        return None
    if len(order) > 1 and best - likenesses[order[1]] < LEAST_MARGIN:
        return None
    return int(order[0])


def _smooth(pixels: Pixels, size: tuple[int, int]) -> Pixels:
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    return np.asarray(cv2.GaussianBlur(small, (0, 0), BLUR_PX), np.float32)


def _outlines(smooth: Pixels) -> npt.NDArray[np.float64]:
    across, down = cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
    strength = np.sqrt((across.astype(np.float64) ** 2 + down**2).sum(axis=2))
    return np.asarray(np.sqrt(strength), np.float64)


def _correlation(
    one: npt.NDArray[np.float64], other: npt.NDArray[np.float64], weight: npt.NDArray[np.float64]
) -> float:
    one, other = one - (one * weight).sum(), other - (other * weight).sum()
    spread = (one**2 * weight).sum() * (other**2 * weight).sum()
    return float((one * other * weight).sum() / np.sqrt(spread)) if spread > 0 else 0.0
