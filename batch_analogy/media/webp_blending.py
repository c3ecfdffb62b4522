"""Make the frames of an animated WebP replace each other.

ffmpeg's muxer lets each frame be laid over the one before, so that transparent parts show that one.
The flag that says otherwise is set afterwards in the header of each frame.

Source: the WebP container specification (RFC 9649, section 2.7.1.1, "ANMF").
"""

from __future__ import annotations

from pathlib import Path

_RIFF_HEADER_BYTES = 12
_FLAGS_AT = 15  # bytes after the chunk's header
_DO_NOT_BLEND = 0b10


def replace_frames(path: Path) -> None:
    """Set the flag "do not blend" in every frame of an animated WebP."""
    with path.open("r+b") as file:
        place = _RIFF_HEADER_BYTES
        while True:
            file.seek(place)
            head = file.read(8)
            if len(head) < 8:
                return
            if head[:4] == b"ANMF":
                file.seek(place + 8 + _FLAGS_AT)
                flags = file.read(1)[0]
                file.seek(place + 8 + _FLAGS_AT)
                file.write(bytes([flags | _DO_NOT_BLEND]))
            size_bytes = int.from_bytes(head[4:], "little")
            place += 8 + size_bytes + size_bytes % 2
