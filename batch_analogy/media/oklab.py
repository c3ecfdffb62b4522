"""Oklab: lightness, and two opponent colours, in which equal steps look equal.

Source: Ottosson, "A perceptual color space for image processing", 2020; docs/method.md, "Part of a
look".
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from batch_analogy.media.pixel_spaces import SRGB, PixelSpace, apply_matrix

FloatPixels = npt.NDArray[np.float32]

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


class Oklab:
    """Conversion of display pixels to Oklab and back.

    Args:
        space: of the pixels.
    """

    def __init__(self, space: PixelSpace = SRGB) -> None:
        self._space = space
        to_lms = _RGB_TO_LMS
        if space.primaries != SRGB.primaries:
            to_lms = _RGB_TO_LMS @ np.linalg.inv(space.from_bt709)
        self._to_lms = to_lms.astype(np.float32)
        self._to_light = np.linalg.inv(to_lms).astype(np.float32)

    @property
    def peak(self) -> float:
        """The brightest light that pixels can show; 1 is white."""
        return self._space.peak

    def from_pixels(self, pixels: FloatPixels) -> FloatPixels:
        """Convert (..., 3) display pixels, float32 from 0 on, to Oklab."""
        light = self._space.to_light(pixels)
        return apply_matrix(
            np.cbrt(apply_matrix(light, self._to_lms)), _LMS_TO_LAB.astype(np.float32)
        )

    def to_light(self, lab: FloatPixels) -> FloatPixels:
        """Convert (..., 3) Oklab to linear light, which may leave the gamut."""
        roots = apply_matrix(lab, np.linalg.inv(_LMS_TO_LAB).astype(np.float32))
        return apply_matrix(roots * roots * roots, self._to_light)

    def to_pixels(self, light: FloatPixels, *, beyond_white: bool = False) -> FloatPixels:
        """Convert (..., 3) linear light to display pixels; negative light becomes 0.

        Args:
            light: float32.
            beyond_white: keep what is brighter than white; otherwise it is cut.
        """
        light = np.maximum(light, np.float32(0.0))
        pixels = self._space.from_light(light)
        return np.asarray(pixels if beyond_white else np.minimum(pixels, 1.0), np.float32)
