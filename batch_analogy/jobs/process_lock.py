"""A lock that one process holds on a file, on disks with locks and on disks without.

Some network and FUSE disks have no locks. There a file beside the lock names its holder, who renews
it every few seconds. Clocks of two machines may differ by any amount, so a holder on another
machine counts as gone only if the file has not been renewed while it was watched.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import socket
import threading
import time
import uuid
from pathlib import Path
from typing import IO

import msgspec

from batch_analogy.files import disk_errors, temporary_path
from batch_analogy.json_files import encode_json

RENEWAL_SECONDS = 3.0
WATCH_SECONDS = 12.0  # without a renewal, after which a holder counts as gone

_NO_LOCKS = (errno.ENOLCK, errno.ENOSYS, errno.EOPNOTSUPP, errno.ENOTSUP, errno.EINVAL)


class _Holder(msgspec.Struct, frozen=True):
    """The process that holds a lock on a disk without locks."""

    token: str
    host: str
    pid: int
    began: str  # of the process, so that another one with its id is not taken for it
    renewals: int = 0


_HOLDERS = msgspec.json.Decoder(_Holder)


class ProcessLock:
    """A lock on a file, released when its process ends, however it ends.

    Args:
        path: the file, in an existing folder; it holds the process id of the last holder.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.holder_file = path.with_name(f"{path.name}.holder")  # on a disk without locks
        self._file: IO[str] | None = None
        self._renewal: _Renewal | None = None

    @property
    def is_held(self) -> bool:
        """True if this object holds the lock."""
        return self._file is not None

    def acquire(self) -> bool:
        """Try to take the lock; return False if another process holds it.

        Raises:
            OutputDiskError: the file cannot be made.
        """
        with disk_errors(self.path):
            handle = self.path.open("a+")
        try:
            if self._lock(handle):
                self._file = handle
                self._note_owner(handle)
                return True
        except FileNotFoundError:
            pass  # its holder has just deleted it
        handle.close()
        return False

    def release(self) -> None:
        """Release the lock, if it is held."""
        if self._renewal is not None:
            self._renewal.end()
            self._renewal = None
        if self._file is not None:
            with contextlib.suppress(OSError):
                self._file.close()  # closing the file drops its flock
            self._file = None

    def owner(self) -> str:
        """Return the id of the process that took the lock last, or "unknown"."""
        try:
            return self.path.read_text().strip() or "unknown"
        except (OSError, ValueError):
            return "unknown"

    def is_held_anywhere(self) -> bool:
        """Return True if any process holds the lock, as far as this machine can tell.

        On a disk without locks, a holder on another machine is watched for seconds.
        """
        try:
            with self.path.open() as handle:
                fcntl.flock(handle, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError as error:
            return error.errno in _NO_LOCKS and self._holder_lives()
        return False

    def _lock(self, handle: IO[str]) -> bool:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            return False
        except OSError as error:
            if error.errno not in _NO_LOCKS:
                with disk_errors(self.path):
                    raise
            return self._hold_by_file()
        return os.path.samestat(os.fstat(handle.fileno()), self.path.stat())

    def _note_owner(self, handle: IO[str]) -> None:
        with contextlib.suppress(OSError):  # on a full disk the lock holds all the same
            handle.seek(0)
            handle.truncate()
            handle.write(f"{os.getpid()}\n")
            handle.flush()

    def _hold_by_file(self) -> bool:
        """Take the lock on a disk without locks."""
        mine = _Holder(uuid.uuid4().hex, socket.gethostname(), os.getpid(), _began(os.getpid()))
        with disk_errors(self.holder_file):
            while not _create(self.holder_file, mine):
                found = _read(self.holder_file)
                if self._holder_lives():
                    return False
                self._remove_stale(found)
        self._renewal = _Renewal(self.holder_file, mine)
        return True

    def _holder_lives(self) -> bool:
        found = _read(self.holder_file)
        if found is None and not self.holder_file.exists():
            return False
        if found is not None and found.host == socket.gethostname():
            began = _began(found.pid)
            if began == found.began:
                return True
            if not began and not _in_container():  # a container sees its own processes alone
                return False
        deadline = time.monotonic() + WATCH_SECONDS
        while time.monotonic() < deadline:
            time.sleep(RENEWAL_SECONDS / 10)
            now = _read(self.holder_file)
            if now != found:
                return now is not None
        return False

    def _remove_stale(self, stale: _Holder | None) -> None:
        """Delete the file of a holder that is gone, unless another has taken its place."""
        aside = temporary_path(self.holder_file)
        with contextlib.suppress(FileNotFoundError):
            os.rename(self.holder_file, aside)  # only one process can
            if _read(aside) != stale:
                with contextlib.suppress(OSError):
                    os.rename(aside, self.holder_file)
            aside.unlink(missing_ok=True)


class _Renewal:
    """A thread that shows that the holder of a lock is alive."""

    def __init__(self, path: Path, mine: _Holder) -> None:
        self._path, self._mine = path, mine
        self._ended = threading.Event()
        self._thread = threading.Thread(target=self._renew, name="lock", daemon=True)
        self._thread.start()

    def end(self) -> None:
        """Stop the thread and delete the file, if it is still this process's."""
        self._ended.set()
        self._thread.join()
        found = _read(self._path)
        if found is not None and found.token == self._mine.token:
            with contextlib.suppress(OSError):
                self._path.unlink(missing_ok=True)

    def _renew(self) -> None:
        renewals = 0
        while not self._ended.wait(RENEWAL_SECONDS):
            renewals += 1
            found = _read(self._path)
            if found is None or found.token != self._mine.token:
                continue  # another machine took it for gone; its run id keeps this one from writing
            with contextlib.suppress(OSError), self._path.open("r+b") as file:
                file.write(encode_json(msgspec.structs.replace(self._mine, renewals=renewals)))
                file.truncate()


def _create(path: Path, holder: _Holder) -> bool:
    """Write a holder's file; return False if there is one."""
    try:
        with path.open("xb") as file:
            file.write(encode_json(holder))
    except FileExistsError:
        return False
    return True


def _read(path: Path) -> _Holder | None:
    """Read a holder's file; None if there is none, or while it is being written."""
    try:
        return _HOLDERS.decode(path.read_bytes())
    except (OSError, msgspec.DecodeError):
        return None


def _began(pid: int) -> str:
    """Return when a process of this machine began, in its own unit; "" if there is none.

    Where the system does not tell, an existing process has "?".
    """
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[19]
    except (OSError, IndexError):
        if Path("/proc/self/stat").exists():
            return ""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return ""
    except PermissionError:
        return "?"
    return "?"


def _in_container() -> bool:
    return Path("/.dockerenv").exists() or Path("/run/.containerenv").exists()
