"""Write files atomically, and hash them."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import itertools
import os
import shutil
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from batch_analogy.errors import InputError, OutputDiskError, UsageError
from batch_analogy.patience import patiently

TEMPORARY_PREFIX = ".tmp-"
"""Prefix of temporary file names; it identifies files that a killed process left behind."""

NON_UTF8_ERRORS = "backslashreplace"
"""Error handler for encoding text that may hold file names that are not valid UTF-8.

Old archives contain such names. Python represents their bytes as lone surrogates; these become
escapes, which JSON reads back.
"""

_CHUNK_BYTES = 1 << 20
_HASH_BYTES = 20

_DISK_REASONS = {
    errno.ENOSPC: "the disk is full; free some space and run the same command again",
    errno.EDQUOT: "your disk quota is used up; free some space and run the same command again",
    errno.EROFS: "the disk is mounted read-only; choose another output folder",
    errno.EACCES: "you do not have permission; change the permissions or choose another folder",
    errno.EPERM: "you do not have permission; change the permissions or choose another folder",
    errno.EIO: "the disk reports a hardware or network error; choose another output folder",
    **dict.fromkeys(
        (errno.EBUSY, errno.ETXTBSY, errno.ENOTEMPTY),
        "another program is using it; close that and run the same command again",
    ),
    **dict.fromkeys(
        (errno.EMFILE, errno.ENFILE),
        "too many files are open; raise the limit (ulimit -n) and run the same command again",
    ),
    errno.EFBIG: "it is larger than the disk or your limits allow; choose another output folder",
    # Errors of a shared or removable disk that was disconnected.
    **dict.fromkeys(
        (errno.ESTALE, errno.ENOTCONN, errno.ETIMEDOUT, errno.EHOSTDOWN, errno.ENODEV, errno.ENXIO),
        "the disk is no longer connected; connect it and run the same command again",
    ),
}
_LIMIT_REASONS = {
    errno.EAGAIN: "no more processes may be started; raise the limit (ulimit -u, or the "
    "container's pids limit) or end other programs",
    errno.ENOMEM: "there is not enough memory; end other programs or work at a smaller size",
}
_PATH_REASONS = {
    errno.ENOENT: "no file can be made in that folder",
    errno.ENOTDIR: "part of that path is a file, not a folder",
    errno.EEXIST: "part of that path is a file, not a folder",
    errno.EISDIR: "a folder of that name exists",
    errno.ENAMETOOLONG: "the name is too long for this disk",
}


@contextlib.contextmanager
def disk_errors(path: Path) -> Iterator[None]:
    """Turn the operating system's write errors into messages that tell a user what to do.

    Args:
        path: the file or folder being written, named in the message.

    Raises:
        OutputDiskError: the disk is full, read-only or broken, or the user lacks permission.
        UsageError: the path cannot be a file.
    """
    try:
        yield
    except OSError as error:
        if reason := _DISK_REASONS.get(error.errno or 0):
            raise OutputDiskError(f"cannot write {path}: {reason}") from error
        if reason := _PATH_REASONS.get(error.errno or 0):
            raise UsageError(f"cannot write {path}: {reason}; choose another output") from error
        raise


def expand_user(path: str | Path) -> Path:
    """Replace a leading ``~`` or ``~name`` by a home folder, unless a file is called so.

    >>> str(expand_user("~nobody-of-this-name/a.png"))
    '~nobody-of-this-name/a.png'
    """
    path = Path(path)
    if os.path.lexists(path):
        return path
    try:
        return path.expanduser()
    except RuntimeError:  # there is no such user, or the user has no home
        return path


def names_beside(path: Path) -> Iterator[Path]:
    """Yield a path, and others in its folder to choose from if it is taken.

    >>> names = names_beside(Path("a/film.mp4"))
    >>> [str(next(names)) for _ in range(3)]
    ['a/film.mp4', 'a/film-2.mp4', 'a/film-3.mp4']
    """
    yield path
    for number in itertools.count(2):
        yield path.with_name(f"{path.stem}-{number}{path.suffix}")


def machine_error(error: OSError) -> OutputDiskError | None:
    """Return an error for users if the disk or the system's limits caused this one, else None."""
    reason = _LIMIT_REASONS.get(error.errno or 0) or _DISK_REASONS.get(error.errno or 0)
    if error.errno == errno.ENOENT and "temporary directory" in str(error):  # Python has no class
        reason = "no folder for temporary files may be written to; set TMPDIR to one"
    if reason is None:
        return None
    where = error.filename2 or error.filename
    what = f"cannot use {os.fsdecode(where)}" if where else "a file cannot be used"
    return OutputDiskError(f"{what}: {reason}")


def temporary_path(path: Path) -> Path:
    """Return an unused path in the same folder, with the same suffix, for ``os.replace``."""
    return path.parent / f"{TEMPORARY_PREFIX}{uuid.uuid4().hex}{path.suffix}"


def check_writable(path: Path) -> None:
    """Check that a file can be written, by making one beside it and deleting it again.

    Folders that are missing are not made. Of a link, the place to which it leads is checked.

    Raises:
        OutputDiskError: the disk is full or read-only, or the user may not write there.
        UsageError: a part of the path is a file or a dead link, or a name is too long.
    """
    with disk_errors(path):
        if os.path.islink(path):
            path = Path(os.path.realpath(path))
            if not path.parent.is_dir():
                raise UsageError(
                    f"cannot write {path}: a link leads there, and its folder does not exist; make "
                    "the folder or choose another output"
                )
        folder = next(parent for parent in path.parents if os.path.lexists(parent))
        if not folder.exists():
            raise UsageError(
                f"cannot write {path}: {folder} is a link to nothing; choose another output"
            )
        longest = os.pathconf(folder, "PC_NAME_MAX")
        if any(len(os.fsencode(name)) > longest for name in path.relative_to(folder).parts):
            raise UsageError(
                f"cannot write {path}: a name in it is longer than the {longest} bytes that this "
                "disk allows; choose another output"
            )
        probe = temporary_path(folder / path.name)
        probe.touch(exist_ok=False)
        probe.unlink()


def move_into_place(unfinished: Path, path: Path) -> None:
    """Move a finished file into place, replacing any old one, even across mount points.

    Raises:
        OSError: the file cannot be moved.
    """
    try:
        patiently(lambda: os.replace(unfinished, path))
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        beside = temporary_path(path)  # the same disk may be mounted twice
        try:
            shutil.copyfile(unfinished, beside)
            os.replace(beside, path)
        finally:
            beside.unlink(missing_ok=True)
        unfinished.unlink()


def move_where_free(unfinished: Path, path: Path) -> None:
    """Move a finished file into place, unless there is a file.

    Raises:
        FileExistsError: there is one; nothing was moved.
        OSError: the file cannot be moved.
    """
    try:
        os.link(unfinished, path)  # fails if there is a file, unlike a rename
    except FileExistsError:
        raise
    except OSError:  # a disk without hard links, or another mount point
        if os.path.lexists(path):
            raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), str(path)) from None
        move_into_place(unfinished, path)
    else:
        unfinished.unlink()


@contextlib.contextmanager
def atomic_writer(path: Path, *, patience_seconds: float | None = None) -> Iterator[IO[bytes]]:
    """Open a stream whose content replaces the file when the block ends without an exception.

    Args:
        path: the file.
        patience_seconds: how long replacing a file that is in use is tried; None: for minutes.

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
            patiently(lambda: os.replace(temporary, path), patience_seconds)
        except BaseException:
            with contextlib.suppress(OSError):
                temporary.unlink()
            raise


def atomic_write_bytes(path: Path, data: bytes, *, patience_seconds: float | None = None) -> None:
    """Write a file atomically, creating its folder if necessary.

    Args:
        path: the file; an existing one is replaced.
        data: its new content.
        patience_seconds: as for ``atomic_writer``.

    Raises:
        OutputDiskError, UsageError: as for ``disk_errors``.
    """
    with atomic_writer(path, patience_seconds=patience_seconds) as stream:
        stream.write(data)


def atomic_write_text(path: Path, data: str) -> None:
    """Write a UTF-8 text file atomically; otherwise like ``atomic_write_bytes``."""
    atomic_write_bytes(path, data.encode(errors=NON_UTF8_ERRORS))


def hash_file(path: Path) -> str:
    """Compute the BLAKE2b hash of a file's content.

    Args:
        path: the file, of any size; it is read in chunks.

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
