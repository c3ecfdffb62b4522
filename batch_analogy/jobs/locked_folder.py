"""A folder in which one process works at a time, and the deletion of what it left there."""

from __future__ import annotations

import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import ClassVar

from batch_analogy.errors import RunLockedError, UsageError
from batch_analogy.files import disk_errors
from batch_analogy.jobs.process_lock import ProcessLock

LOCK_PATIENCE_SECONDS = 1.0


class LockedFolder:
    """A folder with a lock that keeps a second process out.

    Its manifest marks it as made by batch-analogy: a folder that has neither manifest nor lock and
    is not empty was made by something else and is refused.

    Args:
        folder: its path; it need not exist yet.
    """

    option: ClassVar[str]  # the command-line option that names another folder
    purpose: ClassVar[str]  # what the folder is for, in messages

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.manifest = folder / "run.json"
        self.lock = folder / "run.lock"
        self._held = ProcessLock(self.lock)

    @property
    def is_open(self) -> bool:
        """True if this object holds the lock, so that the folder may be written to."""
        return self._held.is_held

    def exists(self) -> bool:
        """Return True if work was begun here."""
        return self.manifest.is_file()

    def is_foreign(self) -> bool:
        """Return True if the folder was made by something else and contains things."""
        if not self.folder.is_dir() or self.exists() or self.lock.exists():
            return False
        return bool(self._visible())

    def check_usable(self) -> None:
        """Check that the folder is one of batch-analogy, or may become one.

        Raises:
            UsageError: it is a file, or contains other things.
        """
        if self.folder.exists() and not self.folder.is_dir():
            raise UsageError(
                f"{self.purpose} {self.folder} is a file; name another with {self.option}"
            )
        if self.is_foreign():
            self._refuse_foreign()

    def open(self) -> None:
        """Make the folder and lock it.

        Raises:
            RunLockedError: another process is working here.
            UsageError: the folder contains other things and was not made by batch-analogy.
            OutputDiskError: it cannot be written to.
        """
        self.check_usable()
        deadline = time.monotonic() + LOCK_PATIENCE_SECONDS
        while not self._try_lock():
            if time.monotonic() > deadline:  # a driver that was just killed may still be dying
                raise RunLockedError(
                    f"another batch-analogy (process {self._held.owner()}) is working in "
                    f"{self.folder}; wait for it, stop it, or name another folder with "
                    f"{self.option}"
                )
            time.sleep(0.05)

    def close(self) -> None:
        """Release the lock."""
        self._held.release()

    def owner(self) -> str:
        """Return the id of the process that took the lock last, or "unknown"."""
        return self._held.owner()

    def has_driver(self) -> bool:
        """Return True if a process holds the lock, as far as this machine can tell.

        On a shared disk whose locks hold on one machine only, a process on another is not seen.
        """
        return self._held.is_held_anywhere()

    def clear(self) -> None:
        """Delete what earlier work left here, and nothing else.

        The manifest is deleted first: a folder without one is cleared again if this is interrupted.
        """
        with disk_errors(self.folder):
            self.manifest.unlink(missing_ok=True)
            for path in self._own_files():
                path.unlink(missing_ok=True)
            for folder in self._own_folders():
                remove_tree(folder)

    def discard_empty(self) -> None:
        """Remove the folder if no work was begun in it; the lock must be held."""
        lock = (self.lock, self._held.holder_file)
        found = [entry for entry in self.folder.iterdir() if entry not in lock]
        if not found:
            self.lock.unlink(missing_ok=True)
            self._held.holder_file.unlink(missing_ok=True)
            self.folder.rmdir()

    def _own_files(self) -> Sequence[Path]:
        """Return the files, besides the manifest, that ``clear`` deletes."""
        raise NotImplementedError

    def _own_folders(self) -> Sequence[Path]:
        """Return the folders that ``clear`` deletes with everything in them."""
        raise NotImplementedError

    def _try_lock(self) -> bool:
        with disk_errors(self.folder):
            self.folder.mkdir(parents=True, exist_ok=True)
        return self._held.acquire()

    def _refuse_foreign(self) -> None:
        names = self._visible()
        raise UsageError(
            f"{self.purpose} {self.folder} is not empty and was not made by batch-analogy (it "
            f"contains {', '.join(names[:3])}{' …' if len(names) > 3 else ''}); name another "
            f"with {self.option}"
        )

    def _visible(self) -> list[str]:
        return sorted(p.name for p in self.folder.iterdir() if not p.name.startswith("."))


def remove_tree(folder: Path) -> None:
    """Delete a folder with everything in it.

    If the folder is a symbolic link, for example to a larger disk, only the link is deleted: its
    target may contain other files too.
    """
    if folder.is_symlink():
        folder.unlink()
    elif folder.is_dir():
        shutil.rmtree(folder)
