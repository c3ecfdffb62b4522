"""Texts that are burnt into films: their template, and where they stand."""

from __future__ import annotations

import string
from datetime import datetime
from pathlib import Path
from typing import Literal

from batch_analogy.errors import ConfigError

TextPlace = Literal[
    "bottom-left", "bottom", "bottom-right", "top-left", "top", "top-right"
]  # fmt: skip
"""Corner or side of the film at which a text stands."""

FIELDS = ("date", "frame", "name")
"""Fields of a template: the capture time, the number of the frame, the name of its file."""

_MOST_LETTERS = 1000
_USUAL_DATE = "%Y-%m-%d %H:%M:%S"


class _Date:
    """A capture time that is formatted as by ``strftime``; empty if it is unknown."""

    def __init__(self, taken: str | None) -> None:
        self._time = None if taken is None else datetime.fromisoformat(taken)

    def __format__(self, spec: str) -> str:
        return "" if self._time is None else self._time.strftime(spec or _USUAL_DATE)


def fields_of(template: str) -> set[str]:
    """Return the fields that a template has.

    Raises:
        ConfigError: its braces do not match.

    >>> sorted(fields_of("{name}, {date:%H:%M} {{}}"))
    ['date', 'name']
    """
    try:
        return {name for _, name, _, _ in string.Formatter().parse(template) if name is not None}
    except ValueError as error:
        raise ConfigError(
            f"text {template!r}: {error}; fields are written like {{date}}, and a brace like {{{{"
        ) from error


def check_template(template: str) -> None:
    """Check that a template has known fields, in formats that they can have.

    Raises:
        ConfigError: it does not.
    """
    unknown = fields_of(template) - set(FIELDS)
    if any("{" in (spec or "") for _, _, spec, _ in string.Formatter().parse(template)):
        raise ConfigError(f"text {template!r} has a field within a field; write them apart")
    if unknown:
        known = ", ".join(f"{{{name}}}" for name in FIELDS)
        raise ConfigError(f"text {template!r} has {{{min(unknown)}}}; it may have {known}")
    try:
        made = make_text(template, taken="2024-05-31T18:03:12.000000", frame=0, name="img1.jpg")
    except ValueError as error:
        raise ConfigError(f"text {template!r} cannot be made: {error}") from error
    if len(made) > _MOST_LETTERS:
        raise ConfigError(f"text has {len(made)} letters; it may have {_MOST_LETTERS}")


def make_text(template: str, *, taken: str | None, frame: int, name: str) -> str:
    """Return the text of a frame.

    Args:
        template: as for ``check_template``; a typed ``\\n`` begins a new line.
        taken: when the frame was taken, as for ``media.exif.read_capture_time``.
        frame: its number.
        name: of its file.

    >>> make_text("{date:%H:%M} {frame:04d}", taken="2024-05-31T18:03:12", frame=7, name="a")
    '18:03 0007'
    """
    lines = template.replace("\\n", "\n")
    text = lines.format(date=_Date(taken), frame=frame, name=Path(name).name)
    printable = text.encode("utf-8", errors="replace").decode()  # names may have other bytes
    return "\n".join(line.strip() for line in printable.splitlines()).strip("\n")
