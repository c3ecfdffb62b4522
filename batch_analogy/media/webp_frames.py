"""Correct the headers of the frames of an animated WebP, which ffmpeg does not write as needed.

Its muxer lets each frame be laid over the one before, so that transparent parts show that one; and
it does not know how long the last frame is shown.

Source: the WebP container specification (RFC 9649, section 2.7.1.1, "ANMF").
"""

from __future__ import annotations

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path
from typing import IO

_RIFF_HEADER_BYTES = 12
_DURATION_AT = 12  # bytes after the chunk's header: 3 bytes, and then the flags
_DO_NOT_BLEND = 0b10
_MOST_MS = (1 << 24) - 1


def correct_frames(path: Path, duration: Fraction, *, transparent: bool) -> None:
    """Correct the headers of an animated WebP; a still has none.

    Args:
        path: the file.
        duration: of all frames together, in seconds.
        transparent: True to let each frame replace the one before.
    """
    with path.open("r+b") as file:
        places = list(_frame_headers(file))
        begin_ms = 0
        for place in places:
            file.seek(place + _DURATION_AT)
            head = file.read(4)
            shown_ms, flags = int.from_bytes(head[:3], "little"), head[3]
            if place == places[-1]:
                shown_ms = min(_MOST_MS, max(1, round(duration * 1000) - begin_ms))
            begin_ms += shown_ms
            flags |= _DO_NOT_BLEND if transparent else 0
            file.seek(place + _DURATION_AT)
            file.write(shown_ms.to_bytes(3, "little") + bytes([flags]))


def _frame_headers(file: IO[bytes]) -> Iterator[int]:
    """Yield where the content of each frame's chunk begins."""
    place = _RIFF_HEADER_BYTES
    while True:
        file.seek(place)
        head = file.read(8)
        if len(head) < 8:
            return
        if head[:4] == b"ANMF":
            yield place + 8
        size_bytes = int.from_bytes(head[4:], "little")
        place += 8 + size_bytes + size_bytes % 2
