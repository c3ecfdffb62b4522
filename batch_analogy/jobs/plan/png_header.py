"""Read a frame's content hash and size in one pass, for planning.

Pillow also looks for a rotation after a PNG's pixels, and so decodes them all: 30 to 120 ms for
1920×1080 px, which is a day for a million frames. This module reads the PNG's chunks instead, in
the bytes that must be read for the hash anyway. Anything that is not plain, such as a rotation,
damage or another format, is left to ``media.stills.read_size``, so that both always agree.
"""

from __future__ import annotations

import hashlib
import os
import struct
import zlib
from pathlib import Path

from batch_analogy.errors import InputError
from batch_analogy.files import hash_file
from batch_analogy.media.stills import MAX_MEGAPIXELS, MIN_SIDE_PX

WHOLE_BYTES = 16 << 20
"""Files up to this size are read as a whole; larger ones in pieces, and their header again."""

_HASH_BYTES = 20  # as in hash_file
_BEGINNING = b"\x89PNG\r\n\x1a\n\x00\x00\x00\x0dIHDR"
_HEADER = struct.Struct(">IIBBBBB")  # width, height, depth, colours, compression, filter, interlace
_HEADER_AT = 16
_CHUNK = struct.Struct(">I4s")  # bytes of content, kind; the content and its CRC follow
_CRC = struct.Struct(">I")
_KINDS_OF_PIXELS = {
    *((depth, 0) for depth in (1, 2, 4, 8, 16)),
    *((depth, 3) for depth in (1, 2, 4, 8)),
    *((depth, colours) for depth in (8, 16) for colours in (2, 4, 6)),
}
_TEXTS = (b"tEXt", b"zTXt", b"iTXt")
_TELL_ROTATION = (b"exif", b"xmp", b"app1")  # in a text's keyword, which has up to 79 bytes


def hash_and_size(path: Path | str, file_bytes: int) -> tuple[str, tuple[int, int] | None]:
    """Return the content hash of a picture, and its size if it is a plain PNG.

    Args:
        path: the picture.
        file_bytes: size of its file.

    Returns:
        The hash as from ``hash_file``; and (height, width) in px as from ``read_size``, or None if
        ``read_size`` has to be called.

    Raises:
        InputError: the file is missing or cannot be read.
    """
    if file_bytes > WHOLE_BYTES:
        return hash_file(Path(path)), None
    try:
        data = _read(path, file_bytes)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    return hashlib.blake2b(data, digest_size=_HASH_BYTES).hexdigest(), png_size(data)


def _read(path: Path | str, file_bytes: int) -> bytes:
    """Read the whole file without ``open``, whose layers cost more than reading a small file."""
    file = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        data = os.read(file, file_bytes + 1)
        if len(data) == file_bytes:  # fewer bytes than requested: this is the whole file
            return data
        pieces = [data]
        while piece := os.read(file, WHOLE_BYTES):
            pieces.append(piece)
    finally:
        os.close(file)
    return b"".join(pieces)


def png_size(data: bytes) -> tuple[int, int] | None:
    """Return (height, width) in px of a PNG that is whole, usable and not rotated, else None."""
    if not data.startswith(_BEGINNING) or len(data) < _HEADER_AT + _HEADER.size:
        return None
    width, height, depth, colours, *methods = _HEADER.unpack_from(data, _HEADER_AT)
    usable = min(height, width) >= MIN_SIDE_PX and height * width <= MAX_MEGAPIXELS * 1_000_000
    known = (depth, colours) in _KINDS_OF_PIXELS and methods in ([0, 0, 0], [0, 0, 1])
    return (height, width) if usable and known and _is_plain(data) else None


def _is_plain(data: bytes) -> bool:
    """Return True if all chunks but the pixels are intact to the end and name no rotation."""
    at, has_pixels = 8, False
    while at + _CHUNK.size <= len(data):
        length, kind = _CHUNK.unpack_from(data, at)
        content, at = at + _CHUNK.size, at + 12 + length
        if kind == b"IDAT":  # the decoder checks its CRC
            has_pixels = True
            continue
        if at > len(data) or _CRC.unpack_from(data, at - 4)[0] != zlib.crc32(
            data[content - 4 : at - 4]
        ):
            return False
        if kind == b"IEND":
            return has_pixels
        keyword = data[content : content + 80].partition(b"\0")[0].lower()
        if kind == b"eXIf" or (kind in _TEXTS and any(word in keyword for word in _TELL_ROTATION)):
            return False
        if kind[0] & 0x20 == 0 and kind not in (b"IHDR", b"PLTE"):
            return False  # a critical chunk that is not known here
    return False
