"""Bring pictures to the size of a film."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
import numpy.typing as npt

from batch_analogy.config.film_size import FilmFit

Pixels = npt.NDArray[Any]


def fit_pixels(pixels: Pixels, size: tuple[int, int], fit: FilmFit) -> Pixels:
    """Bring a picture to a size: padded by a pixel, or scaled, with bars or without its borders.

    Bars are black, or transparent if there is an alpha channel.

    Args:
        pixels: (H, W, 3 or 4) uint8, uint16 or float32.
        size: wanted height and width, px.
        fit: where the shape differs by more than a pixel.
    """
    height, width = pixels.shape[:2]
    below, right = size[0] - height, size[1] - width
    if 0 <= below <= 1 and 0 <= right <= 1:
        padded: Pixels = np.pad(pixels, ((0, below), (0, right), (0, 0)), mode="edge")
        return padded
    ratios = size[0] / height, size[1] / width
    factor = max(ratios) if fit == "crop" else min(ratios)
    inner = [
        side if abs(length * factor - side) < 2 else max(1, round(length * factor))
        for length, side in zip((height, width), size, strict=True)
    ]
    method = cv2.INTER_AREA if factor < 1 else cv2.INTER_CUBIC
    scaled = cv2.resize(pixels, (inner[1], inner[0]), interpolation=method)
    if fit == "crop":
        top, left = (inner[0] - size[0]) // 2, (inner[1] - size[1]) // 2
        return np.ascontiguousarray(scaled[top : top + size[0], left : left + size[1]])
    film = np.zeros((*size, pixels.shape[2]), pixels.dtype)
    top, left = (size[0] - inner[0]) // 2, (size[1] - inner[1]) // 2
    film[top : top + inner[0], left : left + inner[1]] = scaled
    return film
