"""Follow the journal of a run that may be going on: each look reads only what is new."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

import msgspec

from batch_analogy.jobs.folder.journal import JournalLine

LOOK_BYTES = 8 << 20  # read at once, so that a long journal is never held in memory

_LINES: msgspec.json.Decoder[JournalLine] = msgspec.json.Decoder(JournalLine)


class JournalTail:
    """The end of a journal, from where it was last read.

    Args:
        path: the journal; it need not exist yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._identity: tuple[int, int] | None = None  # device and inode
        self._offset = 0

    def was_replaced(self) -> bool:
        """Return True if what was read is no longer in the file; reading begins anew then.

        A run that starts afresh deletes its journal. A driver cuts off a torn last line, which was
        not read.
        """
        try:
            facts = self._path.stat()
        except OSError:
            identity, size = None, 0
        else:
            identity, size = (facts.st_dev, facts.st_ino), facts.st_size
        if identity == self._identity and size >= self._offset:
            return False
        began = self._identity is not None or self._offset > 0
        self._identity, self._offset = identity, 0
        return began

    def read(self) -> Iterator[tuple[int, JournalLine]]:
        """Yield the whole lines since the last look, each with its offset in the file in bytes.

        A torn last line waits for the next look. Lines that cannot be read are passed over: they
        are the driver's concern, which refuses them.
        """
        try:
            file = self._path.open("rb")
        except OSError:
            return
        with file:
            facts = os.fstat(file.fileno())
            self._identity = (facts.st_dev, facts.st_ino)
            while True:
                file.seek(self._offset)
                data = file.read(LOOK_BYTES)
                whole = data.rfind(b"\n") + 1
                if not whole:
                    return
                at = self._offset
                self._offset += whole
                for line in data[:whole].splitlines(keepends=True):
                    found = _decode(line)
                    if found is not None:
                        yield at, found
                    at += len(line)


def read_line(path: Path, offset: int) -> JournalLine | None:
    """Read the line at an offset that ``JournalTail.read`` gave; None if it is gone."""
    try:
        with path.open("rb") as file:
            file.seek(offset)
            return _decode(file.readline())
    except OSError:
        return None


def _decode(line: bytes) -> JournalLine | None:
    try:
        return _LINES.decode(line)
    except (msgspec.DecodeError, RecursionError):
        return None
