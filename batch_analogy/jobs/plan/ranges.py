"""Read and write frame numbers as people write them: ``3,5-10``, both ends included."""

from __future__ import annotations

import re
from collections.abc import Iterable

from batch_analogy.errors import UsageError

_RANGE = re.compile(r"\s*(\d{1,9})\s*(?:-\s*(\d{1,9})\s*)?")


def parse_range(text: str) -> range:
    """Read one number or range.

    Raises:
        UsageError: it is neither.

    >>> parse_range("5-10"), parse_range("7")
    (range(5, 11), range(7, 8))
    """
    match = _RANGE.fullmatch(text)
    if match is None:
        raise UsageError(f"{text!r} is not a frame number or range; write it like 3 or 5-10")
    first, last = int(match[1]), int(match[2] or match[1])
    if last < first:
        raise UsageError(f"the range {text.strip()} runs backwards; write {last}-{first}")
    return range(first, last + 1)


def parse_frames(text: str, total: int) -> frozenset[int]:
    """Read a list of numbers and ranges, all within a run of ``total`` frames.

    Raises:
        UsageError: it is not such a list, or there is no such frame.

    >>> sorted(parse_frames("3, 5-7", 9)), sorted(parse_frames("", 9))
    ([3, 5, 6, 7], [])
    """
    ranges = [parse_range(part) for part in text.split(",")] if text.strip() else []
    for found in ranges:  # before they are expanded: 0-999999999 is quickly typed
        if found[-1] >= total:
            raise UsageError(
                f"there is no frame {found[-1]}: the {total} frames are numbered 0 to {total - 1}"
            )
    return frozenset(index for found in ranges for index in found)


def format_range(start: int, stop: int) -> str:
    """Return a half-open range as people write it.

    >>> format_range(5, 11), format_range(7, 8)
    ('5-10', '7')
    """
    return str(start) if stop == start + 1 else f"{start}-{stop - 1}"


def format_frames(indices: Iterable[int]) -> str:
    """Return frame numbers as people write them, as numbers and ranges.

    >>> format_frames([3, 5, 6, 7])
    '3,5-7'
    """
    runs: list[list[int]] = []
    for index in sorted(indices):
        if runs and index == runs[-1][1]:
            runs[-1][1] = index + 1
        else:
            runs.append([index, index + 1])
    return ",".join(format_range(start, stop) for start, stop in runs)
