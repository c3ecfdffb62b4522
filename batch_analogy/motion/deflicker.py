"""Evening out the exposure of a time-lapse: how much to change each frame, and changing it."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatPixels = npt.NDArray[np.float32]

HIGHLIGHT_KNEE = 0.8
"""Linear light above which a changed exposure bends towards white instead of clipping."""

_SRGB_TOE, _LINEAR_TOE = 0.04045, 0.0031308


def apply_exposure(pixels: FloatPixels, ev: float) -> FloatPixels:
    """Change a picture's exposure as a camera would have, keeping its highlights.

    Light is multiplied by 2^ev. Where that passes the knee, brightening bends smoothly so that
    white stays white and nothing clips; darkening is the exact inverse, so that blown-out parts do
    not turn grey (they would flicker), and changing by ev and then by -ev gives back the picture.

    Args:
        pixels: (H, W, 3) float32 sRGB in [0, 1].
        ev: exposure values; 1 doubles the light. 0 returns the very pixels.

    Returns:
        (H, W, 3) float32 sRGB in [0, 1].

    Source: the roll-off is Reinhard 2002, equation 4, applied above the knee.

    >>> grey = np.full((1, 1, 3), 0.5, np.float32)
    >>> bool(np.allclose(apply_exposure(apply_exposure(grey, 0.7), -0.7), grey, atol=1e-6))
    True
    """
    if ev == 0:
        return pixels
    light = to_linear(pixels)
    gain = np.float32(2.0 ** abs(ev))
    light = _brighten(light, gain) if ev > 0 else _darken(light, gain)
    return to_srgb(light)


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


def _brighten(light: FloatPixels, gain: np.float32) -> FloatPixels:
    """Multiply; what comes to lie in [knee, gain] is bent into [knee, 1]."""
    knee = np.float32(HIGHLIGHT_KNEE)
    brighter = light * gain
    white = (gain - knee) / (1 - knee)
    above = np.maximum(brighter - knee, 0) / (1 - knee)
    bent = knee + (1 - knee) * above * (1 + above / white**2) / (1 + above)
    return np.where(brighter > knee, bent, brighter).astype(np.float32, copy=False)


def _darken(light: FloatPixels, gain: np.float32) -> FloatPixels:
    """The inverse of ``_brighten``."""
    knee = np.float32(HIGHLIGHT_KNEE)
    white = (gain - knee) / (1 - knee)
    bent = np.maximum(light - knee, 0) / (1 - knee)
    root = np.sqrt((1 - bent) ** 2 + 4 * bent / white**2)
    above = 2 * bent / ((1 - bent) + root + np.float32(1e-12))  # 0 / 0 only where bent is 0
    unbent = knee + (1 - knee) * above
    return (np.where(light > knee, unbent, light) / gain).astype(np.float32, copy=False)
