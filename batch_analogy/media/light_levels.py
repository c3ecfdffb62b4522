"""Light levels of an HDR video: the display that it was graded on, and its brightest pictures.

Players map HDR to their own screens by these numbers.

Source: SMPTE ST 2086 (the display), CTA-861.3 (the levels); ffmpeg's libavutil
(mastering_display_metadata.h), for the layout of what PyAV returns.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import av

from batch_analogy.media.container import is_cover, open_container

Number = TypeVar("Number", int, float, str)

_CHROMATICITY, _NITS = 50_000, 10_000  # units of H.265: a share of 1, and of one cd/m²
_POINTS = ("G", "B", "R", "WP", "L")
_DISPLAY = struct.Struct("=20iii")  # ten fractions: R, G, B and white (x, y), darkest, brightest


@dataclass(frozen=True)
class LightLevels:
    """Metadata of HDR10, in the units of H.265."""

    display: tuple[int, ...] = ()  # x, y of green, blue, red and white; brightest and darkest
    content: tuple[int, ...] = ()  # cd/m²: of the brightest pixel, and of the brightest frame

    @property
    def x265(self) -> str:
        """As parameters of x265."""
        parts = []
        if self.display:
            points = zip(_POINTS, _pairs(self.display), strict=True)
            parts.append("master-display=" + "".join(f"{n}({x},{y})" for n, (x, y) in points))
        if self.content:
            parts.append(f"max-cll={self.content[0]},{self.content[1]}")
        return ":".join(parts)

    @property
    def svt_av1(self) -> str:
        """As parameters of SVT-AV1."""
        parts = []
        if self.display:
            units = [_CHROMATICITY] * 8 + [_NITS] * 2
            shares = [f"{one / unit:.5f}" for one, unit in zip(self.display, units, strict=True)]
            points = zip(_POINTS, _pairs(shares), strict=True)
            parts.append("mastering-display=" + "".join(f"{n}({x},{y})" for n, (x, y) in points))
        if self.content:
            parts.append(f"content-light={self.content[0]},{self.content[1]}")
        return ":".join(parts)


def read_light_levels(path: Path) -> LightLevels | None:
    """Read the light levels of a video's first frame; None if it has none.

    Raises:
        InputError: the file is no container, or is damaged.
    """
    with open_container(path) as container:
        stream = next((s for s in container.streams.video if not is_cover(s)), None)
        try:
            frame = None if stream is None else next(container.decode(stream), None)
        except av.FFmpegError:
            return None  # decoding the first frame later reports the error
        if frame is None:
            return None
        levels = LightLevels(
            _display(_side_data(frame, "MASTERING_DISPLAY_METADATA")),
            _content(_side_data(frame, "CONTENT_LIGHT_LEVEL")),
        )
    return levels if levels.display or levels.content else None


def with_light_levels(options: list[str], levels: LightLevels | None) -> list[str]:
    """Return an encoder's options with light levels, if the encoder stores any."""
    if levels is None:
        return options
    texts = {"-x265-params": levels.x265, "-svtav1-params": levels.svt_av1}
    made = list(options)
    for at, option in enumerate(options):
        if option in texts:
            made[at + 1] = f"{made[at + 1]}:{texts[option]}"
    return made


def _side_data(frame: av.VideoFrame, name: str) -> bytes:
    found: Any = frame.side_data  # PyAV's types call it a single one
    return bytes(found.get(name, b""))


def _display(data: bytes) -> tuple[int, ...]:
    if len(data) < _DISPLAY.size:
        return ()
    *numbers, has_primaries, has_luminance = _DISPLAY.unpack_from(data)
    if not (has_primaries and has_luminance and all(numbers[1::2])):
        return ()
    shares = [top / bottom for top, bottom in _pairs(numbers)]
    red, green, blue, white, (darkest, brightest) = _pairs(shares)
    points = (*green, *blue, *red, *white)
    levels = (brightest, darkest)
    return (
        *(round(one * _CHROMATICITY) for one in points),
        *(round(one * _NITS) for one in levels),
    )


def _content(data: bytes) -> tuple[int, ...]:
    levels = struct.unpack_from("=2I", data) if len(data) >= 8 else ()
    return levels if any(levels) else ()  # 0: unknown


def _pairs(values: Sequence[Number]) -> list[tuple[Number, Number]]:
    return list(zip(values[::2], values[1::2], strict=True))
