"""Parse lists of shots from other sources: plain text, JSON, or PySceneDetect's table."""

from __future__ import annotations

import csv
import itertools
import json
import re
from collections.abc import Iterable
from typing import Any

from batch_analogy.errors import UsageError

_FORMATS = (
    "write the first frame of each shot, counted from 0, or its range like 120-299, one per "
    'line; or JSON like [0, 120] or {"shots": ["0-119", "120-299"]}; or use the scene list (CSV) '
    "written by PySceneDetect"
)
_RANGE = re.compile(r"(\d{1,9})\s*(?:-\s*(\d{1,9}))?")
_FIRST_COLUMN = "Start Frame"  # of PySceneDetect, which counts from 1


def parse_shots(text: str) -> tuple[int, ...]:
    """Parse the first frames of shots, in rising order.

    Args:
        text: the content of the file.

    Raises:
        UsageError: the text is not a list of shots, or its ranges overlap or leave gaps.

    >>> parse_shots("0-119\\n120-299  # the beach\\n"), parse_shots("[120, 300]")
    ((0, 120), (120, 300))
    """
    if text.lstrip()[:1] in ("[", "{"):
        return _first_frames(_parse_range(entry) for entry in _json_entries(text))
    rows = list(csv.reader(text.splitlines())) if _FIRST_COLUMN in text else []
    header = next((n for n, row in enumerate(rows) if _FIRST_COLUMN in map(str.strip, row)), None)
    if header is not None:
        return _first_frames((first, None) for first in _table_entries(rows[header:]))
    lines = (line.partition("#")[0] for line in text.splitlines())
    parts = (part for line in lines for part in line.split(",") if part.strip())
    return _first_frames(map(_parse_range, parts))


def _json_entries(text: str) -> list[Any]:
    try:
        value = json.loads(text)
    except ValueError as error:
        raise UsageError(f"it looks like JSON but is not valid ({error}); {_FORMATS}") from error
    entries = value.get("shots") if isinstance(value, dict) else value
    if not isinstance(entries, list):
        raise UsageError(f"it contains no list of shots; {_FORMATS}")
    return entries


def _table_entries(rows: list[list[str]]) -> list[int]:
    """Return the start frames, counted from 0, of PySceneDetect's table, header first."""
    column = [cell.strip() for cell in rows[0]].index(_FIRST_COLUMN)
    try:
        found = [int(row[column]) - 1 for row in rows[1:] if row]
    except (ValueError, IndexError) as error:
        raise UsageError(
            f"its column {_FIRST_COLUMN} contains something other than numbers; {_FORMATS}"
        ) from error
    if any(frame < 0 for frame in found):
        raise UsageError(
            f"its column {_FIRST_COLUMN} has a frame below 1, the first frame; {_FORMATS}"
        )
    return found


def _parse_range(entry: object) -> tuple[int, int | None]:
    """Parse the first frame of a shot and, where given, the last."""
    match = _RANGE.fullmatch(str(entry).strip()) if not isinstance(entry, bool) else None
    if match is None:
        raise UsageError(f"{str(entry).strip()!r} is not a frame number or range; {_FORMATS}")
    first, last = int(match[1]), int(match[2]) if match[2] else None
    if last is not None and last < first:
        raise UsageError(f"the shot {first}-{last} ends before it begins")
    return first, last


def _first_frames(ranges: Iterable[tuple[int, int | None]]) -> tuple[int, ...]:
    """Sort shots, check that none overlap or leave gaps, and return their first frames."""
    found = sorted(ranges)
    if not found:
        raise UsageError(f"it lists no shots; {_FORMATS}")
    for (first, last), (following, _) in itertools.pairwise(found):
        if following == first:
            raise UsageError(f"two shots begin at frame {first}")
        if last is not None and following != last + 1:
            raise UsageError(
                f"the shot {first}-{last} is followed by one that begins at {following}; every "
                f"frame must be in exactly one shot, so that should be {last + 1}"
            )
    return tuple(first for first, _ in found)
