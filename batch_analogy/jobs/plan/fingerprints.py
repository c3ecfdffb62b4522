"""Check cheaply that a file has not changed since the run was planned."""

from __future__ import annotations

import contextlib
import hashlib
from collections.abc import Mapping, Sequence
from pathlib import Path

import msgspec

from batch_analogy.errors import InputError
from batch_analogy.files import hash_file


class FileFingerprint(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A file's content hash, and the size and time that show an unchanged file unread."""

    path: str
    bytes: int
    mtime_ns: int
    blake2b: str


def join_fingerprints(path: str, files: Sequence[FileFingerprint]) -> FileFingerprint:
    """Return a fingerprint of several files, which changes with any of them or their order."""
    content = hashlib.blake2b("".join(one.blake2b for one in files).encode(), digest_size=20)
    newest = max(one.mtime_ns for one in files)
    return FileFingerprint(path, sum(one.bytes for one in files), newest, content.hexdigest())


def fingerprint_file(
    path: Path, known: Mapping[str, FileFingerprint] | None = None
) -> FileFingerprint:
    """Return a file's size, time and content hash.

    Args:
        path: the file.
        known: earlier fingerprints by path; one with the same size and time is returned as it is.

    Raises:
        InputError: the file is missing or cannot be read.
    """
    try:
        facts = path.stat()
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    before = (known or {}).get(str(path))
    if before and (before.bytes, before.mtime_ns) == (facts.st_size, facts.st_mtime_ns):
        return before
    return FileFingerprint(str(path), facts.st_size, facts.st_mtime_ns, hash_file(path))


def is_unchanged(path: Path, file: FileFingerprint) -> bool:
    """Return whether a file is the one of a fingerprint; it is read only if it looks different."""
    with contextlib.suppress(InputError):
        return fingerprint_file(path, {str(path): file}).blake2b == file.blake2b
    return False
