"""In which order pictures follow each other: by their names' numbers or by when they were taken.

The rule of ``auto``: where all pictures lie in one folder and their names differ in the last number
alone, that number decides. Elsewhere (several folders, a camera's counter that began again after
9999, copies like ``a (1).jpg``, names without numbers) the EXIF capture time does, if all readable
pictures have it, and the names if not. File dates never decide: copying changes them.
"""

from __future__ import annotations

import itertools
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, NamedTuple

from batch_analogy.config import Order
from batch_analogy.errors import InputError
from batch_analogy.media.numbering import Numbered, find_wrap, number_of
from batch_analogy.media.sequence import natural_key

By = Literal["number", "name", "time"]

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
        taken: when each was taken (``camera.read_taken``); None: not known.
        readable: whether each can be used; of the others no time is expected.
        order: what decides.

    Raises:
        InputError: the time is to decide, and pictures do not tell it.
    """
    files = _files(names)
    wraps = _wraps(files)
    plain = not wraps and _is_plain(files)
    keys: list[Any] = [f.number for f in files] if plain else [_key(file, wraps) for file in files]
    by_name = sorted(range(len(files)), key=keys.__getitem__)
    copies = sum(file.original is not None for file in files)
    timeless = [n for n in by_name if readable[n] and taken[n] is None]
    if order == "time" and timeless:
        raise InputError(
            f"the frames cannot be put in order of time: {len(timeless)} of {len(names)} have no "
            f"EXIF capture time, the first is {names[timeless[0]]}; use --order name"
        )
    by_time = None if timeless or not any(taken) else _by_time(by_name, taken)
    if by_time is not None and order != "name" and not (order == "auto" and plain):
        return Arrangement(by_time, "time", (), copies, _places_out_of_line(by_time, by_name))
    starts = tuple(_starts(by_name, files, wraps))
    against = () if by_time is None else _places_out_of_line(by_name, by_time)
    return Arrangement(tuple(by_name), "number" if plain else "name", starts, copies, against)


class _File(NamedTuple):
    folder: str
    name: str
    original: str | None  # of a copy like "a (1).jpg": the "a.jpg" beside it
    number: Numbered | None  # of its name, or of its original's


def _files(names: Sequence[str]) -> list[_File]:
    """Names taken apart. Frames that a file manager named ``a (1)``, ``a (2)`` … are no copies."""
    there = set(names)
    files: list[_File] = []
    for path in names:
        folder, name = os.path.split(path)
        match = _COPY.fullmatch(name) if "(" in name else None
        original = match[1] + match[3] if match and match[1] else None
        if original is not None and os.path.join(folder, original) not in there:
            original = None
        files.append(_File(folder, name, original, number_of(original or name)))
    return files


def _wraps(files: Sequence[_File]) -> dict[str, int]:
    """Folder → the first number before the camera's counter began again there."""
    folders: dict[str, list[Numbered | None]] = {}
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


def _key(file: _File, wraps: dict[str, int]) -> list[tuple[Any, ...]]:
    parts = file.folder.split(os.sep) if file.folder else []
    folders: list[tuple[Any, ...]] = [(False, natural_key(part)) for part in parts]
    stands_with = natural_key(file.original or file.name)
    is_copy = file.original is not None
    return [*folders, (_is_late(file, wraps), stands_with, is_copy, natural_key(file.name))]


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
    return tuple(sorted(by_name, key=times.__getitem__))


def _places_out_of_line(order: Sequence[int], other: Sequence[int]) -> tuple[int, ...]:
    """The places of ``order`` whose picture stands before its forerunner in the other order."""
    rank = {n: place for place, n in enumerate(other)}
    pairs = enumerate(itertools.pairwise(order), start=1)
    return tuple(place for place, (before, after) in pairs if rank[after] < rank[before])


def _starts(by_name: Sequence[int], files: Sequence[_File], wraps: dict[str, int]) -> Iterator[str]:
    """The first picture of each folder after its camera's counter had begun again."""
    begun: set[str] = set()
    for n in by_name if wraps else ():
        file = files[n]
        if _is_late(file, wraps) and file.folder not in begun:
            begun.add(file.folder)
            yield os.path.join(file.folder, file.name)
