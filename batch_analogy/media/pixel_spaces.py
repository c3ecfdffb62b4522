"""What the numbers of pixels mean: their primaries and their transfer function.

Most frames are sRGB. Those of HDR videos stay PQ or HLG, and those of photographs may stay Display
P3, if a photograph is to be made of them. Such frames are stored as pictures that say so, hence
whatever reads pictures as sRGB reads these too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from batch_analogy.colour import to_linear, to_srgb
from batch_analogy.media.colour_tags import (
    BT709_TO_BT2020,
    DISPLAY_GAMMA,
    ColourSpace,
    to_wide_gamut,
)
from batch_analogy.media.hdr_curves import (
    HLG_PEAK,
    PQ_PEAK,
    hlg_to_light,
    light_to_hlg,
    light_to_pq,
    pq_to_light,
)

FloatPixels = npt.NDArray[np.float32]

_BT709_TO_P3 = np.array(
    [[0.8224621, 0.1775379, 0.0], [0.0331941, 0.9668059, 0.0], [0.0170827, 0.0723974, 0.9105199]]
)
_FROM_BT709 = {
    "bt709": np.eye(3),
    "bt2020": BT709_TO_BT2020.astype(np.float64),
    "smpte432": _BT709_TO_P3,
    "ap1": np.array(  # of ACEScg
        [
            [0.613097, 0.339523, 0.047380],
            [0.070194, 0.916354, 0.013452],
            [0.020616, 0.109570, 0.869815],
        ]
    ),
}
_SRGB, _BT1886, _PQ, _HLG = "iec61966-2-1", "bt2020-10", "smpte2084", "arib-std-b67"
_PRIMARIES_CODES = {"bt709": 1, "bt2020": 9, "smpte432": 12}  # of ITU-T H.273
_TRANSFER_CODES = {_SRGB: 13, _BT1886: 14, _PQ: 16, _HLG: 18}


@dataclass(frozen=True)
class PixelSpace:
    """A colour space of frames, in ffmpeg's names; by default sRGB."""

    primaries: str = "bt709"
    transfer: str = _SRGB

    @classmethod
    def of_film(cls, colours: ColourSpace) -> PixelSpace:
        """Return the space of frames that are encoded as a film in these colours.

        >>> PixelSpace.of_film(ColourSpace()).is_srgb
        True
        """
        primaries = colours.primaries if colours.primaries in _FROM_BT709 else "bt2020"
        if colours.is_hdr:
            return cls(primaries, colours.transfer)
        return WIDE if colours.is_wide_gamut else SRGB

    @classmethod
    def of_code(cls, primaries: int, transfer: int) -> PixelSpace | None:
        """Return the space that a picture names by code points of ITU-T H.273; None if unknown."""
        names = {code: name for name, code in _PRIMARIES_CODES.items()}
        curves = {_TRANSFER_CODES[curve]: curve for curve in (_SRGB, _PQ, _HLG)}
        if primaries not in names or transfer not in curves:
            return None
        return cls(names[primaries], curves[transfer])

    @property
    def code(self) -> bytes:
        """The code points of a PNG's chunk ``cICP``: primaries, transfer, RGB, full range."""
        return bytes((_PRIMARIES_CODES[self.primaries], _TRANSFER_CODES[self.transfer], 0, 1))

    @property
    def is_srgb(self) -> bool:
        """True for sRGB."""
        return self == SRGB

    @property
    def is_hdr(self) -> bool:
        """True for PQ and HLG."""
        return self.transfer in (_PQ, _HLG)

    @property
    def is_named(self) -> bool:
        """True if stored frames say which space they are in: all but sRGB and BT.2020 of SDR."""
        return self not in (SRGB, WIDE)

    @property
    def peak(self) -> float:
        """The brightest light of a pixel; 1 is a white sheet."""
        return {_PQ: PQ_PEAK, _HLG: HLG_PEAK}.get(self.transfer, 1.0)

    @property
    def white(self) -> float:
        """The value of a white sheet."""
        return float(self.from_light(np.ones((1, 3), np.float32))[0, 0]) if self.is_hdr else 1.0

    @property
    def from_bt709(self) -> npt.NDArray[np.float64]:
        """The matrix from light with the primaries of sRGB to light with these."""
        matrix: npt.NDArray[np.float64] = _FROM_BT709[self.primaries]
        return matrix

    def to_light(self, pixels: FloatPixels) -> FloatPixels:
        """Convert (..., 3) float32 pixels from 0 on to linear light with these primaries."""
        if self.transfer == _PQ:
            return pq_to_light(pixels)
        if self.transfer == _HLG:
            return hlg_to_light(pixels)
        if self.transfer == _BT1886:
            return np.power(pixels, np.float32(DISPLAY_GAMMA))
        return to_linear(pixels)

    def from_light(self, light: FloatPixels) -> FloatPixels:
        """Convert linear light from 0 on to pixels; beyond white they are cut in HDR alone."""
        if self.transfer == _PQ:
            return light_to_pq(light)
        if self.transfer == _HLG:
            return light_to_hlg(light)
        if self.transfer == _BT1886:
            return np.power(light, np.float32(1 / DISPLAY_GAMMA))
        return to_srgb(light, clip=False)

    def from_srgb(self, pixels: FloatPixels) -> FloatPixels:
        """Convert sRGB, which may be brighter than white and outside its gamut, to this space.

        Args:
            pixels: (..., 3) float32.

        Returns:
            The same shape, float32 in [0, 1]; sRGB itself is returned as it is.
        """
        if self.is_srgb:
            return pixels
        if self == WIDE:
            return to_wide_gamut(pixels)
        light = np.maximum(apply_matrix(to_linear(pixels), self.from_bt709), np.float32(0.0))
        return np.clip(self.from_light(light), np.float32(0.0), np.float32(1.0))

    def to_srgb(self, pixels: FloatPixels) -> FloatPixels:
        """Convert (..., 3) pixels to sRGB, where they may be brighter than white, or negative."""
        if self.is_srgb:
            return pixels
        return to_srgb(
            apply_matrix(self.to_light(pixels), np.linalg.inv(self.from_bt709)), clip=False
        )

    def exposed(self, pixels: FloatPixels, ev: float) -> FloatPixels:
        """Multiply the light of pixels by 2 to the power of ``ev``."""
        if ev == 0:
            return pixels
        return self.from_light(self.to_light(pixels) * np.float32(2.0**ev))


SRGB = PixelSpace()
WIDE = PixelSpace("bt2020", _BT1886)
"""BT.2020 as videos without HDR have it."""
DISPLAY_P3 = PixelSpace("smpte432", _SRGB)


SCENE = PixelSpace("ap1", _SRGB)
"""Of light without limits, whose colours may lie outside sRGB; pictures are not stored in it."""


def srgb_to_scene(pixels: FloatPixels) -> FloatPixels:
    """Convert (H, W, 3) sRGB without limits to ``SCENE``; light that it lacks becomes 0."""
    return to_srgb(np.maximum(apply_matrix(to_linear(pixels), SCENE.from_bt709), 0.0), clip=False)


def scene_to_srgb(pixels: FloatPixels) -> FloatPixels:
    """Invert ``srgb_to_scene``; light of colours outside sRGB is negative."""
    return SCENE.to_srgb(pixels)


def apply_matrix(values: FloatPixels, matrix: npt.NDArray[Any]) -> FloatPixels:
    """Multiply (..., 3) float32 values by a 3×3 matrix.

    The products are summed here, as those of a BLAS may depend on the number of threads.
    """
    x, y, z = values[..., 0], values[..., 1], values[..., 2]
    rows = matrix.astype(np.float32)
    return np.stack([x * row[0] + y * row[1] + z * row[2] for row in rows], axis=-1)
