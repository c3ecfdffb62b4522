"""Sort file names as people read them: numbers by value, and dates, times and decimals as such.

Runs of digits are numbers. What else digits may mean is told from all names of a folder together:
decimals (``t_0.25`` before ``t_0.5``), times of a 12-hour clock (``11.59 AM`` before ``1.05 PM``),
dates that begin with the day or the month, and names of months.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import Literal

NaturalKey = tuple[str, str]
DayFirst = Literal["day", "month"]

_NUMBER = re.compile(r"([0-9]+)")
_DECIMAL = re.compile(r"(?<![0-9.vV])([0-9]+)[.]([0-9]+)(?![0-9]*[.]?[0-9])")
_CLOCK = re.compile(
    r"(?<![0-9A-Za-z])(0?[1-9]|1[0-2])((?:[.:_h-][0-5][0-9]){0,2})[\s_.-]?([ap])\.?m\.?(?![A-Za-z])",
    re.IGNORECASE,
)
_MONTHS = ["jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"]
_MONTH_NAME = rf"({'|'.join(_MONTHS)})[a-z]*"
_DATE = re.compile(r"(?<![0-9])([0-3]?[0-9])([-._])([0-3]?[0-9])\2((?:19|20)[0-9]{2})(?![0-9])")
_DAY_MONTH_YEAR = re.compile(
    rf"(?<![0-9])([0-3]?[0-9])[-._ ]*{_MONTH_NAME}[-._ ,]*((?:19|20)[0-9]{{2}})(?![0-9])",
    re.IGNORECASE,
)
_YEAR_MONTH_DAY = re.compile(
    rf"(?<![0-9])((?:19|20)[0-9]{{2}})[-._ ]*{_MONTH_NAME}[-._ ,]*([0-3]?[0-9])(?![0-9])",
    re.IGNORECASE,
)
_ZEROS = str.maketrans("123456789", "000000000")
_HINT = re.compile(  # in a name whose digits are all 0
    rf"0[.]0|0[\s_.-]?[ap]\.?m|0([-._])0?0\1(?:0000)|{_MONTH_NAME}", re.IGNORECASE
)
_DIGITS_OF_DECIMAL = 18


def plain_name(text: str) -> str:
    """Return a name as people compare it, whatever its code points.

    >>> plain_name("cafe\u0301") == plain_name("caf\u00e9")
    True
    """
    return unicodedata.normalize("NFC", text)


def natural_key(name: str) -> NaturalKey:
    """Return a sort key that compares runs of digits as numbers and ignores case.

    Args:
        name: a file name.

    Returns:
        The name with each number preceded by its length, so that numbers sort by value; then the
        name itself, to tell ``a1`` from ``a01``. Only strings, as there may be a million keys.

    >>> sorted(["img10.png", "img2.png", "Img1.png"], key=natural_key)
    ['Img1.png', 'img2.png', 'img10.png']
    """
    pieces = _NUMBER.split((name if name.isascii() else plain_name(name)).casefold())
    for index in range(1, len(pieces), 2):
        digits = pieces[index].lstrip("0")
        pieces[index] = f"\0{len(digits):03}{digits}"
    return "".join(pieces), name


@dataclass(frozen=True)
class NameReading:
    """What the digits in the names of a folder mean, besides numbers."""

    decimals: tuple[str, str] | None = None  # two names, the one with the lower decimal first
    clock: bool = False  # times with AM and PM
    dates: DayFirst | None = None  # what dates that end with the year begin with
    doubtful: bool = False  # such a date may begin with either
    months: bool = False  # dates with the name of a month

    @property
    def is_plain(self) -> bool:
        """True if digits are only numbers."""
        return self == NameReading()

    def key(self, name: str) -> NaturalKey:
        """Return the sort key of a name."""
        return natural_key(name if self.is_plain else self._rewritten(name))[0], name

    def notes(self) -> list[str]:
        """Return what a user should know about the order of the names."""
        notes = []
        if self.decimals is not None:
            notes.append(f"numbers with a point are decimals: {' before '.join(self.decimals)}")
        if self.clock:
            notes.append("times with AM and PM are compared as times of the day")
        if self.dates is not None:
            notes.append(f"dates are compared as dates; they begin with the {self.dates}")
        if self.doubtful:
            notes.append("WARNING: the dates may begin with the month too; name the year first")
        if self.months:
            notes.append("names of months are compared as months")
        return notes

    def _rewritten(self, name: str) -> str:
        if self.dates is not None:
            name = _DATE.sub(_date_first(self.dates), name)
        if self.months:
            name = _DAY_MONTH_YEAR.sub(lambda m: _date(m[3], _month(m[2]), m[1]), name)
            name = _YEAR_MONTH_DAY.sub(lambda m: _date(m[1], _month(m[2]), m[3]), name)
        if self.clock:
            name = _CLOCK.sub(_in_24_hours, name)
        if self.decimals is not None:
            name = _DECIMAL.sub(lambda m: f"{m[1]}.{m[2]:0<{_DIGITS_OF_DECIMAL}}", name)
        return name


def read_names(names: Collection[str]) -> NameReading:
    """Tell what the digits in the names of a folder mean.

    >>> read_names(["t_0.5.png", "t_0.25.png", "t_0.125.png"]).decimals
    ('t_0.125.png', 't_0.25.png')
    >>> read_names(["shot1.9.png", "shot1.10.png", "shot1.11.png"]).is_plain
    True
    """
    shapes = {name.translate(_ZEROS) for name in names}  # few, where names are only numbered
    if not any(map(_HINT.search, shapes)):
        return NameReading()
    texts = list(names)
    doubtful, dates = _dates_in(texts)
    clock = any(map(_CLOCK.search, texts))
    months = any(_DAY_MONTH_YEAR.search(t) or _YEAR_MONTH_DAY.search(t) for t in texts)
    decimals = None if clock or dates else _decimals_in(texts)
    return NameReading(decimals, clock, dates, doubtful, months)


def _decimals_in(names: Iterable[str]) -> tuple[str, str] | None:
    """Return two names whose order decimals change; None if points only separate numbers.

    Counters (``1.9``, ``1.10``) have no zeros before their digits, are likely to end with a zero
    somewhere, and rise in steps; decimals (``0.5``, ``0.25``) do not end with a zero.
    """
    found = [(match, name) for name in names if (match := _DECIMAL.search(_stem(name)))]
    fractions = {match[2] for match, _ in found}
    if len({len(fraction) for fraction in fractions}) < 2:
        return None  # both readings give one order
    if any(len(fraction) > 1 and fraction.endswith("0") for fraction in fractions):
        return None
    zeros = any(len(fraction) > 1 and fraction.startswith("0") for fraction in fractions)
    counters = sorted({int(fraction) for fraction in fractions})
    steps = {after - before for before, after in itertools.pairwise(counters)}
    below_one = all(match[1].strip("0") == "" for match, _ in found)
    if not zeros and not below_one and len(steps) == 1:
        return None
    longest = max(found, key=lambda one: len(one[0][2]))
    others = [one for one in found if len(one[0][2]) < len(longest[0][2])]
    nearest = min(others, key=lambda one: abs(_value(one[0]) - _value(longest[0])))
    one, other = sorted((longest, nearest), key=lambda found: _value(found[0]))
    return one[1], other[1]


def _value(match: re.Match[str]) -> float:
    return float(f"{match[1]}.{match[2]}")


def _stem(name: str) -> str:
    """Return a name without its suffix, unless that is the end of a number."""
    stem, dot, suffix = name.rpartition(".")
    return stem if dot and not suffix.isdecimal() else name


def _dates_in(names: Iterable[str]) -> tuple[bool, DayFirst | None]:
    """Return whether dates begin with the day or the month, and before that, whether in doubt."""
    found = [match for name in names if (match := _DATE.search(name))]
    if not found:
        return False, None
    first = max(int(match[1]) for match in found)
    second = max(int(match[3]) for match in found)
    if first <= 12 < second:
        return False, "month"
    varies = len({match[1] for match in found}) > 1 and len({match[3] for match in found}) > 1
    return first <= 12 and varies, "day"


def _date_first(first: DayFirst) -> Callable[[re.Match[str]], str]:
    day, month = (1, 3) if first == "day" else (3, 1)
    return lambda match: _date(match[4], int(match[month]), match[day])


def _date(year: str, month: int, day: str) -> str:
    return f"{year}-{month:02}-{int(day):02}"


def _month(name: str) -> int:
    return _MONTHS.index(name[:3].casefold()) + 1


def _in_24_hours(match: re.Match[str]) -> str:
    hour = int(match[1]) % 12 + (12 if match[3] in "pP" else 0)
    return f"{hour:02}{match[2]}"
