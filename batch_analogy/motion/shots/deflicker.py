"""Deflicker a time-lapse: compute exposure corrections for its frames, and apply them.

Source: docs/method.md, "Deflicker".
"""

from __future__ import annotations

import numpy as np

from batch_analogy.colour import FloatPixels, to_linear, to_srgb
from batch_analogy.motion.shots.smoothing import Series, local_linear_fit, robust_smooth

STEP_HALF_WINDOW = 15
"""Frames on either side over which the camera's settings are smoothed."""

FLICKER_EV = 0.02
"""Flicker (standard deviation of exposure) below which ``auto`` leaves every pixel unchanged."""

MIN_CHANGE_EV = 0.003
"""A correction too small to apply: less than a quarter of a level of 255."""

MAX_CHANGE_EV = 2.0  # of a frame

_QUANTILE, _NORMAL_QUANTILE = 0.95, 1.96  # of |x|, for x normal with deviation 1

HIGHLIGHT_KNEE = 0.8
"""Linear light above which a brighter exposure rolls off towards white instead of clipping."""


def exposure_corrections(
    log2_light: Series, camera_ev: Series, *, strength: float, least_ev: float = 0.0
) -> Series:
    """Compute exposure corrections that make the light of one shot change smoothly.

    Slow changes are kept: a ramp from day to night is followed, not flattened. Where the camera's
    settings are known, their steps are turned into ramps exactly, and only the rest is estimated.

    Args:
        log2_light: (N,) ``frame_stats.log2_light`` of the frames; NaN where one cannot be read.
        camera_ev: (N,) exposure given by the camera's settings; NaN where unknown.
        strength: share of the correction that is applied, 0 to 1.
        least_ev: flicker below which nothing is changed.

    Returns:
        (N,) EV to add to each frame; exactly 0 where the correction is too small to matter.
    """
    change = np.zeros(len(log2_light))
    readable = np.flatnonzero(np.isfinite(log2_light))
    if len(readable) < 5:
        return change
    light, steps = log2_light[readable], _camera_steps(log2_light[readable], camera_ev[readable])
    if flicker_ev(light) < least_ev and not steps.any():
        return change
    frames = readable.astype(np.float64)
    wanted = robust_smooth(frames, light - steps)
    if steps.any():  # exact: no step is treated as an outlier
        wanted += local_linear_fit(frames, steps, STEP_HALF_WINDOW, np.ones(len(readable)))
    found = np.clip(strength * (wanted - light), -MAX_CHANGE_EV, MAX_CHANGE_EV)
    found[np.abs(found) < MIN_CHANGE_EV] = 0.0
    change[readable] = found
    return change


def flicker_ev(log2_light: Series) -> float:
    """Estimate the standard deviation of exposure from frame to frame; slow changes do not count.

    Args:
        log2_light: (N,) finite values.
    """
    if len(log2_light) < 3:
        return 0.0
    # A quantile, so that a few single events do not count as flicker.
    second_difference = np.quantile(np.abs(np.diff(log2_light, 2)), _QUANTILE)
    return float(second_difference / _NORMAL_QUANTILE / np.sqrt(6.0))  # 6 = 1² + (-2)² + 1²


def _camera_steps(light: Series, camera_ev: Series) -> Series:
    """Return the camera's settings minus their mean if they explain the light, else zeros."""
    if not np.isfinite(camera_ev).all() or np.ptp(camera_ev) < MIN_CHANGE_EV:
        return np.zeros(len(light))
    rest = light - camera_ev
    explained = np.square(np.diff(rest)).sum() < np.square(np.diff(light)).sum()
    return camera_ev - camera_ev.mean() if explained else np.zeros(len(light))


def apply_exposure(pixels: FloatPixels, ev: float) -> FloatPixels:
    """Change the exposure of a picture as a camera would have, keeping its highlights.

    Light is multiplied by 2^ev. Above the knee, brightening rolls off smoothly so that white stays
    white and nothing clips. Darkening is the exact inverse, so that blown-out parts do not turn
    grey (they would flicker); changing by ev and then by -ev returns the picture.

    Args:
        pixels: (H, W, 3) float32 sRGB; if it is brighter than white anywhere, light is multiplied.
        ev: exposure values; 1 doubles the light, 0 returns ``pixels`` itself.

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
    if pixels.max(initial=0.0) > 1.0:  # there is room above white
        return to_srgb(light * np.float32(2.0**ev), clip=False)
    gain = np.float32(2.0 ** abs(ev))
    light = _brighten(light, gain) if ev > 0 else _darken(light, gain)
    return to_srgb(light)


def _brighten(light: FloatPixels, gain: np.float32) -> FloatPixels:
    """Multiply light by a gain, and compress [knee, gain] into [knee, 1]."""
    knee = np.float32(HIGHLIGHT_KNEE)
    brighter = light * gain
    white = (gain - knee) / (1 - knee)
    above = np.maximum(brighter - knee, 0) / (1 - knee)
    bent = knee + (1 - knee) * above * (1 + above / white**2) / (1 + above)
    return np.where(brighter > knee, bent, brighter).astype(np.float32, copy=False)


def _darken(light: FloatPixels, gain: np.float32) -> FloatPixels:
    """Apply the inverse of ``_brighten``."""
    knee = np.float32(HIGHLIGHT_KNEE)
    white = (gain - knee) / (1 - knee)
    bent = np.maximum(light - knee, 0) / (1 - knee)
    root = np.sqrt((1 - bent) ** 2 + 4 * bent / white**2)
    above = 2 * bent / ((1 - bent) + root + np.float32(1e-12))  # 0 / 0 only where bent is 0
    unbent = knee + (1 - knee) * above
    return (np.where(light > knee, unbent, light) / gain).astype(np.float32, copy=False)
