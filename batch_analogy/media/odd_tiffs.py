"""Read TIFF pictures that Pillow reads in part or not at all.

They hold floats or whole numbers of 32 bits, or have two or more than four channels. Floats do not
say which value is white. Programs write 0 … 1, and those that compute with
numbers of 8 or 16 bits write 0 … 255 or 0 … 65535.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import cv2
import numpy as np
import numpy.typing as npt
from PIL import TiffImagePlugin

from batch_analogy.errors import FrameError
from batch_analogy.media.tiff_strips import UNCOMPRESSED, Layout, decode_pieces

FloatPixels = npt.NDArray[np.float32]

TIFF_SUFFIXES = (".tif", ".tiff")
PREMULTIPLIED_ALPHA = 1

_CLASSIC, _BIG = (b"II*\0", b"MM\0*"), (b"II+\0", b"MM\0+")
_WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC, _ORIENTATION = 256, 257, 258, 262, 274
_SAMPLES, _PLANES, _EXTRA, _FORMAT, _PROFILE = 277, 284, 338, 339, 34675
_COMPRESSION, _PREDICTOR, _STRIPS, _STRIP_ROWS, _STRIP_LENGTHS = 259, 317, 273, 278, 279
_TILE_WIDTH, _TILE_HEIGHT, _TILE_OFFSETS, _TILE_LENGTHS = 322, 323, 324, 325
_WHITE_IS_ZERO, _RGB = 0, 2
_ALPHAS = (PREMULTIPLIED_ALPHA, 2)
_SIGNED = 2
_FLOATS = 3  # of the tag SampleFormat
_WHITES = (255.0, 65535.0)
_HIGHLIGHT = 8.0
"""Values above 1 up to this are highlights; a picture of 0 … 255 would be black with no more."""


@dataclass(frozen=True)
class TiffHeader:
    """What the tags of a TIFF say about its first picture."""

    height: int  # px, as stored
    width: int
    bits: int  # a channel
    floats: bool
    samples: int
    orientation: int
    planar: bool  # channel by channel
    white_is_zero: bool
    is_rgb: bool
    first_extra: int | None  # what the channel after the colours is
    profile: bytes
    dtype: str  # of numpy, with the byte order of the file
    layout: Layout | None  # None: incomplete

    @property
    def upright_size(self) -> tuple[int, int]:
        """Height and width in px after rotation."""
        turned = self.orientation >= 5
        return (self.width, self.height) if turned else (self.height, self.width)

    @property
    def has_alpha(self) -> bool:
        """True if the last channel is opacity."""
        return self.samples in (2, 4) or (self.samples > 4 and self.first_extra in _ALPHAS)

    @property
    def channels(self) -> int:
        """Number of channels that are shown; further ones are masks and the like."""
        if self.samples <= 4:
            return self.samples
        return (3 if self.is_rgb else 1) + self.has_alpha

    @property
    def depth(self) -> Literal[8, 16]:
        """Bits a channel that are kept."""
        return 8 if self.bits == 8 else 16

    @property
    def premultiplied(self) -> bool:
        """True if the colours are multiplied by the opacity."""
        return self.has_alpha and self.first_extra == PREMULTIPLIED_ALPHA

    @property
    def is_odd(self) -> bool:
        """True if OpenCV cannot decode it."""
        return self.bits <= 16 or self.planar or self.samples not in (1, 3, 4)


def read_odd_header(path: Path) -> TiffHeader | None:
    """Read the header of a TIFF that Pillow does not read well; None for other files.

    Raises:
        OSError: the file cannot be read.
        FrameError: it stores its numbers in a way that is not supported.
    """
    if path.suffix.lower() not in TIFF_SUFFIXES:
        return None
    with path.open("rb") as file:
        head = file.read(8)
        if head[:4] in _BIG:
            head += file.read(8)
        elif head[:4] not in _CLASSIC:
            return None
        try:
            tags = TiffImagePlugin.ImageFileDirectory_v2(head)
            file.seek(tags.next)
            tags.load(file)
            header = _header(tags, "<" if head[:2] == b"II" else ">")
        except (SyntaxError, struct.error, KeyError, TypeError, ValueError, IndexError):
            return None  # damaged: Pillow says how
    if header is None or not (header.floats or header.bits >= 32 or _is_unusual(header)):
        return None
    _check_supported(path, header)
    return header


def _is_unusual(header: TiffHeader) -> bool:
    """Return whether a picture of 8 or 16 bits is read here; what is compressed is Pillow's."""
    signed = header.dtype[1] == "i" and header.samples > 1
    channels = header.samples == 2 or header.samples > 4
    simple = header.layout is not None and header.layout.is_simple
    return header.bits in (8, 16) and simple and (signed or channels)


def _header(tags: Any, order: str) -> TiffHeader | None:
    bits = tags.get(_BITS, (1,))
    if not bits:
        return None
    samples = int(tags.get(_SAMPLES, 1))
    turn = int(tags.get(_ORIENTATION, 1))
    kinds = tags.get(_FORMAT, (1,))
    kind = "f" if _FLOATS in kinds else "i" if _SIGNED in kinds else "u"
    return TiffHeader(
        height=int(tags[_HEIGHT]),
        width=int(tags[_WIDTH]),
        bits=int(max(bits)),
        floats=kind == "f",
        samples=samples,
        orientation=turn if 1 <= turn <= 8 else 1,
        planar=int(tags.get(_PLANES, 1)) == 2 and samples > 1,
        white_is_zero=tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO,
        is_rgb=tags.get(_PHOTOMETRIC) == _RGB,
        first_extra=next(iter(tags.get(_EXTRA, ())), None),
        profile=bytes(tags.get(_PROFILE, b"")),
        dtype=f"{order}{kind}{int(max(bits)) // 8}",
        layout=_layout(tags),
    )


def _layout(tags: Any) -> Layout | None:
    """Return where the strips or tiles lie; None if a tag is missing."""
    tiled = _TILE_OFFSETS in tags
    offsets, lengths = (_TILE_OFFSETS, _TILE_LENGTHS) if tiled else (_STRIPS, _STRIP_LENGTHS)
    if offsets not in tags or lengths not in tags:
        return None
    height = tags[_TILE_HEIGHT] if tiled else tags.get(_STRIP_ROWS, tags[_HEIGHT])
    width = tags[_TILE_WIDTH] if tiled else tags[_WIDTH]
    return Layout(
        tuple(tags[offsets]),
        tuple(tags[lengths]),
        max(1, min(int(height), int(tags[_HEIGHT])) if not tiled else int(height)),
        max(1, int(width)),
        int(tags.get(_COMPRESSION, UNCOMPRESSED)),
        int(tags.get(_PREDICTOR, 1)),
    )


def _check_supported(path: Path, header: TiffHeader) -> None:
    reason = None
    simple = header.layout is not None and header.layout.is_simple
    if header.bits not in (8, 16, 32, 64):
        reason = f"stores numbers of {header.bits} bits"
    elif header.samples < 1 or (header.samples > 4 and not header.is_rgb):
        reason = f"has {header.samples} channels"
    elif header.is_odd and not simple:
        reason = "is compressed in a way that hides how its numbers are stored"
    if reason is not None:
        raise FrameError(
            f"{path} {reason}, which this program cannot read; save it as RGB without compression, "
            "as whole numbers of 16 bits or floats of 32 bits"
        )


def decode_odd(path: Path, header: TiffHeader) -> FloatPixels:
    """Decode a picture that ``read_odd_header`` knows.

    Returns:
        (H, W, 1 to 4) float32, as stored but with 1 for white; values may be below 0 or above 1.

    Raises:
        FrameError: the file is damaged, or does not tell which value is white.
    """
    data = path.read_bytes()
    if header.is_odd and header.layout is not None:
        shape = (header.height, header.width, header.samples)
        dtype = np.dtype(header.dtype)
        pixels = decode_pieces(data, header.layout, shape, dtype, planar=header.planar)
    else:
        pixels = decode_by_opencv(data)
    if pixels is None or pixels.shape[:2] != (header.height, header.width):
        raise FrameError(f"{path} is damaged or truncated; copy it again from its source")
    pixels = pixels[..., : header.channels]
    scaled: FloatPixels
    if header.floats:
        pixels = np.nan_to_num(pixels, nan=0.0, posinf=1.0, neginf=0.0)
        colours = pixels[..., :-1] if header.has_alpha else pixels
        scaled = pixels.astype(np.float32) / np.float32(_white(path, colours))
    else:
        whole = 2.0**header.bits - 1.0 if pixels.dtype.kind == "u" else 2.0 ** (header.bits - 1) - 1
        fits = header.bits <= 16 or pixels.max(initial=0) > _WHITES[-1]
        white = whole if fits else _WHITES[-1]
        scaled = (pixels / white).astype(np.float32)
    if header.white_is_zero:
        scaled = np.subtract(np.float32(1.0), scaled)
    return scaled


def _white(path: Path, colours: npt.NDArray[Any]) -> float:
    """Return the value that stands for white in a picture of floats."""
    top = float(colours.max(initial=0.0))
    if top <= _HIGHLIGHT:
        return 1.0
    usual = float(np.median(colours))
    whole = bool((colours == np.rint(colours)).all())
    if usual <= 1.0 and not whole:
        return 1.0  # light of a scene, with highlights
    white = next((white for white in _WHITES if top <= white + 0.5), None)
    if white is None:
        raise FrameError(
            f"{path} has floats up to {top:.4g}, and nothing tells which of them is white; save it "
            "with values from 0 to 1"
        )
    return white


def decode_by_opencv(data: bytes) -> npt.NDArray[Any] | None:
    """Decode a PNG or TIFF to (H, W, 1 to 4) RGB(A) as stored, unturned; None if OpenCV cannot."""
    try:
        found: npt.NDArray[Any] | None = cv2.imdecode(
            np.frombuffer(_unturned(data), dtype=np.uint8), cv2.IMREAD_UNCHANGED
        )
    except cv2.error:
        return None
    if found is None or found.ndim == 2:
        return None if found is None else found[..., None]
    return found[..., [2, 1, 0, *range(3, found.shape[2])]] if found.shape[2] >= 3 else found


def _unturned(data: bytes) -> bytes:
    """Return the bytes of a TIFF without its orientation, which only some versions apply."""
    if data[:4] not in _CLASSIC:
        return data
    order = "<" if data[:2] == b"II" else ">"
    try:
        (at,) = struct.unpack_from(f"{order}I", data, 4)
        (count,) = struct.unpack_from(f"{order}H", data, at)
        for entry in range(at + 2, at + 2 + 12 * count, 12):
            if struct.unpack_from(f"{order}H", data, entry)[0] == _ORIENTATION:
                changed = bytearray(data)
                struct.pack_into(f"{order}H", changed, entry + 8, 1)
                return bytes(changed)
    except struct.error:
        pass  # truncated: the decoder says so
    return data
