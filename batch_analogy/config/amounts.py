"""Amounts from 0 to 1 that may change over a film: ``0.7``, ``0,1`` or ``0@10,1@60%``."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import NamedTuple

from batch_analogy.errors import ConfigError

_NEXT = re.compile(r",(?=\s*[0-9.]+\s*(?:[@,]|$))")  # names of frames may hold commas
_NUMBER = re.compile(r"[0-9]*\.?[0-9]+|[0-9]+\.")


@dataclass(frozen=True)
class LookShare:
    """How much of a look a frame gets."""

    strength: float = 1.0  # 0: the picture as it was; 1: the look
    colours_kept: float = 0.0  # 1: all colours of the picture, under the lightness of the look

    @property
    def is_whole(self) -> bool:
        """True if the look is taken as it is."""
        return self.strength == 1.0 and self.colours_kept == 0.0


WHOLE = LookShare()


class Amount(NamedTuple):
    """An amount, and where it applies."""

    value: float  # 0 to 1
    place: str | None = None  # a frame, as ``jobs.plan.references`` reads it; None: not said


def parse_amounts(name: str, text: str | float) -> tuple[Amount, ...]:
    """Parse an amount, or several that fade into each other.

    Args:
        name: of the option, for messages.
        text: as a person wrote it, or a number.

    Raises:
        ConfigError: it is not of this form, or an amount is not between 0 and 1.

    >>> parse_amounts("strength", "0@10, 1@60%")
    (Amount(value=0.0, place='10'), Amount(value=1.0, place='60%'))
    """
    found = []
    for part in _NEXT.split(str(float(text) if isinstance(text, int | float) else text)):
        number, at, place = part.strip().partition("@")
        if not _NUMBER.fullmatch(number.strip()) or (at and not place.strip()):
            raise ConfigError(
                f"{name} is {text!r}; give a number from 0 to 1, like 0.7; or several that fade "
                "into each other over the film, like 0,1 or 0@frame0010,1@60%"
            )
        if not 0 <= float(number) <= 1:
            raise ConfigError(f"{name} is {number.strip()}; it must lie between 0 and 1")
        found.append(Amount(float(number), place.strip() or None))
    return tuple(found)


def amounts_text(amounts: tuple[Amount, ...]) -> str:
    """Return amounts as they are written, the same for the same amounts.

    >>> amounts_text(parse_amounts("strength", "0@10, 1.0@60%")), amounts_text((Amount(1.0),))
    ('0@10,1@60%', '1')
    """
    return ",".join(f"{value:.9g}" + (f"@{place}" if place else "") for value, place in amounts)


def is_amounts(text: str) -> bool:
    """Return whether a word can only be meant as an amount, or several.

    >>> is_amounts("0.5"), is_amounts("0@10,1@60%"), is_amounts("0001.png"), is_amounts("7")
    (True, True, False, False)
    """
    try:
        return bool(parse_amounts("", text))
    except ConfigError:
        return False
