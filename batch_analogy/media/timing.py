"""When frames are shown: exact rates, time stamps, and times as people write them."""

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
"""Matroska rounds times to this, so a frame this much off its place is in its place."""

_LARGEST_SHARE = Fraction(1, 4)  # of a frame, however coarse the file's clock
_CLOCK = re.compile(r"(?:(?:(\d+):)?(\d+):)?(\d+(?:\.\d+)?)")
_TIMECODE = re.compile(r"(\d+):(\d\d):(\d\d)([:;])(\d\d)")


@dataclass(frozen=True)
class TimeRange:
    """The part of a video that is wanted, in seconds after its first frame; None: no limit."""

    start: Fraction | None = None
    end: Fraction | None = None


WHOLE_VIDEO = TimeRange()


@dataclass(frozen=True)
class FrameTimes:
    """When each frame begins, in ticks after the first one, and when the last one is over."""

    tick: Fraction  # seconds
    ticks: tuple[int, ...]
    end: int

    @classmethod
    def of_ticks(cls, tick: Fraction, ticks: Sequence[int], last: int) -> FrameTimes:
        """Times from sorted ticks that begin anywhere, the last frame lasting ``last`` of them."""
        if not last:
            steps = [b - a for a, b in itertools.pairwise(ticks)]
            last = int(statistics.median(steps)) if steps else 0
        first = ticks[0] if ticks else 0
        return cls(tick, tuple(t - first for t in ticks), ticks[-1] - first + last if ticks else 0)

    @property
    def seconds(self) -> list[Fraction]:
        """When each frame begins."""
        return [tick * self.tick for tick in self.ticks]

    @property
    def duration(self) -> Fraction:
        """Seconds from the first frame to the end of the last."""
        return self.end * self.tick

    def within(self, time_range: TimeRange) -> FrameTimes:
        """The frames that begin at the time_range's start or later and before its end."""
        low, high = self.tick_range(time_range)
        first = bisect.bisect_left(self.ticks, low)
        stop = len(self.ticks) if high is None else bisect.bisect_left(self.ticks, high)
        kept = self.ticks[first:stop]
        after = self.ticks[stop] if stop < len(self.ticks) else self.end
        return FrameTimes.of_ticks(self.tick, kept, after - kept[-1] if kept else 0)

    def tick_range(self, time_range: TimeRange) -> tuple[int, int | None]:
        """A time_range as half-open ticks; a rounding before either time counts as that time."""
        low, high = (
            None
            if time is None
            else math.ceil(max(Fraction(0), time - ROUNDING_SECONDS) / self.tick)
            for time in (time_range.start, time_range.end)
        )
        return low or 0, high

    def rate(self, hints: Sequence[Fraction] = ()) -> tuple[Fraction, bool]:
        """Frames a second, and whether that is only an average.

        Args:
            hints: rates that the file names, as it rounds them, the likeliest first.
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
        """Whether frame i begins i / fps after the first, as well as the file can say it."""
        allowed = min(max(self.tick, ROUNDING_SECONDS) * fps, _LARGEST_SHARE)
        step = self.tick * fps  # frames a tick; whole numbers below, for there may be a million
        most = allowed.numerator * step.denominator
        return all(
            abs(tick * step.numerator - place * step.denominator) * allowed.denominator <= most
            for place, tick in enumerate(self.ticks)
        )


def snap_rate(rate: Fraction) -> Fraction:
    """The exact rate that a rounded one stands for.

    Args:
        rate: frames a second, to two decimals.

    Returns:
        A whole number, an NTSC rate (n × 1000/1001), or else a fraction near it.

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
    """Read a time: seconds, a clock, or a timecode whose last part counts frames.

    Args:
        text: ``12.5``, ``1:02.5``, ``1:02:03.5``, ``01:02:03:12``; with ``;`` before the frames
            it is a drop-frame timecode, as 29.97 and 59.94 frames a second have.
        fps: what the frames of a timecode are counted in.

    Returns:
        Seconds.

    Raises:
        UsageError: the text is none of these.

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
            f"{text!r} is no time; write seconds like 12.5, or 1:02.5, 1:02:03.5, or a timecode "
            "like 01:02:03:12"
        )
    hours, minutes, seconds, frames = (int(part) for part in (*code.groups()[:3], code[5]))
    nominal = math.ceil(fps)
    count = (hours * 3600 + minutes * 60 + seconds) * nominal + frames
    if frames >= nominal:
        raise UsageError(f"{text!r} names frame {frames} of a second that has {nominal}")
    if code[4] == ";":
        count -= _dropped(text, hours * 60 + minutes, fps)
    return count / fps


def _dropped(text: str, minutes: int, fps: Fraction) -> int:
    """How many numbers a drop-frame timecode leaves out before a minute (SMPTE 12M)."""
    if fps not in (Fraction(30000, 1001), Fraction(60000, 1001)):
        raise UsageError(
            f"{text!r} is a drop-frame timecode, which only 29.97 and 59.94 frames a second have; "
            "this video has another rate: write the last part with a colon"
        )
    return (minutes - minutes // 10) * (2 if fps < 40 else 4)
