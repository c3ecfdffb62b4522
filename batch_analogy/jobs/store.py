"""The run folder: where everything of a run lies, its lock, and JSON that is never half-written."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import IO, Any

from batch_analogy.config.run import Target
from batch_analogy.errors import RunLockedError, UsageError
from batch_analogy.files import (
    NON_UTF8_ERRORS,
    TEMPORARY_PREFIX,
    atomic_write_text,
    atomic_writer,
    disk_errors,
)

LOCK_PATIENCE_SECONDS = 1.0

_FULL_TARGETS: dict[Target, tuple[str, ...]] = {
    "frames": ("a_prime",),
    "reference": ("b",),
    "both": ("a_prime", "b"),
}


def outputs_of(target: Target) -> tuple[str, ...]:
    """The pictures that each frame gives: ``"a_prime"``, ``"b"`` or both.

    >>> outputs_of("both")
    ('a_prime', 'b')
    """
    return _FULL_TARGETS[target]


class JsonText(str):
    """A value as JSON already."""

    __slots__ = ()

    @classmethod
    def of(cls, value: Any) -> JsonText:
        """A value's text, on one line."""
        return cls(json.dumps(value, ensure_ascii=False))


class RunStore:
    """Every path of one run folder, and the lock that keeps a second driver out."""

    option = "--run-dir"  # by which a person names another folder

    def __init__(self, run_dir: Path) -> None:
        self.run_dir = run_dir
        self.manifest = run_dir / "run.json"
        self.plan = run_dir / "plan.json"
        self.journal = run_dir / "journal.jsonl"
        self.status = run_dir / "status.json"
        self.films = run_dir / "film.json"
        self.frames = run_dir / "frames"
        self.input = run_dir / "input"  # frames of a video, deleted once the film is there
        self.looks = run_dir / "looks.bin"  # what was seen of the frames when planning
        self.input_record = run_dir / "input.json"  # which video they come from
        self.state = run_dir / "state"  # what segments need to go on; may be deleted at any time
        self.logs = run_dir / "logs"
        self.last_preview = run_dir / "preview" / "last.jpg"
        self.sheet_preview = run_dir / "preview" / "sheet.jpg"
        self.evaluation = run_dir / "evaluate"
        self.evaluation_values = self.evaluation / "evaluate.json"
        self.evaluation_page = self.evaluation / "evaluate.html"
        self.before_after = run_dir / "preview" / "before-after.jpg"
        self.lock = run_dir / "run.lock"
        self._lock_file: IO[str] | None = None

    def frame(self, output: str, index: int) -> Path:
        """The file of one finished picture; ``output`` is ``"a_prime"`` or ``"b"``."""
        return self.frames / output / f"{index:06d}.png"

    def log(self, worker: str) -> Path:
        """The JSON-lines log of one worker."""
        return self.logs / f"{worker}.jsonl"

    @property
    def is_open(self) -> bool:
        """Whether the folder is locked by this store, so that it may be written to."""
        return self._lock_file is not None

    def anchor(self, start: int, reference: int = 0) -> Path:
        """The first matched frame of the span that begins with this frame."""
        return self.state / f"anchor-{_span_name(start, reference)}.safetensors"

    def last_matched(self, start: int, reference: int = 0) -> Path:
        """The last matched frame of that span, where there is one after its anchor."""
        return self.state / f"last_matched-{_span_name(start, reference)}.safetensors"

    def forget_span(self, start: int, reference: int = 0) -> None:
        """Delete what is remembered of a span."""
        for path in (self.anchor(start, reference), self.last_matched(start, reference)):
            with contextlib.suppress(OSError):
                path.unlink(missing_ok=True)

    def clear_state(self) -> None:
        """Delete what only an unfinished run needs."""
        _remove_tree(self.state)

    def exists(self) -> bool:
        """Whether a run was begun here."""
        return self.manifest.is_file()

    def open(self) -> None:
        """Make the folder and lock it.

        Raises:
            RunLockedError: another driver is working here.
            UsageError: the folder holds other things and is no run folder.
            OutputDiskError: it cannot be written to.
        """
        if self.run_dir.exists() and not self.run_dir.is_dir():
            raise UsageError(
                f"run folder {self.run_dir} is a file; name another with {self.option}"
            )
        if self.run_dir.is_dir() and not self.exists() and not self.lock.exists():
            _refuse_foreign(self.run_dir, self.option)
        deadline = time.monotonic() + LOCK_PATIENCE_SECONDS
        while (handle := self._try_lock()) is None:
            if time.monotonic() > deadline:  # a driver that was just killed may still be dying
                owner = self.lock.read_text().strip() if self.lock.exists() else "unknown"
                raise RunLockedError(
                    f"another batch-analogy (process {owner}) is working in {self.run_dir}; wait "
                    f"for it, stop it, or name another folder with {self.option}"
                )
            time.sleep(0.05)
        handle.seek(0)
        handle.truncate()
        handle.write(f"{os.getpid()}\n")
        handle.flush()
        self._lock_file = handle

    def _try_lock(self) -> IO[str] | None:
        with disk_errors(self.run_dir):
            self.run_dir.mkdir(parents=True, exist_ok=True)
            handle = self.lock.open("a+")
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
            if os.path.samestat(os.fstat(handle.fileno()), self.lock.stat()):
                return handle
        except (BlockingIOError, FileNotFoundError):
            pass  # held by another driver, or by one that has just discarded its folder
        handle.close()
        return None

    def close(self) -> None:
        """Give the lock back."""
        if self._lock_file is not None:
            self._lock_file.close()  # closing the file drops its flock
            self._lock_file = None

    def has_driver(self) -> bool:
        """Whether a driver holds the lock, as far as one can see from this machine.

        On a shared disk whose locks do not reach other machines, a driver there is not seen.
        """
        try:
            with self.lock.open() as handle:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:  # no such file, or a disk without locks
            return False
        return False

    def clear(self) -> None:
        """Delete what an earlier run left here, and nothing else.

        The manifest goes first: a folder without one is cleared again, should this be killed.
        """
        with disk_errors(self.run_dir):
            for path in (self.manifest, self.journal, self.films, self.status, self.plan):
                path.unlink(missing_ok=True)
            for folder in (self.frames, self.state, self.logs, self.last_preview.parent):
                _remove_tree(folder)
            self.clear_evaluation()

    def clear_evaluation(self) -> None:
        """Delete what was found of frames that are no more; files of others stay."""
        for path in (self.evaluation_values, self.evaluation_page):
            path.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # there are others, or it was never there
            self.evaluation.rmdir()

    def discard_empty(self) -> None:
        """Remove a folder in which nothing was begun; the lock must be held."""
        found = [entry for entry in self.run_dir.iterdir() if entry != self.lock]
        if not found:
            self.lock.unlink(missing_ok=True)
            self.run_dir.rmdir()

    def clear_input(self) -> None:
        """Delete the extracted frames of a video."""
        self.input_record.unlink(missing_ok=True)
        _remove_tree(self.input)

    def remove_torn_frames(self, outputs: tuple[str, ...]) -> None:
        """Delete temporary files that a killed worker left among the frames.

        Whatever else lies there stays: storage servers keep folders of thumbnails everywhere.
        """
        for output in outputs:
            folder = self.frames / output
            for path in folder.iterdir() if folder.is_dir() else ():
                if path.name.startswith(TEMPORARY_PREFIX) or path.suffix == ".tmp":
                    path.unlink(missing_ok=True)


def _span_name(start: int, reference: int) -> str:
    """A span's name; of the references after the first, with their number."""
    return f"{start:06d}" + (f"-{reference}" if reference else "")


def write_json(path: Path, value: Mapping[str, Any]) -> None:
    """Write a JSON object so that a reader finds the old or the new one, never half.

    Raises:
        OutputDiskError: the disk is full or may not be written to.
    """
    atomic_write_text(path, json.dumps(value, indent=1, ensure_ascii=False) + "\n")


def write_long_json(path: Path, entries: Mapping[str, Any]) -> None:
    """Write a JSON object with a line for each element of its lists, else as ``write_json``.

    A million elements are written as they come, never held as one text.

    Args:
        path: the file.
        entries: what it holds; an iterator is written as a list, ``JsonText`` in a list as it is.
    """
    with atomic_writer(path) as stream:
        stream.writelines(piece.encode(errors=NON_UTF8_ERRORS) for piece in _pieces(entries))


def _pieces(entries: Mapping[str, Any]) -> Iterator[str]:
    encode = json.JSONEncoder(ensure_ascii=False).encode
    before = "{"
    for name, value in entries.items():
        yield f"{before}\n {encode(name)}: "
        before = ","
        if value == [] or not isinstance(value, list | Iterator):
            yield encode(value)
            continue
        between = "["
        for element in value:
            text = element if type(element) is JsonText else encode(element)
            yield f"{between}\n  {text}"
            between = ","
        yield "[]" if between == "[" else "\n ]"
    yield "\n}\n"


def read_json(
    path: Path,
    *,
    object_hook: Callable[[dict[str, Any]], Any] | None = None,
    remedy: str = "delete the run folder to start afresh",
) -> dict[str, Any] | None:
    """Read a JSON object, or None where there is no such file.

    Args:
        path: the file.
        object_hook: given each object in it as it is read, and returns what is put in its place.
        remedy: what to do where it is damaged, as the message has it.

    Raises:
        UsageError: the file is no JSON object, so the folder was changed by something else.
    """
    try:
        value = json.loads(path.read_text(encoding="utf-8"), object_hook=object_hook)
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise UsageError(f"{path} cannot be read ({error}); mend it, or {remedy}") from error
    if not isinstance(value, dict):
        raise UsageError(f"{path} holds no JSON object; {remedy}")
    return value


def _refuse_foreign(run_dir: Path, option: str) -> None:
    found = sorted(entry.name for entry in run_dir.iterdir() if not entry.name.startswith("."))
    if found:
        raise UsageError(
            f"run folder {run_dir} is not empty and was not made by batch-analogy (it holds "
            f"{', '.join(found[:3])}{' …' if len(found) > 3 else ''}); name another with {option}"
        )


def _remove_tree(folder: Path) -> None:
    """Delete a folder; where it is a link to a roomier disk the link alone, what lies there stays.

    A person may have pointed it at more than what a run left.
    """
    if folder.is_symlink():
        folder.unlink()
    elif folder.is_dir():
        shutil.rmtree(folder)
