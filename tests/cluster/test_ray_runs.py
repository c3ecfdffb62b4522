"""Runs on a real local Ray, with real kills."""

from __future__ import annotations

import dataclasses
import json
import os
import random
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import ray
from ray.cluster_utils import Cluster
from run_drivers import (
    PATIENCE_SECONDS,
    StartDriver,
    starting_drivers,
    wait_for_frames,
    worker_pid,
)
from run_samples import DRAFT, INLINE, frame_bytes, frame_identity, sample_config

from batch_analogy.config import ExecutionConfig, RunConfig
from batch_analogy.errors import ClusterError
from batch_analogy.jobs.events import FrameDone, RunEvent, WorkerLost, WorkersReady
from batch_analogy.jobs.journal import read_history
from batch_analogy.jobs.run import open_run, read_status

pytestmark = pytest.mark.slow  # each starts Ray

FRAMES = 12


def on_ray(root: Path, workers: int, frames: int = FRAMES, **overrides: Any) -> RunConfig:
    return sample_config(root, frames, execution=ExecutionConfig(workers=workers), **overrides)


@pytest.fixture
def start_driver() -> Iterator[StartDriver]:
    """Starts a driver in a process group of its own; what is left of it is killed afterwards."""
    yield from starting_drivers()


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, bytes], bytes]:
    """The frames and the film of a run in one process that nobody disturbed."""
    root = tmp_path_factory.mktemp("uninterrupted")
    config = sample_config(root, FRAMES, execution=INLINE)
    assert open_run(config).execute().done == FRAMES
    return frame_bytes(config.run_dir), config.output.read_bytes()


def assert_like(config: RunConfig, expected: tuple[dict[str, bytes], bytes]) -> None:
    frames, film = expected
    assert frame_bytes(config.run_dir) == frames
    assert config.output.read_bytes() == film


def journaled_files(run_dir: Path) -> dict[str, tuple[int, int]]:
    done = read_history(run_dir / "journal.jsonl").done
    identity = frame_identity(run_dir)
    return {name: identity[name] for name in (f"a_prime/{index:06d}.png" for index in done)}


@pytest.mark.parametrize("workers", [1, 2])
def test_any_number_of_workers_gives_the_same_bytes(
    tmp_path: Path, uninterrupted: tuple[dict[str, bytes], bytes], workers: int
) -> None:
    events: list[RunEvent] = []
    config = on_ray(tmp_path, workers)
    result = open_run(config).execute(events.append)
    assert result.failed == []
    assert {e.worker for e in events if isinstance(e, WorkersReady)} == {
        f"styler-{number}" for number in range(workers)
    }
    assert_like(config, uninterrupted)
    assert not ray.is_initialized()


def test_a_killed_worker_is_replaced_and_every_frame_exists_once(
    tmp_path: Path, uninterrupted: tuple[dict[str, bytes], bytes]
) -> None:
    config = on_ray(tmp_path, 2)
    events: list[RunEvent] = []

    def kill_one(event: RunEvent) -> None:
        events.append(event)
        if isinstance(event, FrameDone) and event.done == 3:
            os.kill(worker_pid(config.run_dir, event.worker), signal.SIGKILL)

    result = open_run(config).execute(kill_one)
    lost = [event for event in events if isinstance(event, WorkerLost)]
    assert [(event.deaths, event.replacement) for event in lost] == [(1, "styler-2")]
    assert result.failed == []
    done = [event.index for event in events if isinstance(event, FrameDone)]
    assert sorted(done) == list(range(FRAMES))
    assert_like(config, uninterrupted)


def test_a_frame_that_always_kills_its_worker_is_given_up(tmp_path: Path) -> None:
    config = on_ray(tmp_path, 1, frames=3)
    deaths = 0

    def kill_when_ready(event: RunEvent) -> None:
        nonlocal deaths
        if isinstance(event, WorkersReady) and deaths < 3:
            deaths += 1
            os.kill(worker_pid(config.run_dir, event.worker), signal.SIGKILL)

    result = open_run(config).execute(kill_when_ready)
    assert deaths == 3
    assert [index for index, _, _ in result.failed] == [0]
    assert "its workers died on it" in result.failed[0][2]
    assert result.done == 2


def test_a_killed_driver_is_continued_without_doing_a_finished_frame_again(
    tmp_path: Path, uninterrupted: tuple[dict[str, bytes], bytes], start_driver: StartDriver
) -> None:
    config = on_ray(tmp_path, 2)
    driver = start_driver(config)
    wait_for_frames(config.run_dir, FRAMES // 2)
    driver.kill()
    driver.wait()
    finished = journaled_files(config.run_dir)
    assert FRAMES // 2 <= len(finished) < FRAMES, "it was not killed half-way"
    assert read_status(config.run_dir).state == "stopped"

    again = start_driver(config)
    output, errors = again.communicate(timeout=PATIENCE_SECONDS)
    assert again.returncode == 0, errors
    assert errors == "", "Ray is not quiet"
    redone = [line for line in output.splitlines() if line.startswith("FrameDone")]
    assert len(redone) <= FRAMES - len(finished)
    assert frame_identity(config.run_dir).items() >= finished.items()
    assert_like(config, uninterrupted)


def test_kills_at_any_moment_lose_nothing(
    tmp_path: Path, uninterrupted: tuple[dict[str, bytes], bytes], start_driver: StartDriver
) -> None:
    config = sample_config(tmp_path, FRAMES, execution=INLINE)
    chance = random.Random(4)
    finished: dict[str, tuple[int, int]] = {}
    for _ in range(6):
        driver = start_driver(config)
        assert driver.stdout is not None
        driver.stdout.readline()  # planning is over; now anything may be going on
        time.sleep(chance.uniform(0.0, 1.6))
        driver.kill()
        driver.wait()
        assert frame_identity(config.run_dir).items() >= finished.items()
        finished = journaled_files(config.run_dir)
    assert open_run(config).execute().done == FRAMES
    assert frame_identity(config.run_dir).items() >= finished.items()
    assert_like(config, uninterrupted)


@pytest.mark.parametrize("execution", [INLINE, ExecutionConfig(workers=2)])
def test_ctrl_c_finishes_the_frames_in_hand(
    tmp_path: Path,
    uninterrupted: tuple[dict[str, bytes], bytes],
    start_driver: StartDriver,
    execution: ExecutionConfig,
) -> None:
    config = sample_config(tmp_path, FRAMES, execution=execution)
    driver = start_driver(config)
    wait_for_frames(config.run_dir, 3)
    os.killpg(driver.pid, signal.SIGINT)  # as a terminal does it
    output, errors = driver.communicate(timeout=PATIENCE_SECONDS)
    assert driver.returncode == 0, errors
    result = json.loads(output.splitlines()[-1])
    assert result["interrupted"]
    assert result["films"] == []
    assert result["failed"] == []
    assert 3 <= result["done"] < FRAMES
    assert read_status(config.run_dir).state == "interrupted"
    finished = journaled_files(config.run_dir)
    assert len(finished) == result["done"]
    assert open_run(config).execute().done == FRAMES
    assert frame_identity(config.run_dir).items() >= finished.items()
    assert_like(config, uninterrupted)


def test_a_second_ctrl_c_stops_at_once(tmp_path: Path, start_driver: StartDriver) -> None:
    slow = dataclasses.replace(DRAFT, min_side_px=320)
    config = sample_config(tmp_path, 4, analogy=slow)
    driver = start_driver(config)
    wait_for_frames(config.run_dir, 1)  # the next one takes seconds
    began = time.monotonic()
    for _ in range(2):
        time.sleep(0.3)
        os.killpg(driver.pid, signal.SIGINT)
    _, errors = driver.communicate(timeout=PATIENCE_SECONDS)
    assert "KeyboardInterrupt" in errors
    assert time.monotonic() - began < 10.0
    assert len(journaled_files(config.run_dir)) < 4
    assert read_status(config.run_dir).state == "interrupted"


def node_of(cluster: Cluster, worker: str) -> Any:
    """The cluster's node that a worker's actor is on."""
    actor = ray._private.state.actors(ray.get_actor(worker)._actor_id.hex())
    (node,) = [node for node in cluster.worker_nodes if node.node_id == actor["Address"]["NodeID"]]
    return node


def test_a_lost_node_of_a_cluster_costs_nothing_and_the_cluster_is_left_running(
    tmp_path: Path, uninterrupted: tuple[dict[str, bytes], bytes]
) -> None:
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 0})
    for _ in range(2):
        cluster.add_node(num_cpus=1)
    try:
        config = sample_config(
            tmp_path, FRAMES, execution=ExecutionConfig(workers=2, address=cluster.address)
        )
        lost: list[WorkerLost] = []

        def lose_node(event: RunEvent) -> None:
            if isinstance(event, WorkerLost):
                lost.append(event)
            if isinstance(event, FrameDone) and event.done == 3:
                # The worker that has just worked: the other one may still be starting, and a
                # run that ends before a node is missed has lost nothing.
                cluster.remove_node(node_of(cluster, event.worker), allow_graceful=False)

        result = open_run(config).execute(lose_node)
        assert len(lost) == 1
        assert result.failed == []
        assert_like(config, uninterrupted)
        ray.init(address=cluster.address, log_to_driver=False)
        assert ray.cluster_resources()["CPU"] >= 1
    finally:
        ray.shutdown()
        cluster.shutdown()


def test_a_ray_that_is_running_in_this_process_is_used_and_left_alone(tmp_path: Path) -> None:
    ray.init(address="local", num_cpus=2, include_dashboard=False, log_to_driver=False)
    try:
        assert open_run(on_ray(tmp_path, 2, frames=2)).execute().done == 2
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
    config = on_ray(tmp_path, 2, frames=4)
    opening = open_run(config)
    (tmp_path / "reference.png").write_bytes(b"gone")
    with pytest.raises(ClusterError, match=r"no worker could be started.*has changed since"):
        opening.execute()


def test_a_cluster_too_small_is_waited_for_and_then_described(tmp_path: Path) -> None:
    ray.init(address="local", num_cpus=0, include_dashboard=False, log_to_driver=False)
    try:
        execution = ExecutionConfig(workers=1, start_timeout_seconds=3.0)
        with pytest.raises(ClusterError, match=r"within 3 s: each asks for 1 CPU.*has 0 CPU"):
            open_run(sample_config(tmp_path, 1, execution=execution)).execute()
    finally:
        ray.shutdown()
