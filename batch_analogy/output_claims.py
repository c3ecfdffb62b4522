"""Claims on outputs, so that two commands that run at once never write the same file.

A claim is a socket in Linux's abstract namespace, named after the output. It leaves nothing on the
disk, and the system drops it when its process ends, however it ends. Processes on other machines,
and on systems without such sockets, are not seen. So an output is compared once more before it is
written: what appeared or changed since the claim belongs to someone else.
"""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import socket
import struct
import sys
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from batch_analogy.errors import OutputExistsError, RunLockedError
from batch_analogy.files import move_into_place, move_where_free

PATIENCE_SECONDS = 1.0  # a process that was just killed may still be dying
MOST_CLAIMS = 32  # sockets; a command that writes more files claims the first ones
REMEDY = "name another output with --output, or give --overwrite"

_MOST_ASKING = 1024  # others that ask who holds a claim, which nobody answers

_CREDENTIALS = struct.Struct("3i")  # struct ucred: process, user, group


def identify_file(path: Path) -> object:
    """Return what tells a file from another one at the same path; None if there is none."""
    try:
        facts = path.stat()
    except OSError:
        return None
    return facts.st_size, facts.st_mtime_ns


class OutputClaims:
    """The outputs of one command, claimed until ``release``; use it as a context manager.

    Args:
        identify: returns what tells the content of an output from another, None if there is none.
        remedy: advice for the message if something else has written an output.
    """

    def __init__(
        self, identify: Callable[[Path], object] = identify_file, *, remedy: str = REMEDY
    ) -> None:
        self._identify, self._remedy = identify, remedy
        self._sockets: list[socket.socket] = []
        self._before: dict[Path, object] = {}

    def claim(self, paths: Iterable[Path]) -> None:
        """Claim outputs, of which one may be named twice, and note what is there now.

        Raises:
            RunLockedError: another process is making one of them.
        """
        for path in dict.fromkeys(paths):
            if sys.platform == "linux" and len(self._sockets) < MOST_CLAIMS:
                held = _bind(path)
                self._sockets += [held] if held else []
            self._before[path] = self._identify(path)

    def renew(self) -> None:
        """Note what is there now, after this command has deleted outputs of its own."""
        for path in self._before:
            self._before[path] = self._identify(path)

    def check_unchanged(self, path: Path) -> None:
        """Check, before a claimed output is written, that it is as it was when it was claimed.

        Raises:
            OutputExistsError: something else has written it meanwhile.
        """
        now = self._identify(path)
        if path in self._before and now not in (None, self._before[path]):
            raise OutputExistsError(
                f"{path} was made or changed by something else while this command was at work, and "
                f"is left as it is; {self._remedy}"
            )

    def place(self, unfinished: Path, path: Path) -> None:
        """Move a finished file to its output, unless something else has written it meanwhile.

        An output that is a link stays one; the file is moved to where it leads.

        Raises:
            OutputExistsError: something else has.
            OSError: the file cannot be moved.
        """
        self.check_unchanged(path)
        target = Path(os.path.realpath(path))
        if path in self._before and self._identify(path) is None:
            with contextlib.suppress(FileExistsError):
                move_where_free(unfinished, target)
            if unfinished.exists():  # another machine was faster by less than a moment
                self.check_unchanged(path)
                move_into_place(unfinished, target)  # … and has deleted it again
        else:
            move_into_place(unfinished, target)
        self._before[path] = self._identify(path)

    def release(self) -> None:
        """Give the claims up."""
        for held in self._sockets:
            held.close()
        self._sockets.clear()

    def __enter__(self) -> OutputClaims:
        return self

    def __exit__(self, *_: object) -> None:
        self.release()


def _bind(path: Path) -> socket.socket | None:
    """Return the socket that claims an output; None where there are no such sockets."""
    digest = hashlib.blake2b(os.fsencode(os.path.realpath(path)), digest_size=20).hexdigest()
    address = f"\0batch-analogy output {digest}"
    deadline = time.monotonic() + PATIENCE_SECONDS
    while True:
        held = socket.socket(socket.AF_UNIX)
        try:
            held.bind(address)
            held.listen(_MOST_ASKING)
        except OSError as error:
            held.close()
            if error.errno != errno.EADDRINUSE:
                return None
        else:
            return held
        if time.monotonic() > deadline:
            raise RunLockedError(
                f"another batch-analogy (process {_owner(address)}) is making {path}; wait for it, "
                "stop it, or name another output with --output"
            )
        time.sleep(0.05)


def _owner(address: str) -> str:
    """Return the id of the process that listens at an address."""
    with contextlib.suppress(OSError), socket.socket(socket.AF_UNIX) as asking:
        asking.settimeout(PATIENCE_SECONDS)
        asking.connect(address)
        size = _CREDENTIALS.size
        facts = asking.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, size)
        return str(_CREDENTIALS.unpack(facts)[0] or "unknown")
    return "unknown"
