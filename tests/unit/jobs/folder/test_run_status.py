"""Pace and the choice of workers."""

from __future__ import annotations

from pathlib import Path

import pytest

from batch_analogy.errors import UsageError
from batch_analogy.jobs.folder.run_status import RECENT_FRAMES, Pace, read_status
from batch_analogy.jobs.resources import available_memory_bytes, default_workers, usable_cores


def test_pace_is_unknown_before_the_first_frame() -> None:
    assert Pace().rate(2) is None
    assert Pace().eta_seconds(5, 2) is None


def test_pace_is_the_median_so_that_a_slow_first_frame_does_not_count() -> None:
    pace = Pace()
    for seconds in (60.0, 2.0, 2.0):
        pace.add(seconds)
    assert pace.rate(4) == pytest.approx(2.0)
    assert pace.eta_seconds(8, 4) == pytest.approx(4.0)


def test_pace_of_a_steady_film_is_the_mean_over_whole_stretches() -> None:
    pace = Pace(span=4)
    for seconds in (17.0, 1.0, 1.0, 1.0) * 3:
        pace.add(seconds)
    assert pace.rate(1) == pytest.approx(0.2)
    assert pace.eta_seconds(8, 4) == pytest.approx(8 * 5.0 / 2)  # two spans, two workers


def test_pace_forgets_old_frames() -> None:
    pace = Pace()
    for seconds in [50.0] * 100 + [1.0] * RECENT_FRAMES:
        pace.add(seconds)
    assert pace.rate(1) == pytest.approx(1.0)


def test_one_frame_left_is_done_by_one_worker() -> None:
    pace = Pace()
    pace.add(10.0)
    assert pace.eta_seconds(1, 8) == pytest.approx(10.0)


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


def test_a_containers_limit_counts(tmp_path: Path) -> None:
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


def test_a_folder_without_a_run_has_no_status(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no run in"):
        read_status(tmp_path)
