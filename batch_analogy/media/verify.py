"""Decoding a film that was just written and comparing it with what went in."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from fractions import Fraction
from pathlib import Path

from batch_analogy.errors import FilmError
from batch_analogy.media.colour_tags import ColourSpace, ColourTags, stored_colour_space
from batch_analogy.media.ffmpeg import FfmpegPipe, as_url, last_lines
from batch_analogy.media.timing import ROUNDING_SECONDS

_FRAME = re.compile(r"^0,\s*-?\d+,\s*(-?\d+),")
_HEADER = re.compile(r"^#(tb|dimensions) 0: (\d+)[/x](\d+)")
_STREAM = re.compile(r"^\s{2}Stream #0:\d+.*?: Video: (.*)$", re.MULTILINE)


def verify_film(
    film: Path,
    output: Path,
    *,
    count: int,
    begins: Iterable[Fraction],
    size: tuple[int, int],
    pixel_format: str,
    colours: ColourSpace,
) -> None:
    """Decode the whole film and compare what comes out with what went in.

    Args:
        film: the file.
        output: what it will be called, for messages.
        count: how many frames went in.
        begins: when each of them is to be shown, in seconds.
        size: height and width, px.
        pixel_format: as ffmpeg calls it.
        colours: how it is to be tagged.

    Raises:
        FilmError: it differs.
    """
    command = ["-i", as_url(film), "-map", "0:v:0", "-fps_mode", "passthrough"]
    command += ["-enc_time_base", "demux", "-f", "framecrc", "-"]
    seen = _Seen(iter(begins))
    with FfmpegPipe(command, reads=True) as pipe:
        for line in pipe.stream:
            seen.hear(line.decode(errors="replace"))
    if pipe.code != 0 or seen.count != count:
        raise FilmError(
            f"{output} did not verify: {seen.count} of {count} frames can be decoded; "
            f"{last_lines(pipe.messages)}"
        )
    if seen.size != size:
        raise FilmError(f"{output} did not verify: it is not {size[1]}×{size[0]} px")
    if seen.off is not None:
        raise FilmError(f"{output} did not verify: frame {seen.off} is not shown at its time")
    stream = _STREAM.search(pipe.messages)
    tags = ColourTags.read(stream[1] if stream else "")
    said = ColourSpace(str(tags.matrix), str(tags.primaries), str(tags.transfer), tags.full_range)
    if (tags.pixel_format, said) != (pixel_format, stored_colour_space(colours, pixel_format)):
        raise FilmError(
            f"{output} did not verify: it is {tags.pixel_format} tagged {said}, not {pixel_format} "
            f"tagged {colours}"
        )


class _Seen:
    """What ffmpeg's list of decoded frames says, taken in line by line."""

    def __init__(self, begins: Iterator[Fraction]) -> None:
        self.count = 0
        self.size = (0, 0)
        self.off: int | None = None  # the first frame that is off its time
        self._begins = begins
        self._tick = Fraction(1)
        self._first = 0

    def hear(self, line: str) -> None:
        """Take in a line."""
        if head := _HEADER.match(line):
            first, second = int(head[2]), int(head[3])
            if head[1] == "tb":
                self._tick = Fraction(first, second)
            else:
                self.size = (second, first)
        elif frame := _FRAME.match(line):
            self._compare(int(frame[1]))

    def _compare(self, tick: int) -> None:
        if self.count == 0:
            self._first = tick
        begin = next(self._begins, None)
        allowed = max(self._tick, ROUNDING_SECONDS)  # what containers round
        late = begin is None or abs((tick - self._first) * self._tick - begin) > allowed
        if late and self.off is None:
            self.off = self.count
        self.count += 1
