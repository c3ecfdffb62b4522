"""Write files so that a reader never sees half of one, and hash them."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from batch_analogy.errors import InputError, OutputDiskError, UsageError

TEMPORARY_PREFIX = ".tmp-"
"""Prefix of every temporary name, by which files that a killed process left are recognised."""

NON_UTF8_ERRORS = "backslashreplace"
"""Error handler for encoding text that may hold file names that are not valid UTF-8.

Old archives have such names. Python represents their bytes as lone surrogates; these become
escapes, which JSON reads back.
"""

_CHUNK_BYTES = 1 << 20
_HASH_BYTES = 20

_DISK_REASONS = {
    errno.ENOSPC: "the disk is full; free some space and run the same command again",
    errno.EDQUOT: "your disk quota is used up; free some space and run the same command again",
    errno.EROFS: "the disk is mounted read-only; choose another output folder",
    errno.EACCES: "you may not write there; change the permissions or choose another folder",
    errno.EPERM: "you may not write there; change the permissions or choose another folder",
    errno.EIO: "the disk reports a hardware or network error; choose another output folder",
    errno.EFBIG: "that is larger than the disk or your limits allow; choose another output folder",
    # Errors of a shared or removable disk that was disconnected.
    **dict.fromkeys(
        (errno.ESTALE, errno.ENOTCONN, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.ENODEV, errno.ENXIO),
        "the disk is not connected any more; connect it and run the same command again",
    ),
}
_SHAPE_REASONS = {
    errno.ENOTDIR: "part of that path is a file, not a folder",
    errno.EEXIST: "part of that path is a file, not a folder",
    errno.EISDIR: "there is a folder of that name",
    errno.ENAMETOOLONG: "the name is too long for this disk",
}


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn the operating system's write errors into messages that tell a user what to do.

    Args:
        path: the file or folder being written, named in the message.

    Raises:
        OutputDiskError: the disk is full, read-only or broken, or the user may not write there.
        UsageError: the path cannot be a file.
    """
    try:
        yield
    except OSError as error:
        if reason := _DISK_REASONS.get(error.errno or 0):
            raise OutputDiskError(f"cannot write {path}: {reason}") from error
        if reason := _SHAPE_REASONS.get(error.errno or 0):
            raise UsageError(f"cannot write {path}: {reason}; choose another output") from error
        raise


def temporary_path(path: Path) -> Path:
    """Return a new path beside ``path``, of the same suffix, to write to before ``os.replace``."""
    return path.parent / f"{TEMPORARY_PREFIX}{uuid.uuid4().hex}{path.suffix}"


def move_into_place(unfinished: Path, path: Path) -> None:
    """Rename a finished file to its path, replacing what is there; also between mount points.

    Raises:
        OSError: the disk refuses it.
    """
    try:
        os.replace(unfinished, path)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        beside = temporary_path(path)  # one disk may be mounted twice
        try:
            shutil.copyfile(unfinished, beside)
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)
        unfinished.unlink()


@contextlib.contextmanager
def atomic_writer(path: Path) -> Iterator[IO[bytes]]:
    """Open a stream whose content replaces the file when the block ends without an exception.

    Raises:
        OutputDiskError, UsageError: as for ``disk_errors``.
    """
    temporary = temporary_path(path)
    with disk_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            with temporary.open("xb") as stream:
                yield stream
                stream.flush()
                os.fsync(stream.fileno())
            os.replace(temporary, path)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise


def atomic_write_bytes(path: Path, data: bytes) -> None:
    """Write a whole file or nothing; its folder is created if it is missing.

    Args:
        path: the file; an existing one is replaced.
        data: its new content.

    Raises:
        OutputDiskError, UsageError: as for ``disk_errors``.
    """
    with atomic_writer(path) as stream:
        stream.write(data)


def atomic_write_text(path: Path, data: str) -> None:
    """Write a whole UTF-8 text file or nothing; otherwise like ``atomic_write_bytes``."""
    atomic_write_bytes(path, data.encode(errors=NON_UTF8_ERRORS))


def hash_file(path: Path) -> str:
    """Compute the BLAKE2b hash of a file's content.

    Args:
        path: the file, of any size; it is read in pieces.

    Returns:
        40 hexadecimal digits.

    Raises:
        InputError: the file is missing or cannot be read.
    """
    digest = hashlib.blake2b(digest_size=_HASH_BYTES)
    try:
        with path.open("rb") as stream:
            while chunk := stream.read(_CHUNK_BYTES):
                digest.update(chunk)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    return digest.hexdigest()
