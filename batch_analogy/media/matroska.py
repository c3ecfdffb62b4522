"""Write uncompressed Matroska video: frames with exact times that ffmpeg reads from a pipe.

ffmpeg's raw video format has a constant rate. Matroska with a clock of one nanosecond (RFC 9559)
carries any times at a cost of a few bytes a frame (docs/method.md, "Times and formats of video").
"""

from __future__ import annotations

import struct
from fractions import Fraction
from typing import IO

NANOSECONDS = 10**9

_EBML, _SEGMENT, _INFO, _TRACKS = "1A45DFA3", "18538067", "1549A966", "1654AE6B"
_CLUSTER, _CLUSTER_TIME, _GROUP, _BLOCK, _DURATION = "1F43B675", "E7", "A0", "A1", "9B"
_UNKNOWN_SIZE = b"\x01" + b"\xff" * 7
_VIDEO_TRACK = 1


class MatroskaWriter:
    """Write RGB or RGBA pictures of one size with their times."""

    def __init__(
        self, stream: IO[bytes], height: int, width: int, bits: int, *, alpha: bool = False
    ) -> None:
        """Begin a stream of (height, width, 3 or 4) pictures with 8 or 16 bits a channel."""
        self._stream = stream
        self._start = Fraction(0)
        code = b"RGBA" if alpha and bits == 8 else b"RBA@" if alpha else b"RGB" + bytes([3 * bits])
        stream.write(_header(height, width, code))

    def write(self, pixels: bytes, duration: Fraction) -> None:
        """Add a picture (rows of RGB or RGBA, 8 or 16 bits, little-endian) for some seconds."""
        start = round(self._start * NANOSECONDS)
        self._start += duration
        end = round(self._start * NANOSECONDS)
        block = bytes([0x80 | _VIDEO_TRACK]) + struct.pack(">hB", 0, 0)
        shown_for = _number(_DURATION, end - start)
        block_size = len(block) + len(pixels)
        group_size = _head_size(_BLOCK) + block_size + len(shown_for)
        time = _number(_CLUSTER_TIME, start)
        cluster_size = len(time) + _head_size(_GROUP) + group_size
        head = _head(_CLUSTER, cluster_size) + time
        head += _head(_GROUP, group_size) + shown_for + _head(_BLOCK, block_size) + block
        self._stream.write(head)
        self._stream.write(pixels)


def _header(height: int, width: int, code: bytes) -> bytes:
    kind = _element("4282", b"matroska")
    versions = _number("4287", 4) + _number("4285", 2)
    info = _number("2AD7B1", 1)  # nanoseconds a tick
    info += _element("4D80", b"batch-analogy") + _element("5741", b"batch-analogy")
    format_code = _element("2EB524", code)  # as in ffmpeg's table for raw video
    picture = _element("E0", _number("B0", width) + _number("BA", height) + format_code)
    track = _number("D7", _VIDEO_TRACK) + _number("73C5", _VIDEO_TRACK)
    track += _number("83", 1) + _number("9C", 0)  # video, without lacing
    track += _element("86", b"V_UNCOMPRESSED") + picture
    segment = bytes.fromhex(_SEGMENT) + _UNKNOWN_SIZE
    tracks = _element(_TRACKS, _element("AE", track))
    return _element(_EBML, kind + versions) + segment + _element(_INFO, info) + tracks


def _head(name: str, size: int) -> bytes:
    """Encode an element's ID and the size of its content; the size always takes eight bytes."""
    return bytes.fromhex(name) + (size | 1 << 56).to_bytes(8, "big")


def _head_size(name: str) -> int:
    return len(name) // 2 + 8


def _element(name: str, content: bytes) -> bytes:
    return _head(name, len(content)) + content


def _number(name: str, value: int) -> bytes:
    return _element(name, value.to_bytes(8, "big"))
