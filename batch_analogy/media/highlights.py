"""Bring light beyond white into the range that matching sees, and out of it again.

Matching knows pictures from 0 to 1. Cutting them at white would leave nothing to match in a sky
that is brighter than white everywhere, and no colours to fit.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

FloatPixels = npt.NDArray[np.float32]

_KNEE = np.float32(0.75)
"""sRGB value up to which nothing changes."""
_ROOM = np.float32(1.0) - _KNEE
_BRIGHTEST = np.float32(108.0)  # a little above the largest half float, as sRGB


def compress_highlights(pixels: FloatPixels) -> FloatPixels:
    """Map sRGB values from 0 to infinity into [0, 1).

    Values up to the knee stay; from there they approach 1 along a hyperbola, of the same slope at
    the knee. White becomes 0.875. Values below 0 become 0.

    Source: the operator of Reinhard 2002, equation 3, applied above the knee.
    """
    above = np.maximum(pixels - _KNEE, np.float32(0.0)) / _ROOM
    mapped = np.minimum(pixels, _KNEE) + _ROOM * above / (np.float32(1.0) + above)
    return np.asarray(np.maximum(mapped, np.float32(0.0)), np.float32)


def expand_highlights(pixels: FloatPixels) -> FloatPixels:
    """Invert ``compress_highlights``, up to the brightest half float.

    >>> light = np.array([0.0, 0.5, 1.0, 3.0], np.float32)
    >>> np.round(expand_highlights(compress_highlights(light)), 5).tolist()
    [0.0, 0.5, 1.0, 3.0]
    """
    top = compress_highlights(np.asarray(_BRIGHTEST))
    above = np.maximum(np.minimum(pixels, top) - _KNEE, np.float32(0.0))
    expanded = np.minimum(pixels, _KNEE) + above / (np.float32(1.0) - above / _ROOM)
    return np.asarray(expanded, np.float32)
