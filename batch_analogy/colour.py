"""Compute luma, and convert sRGB to and from linear light.

A change of exposure multiplies linear light; a longer exposure adds light up over time.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, TypeVar

import numpy as np
import numpy.typing as npt

if TYPE_CHECKING:
    from torch import Tensor

FloatPixels = npt.NDArray[np.float32]
_Plane = TypeVar("_Plane", FloatPixels, "Tensor")

LUMA_BT601 = (0.299, 0.587, 0.114)
"""Weights of red, green and blue (ITU-R BT.601)."""

LUMA_BT709 = (0.2126, 0.7152, 0.0722)
"""Weights of red, green and blue (ITU-R BT.709); applied to linear light, they give luminance."""

_SRGB_TOE, _LINEAR_TOE = 0.04045, 0.0031308


def luma_of_planes(red: _Plane, green: _Plane, blue: _Plane) -> _Plane:
    """Compute the BT.601 luma of three planes, arrays or tensors, float32 of one shape.

    A matrix product is avoided: its rounding depends on the number of threads.
    """
    weights = LUMA_BT601
    total: _Plane = red * weights[0] + green * weights[1] + blue * weights[2]
    return total


def to_linear(pixels: FloatPixels) -> FloatPixels:
    """Convert sRGB to linear light, float32 (IEC 61966-2-1); 1 is white, more is brighter."""
    toe = pixels / np.float32(12.92)
    above = np.maximum(pixels, np.float32(0.0))
    bent = np.power((above + np.float32(0.055)) / np.float32(1.055), np.float32(2.4))
    return np.where(pixels <= np.float32(_SRGB_TOE), toe, bent).astype(np.float32, copy=False)


def to_srgb(light: FloatPixels, *, clip: bool = True) -> FloatPixels:
    """Convert linear light to sRGB, float32; in [0, 1] unless ``clip`` is False."""
    toe = light * np.float32(12.92)
    root = np.power(np.maximum(light, 0), np.float32(1 / 2.4))
    bent = np.float32(1.055) * root - np.float32(0.055)
    srgb = np.where(light <= np.float32(_LINEAR_TOE), toe, bent)
    if not clip:
        return srgb.astype(np.float32, copy=False)
    return np.clip(srgb, np.float32(0.0), np.float32(1.0)).astype(np.float32, copy=False)
