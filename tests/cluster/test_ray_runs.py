"""Runs on a real local Ray."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import ray

from batch_analogy.config.run import ExecutionConfig
from batch_analogy.config.semantic import SemanticConfig
from batch_analogy.errors import ClusterError
from batch_analogy.jobs.drive.open_run import open_run
from batch_analogy.jobs.events import FrameDone, RunEvent, WorkersReady
from batch_analogy.jobs.ray.cluster import leave, start_local
from batch_analogy.jobs.semantic.train_many import train_all
from batch_analogy.jobs.semantic.training import TrainJob
from tests.support.processes.clusters import FRAMES, Undisturbed, assert_like
from tests.support.processes.drivers import freezer
from tests.support.runs import on_ray, sample_config
from tests.support.semantic import QUICK, write_disc


@pytest.mark.smoke
def test_any_number_of_workers_gives_the_same_bytes(
    tmp_path: Path, uninterrupted: Undisturbed
) -> None:
    config = on_ray(tmp_path, FRAMES, workers=2)
    names = {"styler-0", "styler-1"}
    ready: set[str] = set()

    with freezer() as frozen:

        def wait_for_all(event: RunEvent) -> None:
            if isinstance(event, WorkersReady):
                ready.add(event.worker)
                frozen.go_on()
            if isinstance(event, FrameDone) and ready != names:
                frozen.stop(config.run_dir, event.worker)

        result = open_run(config).execute(wait_for_all)
    assert result.failed == []
    assert ready == names
    assert_like(config, uninterrupted)
    assert not ray.is_initialized()


@pytest.mark.parametrize(
    ("address", "message"),
    [
        ("127.0.0.1:1", r"no Ray at 127\.0\.0\.1:1: .*refused"),
        ("no-such-host.invalid:6379", r"no Ray at no-such-host\.invalid"),
        ("ray://127.0.0.1:10001", "Ray Client"),
    ],
)
def test_reports_an_address_without_a_cluster(tmp_path: Path, address: str, message: str) -> None:
    config = sample_config(tmp_path, 1, execution=ExecutionConfig(address=address))
    with pytest.raises(ClusterError, match=message):
        open_run(config).execute()
    assert not ray.is_initialized()


def test_reports_that_gpus_are_missing(tmp_path: Path) -> None:
    execution = ExecutionConfig(gpus_per_worker=64)
    with pytest.raises(ClusterError, match="--gpus-per-worker is 64, but"):
        open_run(sample_config(tmp_path, 1, execution=execution)).execute()
    assert not ray.is_initialized()


def test_describes_a_cluster_that_stays_too_small(tmp_path: Path) -> None:
    start_local(0, dashboard=False)
    try:
        execution = ExecutionConfig(workers=1, start_timeout_seconds=3.0)
        said = r"within 3 s: workers requested: 1, each with 1 CPU .* no machine .*--start-timeout"
        with pytest.raises(ClusterError, match=said):
            open_run(sample_config(tmp_path, 1, execution=execution)).execute()
    finally:
        leave()


@pytest.mark.usefixtures("running_ray")
def test_uses_a_running_ray_and_leaves_it_running(
    tmp_path: Path, uninterrupted: Undisturbed
) -> None:
    config = on_ray(tmp_path, FRAMES, workers=1)
    assert open_run(config).execute().failed == []
    assert_like(config, uninterrupted)
    assert ray.is_initialized()


@pytest.mark.usefixtures("running_ray")
def test_accepts_folder_names_that_are_not_valid_text(tmp_path: Path) -> None:
    odd = os.fsdecode(b"caf\xe9")
    config = on_ray(tmp_path, 2, workers=1, run={"run_dir": tmp_path / f"{odd}.run"})
    assert open_run(config).execute().done == 2
    picture, label = write_disc(tmp_path / "pictures", odd)
    job = TrainJob(
        picture=picture,
        label=label,
        folder=tmp_path / f"{odd}.semantic",
        config=SemanticConfig(**QUICK),
    )
    assert [one.ending for one in train_all([job], ExecutionConfig()).ended] == ["finished"]


@pytest.mark.usefixtures("running_ray")
def test_reports_workers_that_cannot_start(tmp_path: Path) -> None:
    config = on_ray(tmp_path, 4, workers=2)
    opening = open_run(config)
    (tmp_path / "reference.png").write_bytes(b"gone")
    with pytest.raises(ClusterError, match=r"no worker could be started.*has changed since"):
        opening.execute()
