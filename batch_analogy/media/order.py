"""Order pictures by the numbers in their names or by capture time.

The rule of ``auto``: if all pictures lie in one folder and their names differ in the last number
only, that number decides. Otherwise (several folders, a camera's counter that wrapped after 9999,
copies such as ``a (1).jpg``, names without numbers) the EXIF capture time decides if all readable
pictures have one, else the names. Times with different zones are converted to UTC if all pictures
record their zone. File dates are never used: copying changes them.
"""

from __future__ import annotations

import dataclasses
import itertools
import os
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Literal, NamedTuple

from batch_analogy.config.run import Order
from batch_analogy.errors import InputError
from batch_analogy.media.frame_numbers import NumberedName, find_wrap, number_of
from batch_analogy.media.name_order import NameReading, read_names

By = Literal["number", "name", "time"]

_CLOCK_LENGTH = len("2026-03-01T18:30:05.250000")  # a time zone may follow
_COPY = re.compile(
    r"(.*?)(?: ?\([0-9]+\)|(?: -|_)? ?(?:copy|copie|copia|kopie|kopia)(?: ?\(?[0-9]+\)?)?)"
    r"((?:\.[^.]*)?)",
    re.DOTALL | re.IGNORECASE,
)
_HINTS_OF_COPIES = ("(", "cop", "kop")


@dataclass(frozen=True)
class Arrangement:
    """Order of pictures, and how it was found."""

    order: tuple[int, ...]  # indices of the given pictures, in order
    by: By
    wraps: tuple[str, ...] = ()  # first picture of each folder after its counter wrapped
    copies: int = 0  # pictures named like "a (1).jpg" beside an "a.jpg"
    notes: tuple[str, ...] = ()  # what names mean besides numbers
    disputed: tuple[int, ...] = ()  # positions where the unused criterion, name or time, disagrees


def arrange(
    names: Sequence[str],
    taken: Sequence[str | None],
    readable: Sequence[bool],
    order: Order = "auto",
) -> Arrangement:
    """Put pictures in order.

    By name: in order of folders, then of names, with runs of digits as numbers (``img2`` before
    ``img10``). Copies follow their originals. If a camera's counter wrapped from 9999 to 0001
    (``frame_numbers.find_wrap``), the numbers before the wrap come first. By time: pictures with
    equal times stay in order of their names, and unreadable ones stay behind their predecessor.

    Args:
        names: paths below a common folder, without duplicates.
        taken: capture times (``exif.read_capture_time``); None: unknown.
        readable: whether each can be read; unreadable ones need no time.
        order: the criterion.

    Raises:
        InputError: the order is ``time`` and pictures have no capture time.
    """
    named = _by_names(names)
    without_time = [n for n in named.order if readable[n] and taken[n] is None]
    if order == "time" and without_time:
        raise InputError(
            f"the frames cannot be ordered by time: {len(without_time)} of {len(names)} have no "
            f"EXIF capture time, the first is {names[without_time[0]]}; use --order name"
        )
    if without_time or not any(taken):
        return named
    by_time = _by_time(named.order, taken)
    if order == "name" or (order == "auto" and named.by == "number"):
        return dataclasses.replace(named, disputed=_disagreements(named.order, by_time))
    disputed = _disagreements(by_time, named.order)
    return Arrangement(by_time, "time", copies=named.copies, disputed=disputed)


def _by_names(names: Sequence[str]) -> Arrangement:
    """Order by name, or by number if names differ in nothing else."""
    files = _files(names)
    copies = sum(file.original is not None for file in files)
    wraps = _wraps(files)
    plain = not wraps and _is_plain(files)
    in_order = sorted(files, key=_number) if plain else list(_in_order(files, wraps, NameReading()))
    reading = read_names([file.name for file in files])
    if not reading.is_plain:
        read = list(_in_order(files, {}, reading))
        if read != in_order:  # else numbers alone give that order
            order = tuple(file.source_index for file in read)
            return Arrangement(order, "name", copies=copies, notes=tuple(reading.notes()))
    return Arrangement(
        tuple(file.source_index for file in in_order),
        "number" if plain else "name",
        tuple(_first_after_wrap(in_order, wraps)),
        copies,
    )


class _File(NamedTuple):
    source_index: int  # among the given names
    folder: str  # with its separator; "" for the common one
    name: str
    original: str | None  # of a copy like "a (1).jpg": the "a.jpg" beside it
    number: NumberedName | None  # in its name, or in its original's


def _files(names: Sequence[str]) -> list[_File]:
    """Parse names. ``a (1)``, ``a copy`` … are frames, not copies, if there is no ``a``."""
    existing = set(names) if any(map(_may_be_copy, names)) else set()
    texts: dict[Any, Any] = {}  # interned, as many files share them
    files: list[_File] = []
    for index, path in enumerate(names):
        name_at = path.rfind(os.sep) + 1
        folder, name = path[:name_at], path[name_at:]
        match = _COPY.fullmatch(name) if existing and _may_be_copy(name) else None
        original = match[1] + match[2] if match and match[1] else None
        if original is not None and folder + original not in existing:
            original = None
        number = number_of(original or name)
        if number is not None:
            series = texts.setdefault(number.series, number.series)
            number = NumberedName(series, number.number, number.digits)
        files.append(_File(index, texts.setdefault(folder, folder), name, original, number))
    return files


def _may_be_copy(name: str) -> bool:
    plain = name.casefold()
    return any(hint in plain for hint in _HINTS_OF_COPIES)


def _wraps(files: Sequence[_File]) -> dict[str, int]:
    """Find wrapped counters: folder → its first number before the wrap."""
    folders: dict[str, list[NumberedName | None]] = {}
    for file in files:
        if file.original is None:
            folders.setdefault(file.folder, []).append(file.number)
    wraps: dict[str, int] = {}
    for folder, found in folders.items():
        numbered = [name for name in found if name is not None]
        first = find_wrap(numbered) if len(numbered) == len(found) else None
        if first is not None:
            wraps[folder] = first
    return wraps


def _is_late(file: _File, wraps: dict[str, int]) -> bool:
    """Return whether a file was numbered after its camera's counter wrapped."""
    first = wraps.get(file.folder)
    return first is not None and file.number is not None and file.number.number < first


def _number(file: _File) -> int:
    return file.number.number if file.number else 0


class _Folder(NamedTuple):
    """A folder's files and, by name, its subfolders."""

    files: list[_File]
    folders: dict[str, _Folder]


def _in_order(
    files: Sequence[_File], wraps: dict[str, int], reading: NameReading
) -> Iterator[_File]:
    """Yield files in order of their folders and names."""
    top = _Folder([], {})
    known = {"": top}
    for file in files:
        if file.folder not in known:
            inside = top
            for part in file.folder.rstrip(os.sep).split(os.sep):
                inside = inside.folders.setdefault(part, _Folder([], {}))
            known[file.folder] = inside
        known[file.folder].files.append(file)
    return _walk(top, wraps, reading)


def _walk(folder: _Folder, wraps: dict[str, int], reading: NameReading) -> Iterator[_File]:
    """Yield the files below a folder in order; only one folder's keys are in memory at a time."""
    keys = [_key(file, wraps, reading) for file in folder.files]
    of_folders = read_names(folder.folders)
    keys += [(False, of_folders.key(name)) for name in folder.folders]
    inside: list[_File | _Folder] = [*folder.files, *folder.folders.values()]
    for index in sorted(range(len(inside)), key=keys.__getitem__):
        found = inside[index]
        if isinstance(found, _File):
            yield found
        else:
            yield from _walk(found, wraps, reading)


def _key(file: _File, wraps: dict[str, int], reading: NameReading) -> tuple[Any, ...]:
    late = _is_late(file, wraps)
    if file.original is None:
        return late, reading.key(file.name)
    return late, reading.key(file.original), reading.key(os.path.splitext(file.name)[0])


def _is_plain(files: Sequence[_File]) -> bool:
    """Return whether all files are in one folder and their names differ only in the last number.

    A copy has its original's number, so there must be no copies.
    """
    numbers = [file.number for file in files if file.number is not None]
    return (
        len(numbers) == len(files)
        and len({file.folder for file in files}) == 1
        and len({one.series for one in numbers}) == 1
        and len({one.number for one in numbers}) == len(files)
    )


def _by_time(by_name: Sequence[int], taken: Sequence[str | None]) -> tuple[int, ...]:
    """Order by time; a picture without one keeps its position behind its predecessor."""
    last = next(taken[n] or "" for n in by_name if taken[n])
    times: dict[int, str] = {}
    for n in by_name:
        last = taken[n] or last
        times[n] = last
    if _crosses_zones(times.values()):
        times = {n: _in_utc(time) for n, time in times.items()}
    return tuple(sorted(by_name, key=times.__getitem__))


def _crosses_zones(times: Iterable[str]) -> bool:
    """Return whether pictures have several time zones and all of them record theirs.

    If one does not, only the cameras' clocks can be compared.
    """
    zones = {time[_CLOCK_LENGTH:] for time in times}
    return len(zones) > 1 and "" not in zones


def _in_utc(time: str) -> str:
    return datetime.fromisoformat(time).astimezone(timezone.utc).isoformat(timespec="microseconds")


def _disagreements(order: Sequence[int], other: Sequence[int]) -> tuple[int, ...]:
    """Return the positions whose picture precedes its predecessor in the other order."""
    rank = {n: position for position, n in enumerate(other)}
    pairs = enumerate(itertools.pairwise(order), start=1)
    return tuple(position for position, (before, after) in pairs if rank[after] < rank[before])


def _first_after_wrap(in_order: Sequence[_File], wraps: dict[str, int]) -> Iterator[str]:
    """Yield the first picture of each folder after its camera's counter wrapped."""
    wrapped: set[str] = set()
    for file in in_order if wraps else ():
        if _is_late(file, wraps) and file.folder not in wrapped:
            wrapped.add(file.folder)
            yield file.folder + file.name
