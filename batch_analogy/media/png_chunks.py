"""Chunks of PNG pictures that OpenCV does not write."""

from __future__ import annotations

import struct
import zlib

from batch_analogy.media.pixel_spaces import PixelSpace

_AFTER_HEADER = 8 + 25  # the signature, and the chunk IHDR


def with_space(png: bytes, space: PixelSpace) -> bytes:
    """Return an encoded PNG that names the colour space of its pixels.

    Source: PNG, third edition, section 11.3.2.6 (the chunk cICP).
    """
    body = b"cICP" + space.code
    chunk = struct.pack(">I", len(space.code)) + body + struct.pack(">I", zlib.crc32(body))
    return png[:_AFTER_HEADER] + chunk + png[_AFTER_HEADER:]
