"""Bring a picture of the same shape to the size of another."""

from __future__ import annotations

import cv2
import numpy as np

from batch_analogy.media.stills import FloatPixels

MAX_FLAT_COLOURS = 64
"""A picture of at most so many colours is a map, whose colours must not be mixed."""

_ROUNDING_PX = 0.51  # of the smaller picture: its other side was rounded


def is_same_shape(size: tuple[int, int], other: tuple[int, int]) -> bool:
    """Return whether two sizes, (height, width), differ by a factor alone, up to rounding.

    >>> is_same_shape((1080, 1920), (113, 200)), is_same_shape((56, 72), (40, 72))
    (True, False)
    """
    (height, width), (large_height, large_width) = sorted((size, other))
    return (
        abs(large_height * width / large_width - height) <= _ROUNDING_PX
        or abs(large_width * height / large_height - width) <= _ROUNDING_PX
    )


def fit(pixels: FloatPixels, size: tuple[int, int]) -> FloatPixels:
    """Scale a picture to a size; colours are mixed, unless it is a map of few flat ones.

    Args:
        pixels: (H, W, C) float32 in [0, 1].
        size: (height, width) in px.

    Returns:
        (height, width, C) float32 in [0, 1].
    """
    if pixels.shape[:2] == size:
        return pixels
    shrinks = size[0] * size[1] < pixels.shape[0] * pixels.shape[1]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_CUBIC
    if _is_flat(pixels):
        method = cv2.INTER_NEAREST_EXACT
    scaled = cv2.resize(pixels, (size[1], size[0]), interpolation=method)
    whole = scaled.reshape(*size, pixels.shape[2])  # OpenCV drops a single channel
    return np.asarray(whole.clip(0.0, 1.0), np.float32)


def shrink(pixels: FloatPixels, at_least_px: int) -> FloatPixels:
    """Make a picture smaller by a whole number; both sides keep at least a length if they can.

    >>> shrink(np.zeros((401, 600, 3), np.float32), 192).shape
    (201, 300, 3)
    """
    factor = min(pixels.shape[:2]) // at_least_px
    if factor < 2:
        return pixels
    size = tuple(-(-side // factor) for side in pixels.shape[1::-1])
    return np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.float32)


def _is_flat(pixels: FloatPixels) -> bool:
    steps = np.rint(pixels * 255).astype(np.uint32)
    packed = sum(steps[..., n] << (8 * n) for n in range(pixels.shape[2]))
    return len(np.unique(np.asarray(packed))) <= MAX_FLAT_COLOURS
