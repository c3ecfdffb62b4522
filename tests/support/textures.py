"""Smooth random textures that can be shifted by fractions of a pixel."""

from __future__ import annotations

import cv2
import numpy as np

from batch_analogy.media.stills import FloatPixels

HEIGHT, WIDTH = 120, 160


def texture(seed: int, shift: tuple[float, float] = (0, 0)) -> FloatPixels:
    """Return smooth noise, moved by ``shift`` (x, y) pixels."""
    large = np.random.default_rng(seed).random((HEIGHT + 40, WIDTH + 40, 3), dtype=np.float32)
    large = cv2.GaussianBlur(large, (0, 0), 2.0)
    large = (large - large.min()) / (large.max() - large.min())
    view = np.float32([[1, 0, shift[0] - 20], [0, 1, shift[1] - 20]])
    return np.asarray(cv2.warpAffine(large, view, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC))
