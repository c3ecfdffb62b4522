"""Read TIFF pictures of floats or of 32-bit whole numbers, most of which Pillow cannot read.

Such files do not say which value is white. Programs write 0 … 1, and those that compute with
numbers of 8 or 16 bits write 0 … 255 or 0 … 65535.
"""

from __future__ import annotations

import struct
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import TiffImagePlugin

from batch_analogy.errors import FrameError

FloatPixels = npt.NDArray[np.float32]

TIFF_SUFFIXES = (".tif", ".tiff")
PREMULTIPLIED_ALPHA = 1

_CLASSIC, _BIG = (b"II*\0", b"MM\0*"), (b"II+\0", b"MM\0+")
_WIDTH, _HEIGHT, _BITS, _PHOTOMETRIC, _ORIENTATION = 256, 257, 258, 262, 274
_SAMPLES, _PLANES, _EXTRA, _FORMAT, _PROFILE = 277, 284, 338, 339, 34675
_WHITE_IS_ZERO = 0
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
    premultiplied: bool
    profile: bytes

    @property
    def upright_size(self) -> tuple[int, int]:
        """Height and width in px after rotation."""
        turned = self.orientation >= 5
        return (self.width, self.height) if turned else (self.height, self.width)

    @property
    def has_alpha(self) -> bool:
        """True if the last channel is opacity."""
        return self.samples in (2, 4)


def read_wide_header(path: Path) -> TiffHeader | None:
    """Read the header of a TIFF of floats or of 32-bit whole numbers; None for other files.

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
            header = _header(tags)
        except (SyntaxError, struct.error, KeyError, TypeError, ValueError, IndexError):
            return None  # damaged: Pillow says how
    if header is None or not (header.floats or header.bits >= 32):
        return None
    _check_supported(path, header)
    return header


def _header(tags: Any) -> TiffHeader | None:
    bits = tags.get(_BITS, (1,))
    if not bits:
        return None
    samples = int(tags.get(_SAMPLES, 1))
    return TiffHeader(
        height=int(tags[_HEIGHT]),
        width=int(tags[_WIDTH]),
        bits=int(max(bits)),
        floats=_FLOATS in tags.get(_FORMAT, ()),
        samples=samples,
        orientation=int(tags.get(_ORIENTATION, 1)),
        planar=int(tags.get(_PLANES, 1)) == 2 and samples > 1,
        white_is_zero=tags.get(_PHOTOMETRIC) == _WHITE_IS_ZERO,
        premultiplied=PREMULTIPLIED_ALPHA in tags.get(_EXTRA, ()),
        profile=bytes(tags.get(_PROFILE, b"")),
    )


def _check_supported(path: Path, header: TiffHeader) -> None:
    reason = None
    if header.bits not in (32, 64):
        reason = f"stores floats of {header.bits} bits"
    elif header.planar:
        reason = "stores its channels one after the other (planar)"
    elif header.samples > 4:
        reason = f"has {header.samples} channels"
    if reason is not None:
        raise FrameError(
            f"{path} {reason}, which this program cannot read; save it as TIFF with 16 bits a "
            "channel, or with interleaved floats of 32 bits"
        )


def decode_wide(path: Path, header: TiffHeader) -> FloatPixels:
    """Decode a picture that ``read_wide_header`` knows.

    Returns:
        (H, W, 1 to 4) float32, as stored but with 1 for white; values may be below 0 or above 1.

    Raises:
        FrameError: the file is damaged, or does not tell which value is white.
    """
    pixels = decode_by_opencv(path.read_bytes())
    if pixels is None or pixels.shape[:2] != (header.height, header.width):
        raise FrameError(f"{path} is damaged or truncated; copy it again from its source")
    scaled: FloatPixels
    if header.floats:
        pixels = np.nan_to_num(pixels, nan=0.0, posinf=1.0, neginf=0.0)
        colours = pixels[..., :-1] if header.has_alpha else pixels
        scaled = pixels.astype(np.float32) / np.float32(_white(path, colours))
    else:
        whole = 2.0**header.bits - 1.0 if pixels.dtype.kind == "u" else 2.0 ** (header.bits - 1) - 1
        white = whole if pixels.max(initial=0) > _WHITES[-1] else _WHITES[-1]
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
