"""Numbers in the names of pictures: which name counts what, and which numbers nobody has."""

from __future__ import annotations

import itertools
import math
import os
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import NamedTuple

LAST_OF_CAMERA = 9999
"""After it a camera's counter of four digits begins again, at 0 or 1 (DCF 2.0: 0001 to 9999)."""

LEAST_WRAP = 100  # numbers that must be free between the end and the beginning
MOST_LOST = 0.1  # of the frames that are there
FEW_LOST = 3  # that are believed however few frames are there
LONGEST_HOLD = 24  # frames; a longer gap is a pause of the camera

_LAST_NUMBER = re.compile(r"(.*?)([0-9]+)([^0-9]*)", re.DOTALL)
_DIGITS = "0123456789"


class NumberedName(NamedTuple):
    """A name with its last number taken out."""

    series: tuple[str, str]  # the text around it without case, the suffix included
    number: int
    digits: int


@dataclass(frozen=True, slots=True)
class Gap:
    """Numbers between two neighbours that no frame has."""

    after: int  # the place of the frame before it
    numbers: range

    @property
    def frames(self) -> int:
        """How many are missing."""
        numbers = self.numbers  # a range of more than 2**63 has no len()
        return (numbers.stop - numbers.start) // numbers.step


def number_of(name: str) -> NumberedName | None:
    """The last number of a file name, its suffix aside; None where it has none.

    >>> number_of("DSC_0012.JPG")
    NumberedName(series=('dsc_', '.jpg'), number=12, digits=4)
    """
    stem, suffix = os.path.splitext(name)
    before, after = stem.rstrip(_DIGITS), ""
    digits = stem[len(before) :]
    if not digits:  # most names end in their number
        match = _LAST_NUMBER.fullmatch(stem)
        if match is None:
            return None
        before, digits, after = match.groups()
    return NumberedName((before.casefold(), (after + suffix).casefold()), int(digits), len(digits))


def find_wrap(found: Collection[NumberedName]) -> int | None:
    """The first number of a camera's counter before it began again; None where it did not.

    It did where all names of one folder have one series and four digits, 9999 is there and so is
    0000 or 0001, and nine tenths of the numbers that are not (at least 100) lie in one gap.

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
    if longest < LEAST_WRAP or longest < (1 - MOST_LOST) * sum(one for one in free if one > 0):
        return None
    return numbers[free.index(longest) + 1]


def find_gaps(names: Sequence[str]) -> list[Gap]:
    """The numbers that are missing from names that count.

    Names count where they differ in their last number alone and it rises from each to the next; a
    camera's counter may go from 9999 to 0000 or 0001. It counts in the largest step that divides
    all differences, so that nothing is missing where every tenth frame was kept.

    Args:
        names: file names, without folders, in the film's order.

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
    """Whether gaps look like lost frames: three at most, or a tenth of the frames that are there.

    Where more is missing the numbers count something else, as the time, or frames were picked.
    """
    missing = sum(gap.frames for gap in gaps)
    return 0 < missing <= max(FEW_LOST, MOST_LOST * frames)


def extra_holds(gaps: Sequence[Gap], frames: int) -> dict[int, int]:
    """Place of a frame → how much longer it is shown for the lost ones after it, in frames.

    Nothing is held where the gaps do not look like lost frames, nor for a gap of more than 24
    frames: nobody wants to see a second of film stand still.
    """
    if not are_lost(gaps, frames):
        return {}
    return {gap.after: gap.frames for gap in gaps if gap.frames <= LONGEST_HOLD}


def _counts(names: Sequence[str]) -> list[int] | None:
    """The rising numbers of names that count, over the camera's 9999; None: they do not."""
    counts: list[int] = []
    before: NumberedName | None = None
    lap = 0
    for name in names:
        found = number_of(name)
        if found is None or (before is not None and found.series != before.series):
            return None
        if before is not None and before.number == LAST_OF_CAMERA and found.number <= 1:
            if (before.digits, found.digits) != (4, 4):
                return None
            lap += LAST_OF_CAMERA + (found.number == 0)  # 1 or 0 stands right after it
        counts.append(lap + found.number)
        if len(counts) > 1 and counts[-1] <= counts[-2]:
            return None
        before = found
    return counts if len(counts) > 2 else None  # of two nothing can be said
