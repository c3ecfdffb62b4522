"""Decoding a film that was just written and comparing it with what went in."""

from __future__ import annotations

import re
from fractions import Fraction
from pathlib import Path

from batch_analogy.errors import FilmError
from batch_analogy.media.colours import Colours, ColourTags, stored_colours
from batch_analogy.media.ffmpeg import FfmpegPipe, as_url, last_words
from batch_analogy.media.timing import ROUNDING_SECONDS

_FRAME = re.compile(r"^0,\s*-?\d+,\s*(-?\d+),")
_HEADER = re.compile(r"^#(tb|dimensions) 0: (\d+)[/x](\d+)")
_STREAM = re.compile(r"^\s{2}Stream #0:\d+.*?: Video: (.*)$", re.MULTILINE)


def verify_film(
    film: Path,
    output: Path,
    *,
    begins: list[Fraction],
    size: tuple[int, int],
    pixel_format: str,
    colours: Colours,
) -> None:
    """Decode the whole film and compare what comes out with what went in.

    Args:
        film: the file.
        output: what it will be called, for messages.
        begins: when each frame is to be shown, in seconds.
        size: height and width, px.
        pixel_format: as ffmpeg calls it.
        colours: how it is to be tagged.

    Raises:
        FilmError: it differs.
    """
    command = ["-i", as_url(film), "-map", "0:v:0", "-fps_mode", "passthrough"]
    command += ["-enc_time_base", "demux", "-f", "framecrc", "-"]
    tick, found, ticks = Fraction(1), (0, 0), []
    with FfmpegPipe(command, reads=True) as pipe:
        for raw in pipe.stream:
            line = raw.decode(errors="replace")
            if head := _HEADER.match(line):
                first, second = int(head[2]), int(head[3])
                tick, found = (
                    (Fraction(first, second), found) if head[1] == "tb" else (tick, (second, first))
                )
            elif frame := _FRAME.match(line):
                ticks.append(int(frame[1]))
    if pipe.code != 0 or len(ticks) != len(begins):
        raise FilmError(
            f"{output} did not verify: {len(ticks)} of {len(begins)} frames can be decoded; "
            f"{last_words(pipe.messages)}"
        )
    if found != size:
        raise FilmError(f"{output} did not verify: it is not {size[1]}×{size[0]} px")
    off = _first_off(begins, ticks, tick)
    if off is not None:
        raise FilmError(f"{output} did not verify: frame {off} is not shown at its time")
    stream = _STREAM.search(pipe.messages)
    tags = ColourTags.read(stream[1] if stream else "")
    said = Colours(str(tags.matrix), str(tags.primaries), str(tags.transfer), tags.full_range)
    if (tags.pixel_format, said) != (pixel_format, stored_colours(colours, pixel_format)):
        raise FilmError(
            f"{output} did not verify: it is {tags.pixel_format} tagged {said}, not {pixel_format} "
            f"tagged {colours}"
        )


def _first_off(begins: list[Fraction], ticks: list[int], tick: Fraction) -> int | None:
    """The first frame that is off its time by more than containers round."""
    allowed = max(tick, ROUNDING_SECONDS)
    for index, (begin, at) in enumerate(zip(begins, ticks, strict=True)):
        if abs((at - ticks[0]) * tick - begin) > allowed:
            return index
    return None
