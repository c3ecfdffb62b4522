"""Rates, time stamps and timecodes."""

from __future__ import annotations

from fractions import Fraction

import pytest

from batch_analogy.errors import UsageError
from batch_analogy.media.timing import FrameTimes, TimeRange, parse_time

NTSC = Fraction(30000, 1001)


@pytest.mark.parametrize(
    ("text", "fps", "frames"),
    [
        ("2.5", 24, 60),
        ("1:02.5", 24, 1500),
        ("1:02:03", 10, 37230),
        ("00:00:01:12", 24, 36),
        ("00:00:01:12", Fraction(24000, 1001), 36),
        ("00:00:59;29", NTSC, 1799),
        ("00:01:00;02", NTSC, 1800),
        ("00:10:00;00", NTSC, 17982),
        ("00:01:00;04", 2 * NTSC, 3600),
    ],
)
def test_parses_times(text: str, fps: Fraction, frames: int) -> None:
    assert parse_time(text, Fraction(fps)) * fps == frames


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("soon", "not a time"),
        ("-1", "not a time"),
        ("1:2:3:4:5", "not a time"),
        ("00:00:01:24", "names frame 24"),
        ("00:00:01;12", "drop-frame"),
    ],
)
def test_rejects_invalid_times(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        parse_time(text, Fraction(24))


def test_rounded_times_have_a_constant_rate() -> None:
    fps = Fraction(24000, 1001)
    ticks = [round(n / fps * 1000) for n in range(1000)]  # Matroska's milliseconds
    times = FrameTimes.of_ticks(Fraction(1, 1000), ticks, 42)
    assert times.rate() == (fps, False)


def test_a_late_frame_makes_the_rate_variable() -> None:
    ticks = [n * 512 for n in range(24)]
    ticks[7] += 60  # 4 ms
    times = FrameTimes.of_ticks(Fraction(1, 15360), ticks, 512)
    assert times.rate([Fraction(30)]) == (Fraction(30), True)
    assert times.seconds[7] == Fraction(7 * 512 + 60, 15360)


def test_a_gap_makes_the_rate_variable() -> None:
    ticks = [n for n in range(20) if n != 9]
    assert FrameTimes.of_ticks(Fraction(1, 10), ticks, 1).rate([Fraction(10)])[1]


def test_a_range_begins_at_its_first_frame_and_ends_with_the_next() -> None:
    times = FrameTimes.of_ticks(Fraction(1, 10), [5, 6, 8, 11, 12], 2)
    part = times.within(TimeRange(Fraction(1, 10), Fraction(65, 100)))
    assert (part.ticks, part.end) == ((0, 2, 5), 6)
    assert times.within(TimeRange(end=Fraction(0))).ticks == ()
    assert times.within(TimeRange(start=Fraction(7, 10))) == FrameTimes(Fraction(1, 10), (0,), 2)


def test_a_range_tolerates_rounding() -> None:
    """Matroska and players show 1/24 s as 0.042."""
    times = FrameTimes.of_ticks(Fraction(1, 24), list(range(24)), 1)
    assert len(times.within(TimeRange(Fraction("0.042"), Fraction("0.5"))).ticks) == 11
