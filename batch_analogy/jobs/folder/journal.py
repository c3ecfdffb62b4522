"""The journal: one JSON line per frame event, appended by the driver alone.

It is the truth about a run. Every line is handed to the operating system before the driver goes
on, so a killed driver loses at most the line that it was writing; that torn line is cut off at the
next start. ``sync`` brings the lines to the disk, which the driver asks for now and then, so a
machine that loses power loses no more than those since. A frame that was finished but not journaled
is found on the disk and adopted (``resume``).
"""

from __future__ import annotations

import json
import os
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from types import TracebackType
from typing import IO, Any

from batch_analogy.errors import UsageError
from batch_analogy.files import NON_UTF8_ERRORS, disk_errors

TAIL_BYTES = 1 << 16  # of the journal, looked at for a torn line at first

# What a line can raise that was not written here: 1e999 is JSON, and so are 100,000 brackets.
_NONSENSE = (ValueError, KeyError, TypeError, AttributeError, OverflowError, RecursionError)


@dataclass(frozen=True, slots=True)
class DoneRecord:
    """A finished frame as journaled."""

    index: int
    input: str | None  # blake2b of the frame's file when it was done
    output_bytes: dict[str, int]  # output → size of its file
    seconds: float
    exposure_ev: float = 0.0  # that was added to the frame
    shot_start: int | None = None  # of a steady film: the first frame of the shot it was in
    misfit: float | None = None  # of a painted frame, see KeyframePainter
    provenance: str | None = (
        None  # a fingerprint of what it was made from, see film_courses.provenance_of
    )


@dataclass(frozen=True, slots=True)
class FailedRecord:
    """A frame that was given up."""

    index: int
    input: str | None
    message: str
    retryable: bool  # may succeed another time, although nothing in the input changes


@dataclass
class History:
    """What the journal says about each frame; later lines win."""

    done: dict[int, DoneRecord] = field(default_factory=dict)
    failed: dict[int, FailedRecord] = field(default_factory=dict)

    def apply(self, line: dict[str, Any]) -> None:
        """Take one journal line into account; lines of other kinds are for people."""
        kind = line.get("event")
        if kind == "done":
            index = int(line["index"])
            self.done[index] = DoneRecord(
                index,
                line["input"],
                _sizes(line["output_bytes"]),
                float(line["seconds"]),
                float(line.get("exposure_ev", 0.0)),
                line.get("shot_start"),
                line.get("misfit"),
                None if line.get("provenance") is None else sys.intern(line["provenance"]),
            )
            self.failed.pop(index, None)
        elif kind == "failed":
            index = int(line["index"])
            self.failed[index] = FailedRecord(
                index, line["input"], str(line["message"]), bool(line["retryable"])
            )
            self.done.pop(index, None)
        elif kind == "reset":
            index = int(line["index"])
            self.done.pop(index, None)
            self.failed.pop(index, None)


class Journal:
    """The journal open for appending; use it as a context manager."""

    def __init__(self, path: Path) -> None:
        self._path = path
        with disk_errors(path):
            path.parent.mkdir(parents=True, exist_ok=True)
            _cut_torn_line(path)
            self._file: IO[str] = path.open("a", encoding="utf-8", errors=NON_UTF8_ERRORS)
        self._unsynced = False
        self._encode = json.JSONEncoder(ensure_ascii=False).encode

    def append(self, event: str, **values: Any) -> None:
        """Write one line; it survives the end of this process, and after ``sync`` that of power.

        Raises:
            OutputDiskError: the disk is full or may not be written to.
        """
        line = {"event": event, **values, "at": round(time.time(), 3)}
        with disk_errors(self._path):
            self._file.write(self._encode(line) + "\n")
            self._file.flush()
        self._unsynced = True

    def sync(self) -> None:
        """Bring what was appended to the disk.

        Raises:
            OutputDiskError: the disk is full or may not be written to.
        """
        if self._unsynced:
            with disk_errors(self._path):
                os.fsync(self._file.fileno())
            self._unsynced = False

    def close(self) -> None:
        """Bring what was appended to the disk and close the file."""
        try:
            self.sync()
        finally:
            with disk_errors(self._path):
                self._file.close()

    def __enter__(self) -> Journal:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()


def read_history(path: Path) -> History:
    """Read the journal; a torn last line is left out.

    Raises:
        UsageError: a line before the last is no JSON, so something else changed the file.
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
                    history.apply(json.loads(line))
                except _NONSENSE as error:
                    # Kept back: a crash of the machine may leave a last line of zeros.
                    damaged = UsageError(
                        f"{path} line {number} is damaged ({error}); delete that line, and its "
                        "frame is looked for on the disk"
                    )
    except FileNotFoundError:
        pass
    return history


def _sizes(values: dict[str, int]) -> dict[str, int]:
    """Copied with names that a million records share."""
    return {sys.intern(name): size for name, size in values.items()}


def _cut_torn_line(path: Path) -> None:
    """Truncate the file after its last whole line, and before that where it makes no sense."""
    try:
        file = path.open("r+b")
    except FileNotFoundError:
        return
    with file:
        size = file.seek(0, os.SEEK_END)
        length, tail = TAIL_BYTES, b""
        while tail.count(b"\n") < 2 and len(tail) < size:  # where the last whole line begins
            file.seek(max(0, size - length))
            tail = file.read()
            length *= 2
        whole = tail.rfind(b"\n") + 1
        last = tail[tail.rfind(b"\n", 0, max(whole - 1, 0)) + 1 : whole]
        if last and not _is_sensible(last):
            whole -= len(last)
        if whole < len(tail):
            file.truncate(size - len(tail) + whole)
            os.fsync(file.fileno())


def _is_sensible(line: bytes) -> bool:
    try:
        History().apply(json.loads(line))
    except _NONSENSE:
        return False
    return True
