"""Exact frame rates, time stamps of frames, and times as users write them."""

from __future__ import annotations

import bisect
import itertools
import math
import re
import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from batch_analogy.errors import UsageError

ROUNDING_SECONDS = Fraction(1, 1000)
"""Rounding of times in Matroska; an error of a frame's time up to this is ignored."""

_MAX_ERROR_FRAMES = Fraction(1, 4)  # allowed error of a time stamp, however coarse the clock
_CLOCK = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d+)?)")
_TIMECODE = re.compile(r"(\d+):(\d\d):(\d\d)([:;])(\d\d)")


@dataclass(frozen=True)
class TimeRange:
    """Part of a video, in seconds after its first frame; None: no limit."""

    start: Fraction | None = None
    end: Fraction | None = None

    def after(self, start: Fraction) -> TimeRange:
        """Return the same range, in seconds after ``start`` instead of the first frame.

        >>> TimeRange(Fraction(3)).after(Fraction(2)), TimeRange(Fraction(1)).after(Fraction(2))
        (TimeRange(start=Fraction(1, 1), end=None), TimeRange(start=None, end=None))
        """
        first = None if self.start is None or self.start <= start else self.start - start
        last = None if self.end is None else max(Fraction(0), self.end - start)
        return TimeRange(first, last)


WHOLE_VIDEO = TimeRange()


@dataclass(frozen=True)
class FrameTimes:
    """Presentation times of frames, in ticks after the first frame."""

    tick: Fraction  # seconds
    ticks: tuple[int, ...]  # start of each frame
    end: int  # end of the last frame

    @classmethod
    def of_ticks(cls, tick: Fraction, ticks: Sequence[int], last: int) -> FrameTimes:
        """Make times relative to the first tick.

        Args:
            tick: length of a tick in seconds.
            ticks: sorted times of the frames.
            last: duration of the last frame in ticks; 0: the median of the others.
        """
        if not last:
            steps = [b - a for a, b in itertools.pairwise(ticks)]
            last = int(statistics.median(steps)) if steps else 0
        first = ticks[0] if ticks else 0
        return cls(tick, tuple(t - first for t in ticks), ticks[-1] - first + last if ticks else 0)

    @property
    def seconds(self) -> list[Fraction]:
        """Start of each frame, in seconds."""
        return [tick * self.tick for tick in self.ticks]

    @property
    def duration(self) -> Fraction:
        """Seconds from the start of the first frame to the end of the last."""
        return self.end * self.tick

    def within(self, time_range: TimeRange) -> FrameTimes:
        """Select the frames that begin in a time range (half-open)."""
        low, high = self.tick_range(time_range)
        first = bisect.bisect_left(self.ticks, low)
        stop = len(self.ticks) if high is None else bisect.bisect_left(self.ticks, high)
        kept = self.ticks[first:stop]
        after = self.ticks[stop] if stop < len(self.ticks) else self.end
        return FrameTimes.of_ticks(self.tick, kept, after - kept[-1] if kept else 0)

    def tick_range(self, time_range: TimeRange) -> tuple[int, int | None]:
        """Convert a time range to half-open ticks; limits are lowered by the rounding error."""
        low, high = (
            None
            if time is None
            else math.ceil(max(Fraction(0), time - ROUNDING_SECONDS) / self.tick)
            for time in (time_range.start, time_range.end)
        )
        return low or 0, high

    def rate(self, hints: Sequence[Fraction] = ()) -> tuple[Fraction, bool]:
        """Return frames a second, and whether that is only an average of a variable rate.

        Args:
            hints: rounded rates from the file's header, the most probable first.
        """
        candidates = [snap_rate(hint) for hint in hints if hint > 0]
        if len(self.ticks) > 1 and self.ticks[-1] > 0:
            measured = (len(self.ticks) - 1) / (self.ticks[-1] * self.tick)
            candidates += [snap_rate(measured), measured.limit_denominator(100_000)]
        for fps in candidates:
            if self._is_at(fps):
                return fps, False
        if self.duration > 0:
            return (len(self.ticks) / self.duration).limit_denominator(100_000), True
        return (candidates or [Fraction(25)])[0], False

    def _is_at(self, fps: Fraction) -> bool:
        """Return whether frame i begins at i / fps, within the precision of the file's clock."""
        allowed = min(max(self.tick, ROUNDING_SECONDS) * fps, _MAX_ERROR_FRAMES)
        step = self.tick * fps  # frames a tick; below in integers, as there may be a million frames
        most = allowed.numerator * step.denominator
        return all(
            abs(tick * step.numerator - index * step.denominator) * allowed.denominator <= most
            for index, tick in enumerate(self.ticks)
        )


def snap_rate(rate: Fraction) -> Fraction:
    """Return the exact rate that a rounded one stands for.

    Args:
        rate: frames a second, to two decimals.

    Returns:
        A whole number, an NTSC rate (n × 1000/1001), or else the nearest simple fraction.

    >>> snap_rate(Fraction("23.98")), snap_rate(Fraction("24")), snap_rate(Fraction("12.5"))
    (Fraction(24000, 1001), Fraction(24, 1), Fraction(25, 2))
    """
    tolerance = Fraction(6, 1000)
    whole = Fraction(round(rate))
    ntsc = Fraction(round(rate * Fraction(1001, 1000)) * 1000, 1001)
    for candidate in sorted((whole, ntsc), key=lambda c: abs(c - rate)):
        if candidate > 0 and abs(candidate - rate) <= tolerance:
            return candidate
    return rate.limit_denominator(100)


def parse_time(text: str, fps: Fraction) -> Fraction:
    """Parse a time: seconds, a clock time, or a timecode whose last part counts frames.

    Args:
        text: ``12.5``, ``1:02.5``, ``1:02:03.5``, ``01:02:03:12``; with ``;`` before the frames
            it is a drop-frame timecode, as used with 29.97 and 59.94 frames a second.
        fps: frames a second, for timecodes.

    Returns:
        Seconds.

    Raises:
        UsageError: the text has another form.

    >>> parse_time("1:02.5", Fraction(24)), parse_time("00:00:02:12", Fraction(24))
    (Fraction(125, 2), Fraction(5, 2))
    >>> parse_time("00:01:00;02", Fraction(30000, 1001)) * Fraction(30000, 1001)
    Fraction(1800, 1)
    """
    text = text.strip()
    if clock := _CLOCK.fullmatch(text):
        return sum(
            (
                Fraction(part or 0) * unit
                for part, unit in zip(clock.groups(), (3600, 60, 1), strict=True)
            ),
            Fraction(0),
        )
    code = _TIMECODE.fullmatch(text)
    if code is None:
        raise UsageError(
            f"{text!r} is not a time; write seconds such as 12.5, or 1:02.5, 1:02:03.5, or a "
            "timecode such as 01:02:03:12"
        )
    hours, minutes, seconds, frames = (int(part) for part in (*code.groups()[:3], code[5]))
    nominal = math.ceil(fps)
    count = (hours * 3600 + minutes * 60 + seconds) * nominal + frames
    if frames >= nominal:
        raise UsageError(
            f"{text!r} names frame {frames}, but a second has {nominal} frames (from 0)"
        )
    if code[4] == ";":
        count -= _dropped(text, hours * 60 + minutes, fps)
    return count / fps


def _dropped(text: str, minutes: int, fps: Fraction) -> int:
    """Count the frame numbers that drop-frame timecodes skip before a minute (SMPTE 12M)."""
    if fps not in (Fraction(30000, 1001), Fraction(60000, 1001)):
        raise UsageError(
            f"{text!r} is a drop-frame timecode, which only 29.97 and 59.94 frames a second have; "
            "for this video write a colon before the frames"
        )
    return (minutes - minutes // 10) * (2 if fps < 40 else 4)
