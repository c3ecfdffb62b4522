"""Transfer functions of HDR, between stored values and light in which a white sheet is 1."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

FloatPixels = npt.NDArray[np.float32]

WHITE_NITS = 203.0  # ITU-R BT.2408, "HDR reference white"
PQ_PEAK = 10_000.0 / WHITE_NITS  # the brightest light that PQ can store
_HLG_NITS = 1000.0  # of HLG's nominal display
HLG_PEAK = _HLG_NITS / WHITE_NITS
_HLG_GAMMA = 1.2  # of that display
_M1, _M2 = 0.1593017578125, 78.84375
_C1, _C2, _C3 = 0.8359375, 18.8515625, 18.6875
_A, _B, _C = 0.17883277, 0.28466892, 0.55991073
_LUMA_BT2020 = (0.2627, 0.6780, 0.0593)


def pq_to_light(values: FloatPixels) -> FloatPixels:
    """Convert PQ to light (SMPTE ST 2084, equation 4.1)."""
    root = np.power(np.clip(values.astype(np.float64), 0.0, 1.0), 1 / _M2)
    light = np.power(np.maximum(root - _C1, 0.0) / (_C2 - _C3 * root), 1 / _M1)
    return (light * (10_000.0 / WHITE_NITS)).astype(np.float32)


def light_to_pq(light: FloatPixels) -> FloatPixels:
    """Convert light to PQ, in [0, 1]; the inverse of ``pq_to_light``.

    >>> light_to_pq(np.array([0.0, 1.0, 100.0], np.float32)).astype(float).round(3).tolist()
    [0.0, 0.581, 1.0]
    """
    share = np.clip(light.astype(np.float64) / PQ_PEAK, 0.0, 1.0)
    power = np.power(share, _M1)
    stored = np.power((_C1 + _C2 * power) / (1.0 + _C3 * power), _M2)
    return np.where(share > 0.0, stored, 0.0).astype(np.float32)


def hlg_to_scene(values: FloatPixels) -> FloatPixels:
    """Convert HLG to the light of the scene, from 0 to 1 (ITU-R BT.2100, table 5)."""
    low = values * values / 3
    high = (np.exp((values - _C) / _A) + _B) / 12
    return np.where(values <= 0.5, low, high).astype(np.float32)


def hlg_to_light(values: FloatPixels) -> FloatPixels:
    """Convert HLG, (..., 3), to the light of its nominal display (ITU-R BT.2100, table 5)."""
    scene = hlg_to_scene(values)
    gain = np.power(_luma(scene), np.float32(_HLG_GAMMA - 1)) * np.float32(HLG_PEAK)
    return np.asarray(scene * gain[..., None], np.float32)


def light_to_hlg(light: FloatPixels) -> FloatPixels:
    """Convert the light of a display, (..., 3), to HLG in [0, 1]; inverts ``hlg_to_light``.

    >>> np.round(light_to_hlg(np.ones((1, 3), np.float32)), 2).tolist()
    [[0.75, 0.75, 0.75]]
    """
    share = np.maximum(light.astype(np.float64) / HLG_PEAK, 0.0)
    luma = _luma(share)
    gain = np.power(np.maximum(luma, 1e-9), 1 / _HLG_GAMMA - 1)
    scene = np.clip(share * gain[..., None], 0.0, 1.0)
    high = _A * np.log(np.maximum(12 * scene - _B, 1e-9)) + _C
    stored = np.where(scene <= 1 / 12, np.sqrt(3 * scene), high)
    return np.asarray(np.clip(stored, 0.0, 1.0), np.float32)


def _luma(light: npt.NDArray[Any]) -> npt.NDArray[Any]:
    red, green, blue = _LUMA_BT2020
    total = light[..., 0] * red + light[..., 1] * green + light[..., 2] * blue
    return np.asarray(np.maximum(total, 0.0))
