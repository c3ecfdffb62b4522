"""The cache of frame statistics on the disk."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from batch_analogy.errors import OutputDiskError
from batch_analogy.jobs.plan.scan_cache import ScanCache
from batch_analogy.motion.shots.frame_stats import FrameStats, compute_frame_stats


def stats_of(seed: int, camera_ev: float | None = None) -> FrameStats:
    pixels = np.random.default_rng(seed).random((20, 30, 3), dtype=np.float32)
    return compute_frame_stats(pixels, camera_ev)


def assert_same(found: FrameStats | None, expected: FrameStats) -> None:
    assert found is not None
    assert np.array_equal(found.luma, expected.luma)
    assert np.array_equal(found.colours, expected.colours)
    assert (found.log2_light, found.camera_ev) == (expected.log2_light, expected.camera_ev)


def write(path: Path, **stats: FrameStats) -> None:
    with ScanCache(path, stats, writable=True) as file:
        for key, one in stats.items():
            file.add(key, one)


def test_reads_back_records_added_now_and_earlier(tmp_path: Path) -> None:
    path = tmp_path / "scan.bin"
    write(path, a=stats_of(1), b=stats_of(2, -3.5))
    with ScanCache(path, {"b", "c"}, writable=True) as file:
        assert "a" in file
        assert "c" not in file
        file.add("c", stats_of(3))
        found = file.read(["c", "b", "a", "d", "b"])
    assert found[3] is None
    for one, expected in zip(
        [*found[:3], found[4]],
        [stats_of(3), stats_of(2, -3.5), stats_of(1), stats_of(2, -3.5)],
        strict=True,
    ):
        assert_same(one, expected)
    with ScanCache(path, {"c"}, writable=True) as file:
        assert_same(*file.read(["c"]), stats_of(3))


@pytest.mark.parametrize("harm", ["torn", "changed", "another kind"])
def test_ignores_and_replaces_damaged_records(tmp_path: Path, harm: str) -> None:
    path = tmp_path / "scan.bin"
    write(path, a=stats_of(1), b=stats_of(2))
    data = bytearray(path.read_bytes())
    if harm == "torn":
        del data[-7:]
    elif harm == "changed":
        data[-500] ^= 1
    path.write_bytes(b"\x93NUMPY" + data if harm == "another kind" else data)
    with ScanCache(path, {"a", "b"}, writable=True) as file:
        assert ("a" in file, "b" in file) == (harm != "another kind", False)
        file.add("b", stats_of(4))
        assert_same(*file.read(["b"]), stats_of(4))
    with ScanCache(path, {"b"}, writable=True) as file:
        assert_same(*file.read(["b"]), stats_of(4))


def test_starts_afresh_for_other_frames(tmp_path: Path) -> None:
    path = tmp_path / "scan.bin"
    write(path, a=stats_of(1), b=stats_of(2))
    size = path.stat().st_size
    write(path, c=stats_of(3))
    assert path.stat().st_size == size // 2
    with ScanCache(path, {"a", "c"}, writable=True) as file:
        assert file.read(["a"]) == [None]
        assert_same(*file.read(["c"]), stats_of(3))


def test_reads_a_read_only_file_and_keeps_it(tmp_path: Path) -> None:
    path = tmp_path / "scan.bin"
    write(path, a=stats_of(1))
    before = path.read_bytes()
    with ScanCache(path, {"a", "b"}, writable=False) as file:
        file.add("b", stats_of(2))
        first, second = file.read(["a", "b"])
    assert_same(first, stats_of(1))
    assert_same(second, stats_of(2))
    assert path.read_bytes() == before
    with ScanCache(tmp_path / "none", {"a"}, writable=False) as file:
        assert file.read(["a"]) == [None]
    assert not (tmp_path / "none").exists()


def fill_the_disk(path: Path) -> None:
    with ScanCache(path, {"a"}, writable=True) as file:
        full = os.open("/dev/full", os.O_RDWR)
        os.dup2(full, file._file.fileno())
        os.close(full)
        file.add("a", stats_of(1))
        file.read(["a"])


def test_a_full_disk_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(OutputDiskError, match="full"):
        fill_the_disk(tmp_path / "scan.bin")
