"""Dates in file names, rewritten with the year first, so that their digits sort by time.

Which number is the day, which the month, and which of two digits the year, is told from all names
of a folder together. Months may have names, in several languages.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Literal

First = Literal["day", "month", "year"]

_MONTHS = (  # without accents: English, German, French, Spanish, Italian, Portuguese, Dutch, Nordic
    "jan january januar janv janvier ene enero gen gennaio janeiro januari",
    "feb february februar fev fevr fevrier febrero febbraio fevereiro februari",
    "mar march marz maerz mrz mars marzo marco maart mrt marts",
    "apr april avr avril abr abril aprile",
    "may mai mayo mag maggio maio mei maj",
    "jun june juni juin junio giu giugno junho",
    "jul july juli juil juillet julio lug luglio julho",
    "aug august aout ago agosto augustus augusti",
    "sep sept september septembre septiembre set settembre setembro",
    "oct october okt oktober octobre octubre ott ottobre out outubro",
    "nov november novembre noviembre novembro",
    "dec december dez dezember decembre dic diciembre dicembre dezembro des desember",
)
_BY_NAME = {word: number for number, words in enumerate(_MONTHS, 1) for word in words.split()}
_LONGEST_FIRST = sorted(_BY_NAME, key=len, reverse=True)
MONTH_NAME = rf"(?<![A-Za-z])({'|'.join(_LONGEST_FIRST)})(?![A-Za-z])"
_YEAR, _DAY = r"((?:19|20)[0-9]{2})(?![0-9])", r"(?<![0-9])([0-3]?[0-9])(?![0-9])"
_BETWEEN = r"[-._ ,']*"
_DATE = re.compile(rf"(?<![0-9])([0-3]?[0-9])([-._])([0-3]?[0-9])\2{_YEAR}")
_SHORT_DATE = re.compile(r"(?<![0-9])([0-9]{2})([-._])([0-9]{2})\2([0-9]{2})(?![-._]?[0-9])")
_NAMED = tuple(
    (re.compile(pattern, re.IGNORECASE), order)
    for pattern, order in (
        (rf"{_DAY}{_BETWEEN}{MONTH_NAME}{_BETWEEN}{_YEAR}", "dmy"),
        (rf"(?<![0-9]){_YEAR}{_BETWEEN}{MONTH_NAME}{_BETWEEN}{_DAY}", "ymd"),
        (rf"{MONTH_NAME}{_BETWEEN}{_DAY}{_BETWEEN}{_YEAR}", "mdy"),
        (rf"{MONTH_NAME}{_BETWEEN}{_YEAR}", "my"),
        (rf"(?<![0-9]){_YEAR}{_BETWEEN}{MONTH_NAME}", "ym"),
    )
)
_ORDERS: dict[First, str] = {"year": "ymd", "day": "dmy", "month": "mdy"}
_MOST_YEARS = 3  # that a film lasts; what changes more often is a second
_CLEARLY = 4  # times as many days are spanned by the other reading


@dataclass(frozen=True)
class DateReading:
    """What dates in the names of a folder begin with."""

    numbers: First | None = None  # dates whose year has four digits and stands last
    short: First | None = None  # dates of two digits each, if they do not begin with the year
    doubtful: bool = False  # they may begin with something else
    months: bool = False  # months have names

    def rewrite(self, name: str) -> str:
        """Return a name with its dates written with the year first."""
        if self.months:
            name = without_accents(name)
            for pattern, order in _NAMED:
                name = pattern.sub(_named(order), name)
        if self.numbers is not None:
            name = _DATE.sub(_numbered(self.numbers), name)
        if self.short is not None:
            name = _SHORT_DATE.sub(_shortened(self.short), name)
        return name

    def notes(self) -> list[str]:
        """Return what a user should know about the dates."""
        notes = []
        first = self.numbers or self.short
        if first is not None:
            notes.append(f"dates are compared as dates; they begin with the {first}")
        if self.doubtful:
            other = "month" if first == "day" else "day"
            notes.append(
                f"WARNING: the dates may begin with the {other} too; name the year first, with "
                "four digits"
            )
        if self.months:
            notes.append("names of months are compared as months")
        return notes


def read_dates(names: Sequence[str]) -> DateReading:
    """Tell what the dates in names begin with.

    >>> read_dates(["31-12-23.png", "01-01-24.png"]).short
    'day'
    """
    doubtful, numbers = _long_dates(names)
    short = None
    if numbers is None:
        doubtful, short = _short_dates(names)
    plain = map(without_accents, names)
    months = any(pattern.search(name) for name in plain for pattern, _ in _NAMED)
    return DateReading(numbers, short, doubtful, months)


def without_accents(text: str) -> str:
    """Return a text with plain letters, in which the names of months are looked for.

    >>> without_accents("février")
    'fevrier'
    """
    if text.isascii():
        return text
    split = unicodedata.normalize("NFKD", text)
    return "".join(letter for letter in split if not unicodedata.combining(letter))


def _long_dates(names: Iterable[str]) -> tuple[bool, First | None]:
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


def _short_dates(names: Sequence[str]) -> tuple[bool, First | None]:
    """Return what dates of two digits each begin with, if not the year, and whether in doubt.

    The reading that spans the fewest days is taken. What may be times of the day stays as it is.
    """
    found = [match for name in names if (match := _SHORT_DATE.search(name))]
    if len(found) < max(2, len(names)):
        return False, None
    numbers = [(int(match[1]), int(match[3]), int(match[4])) for match in found]
    clock = all(hour < 24 and minute < 60 and second < 60 for hour, minute, second in numbers)
    if clock and len({second for _, _, second in numbers}) > _MOST_YEARS:
        return False, None
    spans: dict[First, int] = {}
    for first, order in _ORDERS.items():
        days = [_day(dict(zip(order, one, strict=True))) for one in numbers]
        known = [day for day in days if day is not None]
        if len(known) == len(days):
            spans[first] = max(known) - min(known)
    if not spans:
        return False, None
    best = min(spans, key=spans.__getitem__)
    others = [span for first, span in spans.items() if first != best]
    doubtful = bool(others) and min(others) < _CLEARLY * spans[best]
    return (False, None) if best == "year" else (doubtful, best)


def _day(parts: dict[str, int]) -> int | None:
    try:
        return date(2000 + parts["y"], parts["m"], parts["d"]).toordinal()
    except ValueError:
        return None


def _named(order: str) -> Callable[[re.Match[str]], str]:
    def rewrite(match: re.Match[str]) -> str:
        parts = dict(zip(order, match.groups(), strict=True))
        return _written(parts["y"], _BY_NAME[parts["m"].casefold()], int(parts.get("d", 0)))

    return rewrite


def _numbered(first: First) -> Callable[[re.Match[str]], str]:
    day, month = (1, 3) if first == "day" else (3, 1)
    return lambda match: _written(match[4], int(match[month]), int(match[day]))


def _shortened(first: First) -> Callable[[re.Match[str]], str]:
    def rewrite(match: re.Match[str]) -> str:
        parts = dict(zip(_ORDERS[first], (match[1], match[3], match[4]), strict=True))
        return _written(f"20{parts['y']}", int(parts["m"]), int(parts["d"]))

    return rewrite


def _written(year: str, month: int, day: int) -> str:
    return f"{year}-{month:02}-{day:02}"
