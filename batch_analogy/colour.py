"""Pictures as light: what an exposure multiplies, and what a shutter adds up."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatPixels = npt.NDArray[np.float32]

_SRGB_TOE, _LINEAR_TOE = 0.04045, 0.0031308


def to_linear(pixels: FloatPixels) -> FloatPixels:
    """sRGB in [0, 1] → linear light in [0, 1], float32 (IEC 61966-2-1)."""
    toe = pixels / np.float32(12.92)
    bent = np.power((pixels + np.float32(0.055)) / np.float32(1.055), np.float32(2.4))
    return np.where(pixels <= np.float32(_SRGB_TOE), toe, bent).astype(np.float32, copy=False)


def to_srgb(light: FloatPixels) -> FloatPixels:
    """Linear light in [0, 1] → sRGB in [0, 1], float32."""
    toe = light * np.float32(12.92)
    root = np.power(np.maximum(light, 0), np.float32(1 / 2.4))
    bent = np.float32(1.055) * root - np.float32(0.055)
    srgb = np.where(light <= np.float32(_LINEAR_TOE), toe, bent)
    return np.clip(srgb, np.float32(0.0), np.float32(1.0)).astype(np.float32, copy=False)
