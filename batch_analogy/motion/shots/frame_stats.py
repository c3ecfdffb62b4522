"""Statistics of a frame for cut detection and deflickering, in about three kilobytes.

One pass over all frames computes them, so that pixels need not be kept.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from batch_analogy.colour import LUMA_BT709, FloatPixels, to_linear

LUMA_HEIGHT, LUMA_WIDTH = 48, 64  # cells, for a frame of any shape
COLOUR_BINS = 8
STATS_WIDTH_PX = 256
"""Width at which statistics are computed: frames may be decoded at this size."""

_LUMA_BT709 = np.array(LUMA_BT709, np.float32)
_MIDDLE = (0.4, 0.6)  # quantiles averaged as the light: a median that varies smoothly over time
_DARKEST = 2.0**-13  # light added before the logarithm: black is noise
_SHARE_LOW, _SHARE_RANGE = 0.15, 0.4  # of red and green in the sum; 1/3 and 1/3 is grey


@dataclass(frozen=True, slots=True, eq=False)
class FrameStats:
    """Statistics of one frame."""

    luma: npt.NDArray[np.uint8]  # (LUMA_HEIGHT, LUMA_WIDTH), gamma-coded
    colours: npt.NDArray[np.float32]  # (COLOUR_BINS²,) shares of red and green; sums to 1
    log2_light: float  # middle of the frame's linear light, as a power of two
    camera_ev: float | None = None  # light admitted by the camera's settings, from EXIF


def compute_frame_stats(pixels: FloatPixels, camera_ev: float | None = None) -> FrameStats:
    """Compute the statistics of one frame.

    Args:
        pixels: (H, W, 3) float32 sRGB in [0, 1], of any size from 16 px.
        camera_ev: log2 of the exposure given by the camera's settings, if known.
    """
    size = (STATS_WIDTH_PX, STATS_WIDTH_PX * LUMA_HEIGHT // LUMA_WIDTH)
    small = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.float32)
    coded = small @ _LUMA_BT709
    cells = cv2.resize(coded, (LUMA_WIDTH, LUMA_HEIGHT), interpolation=cv2.INTER_AREA)
    luma = np.rint(np.clip(cells, 0.0, 1.0) * 255.0).astype(np.uint8)
    return FrameStats(luma, _colour_histogram(small), log2_light(small), camera_ev)


def log2_light(pixels: FloatPixels) -> float:
    """Measure the light of a picture: log2 of the mean of the middle fifth of linear luminances.

    It changes little even if two fifths of the picture clip or are hidden by a passer-by.

    Args:
        pixels: (H, W, 3) float32 sRGB in [0, 1].
    """
    light = np.sort((to_linear(pixels) @ _LUMA_BT709).ravel())
    low, high = (round(share * light.size) for share in _MIDDLE)
    return math.log2(float(light[low : max(high, low + 1)].mean()) + _DARKEST)


def _colour_histogram(pixels: FloatPixels) -> npt.NDArray[np.float32]:
    """Compute a histogram of the shares of red and green, which do not depend on exposure."""
    total = pixels.sum(axis=2)
    shares = pixels[..., :2] / np.maximum(total, 1e-3)[..., None]
    places = np.clip((shares - _SHARE_LOW) / _SHARE_RANGE, 0.0, 0.999) * COLOUR_BINS
    bins = places.astype(np.intp)
    flat = bins[..., 0] * COLOUR_BINS + bins[..., 1]
    # Weighted by brightness: dark colours are noise.
    counts = np.bincount(flat.ravel(), total.ravel(), COLOUR_BINS**2)
    return np.asarray(counts / max(counts.sum(), 1e-6), np.float32)
