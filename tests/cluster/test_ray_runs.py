"""Runs on a real local Ray."""

from __future__ import annotations

from pathlib import Path

import pytest
import ray
from run_clusters import FRAMES, Undisturbed, assert_like
from run_samples import on_ray, sample_config

from batch_analogy.config import ExecutionConfig
from batch_analogy.errors import ClusterError
from batch_analogy.jobs.events import RunEvent, WorkersReady
from batch_analogy.jobs.run import open_run

pytestmark = pytest.mark.slow  # each starts Ray


@pytest.mark.parametrize("workers", [1, 2])
def test_any_number_of_workers_gives_the_same_bytes(
    tmp_path: Path, uninterrupted: Undisturbed, workers: int
) -> None:
    events: list[RunEvent] = []
    config = on_ray(tmp_path, FRAMES, workers=workers)
    result = open_run(config).execute(events.append)
    assert result.failed == []
    assert {e.worker for e in events if isinstance(e, WorkersReady)} == {
        f"styler-{number}" for number in range(workers)
    }
    assert_like(config, uninterrupted)
    assert not ray.is_initialized()


def test_a_ray_that_is_running_in_this_process_is_used_and_left_alone(tmp_path: Path) -> None:
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        assert open_run(on_ray(tmp_path, 2, workers=2)).execute().done == 2
        assert ray.is_initialized()
    finally:
        ray.shutdown()


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("127.0.0.1:1", r"no Ray at 127\.0\.0\.1:1: .*refused"),
        ("no-such-host.invalid:6379", r"no Ray at no-such-host\.invalid"),
        ("ray://127.0.0.1:10001", "Ray Client"),
    ],
)
def test_no_cluster_at_the_address_is_said_so(tmp_path: Path, address: str, message: str) -> None:
    config = sample_config(tmp_path, 1, execution=ExecutionConfig(address=address))
    with pytest.raises(ClusterError, match=message):
        open_run(config).execute()
    assert not ray.is_initialized()


def test_a_gpu_that_is_not_there_is_said_so(tmp_path: Path) -> None:
    execution = ExecutionConfig(gpus_per_worker=64)
    with pytest.raises(ClusterError, match="64 GPU per worker were asked for"):
        open_run(sample_config(tmp_path, 1, execution=execution)).execute()
    assert not ray.is_initialized()


def test_workers_that_cannot_start_are_said_so(tmp_path: Path) -> None:
    config = on_ray(tmp_path, 4, workers=2)
    opening = open_run(config)
    (tmp_path / "reference.png").write_bytes(b"gone")
    with pytest.raises(ClusterError, match=r"no worker could be started.*has changed since"):
        opening.execute()


def test_a_cluster_too_small_is_waited_for_and_then_described(tmp_path: Path) -> None:
    ray.init(address="local", num_cpus=0, include_dashboard=False, log_to_driver=False)
    try:
        execution = ExecutionConfig(workers=1, start_timeout_seconds=3.0)
        said = r"within 3 s: workers asked for: 1, each with 1 CPU .* no machine .*--start-timeout"
        with pytest.raises(ClusterError, match=said):
            open_run(sample_config(tmp_path, 1, execution=execution)).execute()
    finally:
        ray.shutdown()
