"""Large pictures with detail down to the pixel, painted and drawn: references for high resolution.

No package contains a large painting, and an enlarged one has no detail. So photographs of
scikit-learn and scikit-image are painted and hatched stroke by stroke at the requested size.
"""

from __future__ import annotations

import cv2
import numpy as np
import skimage.data
import sklearn.datasets
from numpy.typing import NDArray

Pixels = NDArray[np.float32]

GRAIN = 3 / 255  # standard deviation of a photograph's noise
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)
_BRUSH_SHARES = (1 / 40, 1 / 90, 1 / 200)  # brush widths, coarse to fine, as shares of the width
_BRISTLES = 7


def photo(name: str) -> Pixels:
    """Return a photograph, (H, W, 3) float32 in [0, 1]; china and flower are scikit-learn's."""
    if name in {"china", "flower"}:
        pixels = sklearn.datasets.load_sample_image(f"{name}.jpg")
    else:
        pixels = getattr(skimage.data, name)()
    return np.asarray(pixels, np.float32) / np.float32(255.0)


def cropped(picture: Pixels, width: int, height: int) -> Pixels:
    """Return the picture's middle, enlarged to a size."""
    scale = max(width / picture.shape[1], height / picture.shape[0])
    large = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    top, left = (large.shape[0] - height) // 2, (large.shape[1] - width) // 2
    return np.clip(large[top : top + height, left : left + width], 0, 1).astype(np.float32)


def grainy(picture: Pixels, seed: int) -> Pixels:
    """Add a camera's noise to a photograph."""
    noise = np.random.default_rng(seed).standard_normal(picture.shape, np.float32)
    return np.clip(picture + np.float32(GRAIN) * noise, 0, 1)


def _direction(luma: Pixels, sigma: float) -> NDArray[np.float32]:
    """Return the direction of edges in radians, from the smoothed structure tensor."""
    smooth = cv2.GaussianBlur(luma, (0, 0), sigma / 3)
    x, y = cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1)
    xx, yy, xy = (cv2.GaussianBlur(p, (0, 0), sigma) for p in (x * x, y * y, x * y))
    return np.asarray(0.5 * np.arctan2(2 * xy, xx - yy) + np.pi / 2, np.float32)


def brushed(picture: Pixels, seed: int) -> Pixels:
    """Paint in layers of brush strokes along the edges; bristles differ in brightness."""
    random = np.random.default_rng(seed)
    height, width, _ = picture.shape
    canvas = _bytes(cv2.GaussianBlur(picture, (0, 0), width / 60))
    for share in _BRUSH_SHARES:
        brush = share * width
        colours = cv2.GaussianBlur(picture, (0, 0), brush / 2) * 255
        angles = _direction(picture @ _LUMA, brush)
        step = 0.8 * brush
        places = np.mgrid[0:height:step, 0:width:step].reshape(2, -1).T
        places = random.permutation(places + random.uniform(-step, step, places.shape))
        for y, x in np.clip(places, 0, [height - 1, width - 1]):
            row, column = int(y), int(x)
            colour = colours[row, column]
            if share == _BRUSH_SHARES[-1] and np.abs(canvas[row, column] - colour).max() < 10:
                continue
            angle = angles[row, column] + random.normal(0, 0.15)
            _stroke(canvas, (x, y), angle, brush, colour, random)
    return canvas.astype(np.float32) / np.float32(255.0)


def _bytes(picture: Pixels) -> NDArray[np.uint8]:
    return np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)


def _stroke(
    canvas: NDArray[np.uint8],
    place: tuple[float, float],
    angle: float,
    brush: float,
    colour: NDArray[np.float32],
    random: np.random.Generator,
) -> None:
    """Draw one stroke onto the canvas in place; OpenCV antialiases lines on 8-bit pictures only."""
    along = np.array([np.cos(angle), np.sin(angle)])
    across = np.array([-along[1], along[0]])
    lengths = brush * random.uniform(1.2, 2.0, _BRISTLES)
    shades = (colour + random.normal(0, 6, 3)) * random.normal(1.0, 0.07, (_BRISTLES, 1))
    thick = max(1, round(brush / _BRISTLES * 1.2))
    for aside, length, shade in zip(
        np.linspace(-0.5, 0.5, _BRISTLES) * brush, lengths, np.clip(shades, 0, 255), strict=True
    ):
        middle = np.array(place) + across * aside
        ends = [np.rint((middle + along * sign * length) * 16) for sign in (-1, 1)]
        first, last = ((int(x), int(y)) for x, y in ends)
        cv2.line(canvas, first, last, shade.tolist(), thick, cv2.LINE_AA, 4)


def hatched(picture: Pixels, seed: int) -> Pixels:
    """Draw in pencil: outlines, and hatching in three directions, denser in darker areas."""
    random = np.random.default_rng(seed)
    height, width, _ = picture.shape
    luma = cv2.GaussianBlur(picture @ _LUMA, (0, 0), width / 800)
    ink = np.zeros((height, width), np.float32)
    row, column = np.mgrid[:height, :width].astype(np.float32)
    for angle, dark in ((0.8, 0.75), (2.2, 0.5), (1.5, 0.28)):
        across = row * np.float32(np.cos(angle)) + column * np.float32(np.sin(angle))
        wobble = cv2.GaussianBlur(
            random.standard_normal((height, width), np.float32), (0, 0), width / 150
        )
        across += wobble * np.float32(width / 300 / wobble.std())
        lines = np.clip(np.sin(across * np.float32(2 * np.pi * 220 / width)) * 2 - 0.8, 0, 1)
        ink = np.maximum(ink, lines * np.clip((dark - luma) * 6, 0, 0.8))
    smooth = cv2.GaussianBlur(luma, (0, 0), width / 400)
    gradient = np.hypot(cv2.Sobel(smooth, cv2.CV_32F, 1, 0), cv2.Sobel(smooth, cv2.CV_32F, 0, 1))
    ink = np.maximum(ink, np.clip(gradient * np.float32(width / 300) - 0.3, 0, 0.9))
    paper = random.standard_normal((height, width), np.float32)
    grey = 0.96 - ink * (0.85 + 0.1 * paper) + 0.015 * paper
    return np.clip(grey[..., None] * np.array([1.0, 0.98, 0.93], np.float32), 0, 1)
