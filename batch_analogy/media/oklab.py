"""Oklab: lightness, and two opponent colours, in which equal steps look equal.

Source: Ottosson, "A perceptual color space for image processing", 2020; docs/method.md, "Part of a
look".
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from batch_analogy.colour import to_linear, to_srgb
from batch_analogy.media.colour_tags import BT709_TO_BT2020, DISPLAY_GAMMA

FloatPixels = npt.NDArray[np.float32]
Matrix = npt.NDArray[np.float32]

_RGB_TO_LMS = np.array(
    [
        [0.4122214708, 0.5363325363, 0.0514459929],
        [0.2119034982, 0.6806995451, 0.1073969566],
        [0.0883024619, 0.2817188376, 0.6299787005],
    ]
)
_LMS_TO_LAB = np.array(
    [
        [0.2104542553, 0.7936177850, -0.0040720468],
        [1.9779984951, -2.4285922050, 0.4505937099],
        [0.0259040371, 0.7827717662, -0.8086757660],
    ]
)
_WIDE_TO_LMS = _RGB_TO_LMS @ np.linalg.inv(BT709_TO_BT2020.astype(np.float64))


class Oklab:
    """Conversion of display pixels to Oklab and back.

    Args:
        wide_gamut: pixels have the primaries of BT.2020 and the display's gamma, not sRGB's.
    """

    def __init__(self, *, wide_gamut: bool = False) -> None:
        self._wide = wide_gamut
        to_lms = _WIDE_TO_LMS if wide_gamut else _RGB_TO_LMS
        self._to_lms = to_lms.astype(np.float32)
        self._to_light = np.linalg.inv(to_lms).astype(np.float32)

    def from_pixels(self, pixels: FloatPixels) -> FloatPixels:
        """Convert (..., 3) display pixels, float32 from 0 on, to Oklab."""
        light = np.power(pixels, np.float32(DISPLAY_GAMMA)) if self._wide else to_linear(pixels)
        return _times(np.cbrt(_times(light, self._to_lms)), _LMS_TO_LAB.astype(np.float32))

    def to_light(self, lab: FloatPixels) -> FloatPixels:
        """Convert (..., 3) Oklab to linear light, which may leave the gamut."""
        roots = _times(lab, np.linalg.inv(_LMS_TO_LAB).astype(np.float32))
        return _times(roots * roots * roots, self._to_light)

    def to_pixels(self, light: FloatPixels, *, beyond_white: bool = False) -> FloatPixels:
        """Convert (..., 3) linear light to display pixels; negative light becomes 0.

        Args:
            light: float32.
            beyond_white: keep what is brighter than white; otherwise it is cut.
        """
        light = np.maximum(light, np.float32(0.0))
        if self._wide:
            pixels = np.power(light, np.float32(1 / DISPLAY_GAMMA))
        else:
            pixels = to_srgb(light, clip=False)
        return np.asarray(pixels if beyond_white else np.minimum(pixels, 1.0), np.float32)


def _times(values: FloatPixels, matrix: Matrix) -> FloatPixels:
    """Multiply (..., 3) values by a matrix; a BLAS product may depend on the number of threads."""
    x, y, z = values[..., 0], values[..., 1], values[..., 2]
    return np.stack([x * row[0] + y * row[1] + z * row[2] for row in matrix], axis=-1)
