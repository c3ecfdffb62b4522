"""Detect frame numbers in file names, the wrap-around of a camera's counter, and gaps."""

from __future__ import annotations

import itertools
import math
import os
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

LAST_OF_CAMERA = 9999
"""Last number before a camera's four-digit counter wraps to 0 or 1 (DCF 2.0: 0001 to 9999)."""

MIN_WRAP_GAP = 100  # unused numbers between the last and the first of a wrapped counter
MAX_LOST_SHARE = 0.1  # of the frames found; more missing numbers are not lost frames
ALWAYS_LOST = 3  # missing numbers that count as lost frames however few frames were found
MAX_HOLD_FRAMES = 24  # a longer gap is a pause of the camera

_LAST_NUMBER = re.compile(r"(.*?)([0-9]+)([^0-9]*)", re.DOTALL)
_DIGITS = "0123456789"


class NumberedName(NamedTuple):
    """A file name split at its last number."""

    series: tuple[str, str]  # the text before and after it, case-folded, suffix included
    number: int
    digits: int  # number of digits in the name


@dataclass(frozen=True, slots=True)
class Gap:
    """Missing numbers between two consecutive frames."""

    after: int  # index of the frame before the gap
    numbers: range

    @property
    def frames(self) -> int:
        """Number of missing frames."""
        numbers = self.numbers  # a range of more than 2**63 has no len()
        return (numbers.stop - numbers.start) // numbers.step


def number_of(name: str) -> NumberedName | None:
    """Return the last number of a file name without its suffix; None if it has none.

    >>> number_of("DSC_0012.JPG")
    NumberedName(series=('dsc_', '.jpg'), number=12, digits=4)
    """
    stem, suffix = os.path.splitext(name)
    before, after = stem.rstrip(_DIGITS), ""
    digits = stem[len(before) :]
    if not digits:  # most names end with their number
        match = _LAST_NUMBER.fullmatch(stem)
        if match is None:
            return None
        before, digits, after = match.groups()
    return NumberedName((before.casefold(), (after + suffix).casefold()), int(digits), len(digits))


def find_wrap(found: Collection[NumberedName]) -> int | None:
    """Return the lowest number used before a counter wrapped; None if it did not wrap.

    The counter wrapped if all names of a folder form one series with four digits, 9999 and 0000 or
    0001 are among them, and one gap holds nine tenths of the missing numbers (at least 100).

    >>> find_wrap([NumberedName(("", ""), n, 4) for n in (9998, 9999, 1, 2)])
    9998
    """
    numbers = sorted(one.number for one in found)
    if not numbers or numbers[-1] != LAST_OF_CAMERA or numbers[0] > 1:
        return None
    if len({one.series for one in found}) > 1 or any(one.digits != 4 for one in found):
        return None
    free = [after - before - 1 for before, after in itertools.pairwise(numbers)]
    longest = max(free)
    if longest < MIN_WRAP_GAP or longest < (1 - MAX_LOST_SHARE) * sum(
        one for one in free if one > 0
    ):
        return None
    return numbers[free.index(longest) + 1]


def find_gaps(names: Sequence[str]) -> list[Gap]:
    """Find the numbers that are missing in a numbered sequence.

    Names are a numbered sequence if they differ in their last number only and it rises from each
    name to the next; a camera's counter may wrap from 9999 to 0000 or 0001. The step is the
    greatest common divisor of all differences, so nothing is missing if every tenth frame was kept.

    Args:
        names: file names without folders, in the film's order.

    >>> [list(gap.numbers) for gap in find_gaps(["a1.png", "a2.png", "a4.png", "a5.png"])]
    [[3]]
    """
    counts = _counts(names)
    if counts is None:
        return []
    steps = [after - before for before, after in itertools.pairwise(counts)]
    usual = math.gcd(*steps)
    after = {place: number_of(names[place + 1]) for place, n in enumerate(steps) if n > usual}
    return [
        Gap(place, range(found.number - steps[place] + usual, found.number, usual))
        for place, found in after.items()
        if found is not None
    ]


def are_lost(gaps: Sequence[Gap], frames: int) -> bool:
    """Return whether gaps look like lost frames: at most three, or a tenth of the frames found.

    If more is missing, the numbers count something else, such as time, or frames were selected.
    """
    missing = sum(gap.frames for gap in gaps)
    return 0 < missing <= max(ALWAYS_LOST, MAX_LOST_SHARE * frames)


def extra_holds(gaps: Sequence[Gap], frames: int) -> dict[int, int]:
    """Map the index of each frame that is held to the number of lost frames that it replaces.

    No frame is held if the gaps do not look like lost frames, or for a gap of more than 24 frames:
    the film would stand still for a second.
    """
    if not are_lost(gaps, frames):
        return {}
    return {gap.after: gap.frames for gap in gaps if gap.frames <= MAX_HOLD_FRAMES}


def _counts(names: Sequence[str]) -> list[int] | None:
    """Return a sequence's numbers, unwrapped so that they rise; None if it is not numbered."""
    counts: list[int] = []
    before: NumberedName | None = None
    offset = 0  # added after the counter wrapped
    for name in names:
        found = number_of(name)
        if found is None or (before is not None and found.series != before.series):
            return None
        if before is not None and before.number == LAST_OF_CAMERA and found.number <= 1:
            if (before.digits, found.digits) != (4, 4):
                return None
            offset += LAST_OF_CAMERA + (found.number == 0)  # 0 or 1 follows 9999 directly
        counts.append(offset + found.number)
        if len(counts) > 1 and counts[-1] <= counts[-2]:
            return None
        before = found
    return counts if len(counts) > 2 else None  # two numbers show no step
