"""Usable cores and memory, and the number of workers that they allow."""

from __future__ import annotations

from pathlib import Path

import pytest

from batch_analogy.jobs.resources import available_memory_bytes, default_workers, usable_cores


@pytest.mark.parametrize(
    ("segments", "cores", "memory", "expected"),
    [
        (10, 4, 64e9, 4),
        (3, 4, 64e9, 3),
        (10, 16, 7e9, 2),
        (10, 4, 1e9, 1),
        (10, 4, None, 4),
    ],
)
def test_default_workers(segments: int, cores: int, memory: float | None, expected: int) -> None:
    size = None if memory is None else int(memory)
    assert default_workers(segments, cores=cores, memory_bytes=size) == expected


def test_this_machine_has_cores_and_memory() -> None:
    assert usable_cores() >= 1
    memory = available_memory_bytes()
    assert memory is None or memory > 10**8


def test_available_memory_respects_a_containers_limit(tmp_path: Path) -> None:
    (tmp_path / "proc").mkdir()
    (tmp_path / "proc/meminfo").write_text("MemTotal: 99 kB\nMemAvailable:    8000000 kB\n")
    assert available_memory_bytes(tmp_path) == 8_192_000_000
    cgroup = tmp_path / "sys/fs/cgroup"
    cgroup.mkdir(parents=True)
    (cgroup / "memory.current").write_text("1000000\n")
    (cgroup / "memory.max").write_text("max\n")
    assert available_memory_bytes(tmp_path) == 8_192_000_000
    (cgroup / "memory.max").write_text("5000000\n")
    assert available_memory_bytes(tmp_path) == 4_000_000
    assert available_memory_bytes(tmp_path / "nowhere") is None
