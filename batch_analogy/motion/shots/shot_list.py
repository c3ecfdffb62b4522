"""Lists of shots that somebody made elsewhere: text, JSON, or PySceneDetect's table."""

from __future__ import annotations

import csv
import itertools
import json
import re
from collections.abc import Iterable
from typing import Any

from batch_analogy.errors import UsageError

HOW = (
    "write each shot's first frame, counted from 0, or its range like 120-299, a line each; or "
    'JSON like [0, 120] or {"shots": ["0-119", "120-299"]}; or give the scene list that '
    "PySceneDetect writes (CSV)"
)
_RANGE = re.compile(r"(\d{1,9})\s*(?:-\s*(\d{1,9}))?")
_FIRST_COLUMN = "Start Frame"  # of PySceneDetect, which counts from 1


def parse_shots(text: str) -> tuple[int, ...]:
    """The first frames of shots, in rising order.

    Args:
        text: the content of the file.

    Raises:
        UsageError: it is no list of shots, or its ranges leave frames out or overlap.

    >>> parse_shots("0-119\\n120-299  # the beach\\n"), parse_shots("[120, 300]")
    ((0, 120), (120, 300))
    """
    if text.lstrip()[:1] in ("[", "{"):
        return _rising(_range(entry) for entry in _json_entries(text))
    if _FIRST_COLUMN in text:
        return _rising((first, None) for first in _table_firsts(text))
    lines = (line.partition("#")[0] for line in text.splitlines())
    return _rising(_range(part) for line in lines for part in line.split(",") if part.strip())


def _json_entries(text: str) -> list[Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise UsageError(f"it begins like JSON and is none ({error}); {HOW}") from error
    entries = value.get("shots") if isinstance(value, dict) else value
    if not isinstance(entries, list):
        raise UsageError(f"it holds no list of shots; {HOW}")
    return entries


def _table_firsts(text: str) -> list[int]:
    """The start frames of PySceneDetect's table; a line of timecodes may stand before it."""
    rows = list(csv.reader(text.splitlines()))
    header = next(n for n, row in enumerate(rows) if any(_FIRST_COLUMN in cell for cell in row))
    column = next(n for n, cell in enumerate(rows[header]) if cell.strip() == _FIRST_COLUMN)
    try:
        return [int(row[column]) - 1 for row in rows[header + 1 :] if row]
    except (ValueError, IndexError) as error:
        raise UsageError(f"its column {_FIRST_COLUMN} does not hold numbers; {HOW}") from error


def _range(entry: object) -> tuple[int, int | None]:
    """The first and, where it is given, the last frame of a shot."""
    match = _RANGE.fullmatch(str(entry).strip()) if not isinstance(entry, bool) else None
    if match is None:
        raise UsageError(f"{str(entry).strip()!r} is no frame number or range; {HOW}")
    first, last = int(match[1]), int(match[2]) if match[2] else None
    if last is not None and last < first:
        raise UsageError(f"the shot {first}-{last} runs backwards")
    return first, last


def _rising(ranges: Iterable[tuple[int, int | None]]) -> tuple[int, ...]:
    found = sorted(ranges)
    if not found:
        raise UsageError(f"it names no shot; {HOW}")
    for (first, last), (following, _) in itertools.pairwise(found):
        if following == first:
            raise UsageError(f"two shots begin at frame {first}")
        if last is not None and following != last + 1:
            raise UsageError(
                f"the shot {first}-{last} is followed by one that begins at {following}; each "
                "frame is in one shot, so that should be "
                f"{last + 1}"
            )
    return tuple(first for first, _ in found)
