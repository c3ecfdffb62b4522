"""The journal: one JSON line for each event of a run, appended by the driver alone.

It is the authoritative record of a run. Each line is handed to the operating system before the
driver goes on, so a killed driver loses at most the line that it was writing; that torn line is cut
off at the next start. ``Journal.sync``, which the driver calls at intervals, flushes the lines to
the disk: a machine that loses power loses only the lines since then. A frame that was finished but
not journaled is found on the disk and adopted (``jobs.drive.resume``).
"""

from __future__ import annotations

import contextlib
import os
import sys
import time
from dataclasses import dataclass, field
from io import FileIO
from pathlib import Path

import msgspec

from batch_analogy.errors import UsageError
from batch_analogy.files import disk_errors
from batch_analogy.json_files import decode_json, encode_json
from batch_analogy.patience import patiently

TAIL_BYTES = 1 << 16  # of the journal, searched first for a torn line

# Errors of decoding a damaged line. RecursionError: 100,000 nested brackets are JSON too.
_DAMAGE = (ValueError, RecursionError)


def _now() -> float:
    return round(time.time(), 3)


class DoneRecord(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="event", tag="done"
):
    """A finished frame: the fields that a later start reads."""

    index: int
    input: str | None  # BLAKE2b of the frame's file when it was done; None for a video's frame
    output_bytes: dict[str, int]  # output → size of its file
    seconds: float
    exposure_ev: float = 0.0  # that was added to the frame
    shot_start: int | None = None  # of a coherent film: the first frame of the frame's shot
    misfit: float | None = None  # of a painted frame: how badly the paintings fit, 0 to 1
    provenance: str | None = None  # a hash of what it was made from, see ``provenance_of``
    look: str | None = None  # a hash of how its look was laid over it; None: in full


class DoneLine(DoneRecord, frozen=True, kw_only=True):
    """A finished frame, with further fields for people to read."""

    name: str = ""
    output_blake2b: dict[str, str] = {}  # output → BLAKE2b of its file
    stages: dict[str, float] = {}  # stage → seconds
    notes: tuple[str, ...] = ()
    worker: str = ""
    attempt: int = 0
    adopted: bool = False  # it was found on the disk though not journaled
    at: float = msgspec.field(default_factory=_now)  # seconds since 1970


class FailedRecord(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="event", tag="failed"
):
    """A frame that was given up: the fields that a later start reads."""

    index: int
    input: str | None
    message: str
    retryable: bool  # it may succeed another time with the same input


class FailedLine(FailedRecord, frozen=True, kw_only=True):
    """A frame that was given up, with further fields for people to read."""

    name: str = ""
    traceback: str = ""
    stages: dict[str, float] = {}
    notes: tuple[str, ...] = ()
    worker: str = ""
    attempt: int = 0
    at: float = msgspec.field(default_factory=_now)


class ResetRecord(
    msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="event", tag="reset"
):
    """A frame whose earlier lines are no longer valid: it is made again."""

    index: int
    replaced: dict[str, str] = {}  # on a retry: output → BLAKE2b of the file that was deleted


class ResetLine(ResetRecord, frozen=True, kw_only=True):
    """A reset, with the reason for people to read."""

    reason: str = ""
    at: float = msgspec.field(default_factory=_now)


class _ForPeople(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="event"):
    """A line that no program reads back."""

    at: float = msgspec.field(default_factory=_now)


class RetryLine(_ForPeople, frozen=True, kw_only=True, tag="retry"):
    """A failed attempt at a frame that will be tried again."""

    index: int
    name: str
    message: str
    traceback: str = ""
    stages: dict[str, float] = {}
    notes: tuple[str, ...] = ()
    worker: str
    attempt: int


class StartedLine(_ForPeople, frozen=True, kw_only=True, tag="started"):
    """The start of a driver's work."""

    pid: int
    to_do: int  # frames


class WorkerReadyLine(_ForPeople, frozen=True, kw_only=True, tag="worker_ready"):
    """A worker that takes work from now on."""

    worker: str
    node: str
    address: str


class WorkerLostLine(_ForPeople, frozen=True, kw_only=True, tag="worker_lost"):
    """A worker that is gone."""

    worker: str
    message: str
    cause: str


class NodeBlockedLine(_ForPeople, frozen=True, kw_only=True, tag="node_blocked"):
    """A node on which no more workers are started."""

    node: str
    message: str


JournalLine = (
    DoneLine
    | FailedLine
    | ResetLine
    | RetryLine
    | StartedLine
    | WorkerReadyLine
    | WorkerLostLine
    | NodeBlockedLine
)


class _Event(msgspec.Struct):
    event: str


_Record = DoneRecord | FailedRecord | ResetRecord
_RECORDS: msgspec.json.Decoder[_Record] = msgspec.json.Decoder(_Record)
_EVENTS = msgspec.json.Decoder(_Event)
_READ_EVENTS = ("done", "failed", "reset")


@dataclass
class History:
    """The state of each frame according to the journal; later lines win."""

    done: dict[int, DoneRecord] = field(default_factory=dict)
    failed: dict[int, FailedRecord] = field(default_factory=dict)
    retried: dict[int, dict[str, str]] = field(default_factory=dict)
    """Finished frames that were retried: index → output → BLAKE2b of its first file."""

    def apply(self, record: _Record) -> None:
        """Apply one line of the journal."""
        index = record.index
        self.done.pop(index, None)
        self.failed.pop(index, None)
        if isinstance(record, DoneRecord):
            if record.provenance is not None:  # a million records may share one
                msgspec.structs.force_setattr(record, "provenance", sys.intern(record.provenance))
            self.done[index] = record
        elif isinstance(record, FailedRecord):
            self.failed[index] = record
        elif record.replaced:
            self.retried.setdefault(index, record.replaced)


class Journal:
    """The journal, open for appending; use it as a context manager."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            self._file = self._open()
        self._unsynced = False

    def append(self, line: JournalLine) -> None:
        """Write one line; it survives the end of this process, and after ``sync`` a power loss.

        Raises:
            OutputDiskError: the disk is full or may not be written to.
        """
        data = encode_json(line) + b"\n"
        with disk_errors(self._path):
            patiently(lambda: self._write(data), again=self._close)
        self._unsynced = True

    def sync(self) -> None:
        """Flush the appended lines to the disk.

        Raises:
            OutputDiskError: the disk is full or may not be written to.
        """
        if self._unsynced:
            with disk_errors(self._path):
                patiently(self._flush, again=self._close)
            self._unsynced = False

    def close(self) -> None:
        """Flush the appended lines to the disk and close the file."""
        try:
            self.sync()
        finally:
            with disk_errors(self._path):
                self._file.close()

    def _open(self) -> FileIO:
        _cut_torn_line(self._path)
        return self._path.open("ab", buffering=0)

    def _write(self, data: bytes) -> None:
        if self._file.closed:
            self._file = self._open()
        while data:  # of a disk that is nearly full, a part may be written
            data = data[self._file.write(data) :]

    def _flush(self) -> None:
        if self._file.closed:
            self._file = self._open()
        os.fsync(self._file.fileno())

    def _close(self) -> None:
        """Close the file: after a network disk was cut off, a handle is of no use."""
        with contextlib.suppress(OSError):
            self._file.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


def read_history(path: Path) -> History:
    """Read the journal; ignore a torn last line.

    Raises:
        UsageError: a line before the last is damaged, so something else changed the file.
    """
    history = History()
    damaged: UsageError | None = None
    try:
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                if damaged is not None:  # it was not the last line
                    raise damaged
                if not line.endswith(b"\n"):
                    break  # torn
                try:
                    record = _decode(line)
                except _DAMAGE as error:
                    # Raised only if lines follow: a machine's crash may leave a last line of zeros.
                    damaged = UsageError(
                        f"{path} line {number} is damaged ({error}); delete that line, and its "
                        "frame is looked for on the disk"
                    )
                    continue
                if record is not None:
                    history.apply(record)
    except FileNotFoundError:
        pass
    return history


def _decode(line: bytes) -> _Record | None:
    """Decode a line; return None if it is for people only.

    Raises:
        ValueError, RecursionError: the line is damaged.
    """
    try:
        return decode_json(line, _RECORDS)
    except msgspec.ValidationError:
        if decode_json(line, _EVENTS).event in _READ_EVENTS:
            raise
        return None


def _cut_torn_line(path: Path) -> None:
    """Truncate the file after its last whole line, and before that line if it is damaged."""
    try:
        file = path.open("r+b")
    except FileNotFoundError:
        return
    with file:
        size = file.seek(0, os.SEEK_END)
        length, tail = TAIL_BYTES, b""
        while tail.count(b"\n") < 2 and len(tail) < size:  # until the last whole line begins in it
            file.seek(max(0, size - length))
            tail = file.read()
            length *= 2
        whole = tail.rfind(b"\n") + 1
        last = tail[tail.rfind(b"\n", 0, max(whole - 1, 0)) + 1 : whole]
        if last and not _is_whole(last):
            whole -= len(last)
        if whole < len(tail):
            file.truncate(size - len(tail) + whole)
            os.fsync(file.fileno())


def _is_whole(line: bytes) -> bool:
    try:
        _decode(line)
    except _DAMAGE:
        return False
    return True
