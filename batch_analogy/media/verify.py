"""Verify a film by decoding it and comparing it with the frames it was made of."""

from __future__ import annotations

import bisect
import itertools
import re
from collections.abc import Iterable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path

from batch_analogy.errors import FilmError, InputError
from batch_analogy.media.animation import read_animation_times
from batch_analogy.media.colour_tags import ColourSpace, stored_colour_space
from batch_analogy.media.container import read_container
from batch_analogy.media.ffmpeg import FfmpegPipe, as_url, last_lines
from batch_analogy.media.timing import ROUNDING_SECONDS

_FRAME = re.compile(r"^0,\s*-?\d+,\s*(-?\d+),")
_DECODED_AS = {"yuva444p10le": "yuva444p12le"}  # ProRes 4444 does not store how deep it was
_HEADER = re.compile(r"^#(tb|dimensions) 0: (\d+)[/x](\d+)")


def verify_film(
    film: Path,
    output: Path,
    *,
    count: int,
    times: Iterable[Fraction],
    size: tuple[int, int],
    pixel_format: str,
    colours: ColourSpace | None,
) -> None:
    """Decode the whole film and check its frame count, times, size and tags.

    Args:
        film: the file.
        output: its final name, for messages.
        count: number of frames.
        times: when each frame is to be shown, in seconds.
        size: height and width, px.
        pixel_format: ffmpeg's name.
        colours: colour space that the film is to be tagged with; None: it has no tags.

    Raises:
        FilmError: the film cannot be decoded, or something differs.
    """
    if output.suffix.lower() == ".webp":
        _verify_webp(film, output, count, times, size)
        return
    command = ["-v", "error", "-i", as_url(film), "-map", "0:v:0", "-fps_mode", "passthrough"]
    command += ["-enc_time_base", "demux", "-f", "framecrc", "-"]
    decoded = _DecodedFrames(iter(times))
    with FfmpegPipe(command, reads=True) as pipe:
        for line in pipe.stream:
            decoded.parse(line.decode(errors="replace"))
    if pipe.code != 0 or decoded.count != count:
        raise FilmError(
            f"{output} failed verification: {decoded.count} of {count} frames can be decoded; "
            f"{last_lines(pipe.messages)}"
        )
    if decoded.size != size:
        raise FilmError(f"{output} failed verification: it is not {size[1]}×{size[0]} px")
    if decoded.mistimed is not None:
        raise FilmError(
            f"{output} failed verification: frame {decoded.mistimed} is not shown at its time"
        )
    if colours is None:
        return
    tags = read_container(film).videos[0].tags
    found = ColourSpace(str(tags.matrix), str(tags.primaries), str(tags.transfer), tags.full_range)
    wanted = stored_colour_space(colours, pixel_format)
    alike = tags.pixel_format in (pixel_format, _DECODED_AS.get(pixel_format))
    if not alike or found != wanted:
        raise FilmError(
            f"{output} failed verification: it is {tags.pixel_format} tagged {found}, not "
            f"{pixel_format} tagged {wanted}"
        )


def _verify_webp(
    film: Path, output: Path, count: int, times: Iterable[Fraction], size: tuple[int, int]
) -> None:
    """Decode an animated WebP; its encoder joins equal frames into one that is shown longer."""
    try:
        height, width, _, found = read_animation_times(film)
    except InputError as error:
        raise FilmError(f"{output} failed verification: {error}") from error
    if (height, width) != size:
        raise FilmError(f"{output} failed verification: it is not {size[1]}×{size[0]} px")
    wanted = list(itertools.islice(times, count + 1))  # the last one is the film's end
    shown = [tick * found.tick for tick in (*found.ticks, found.end)]
    near = [_distance(wanted, time) for time in shown]
    whole = abs(shown[-1] - wanted[-1]) <= ROUNDING_SECONDS
    if len(found.ticks) == 1:
        return  # there is one frame, or all are equal, and a still has no times
    if len(shown) > len(wanted) or max(near) > ROUNDING_SECONDS or not whole:
        raise FilmError(
            f"{output} failed verification: its {len(found.ticks)} frames are not shown at the "
            f"times of the {count} frames"
        )


def _distance(sorted_times: Sequence[Fraction], time: Fraction) -> Fraction:
    """Return how far the nearest of these times is."""
    place = bisect.bisect_left(sorted_times, time)
    return min(abs(one - time) for one in sorted_times[max(0, place - 1) : place + 1])


class _DecodedFrames:
    """Count, size and times of decoded frames, parsed from ffmpeg's ``framecrc`` list."""

    def __init__(self, times: Iterator[Fraction]) -> None:
        self.count = 0
        self.size = (0, 0)
        self.mistimed: int | None = None  # the first frame that is not shown at its time
        self._times = times
        self._tick = Fraction(1)
        self._first_tick = 0

    def parse(self, line: str) -> None:
        """Parse a line of the list."""
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
            self._first_tick = tick
        expected = next(self._times, None)
        allowed = max(self._tick, ROUNDING_SECONDS)  # containers round times
        shown = (tick - self._first_tick) * self._tick
        if self.mistimed is None and (expected is None or abs(shown - expected) > allowed):
            self.mistimed = self.count
        self.count += 1
