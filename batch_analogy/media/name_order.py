"""Sort file names as people read them: numbers by value, and dates, times and decimals as such.

Runs of digits are numbers. What else digits may mean is told from all names of a folder together:
decimals (``t_0.25`` before ``t_0.5``), times of a 12-hour clock (``11.59 AM`` before ``1.05 PM``),
dates that begin with the day or the month, and names of months.
"""

from __future__ import annotations

import itertools
import re
import unicodedata
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass, field

from batch_analogy.media.name_dates import MONTH_NAME, DateReading, read_dates, without_accents

NaturalKey = tuple[str, str]

_NUMBER = re.compile(r"([0-9]+)")
_DECIMAL = re.compile(r"(?<![0-9.,vV])([0-9]+)[.,]([0-9]+)(?![0-9]*[.,]?[0-9])")
_CLOCK = re.compile(
    r"(?<![0-9A-Za-z])(0?[1-9]|1[0-2])((?:[.:_h-][0-5][0-9]){0,2})[\s_.-]?([ap])\.?m\.?(?![A-Za-z])",
    re.IGNORECASE,
)
_SIGNED = re.compile(
    r"(?<![0-9A-Za-z)\]])(-?)([0-9]{1,15})(?:[.,]([0-9]{1,15})(?![0-9]))?(?![0-9])"
)
_MINUS = re.compile(r"(?<![0-9A-Za-z)\]])-(?=[0-9])")
_HEX = re.compile(r"(.*?)(?<![0-9A-Za-z])([0-9a-f]{2,16})", re.IGNORECASE | re.DOTALL)
_ZEROS = str.maketrans("123456789", "000000000")
_HINT = re.compile(  # in a name whose digits are all 0
    rf"0[.,]0|0[\s_.-]?[ap]\.?m|00?([-._])00?\1(?:00|0000)(?!0)|{MONTH_NAME}|(?<![0-9A-Za-z])-0"
    r"|0[a-f]|[a-f]0",
    re.IGNORECASE,
)
_DIGITS_OF_DECIMAL = 18
_ABOVE_ALL = 10**36  # added to signed numbers, so that those below 0 sort before the others


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
    plain = name if name.isascii() else _in_ascii_digits(plain_name(name))
    pieces = _NUMBER.split(plain.casefold())
    for index in range(1, len(pieces), 2):
        digits = pieces[index].lstrip("0")
        pieces[index] = f"\0{len(digits):03}{digits}"
    return "".join(pieces), name


def _in_ascii_digits(text: str) -> str:
    """Return a text with the digits of all scripts as 0 to 9.

    >>> _in_ascii_digits("図１０")
    '図10'
    """
    return "".join(str(unicodedata.decimal(c)) if c.isdecimal() else c for c in text)


@dataclass(frozen=True)
class NameReading:
    """What the digits in the names of a folder mean, besides numbers."""

    decimals: tuple[str, str] | None = None  # two names, the one with the lower decimal first
    clock: bool = False  # times with AM and PM
    signed: bool = False  # numbers below 0, with a minus
    hexadecimal: bool = False  # the last number has the digits a to f too
    dates: DateReading = field(default_factory=DateReading)

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
            shown = "" if self.signed else f": {' before '.join(self.decimals)}"
            notes.append(f"numbers with a point or comma are decimals{shown}")
        if self.clock:
            notes.append("times with AM and PM are compared as times of the day")
        if self.signed:
            notes.append("numbers after a minus are below 0")
        if self.hexadecimal:
            notes.append("numbers with letters from a to f are hexadecimal")
        return [*notes, *self.dates.notes()]

    def _rewritten(self, name: str) -> str:
        name = self.dates.rewrite(name)
        if self.clock:
            name = _CLOCK.sub(_in_24_hours, name)
        if self.signed:
            name = _SIGNED.sub(self._above_all, name)
        elif self.decimals is not None:
            name = _DECIMAL.sub(lambda m: f"{m[1]}.{m[2]:0<{_DIGITS_OF_DECIMAL}}", name)
        if self.hexadecimal and (found := _HEX.fullmatch(_stem(name))):
            name = f"{found[1]}{int(found[2], 16)}{name[found.end() :]}"
        return name

    def _above_all(self, match: re.Match[str]) -> str:
        """Return a signed number as a whole one that sorts like it."""
        decimals = (match[3] or "") if self.decimals is not None else ""
        value = int(match[2] + f"{decimals:0<{_DIGITS_OF_DECIMAL}}")
        rest = f".{match[3]}" if match[3] and not decimals else ""
        return f"{_ABOVE_ALL + (-value if match[1] else value)}{rest}"


def read_names(names: Collection[str]) -> NameReading:
    """Tell what the digits in the names of a folder mean.

    >>> read_names(["t_0.5.png", "t_0.25.png", "t_0.125.png"]).decimals
    ('t_0.125.png', 't_0.25.png')
    >>> read_names(["shot1.9.png", "shot1.10.png", "shot1.11.png"]).is_plain
    True
    """
    shapes = {without_accents(name).translate(_ZEROS) for name in names}  # few, if only numbered
    if not any(map(_HINT.search, shapes)):
        return NameReading()
    texts = list(names)
    dates = read_dates(texts)
    clock = any(map(_CLOCK.search, texts))
    dated = dates.numbers is not None or dates.short is not None
    return NameReading(
        decimals=None if clock or dated else _decimals_in(texts),
        clock=clock,
        signed=_are_signed(shapes),
        hexadecimal=_are_hexadecimal(texts),
        dates=dates,
    )


def _are_signed(shapes: Collection[str]) -> bool:
    """Return whether a minus stands before some of the numbers that others have without it."""
    collapsed = {re.sub("0+", "0", shape) for shape in shapes}
    return any(
        _MINUS.sub("", shape, count=1) in collapsed - {shape}
        for shape in collapsed
        if _MINUS.search(shape)
    )


def _are_hexadecimal(names: Sequence[str]) -> bool:
    """Return whether names differ in a last number of one length, with the digits 0 to f, alone."""
    found = [_HEX.fullmatch(_stem(name)) for name in names]
    matches = [match for match in found if match is not None]
    if len(matches) < max(3, len(names)) or len({match[1].casefold() for match in matches}) > 1:
        return False
    numbers = {match[2].casefold() for match in matches}
    mixed = any(number.isalpha() or number.isdecimal() for number in numbers)
    return len({len(n) for n in numbers}) == 1 and mixed and any(not n.isdecimal() for n in numbers)


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


def _in_24_hours(match: re.Match[str]) -> str:
    hour = int(match[1]) % 12 + (12 if match[3] in "pP" else 0)
    return f"{hour:02}{match[2]}"
