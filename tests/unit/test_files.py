"""Atomic writing, and messages for errors of the disk."""

from __future__ import annotations

import errno
import hashlib
import os
import re
import resource
import stat
from pathlib import Path

import pytest

from batch_analogy import files
from batch_analogy.errors import InputError, OutputDiskError, UsageError


def test_writes_a_file_and_its_folders(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b" / "c.json"
    files.atomic_write_text(target, "A′ and B′\n")
    assert target.read_bytes() == "A′ and B′\n".encode()
    assert os.listdir(target.parent) == ["c.json"]


def test_replaces_a_file(tmp_path: Path) -> None:
    target = tmp_path / "a.bin"
    files.atomic_write_bytes(target, b"old and longer")
    files.atomic_write_bytes(target, b"new")
    assert target.read_bytes() == b"new"


def test_permissions_follow_the_umask(tmp_path: Path) -> None:
    before = os.umask(0o027)
    try:
        files.atomic_write_bytes(tmp_path / "a", b"")
    finally:
        os.umask(before)
    assert stat.S_IMODE((tmp_path / "a").stat().st_mode) == 0o640


def test_accepts_the_longest_file_name(tmp_path: Path) -> None:
    target = tmp_path / ("n" * 251 + ".png")
    files.atomic_write_bytes(target, b"x")
    assert target.read_bytes() == b"x"


def test_reports_a_full_disk(tiny_disk: Path) -> None:
    files.atomic_write_bytes(tiny_disk / "a", b"old")
    with pytest.raises(OutputDiskError, match=r"tiny/a: the disk is full"):
        files.atomic_write_bytes(tiny_disk / "a", bytes(200_000))
    assert (tiny_disk / "a").read_bytes() == b"old"
    assert os.listdir(tiny_disk) == ["a"]


def test_reports_a_read_only_disk(read_only_disk: Path) -> None:
    with pytest.raises(OutputDiskError, match="mounted read-only"):
        files.atomic_write_bytes(read_only_disk / "a", b"x")
    with pytest.raises(OutputDiskError, match="mounted read-only"):
        files.atomic_write_bytes(read_only_disk / "new" / "a", b"x")


@pytest.mark.parametrize(
    ("code", "words"),
    [
        (errno.EACCES, "do not have permission"),
        (errno.EDQUOT, "quota"),
        (errno.ENOSPC, "full"),
        (errno.EROFS, "read-only"),
        (errno.ESTALE, "no longer connected"),
        (errno.ENOTCONN, "no longer connected"),
    ],
)
def test_write_errors_become_messages(tmp_path: Path, code: int, words: str) -> None:
    with pytest.raises(OutputDiskError, match=words), files.disk_errors(tmp_path):
        raise OSError(code, os.strerror(code))


def test_reports_a_file_above_the_size_limit(tmp_path: Path) -> None:
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, limits[1]))
    try:
        with pytest.raises(OutputDiskError, match="larger than the disk or your limits allow"):
            files.atomic_write_bytes(tmp_path / "a", bytes(200_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert os.listdir(tmp_path) == []


def test_other_errors_are_raised_unchanged(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="Bad file descriptor"), files.disk_errors(tmp_path):
        os.close(10_000)


def test_rejects_a_folder_as_the_target(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="a folder of that name exists"):
        files.atomic_write_bytes(tmp_path, b"x")
    assert list(tmp_path.parent.glob(f"{files.TEMPORARY_PREFIX}*")) == []


def test_rejects_a_file_as_the_parent_folder(tmp_path: Path) -> None:
    (tmp_path / "a").touch()
    with pytest.raises(UsageError, match="a file, not a folder"):
        files.atomic_write_bytes(tmp_path / "a" / "b", b"x")


def test_temporary_paths_are_unique_and_in_the_same_folder(tmp_path: Path) -> None:
    first, second = (files.temporary_path(tmp_path / "film.mp4") for _ in range(2))
    assert first != second
    assert first.parent == tmp_path
    assert re.fullmatch(r"\.tmp-[0-9a-f]{32}\.mp4", first.name)


def test_hashes_a_file_of_several_chunks(tmp_path: Path) -> None:
    data = bytes(range(256)) * 10_000
    (tmp_path / "a").write_bytes(data)
    assert files.hash_file(tmp_path / "a") == hashlib.blake2b(data, digest_size=20).hexdigest()


def test_hashing_rejects_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="cannot read"):
        files.hash_file(tmp_path / "a")
