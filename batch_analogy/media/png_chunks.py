"""Chunks of PNG pictures that OpenCV does not write."""

from __future__ import annotations

import struct
import zlib

from batch_analogy.media.icc_writing import display_p3_profile
from batch_analogy.media.pixel_spaces import DISPLAY_P3, PixelSpace

_AFTER_HEADER = 8 + 25  # the signature, and the chunk IHDR


def with_space(png: bytes, space: PixelSpace) -> bytes:
    """Return an encoded PNG that names the colour space of its pixels.

    Source: PNG, third edition, sections 11.3.2.6 (the chunk cICP) and 11.3.2.3 (iCCP).
    """
    chunks = _chunk(b"cICP", space.code)
    if space == DISPLAY_P3:  # which older programs know by its profile alone
        chunks += _chunk(b"iCCP", b"Display P3\0\0" + zlib.compress(display_p3_profile(), 9))
    return png[:_AFTER_HEADER] + chunks + png[_AFTER_HEADER:]


def _chunk(kind: bytes, content: bytes) -> bytes:
    crc = struct.pack(">I", zlib.crc32(kind + content))
    return struct.pack(">I", len(content)) + kind + content + crc
