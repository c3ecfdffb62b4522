"""Colour spaces that pictures name by a code instead of a profile.

PNG may hold the code points of ITU-T H.273 (chunk ``cICP``), and so do AVIF and HEIF; ffmpeg writes
them into frames of HDR videos. Cameras set to Adobe RGB note it in EXIF alone.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from batch_analogy.colour import to_linear
from batch_analogy.media.hdr_curves import HLG_PEAK, hlg_to_scene, pq_to_light
from batch_analogy.media.matrix_profiles import XYZ_TO_SRGB, MatrixProfile, power_curve
from batch_analogy.media.pixel_spaces import PixelSpace

FloatPixels = npt.NDArray[np.float32]

_ADOBE_GAMMA = 563 / 256
_INTEROPERABILITY, _INDEX = 0xA005, 1
_EXIF_BLOCK, _COLOUR_SPACE, _IS_SRGB = 0x8769, 0xA001, 1
_ADOBE_RGB = "R03"

_PRIMARIES = {  # of H.273, as XYZ of D50, red, green and blue in columns
    9: [[0.67351, 0.16569, 0.12508], [0.27906, 0.67535, 0.04560], [-0.00193, 0.02998, 0.79686]],
    12: [[0.51512, 0.29198, 0.15710], [0.24120, 0.69225, 0.06657], [-0.00105, 0.04189, 0.78407]],
}
_ADOBE_PRIMARIES = [
    [0.60974, 0.20528, 0.14919],
    [0.31111, 0.62567, 0.06322],
    [0.01947, 0.06087, 0.74457],
]
_COLOUR_BOX = b"colrnclx"
_META_BYTES = 1 << 16
# Transfer characteristics of H.273; others are shown as sRGB.
_LINEAR, _SRGB, _PQ, _HLG = 8, 13, 16, 18
_HLG_GAMMA = 1.2


def coded_profile(image: Image.Image) -> MatrixProfile | None:
    """Return the colour space that a picture names by a code; None if it is shown as sRGB."""
    if image.format == "PNG":
        return _of_code(_png_code(image))
    if image.format in ("AVIF", "HEIF"):
        return _of_code(_boxed_code(image))
    if image.format in ("JPEG", "MPO") and _is_adobe_rgb(image):
        matrix = XYZ_TO_SRGB @ np.array(_ADOBE_PRIMARIES)
        return MatrixProfile((power_curve(_ADOBE_GAMMA),) * 3, matrix)
    return None


def _of_code(code: bytes | None) -> MatrixProfile | None:
    if code is None or len(code) < 2:
        return None
    primaries = _PRIMARIES.get(code[0])
    matrix = None if primaries is None else XYZ_TO_SRGB @ np.array(primaries)
    curve = {_LINEAR: power_curve(1.0), _PQ: pq_to_light, _HLG: hlg_to_scene}.get(code[1])
    if curve is None and matrix is None:
        return None
    is_hdr = code[1] in (_PQ, _HLG)
    display: Callable[[FloatPixels], FloatPixels] | None = _hlg_display if code[1] == _HLG else None
    return MatrixProfile(
        (curve or to_linear,) * 3,
        matrix,
        beyond_white=is_hdr,
        display=display,
        space=_space_of(code[0], code[1]),
    )


def _space_of(primaries: int, transfer: int) -> PixelSpace | None:
    """Return the space of a code; what is shown as sRGB has its curve."""
    curve = transfer if transfer in (_LINEAR, _PQ, _HLG) else _SRGB
    return PixelSpace.of_code(primaries, curve)


def _hlg_display(light: FloatPixels) -> FloatPixels:
    """Convert the light of the scene to that of the display, 1 at reference white."""
    luma = light[..., 0] * 0.2126 + light[..., 1] * 0.7152 + light[..., 2] * 0.0722
    gain = np.power(np.maximum(luma, 0.0), _HLG_GAMMA - 1) * HLG_PEAK
    return np.asarray(light * gain[..., None], np.float32)


def _png_code(image: Image.Image) -> bytes | None:
    """Return the content of the chunk ``cICP``, which Pillow does not read."""
    if "cicp" not in image.info:
        image.info["cicp"] = _find_chunk(Path(image.filename))  # type: ignore[attr-defined]
    code: bytes | None = image.info["cicp"]
    return code


def _boxed_code(image: Image.Image) -> bytes | None:
    """Return the primaries and transfer function in a box ``colr`` (ISO/IEC 14496-12, 12.1.5)."""
    if "cicp" not in image.info:
        with Path(image.filename).open("rb") as stream:  # type: ignore[attr-defined]
            head = stream.read(_META_BYTES)
        at = head.find(_COLOUR_BOX)
        codes = head[at + len(_COLOUR_BOX) :][:4]  # of two bytes each
        image.info["cicp"] = codes[1::2] if at >= 0 and codes[::2] == b"\0\0" else None
    code: bytes | None = image.info["cicp"]
    return code


def _find_chunk(path: Path) -> bytes | None:
    with path.open("rb") as stream:
        stream.seek(8)
        while len(head := stream.read(8)) == 8:
            length, kind = struct.unpack(">I4s", head)
            if kind == b"IDAT":
                return None
            if kind == b"cICP":
                return stream.read(min(length, 4))
            stream.seek(length + 4, 1)
    return None


def _is_adobe_rgb(image: Image.Image) -> bool:
    """Return whether EXIF says Adobe RGB (DCF 2.0, section 4.5)."""
    try:
        block = image.getexif().get_ifd(_EXIF_BLOCK)
        index = block.get(_INTEROPERABILITY)
        if not isinstance(index, dict):
            index = image.getexif().get_ifd(_INTEROPERABILITY)
        name = str(index.get(_INDEX, "")).strip("\0 ")
        return name == _ADOBE_RGB and block.get(_COLOUR_SPACE) != _IS_SRGB
    except (OSError, SyntaxError, ValueError, EOFError, LookupError, TypeError, struct.error):
        return False  # damaged EXIF data; the pixels may be intact
