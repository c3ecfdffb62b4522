"""In which order pictures follow each other: by their names' numbers or by when they were taken.

The rule of ``auto``: where all pictures lie in one folder and their names differ in the last number
alone, that number decides. Elsewhere (several folders, a camera's counter that began again after
9999, copies like ``a (1).jpg``, names without numbers) the EXIF capture time does, if all readable
pictures have it, and the names if not. Times of several zones are compared as one, if all pictures
tell theirs. File dates never decide: copying changes them.
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
from batch_analogy.media.sequence import natural_key

By = Literal["number", "name", "time"]

_CLOCK_LENGTH = len("2026-03-01T18:30:05.250000")  # a time zone may stand behind it
_COPY = re.compile(r"(.*?) ?\(([0-9]+)\)((?:\.[^.]*)?)", re.DOTALL)


@dataclass(frozen=True)
class Arrangement:
    """How pictures were put in order."""

    places: tuple[int, ...]  # which of the given pictures stands first, second …
    by: By
    wraps: tuple[str, ...] = ()  # the pictures before which a camera's counter began again
    copies: int = 0  # pictures named like "a (1).jpg" beside their "a.jpg"
    disputed: tuple[int, ...] = ()  # places that come earlier by the time, or by the name, unused


def arrange(
    names: Sequence[str],
    taken: Sequence[str | None],
    readable: Sequence[bool],
    order: Order = "auto",
) -> Arrangement:
    """Put pictures in order.

    By name means: folders first, runs of digits as numbers (``img2`` before ``img10``), copies
    right after their originals, and in a folder whose camera's counter went from 9999 to 0001
    (``numbering.find_wrap``) the numbers before that first. By time, pictures taken at the same
    time stay in the order of their names, and one that cannot be read stays after the one before.

    Args:
        names: paths below a common folder; each is there once.
        taken: when each was taken (``camera.read_capture_time``); None: not known.
        readable: whether each can be used; of the others no time is expected.
        order: what decides.

    Raises:
        InputError: the time is to decide, and pictures do not tell it.
    """
    named = _by_names(names)
    timeless = [n for n in named.places if readable[n] and taken[n] is None]
    if order == "time" and timeless:
        raise InputError(
            f"the frames cannot be put in order of time: {len(timeless)} of {len(names)} have no "
            f"EXIF capture time, the first is {names[timeless[0]]}; use --order name"
        )
    if timeless or not any(taken):
        return named
    by_time = _by_time(named.places, taken)
    if order == "name" or (order == "auto" and named.by == "number"):
        return dataclasses.replace(named, disputed=_places_out_of_line(named.places, by_time))
    disputed = _places_out_of_line(by_time, named.places)
    return Arrangement(by_time, "time", copies=named.copies, disputed=disputed)


def _by_names(names: Sequence[str]) -> Arrangement:
    """The order by name or number."""
    files = _files(names)
    wraps = _wraps(files)
    plain = not wraps and _is_plain(files)
    in_order = sorted(files, key=_number) if plain else list(_in_order(files, wraps))
    return Arrangement(
        tuple(file.place for file in in_order),
        "number" if plain else "name",
        tuple(_starts(in_order, wraps)),
        sum(file.original is not None for file in files),
    )


class _File(NamedTuple):
    place: int  # among the names given
    folder: str  # with its separator; "" for the common one
    name: str
    original: str | None  # of a copy like "a (1).jpg": the "a.jpg" beside it
    number: NumberedName | None  # of its name, or of its original's


def _files(names: Sequence[str]) -> list[_File]:
    """Names taken apart. Frames that a file manager named ``a (1)``, ``a (2)`` … are no copies."""
    there = set(names) if any("(" in name for name in names) else set()
    texts: dict[Any, Any] = {}  # those that files share, once
    files: list[_File] = []
    for place, path in enumerate(names):
        name_at = path.rfind(os.sep) + 1
        folder, name = path[:name_at], path[name_at:]
        match = _COPY.fullmatch(name) if "(" in name else None
        original = match[1] + match[3] if match and match[1] else None
        if original is not None and folder + original not in there:
            original = None
        number = number_of(original or name)
        if number is not None:
            series = texts.setdefault(number.series, number.series)
            number = NumberedName(series, number.number, number.digits)
        files.append(_File(place, texts.setdefault(folder, folder), name, original, number))
    return files


def _wraps(files: Sequence[_File]) -> dict[str, int]:
    """Folder → the first number before the camera's counter began again there."""
    folders: dict[str, list[NumberedName | None]] = {}
    for file in files:
        if file.original is None:
            folders.setdefault(file.folder, []).append(file.number)
    wraps: dict[str, int] = {}
    for folder, found in folders.items():
        counted = [one for one in found if one is not None]
        first = find_wrap(counted) if len(counted) == len(found) else None
        if first is not None:
            wraps[folder] = first
    return wraps


def _is_late(file: _File, wraps: dict[str, int]) -> bool:
    """Whether it was counted after the camera's counter had begun again."""
    first = wraps.get(file.folder)
    return first is not None and file.number is not None and file.number.number < first


def _number(file: _File) -> int:
    return file.number.number if file.number else 0


class _Folder(NamedTuple):
    """A folder's files, and the folders in it by their names."""

    files: list[_File]
    folders: dict[str, _Folder]


def _in_order(files: Sequence[_File], wraps: dict[str, int]) -> Iterator[_File]:
    """Files in order of their folders and names."""
    top = _Folder([], {})
    known = {"": top}
    for file in files:
        if file.folder not in known:
            inside = top
            for part in file.folder.rstrip(os.sep).split(os.sep):
                inside = inside.folders.setdefault(part, _Folder([], {}))
            known[file.folder] = inside
        known[file.folder].files.append(file)
    return _walk(top, wraps)


def _walk(folder: _Folder, wraps: dict[str, int]) -> Iterator[_File]:
    """What lies in a folder, in order; the keys of one folder are held at a time."""
    keys = [_key(file, wraps) for file in folder.files]
    keys += [(False, natural_key(name)) for name in folder.folders]
    inside: list[_File | _Folder] = [*folder.files, *folder.folders.values()]
    for place in sorted(range(len(inside)), key=keys.__getitem__):
        found = inside[place]
        if isinstance(found, _File):
            yield found
        else:
            yield from _walk(found, wraps)


def _key(file: _File, wraps: dict[str, int]) -> tuple[Any, ...]:
    late = _is_late(file, wraps)
    if file.original is None:
        return late, natural_key(file.name)
    return late, natural_key(file.original), natural_key(file.name)


def _is_plain(files: Sequence[_File]) -> bool:
    """Whether all differ in their last number alone; a copy has that of its original."""
    numbers = [file.number for file in files if file.number is not None]
    return (
        len(numbers) == len(files)
        and len({file.folder for file in files}) == 1
        and len({one.series for one in numbers}) == 1
        and len({one.number for one in numbers}) == len(files)
    )


def _by_time(by_name: Sequence[int], taken: Sequence[str | None]) -> tuple[int, ...]:
    """In order of time; one without a time keeps its place after the one before it."""
    last = next(taken[n] or "" for n in by_name if taken[n])
    times: dict[int, str] = {}
    for n in by_name:
        last = taken[n] or last
        times[n] = last
    if _crosses_zones(times.values()):
        times = {n: _in_utc(time) for n, time in times.items()}
    return tuple(sorted(by_name, key=times.__getitem__))


def _crosses_zones(times: Iterable[str]) -> bool:
    """Whether cameras' clocks were set to several time zones, and all of them say to which.

    Where one does not, its time cannot be compared but by the clocks.
    """
    zones = {time[_CLOCK_LENGTH:] for time in times}
    return len(zones) > 1 and "" not in zones


def _in_utc(time: str) -> str:
    return datetime.fromisoformat(time).astimezone(timezone.utc).isoformat(timespec="microseconds")


def _places_out_of_line(order: Sequence[int], other: Sequence[int]) -> tuple[int, ...]:
    """The places of ``order`` whose picture stands before its forerunner in the other order."""
    rank = {n: place for place, n in enumerate(other)}
    pairs = enumerate(itertools.pairwise(order), start=1)
    return tuple(place for place, (before, after) in pairs if rank[after] < rank[before])


def _starts(in_order: Sequence[_File], wraps: dict[str, int]) -> Iterator[str]:
    """The first picture of each folder after its camera's counter had begun again."""
    begun: set[str] = set()
    for file in in_order if wraps else ():
        if _is_late(file, wraps) and file.folder not in begun:
            begun.add(file.folder)
            yield file.folder + file.name
