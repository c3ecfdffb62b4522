"""Records of a run's films, by which it knows its own files again.

``film.json`` records each film before its first byte is written. So if a driver is killed, the next
start recognises its film and deletes the unfinished files.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Literal

import msgspec

from batch_analogy.errors import UsageError
from batch_analogy.files import TEMPORARY_PREFIX, disk_errors, temporary_path
from batch_analogy.jobs.locked_folder import remove_tree
from batch_analogy.jobs.store import RunStore
from batch_analogy.json_files import from_plain, read_struct, to_plain, write_json
from batch_analogy.media.numbered_output import find_numbered, is_pattern, numbered
from batch_analogy.output_claims import OutputClaims, identify_file

FILMS_FORMAT = 3


class FilmRecord(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The record of one film, or of numbered pictures."""

    state: Literal["writing", "done"]
    key: str  # equal keys, equal films
    frames: int = 0  # while it is written: pictures that may be there
    replaced_bytes: int | None = None  # while it is written: of the film before, 0 if none
    scratch: str | None = None  # while it is written: the folder of unfinished files
    output: str = ""
    fps: str = ""
    height: int = 0  # px
    width: int = 0  # px
    duration_seconds: float = 0.0
    bytes: int = 0
    has_audio: bool = False
    scaled: bool = False
    missing: tuple[int, ...] = ()  # frames that were held or skipped


class FilmRecords(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of ``film.json``."""

    format: int = FILMS_FORMAT
    films: dict[str, FilmRecord] = {}


def read_records(store: RunStore) -> dict[str, FilmRecord]:
    """Read the record of each film, by its path.

    Raises:
        UsageError: ``film.json`` is damaged.
    """
    records = read_struct(
        store.films,
        lambda data: from_plain(json.loads(data), FilmRecords),
        version=FILMS_FORMAT,
        remedy="delete it: the films are made again",
    )
    return {} if records is None else records.films


def record_of(path: Path, records: Mapping[str, FilmRecord]) -> FilmRecord | None:
    """Return the record of a film, or of the film that lay elsewhere before it was moved."""
    moved = (Path(one) for one in records if Path(one).name == path.name and not Path(one).exists())
    return records.get(str(path)) or records.get(str(next(moved, path)))


def write_record(store: RunStore, path: Path, record: FilmRecord) -> None:
    """Write the record of a film.

    Raises:
        OutputDiskError: the disk is full or may not be written to.
    """
    records = FilmRecords(films={**read_records(store), str(path): record})
    write_json(store.films, to_plain(records))


def place_addition(
    unfinished: Path, path: Path, *, key: str, store: RunStore, claims: OutputClaims
) -> None:
    """Move a file that belongs to a film into place, and record that the run made it.

    Raises:
        OutputExistsError: something else has written it meanwhile.
        OutputDiskError: the disk is full or may not be written to.
    """
    size_bytes = unfinished.stat().st_size
    before = path.stat().st_size if path.is_file() else 0
    record = FilmRecord(state="writing", key=key, frames=1, bytes=size_bytes, replaced_bytes=before)
    write_record(store, path, record)
    with disk_errors(path):
        claims.place(unfinished, path)
    write_record(store, path, FilmRecord(state="done", key=key, frames=1, bytes=size_bytes))


def is_complete(path: Path, record: FilmRecord | None, key: str) -> bool:
    """Return True if a film with this key is finished and has not been changed since."""
    if record is None or record.state != "done" or record.key != key:
        return False
    return _size_bytes(path, record) == record.bytes


def is_ours(path: Path, record: FilmRecord | None) -> bool:
    """Return True if the file at this path was written by the run, and may be replaced.

    A film that was being written when its driver was killed is either the one that was there
    before, or the new one, whose size is noted before it is moved into place. Numbered pictures are
    replaced one by one, so there is no telling; nor with a record that lacks the size.
    """
    if record is None:
        return False
    if record.state == "writing" and (is_pattern(path) or record.replaced_bytes is None):
        return True
    size_bytes = _size_bytes(path, record)
    if record.state == "writing" and size_bytes == record.replaced_bytes:
        return True
    return size_bytes == record.bytes


def identify_output(path: Path) -> object:
    """Return what tells the content of a film, or of numbered pictures, from another."""
    if not is_pattern(path):
        return identify_file(path)
    there = find_numbered(path)
    return tuple((index, identify_file(there[index])) for index in sorted(there)) or None


def _size_bytes(path: Path, record: FilmRecord) -> int | None:
    """Return the size of a film, or of its numbered pictures together; None if one is missing."""
    paths = [path]
    if is_pattern(path):
        paths = [numbered(path, index) for index in range(record.frames)]
    if not all(one.is_file() for one in paths):
        return None
    return sum(one.stat().st_size for one in paths)


@contextlib.contextmanager
def scratch_of(store: RunStore, path: Path) -> Iterator[Path]:
    """Name a folder for the unfinished files of an output, and delete it in the end.

    It is not made, so that it can be recorded first. Files in it can be renamed to the output: it
    is a folder of the run if that is on the output's disk, else a new one beside the output.

    Raises:
        OutputDiskError: the folder of the output cannot be made.
    """
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        near = path.parent.stat().st_dev == store.run_dir.stat().st_dev
        scratch = store.unfinished_films if near else temporary_path(path.parent / "film")
    try:
        yield scratch
    finally:
        with contextlib.suppress(OSError):  # the next start deletes it
            remove_tree(scratch)


def remove_unfinished(store: RunStore) -> None:
    """Delete the unfinished files of a driver that was killed while it encoded."""
    remove_tree(store.unfinished_films)
    for record in _readable_records(store).values():
        scratch = None if record.scratch is None else Path(record.scratch)
        if scratch is not None and scratch.name.startswith(TEMPORARY_PREFIX):
            remove_tree(scratch)


def remove_numbered_pictures(store: RunStore) -> None:
    """Delete the numbered pictures that the run made, before it starts afresh with other frames.

    A film file is replaced by the next one, but surplus numbered pictures would remain.
    """
    for name, record in _readable_records(store).items():
        pattern = Path(name)
        if is_pattern(pattern) and is_ours(pattern, record):
            for index in range(record.frames):
                numbered(pattern, index).unlink(missing_ok=True)


def forget_unreadable(store: RunStore) -> None:
    """Delete records that are damaged or of another version; the films are made again."""
    try:
        read_records(store)
    except UsageError:
        store.films.unlink(missing_ok=True)


def _readable_records(store: RunStore) -> dict[str, FilmRecord]:
    """Read the records; return an empty dict if they are damaged or of another version."""
    try:
        return read_records(store)
    except UsageError:
        return {}
