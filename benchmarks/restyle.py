"""Restyles of a photograph, for pairs whose correspondence is known.

Every restyle maps an (H, W, 3) uint8 RGB picture to one of the same size. It moves nothing and
depends on the picture alone. Sizes of brushes, lines and blurs are shares of the width, so that a
picture looks alike at any size.
"""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

Picture = NDArray[np.uint8]
Values = NDArray[np.float32]

_LUMA = np.float32([0.299, 0.587, 0.114])


def _values(picture: Picture) -> Values:
    return picture.astype(np.float32) / np.float32(255.0)


def _bytes(values: Values) -> Picture:
    return np.round(np.clip(values, 0, 1) * 255).astype(np.uint8)


def _blur(x: Values, share: float) -> Values:
    """Apply a Gaussian blur whose sigma is this share of the width."""
    return np.asarray(cv2.GaussianBlur(x, (0, 0), share * x.shape[1]), dtype=np.float32)


def _between(t: Values, dark: list[float], light: list[float]) -> Values:
    """Interpolate from the dark colour (t = 0) to the light one (t = 1), RGB in [0, 1]."""
    return t[..., None] * np.float32(light) + (1 - t[..., None]) * np.float32(dark)


def sunset(picture: Picture) -> Picture:
    """Re-grade to a warm sunset: more red, less blue, brighter at the top, higher contrast."""
    x = picture.astype(np.float32) / 255.0
    x = x ** np.float32([0.75, 1.05, 1.5]) * np.float32([1.0, 0.82, 0.62]) + np.float32(
        [0.06, 0, 0]
    )
    glow = np.linspace(1.15, 0.8, len(x), dtype=np.float32)[:, None, None]
    return np.round(np.clip(x * glow, 0, 1) * 255).astype(np.uint8)


def night(picture: Picture) -> Picture:
    """Re-grade to moonlight: dark, blue, half as saturated."""
    x = _values(picture)
    grey = (x @ _LUMA)[..., None]
    x = (0.5 * x + 0.5 * grey) ** np.float32(1.5)
    return _bytes(x * np.float32([0.45, 0.6, 0.95]) + np.float32([0.01, 0.02, 0.07]))


def duotone(picture: Picture) -> Picture:
    """Print in two inks: violet shadows, yellow lights."""
    luma = _values(picture) @ _LUMA
    return _bytes(_between(luma, [0.25, 0.05, 0.4], [1.0, 0.88, 0.35]))


def inverted(picture: Picture) -> Picture:
    """Invert the lightness and keep the colours."""
    lab = cv2.cvtColor(_values(picture), cv2.COLOR_RGB2LAB)
    lab[..., 0] = 100 - lab[..., 0]
    return _bytes(cv2.cvtColor(lab, cv2.COLOR_LAB2RGB))


def painted(picture: Picture) -> Picture:
    """Paint in flat, saturated strokes by applying a Kuwahara filter twice."""
    x = _values(picture)
    radius = max(2, round(picture.shape[1] / 85))
    x = _kuwahara(_kuwahara(x, radius), radius)
    grey = (x @ _LUMA)[..., None]
    return _bytes((grey + 1.6 * (x - grey)) * np.float32([1.05, 1.0, 0.85]) + np.float32(0.03))


def _kuwahara(x: Values, radius: int) -> Values:
    """Replace each pixel by the mean of the quadrant around it whose luma varies least."""
    luma = x @ _LUMA
    side = radius + 1
    best, result = np.full(luma.shape, np.inf, dtype=np.float32), x
    for anchor in ((0, 0), (radius, 0), (0, radius), (radius, radius)):
        mean = cv2.boxFilter(luma, -1, (side, side), anchor=anchor)
        variance = cv2.boxFilter(luma * luma, -1, (side, side), anchor=anchor) - mean * mean
        better = variance < best
        colours = cv2.boxFilter(x, -1, (side, side), anchor=anchor)
        result = np.where(better[..., None], colours, result)
        best = np.where(better, variance, best)
    return result


def poster(picture: Picture) -> Picture:
    """Draw as a comic: smooth, four levels of brightness, rotated hues, dark outlines."""
    smooth = picture
    for _ in range(3):
        smooth = cv2.bilateralFilter(smooth, 9, 45, max(2.0, picture.shape[1] / 60))
    hsv = cv2.cvtColor(_values(smooth), cv2.COLOR_RGB2HSV)  # hue 0 … 360
    hsv[..., 0] = (hsv[..., 0] + 40) % 360
    hsv[..., 1] = np.clip(hsv[..., 1] * 1.3, 0, 1)
    hsv[..., 2] = (np.floor(np.clip(hsv[..., 2], 0, 0.999) * 4) + 0.7) / 4
    ink = 1 - np.clip(_edges(_values(smooth) @ _LUMA, 0.004) * 6 - 0.3, 0, 1)
    return _bytes(cv2.cvtColor(hsv, cv2.COLOR_HSV2RGB) * ink[..., None])


def _edges(luma: Values, share: float) -> Values:
    """Return the gradient magnitude at a scale that is this share of the width."""
    smooth = _blur(luma, share)
    x = cv2.Sobel(smooth, cv2.CV_32F, 1, 0, scale=0.25)
    y = cv2.Sobel(smooth, cv2.CV_32F, 0, 1, scale=0.25)
    return np.hypot(x, y)


def pencil(picture: Picture) -> Picture:
    """Draw lines in grey pencil on paper, with little shading."""
    luma = _values(picture) @ _LUMA
    lines = np.clip(luma / np.maximum(_blur(luma, 0.012), 0.02), 0, 1) ** np.float32(2.5)
    shade = 0.85 + 0.15 * _blur(luma, 0.006)
    return _bytes(_between(lines * shade, [0.16, 0.16, 0.2], [0.97, 0.95, 0.9]))


def woodcut(picture: Picture) -> Picture:
    """Print as a woodcut: brown ink on cream, with hatched middle tones."""
    luma = _values(picture) @ _LUMA
    local = luma - _blur(luma, 0.05)
    rows = np.arange(luma.shape[0], dtype=np.float32)[:, None]
    columns = np.arange(luma.shape[1], dtype=np.float32)[None]
    hatch = np.sin((rows + 0.5 * columns) * (2 * np.pi * 48 / luma.shape[1]))
    paper = (luma + 1.5 * local - 0.42 - 0.16 * hatch) * 12 + 0.5
    return _bytes(_between(np.clip(paper, 0, 1), [0.22, 0.1, 0.06], [0.95, 0.89, 0.74]))


def embossed(picture: Picture) -> Picture:
    """Emboss in copper: the gradient towards the upper left becomes light and shade."""
    luma = _blur(_values(picture) @ _LUMA, 0.004)
    slope = cv2.Sobel(luma, cv2.CV_32F, 1, 0) + cv2.Sobel(luma, cv2.CV_32F, 0, 1)
    light = np.clip(0.5 + slope * np.float32(picture.shape[1] / 1200), 0, 1)
    return _bytes(_between(light, [0.2, 0.07, 0.02], [1.0, 0.72, 0.5]))


def grainy(picture: Picture) -> Picture:
    """Blur strongly, fade the colours and add coarse grain."""
    x = _blur(_values(picture), 0.01)
    noise = np.random.default_rng(0).standard_normal(picture.shape[:2]).astype(np.float32)
    grain = _blur(noise, 0.004)
    grain *= 0.1 / grain.std()
    return _bytes(0.15 + 0.65 * (0.6 * x + 0.4 * (x @ _LUMA)[..., None]) + grain[..., None])


RESTYLES: dict[str, Callable[[Picture], Picture]] = {
    work.__name__: work
    for work in (
        sunset, night, duotone, inverted, painted, poster, pencil, woodcut, embossed, grainy,
    )
}  # fmt: skip
"""Restyles by name."""
