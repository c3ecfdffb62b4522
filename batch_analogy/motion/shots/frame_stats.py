"""A glance at a frame: what finding shots and evening out flicker need, in about three kilobytes.

One pass over all frames makes the looks; pixels come in, and nothing larger is kept.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from batch_analogy.colour import FloatPixels, to_linear

LUMA_HEIGHT, LUMA_WIDTH = 48, 64  # cells, whatever the frame's shape
COLOUR_BINS = 8
STATS_WIDTH_PX = 256
"""Width in px of what a look is taken from: a frame may be decoded that small."""

_LUMA_REC709 = np.array([0.2126, 0.7152, 0.0722], np.float32)
_MIDDLE = (0.4, 0.6)  # the ranks whose mean is the light: a median that does not jump from px to px
_DARKEST = 2.0**-13  # light added before the logarithm: black is noise
_SHARE_LOW, _SHARE_RANGE = 0.15, 0.4  # of red and green in the sum; 1/3 and 1/3 is grey


@dataclass(frozen=True, slots=True, eq=False)
class FrameStats:
    """What is remembered of a frame."""

    luma: npt.NDArray[np.uint8]  # (LUMA_HEIGHT, LUMA_WIDTH), gamma-coded
    colours: npt.NDArray[np.float32]  # (COLOUR_BINS²,) shares of red and green; sums to 1
    log2_light: float  # the middle of the frame's linear light, as a power of two
    camera_ev: float | None = None  # light that the camera's settings let in, by EXIF


def compute_frame_stats(pixels: FloatPixels, camera_ev: float | None = None) -> FrameStats:
    """FrameStats at one frame.

    Args:
        pixels: (H, W, 3) float32 sRGB in [0, 1], of any size from 16 px.
        camera_ev: log2 of the exposure that the camera's settings gave, where it is known.
    """
    size = (STATS_WIDTH_PX, STATS_WIDTH_PX * LUMA_HEIGHT // LUMA_WIDTH)
    small = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.float32)
    coded = small @ _LUMA_REC709
    cells = cv2.resize(coded, (LUMA_WIDTH, LUMA_HEIGHT), interpolation=cv2.INTER_AREA)
    luma = np.rint(np.clip(cells, 0.0, 1.0) * 255.0).astype(np.uint8)
    return FrameStats(luma, _colours(small), log2_light(small), camera_ev)


def log2_light(pixels: FloatPixels) -> float:
    """How light a picture is: the mean of the middle fifth of its linear luminances, as log2.

    Half of the picture may be clipped, or hidden by somebody who walks past, before it moves much.

    Args:
        pixels: (H, W, 3) float32 sRGB in [0, 1].
    """
    light = np.sort((to_linear(pixels) @ _LUMA_REC709).ravel())
    low, high = (round(share * light.size) for share in _MIDDLE)
    return math.log2(float(light[low : max(high, low + 1)].mean()) + _DARKEST)


def _colours(pixels: FloatPixels) -> npt.NDArray[np.float32]:
    """A histogram of red's and green's shares, which an exposure does not change."""
    total = pixels.sum(axis=2)
    shares = pixels[..., :2] / np.maximum(total, 1e-3)[..., None]
    places = np.clip((shares - _SHARE_LOW) / _SHARE_RANGE, 0.0, 0.999) * COLOUR_BINS
    bins = places.astype(np.intp)
    flat = bins[..., 0] * COLOUR_BINS + bins[..., 1]
    counts = np.bincount(flat.ravel(), total.ravel(), COLOUR_BINS**2)  # dark colours are noise
    return np.asarray(counts / max(counts.sum(), 1e-6), np.float32)
