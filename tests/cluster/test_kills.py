"""Runs whose workers and drivers are killed at any moment."""

from __future__ import annotations

import os
import random
import signal
import time
from pathlib import Path

import pytest

from batch_analogy.jobs.drive.open_run import open_run, read_status
from batch_analogy.jobs.events import FrameDone, RunEvent, WorkerLost, WorkersReady
from tests.support.processes.clusters import (
    FRAMES,
    Undisturbed,
    assert_like,
    journaled_files,
    stop_the_other,
)
from tests.support.processes.drivers import StartDriver, freezer, wait_for_frames, worker_pid
from tests.support.processes.paced import PATIENCE_SECONDS
from tests.support.runs import INLINE, frame_identity, on_ray, sample_config


@pytest.mark.usefixtures("running_ray")
def test_replaces_a_killed_worker_and_makes_every_frame_once(
    tmp_path: Path, uninterrupted: Undisturbed
) -> None:
    config = on_ray(tmp_path, FRAMES, workers=2)
    events: list[RunEvent] = []
    with freezer() as frozen:

        def kill_one(event: RunEvent) -> None:
            events.append(event)
            if isinstance(event, FrameDone) and event.done == 3:
                stop_the_other(frozen, config.run_dir, event.worker)
                os.kill(worker_pid(config.run_dir, event.worker), signal.SIGKILL)
            if isinstance(event, WorkerLost):
                frozen.go_on()

        result = open_run(config).execute(kill_one)
    lost = [event for event in events if isinstance(event, WorkerLost)]
    assert [(event.deaths, event.replacement) for event in lost] == [(1, "styler-2")]
    assert result.failed == []
    done = [event.index for event in events if isinstance(event, FrameDone)]
    assert sorted(done) == list(range(FRAMES))
    assert_like(config, uninterrupted)


@pytest.mark.usefixtures("running_ray")
def test_a_frame_that_always_kills_its_worker_is_given_up(tmp_path: Path) -> None:
    config = on_ray(tmp_path, 3, workers=1)
    deaths = 0

    def kill_when_ready(event: RunEvent) -> None:
        nonlocal deaths
        if isinstance(event, WorkersReady) and deaths < 3:
            deaths += 1
            os.kill(worker_pid(config.run_dir, event.worker), signal.SIGKILL)

    result = open_run(config).execute(kill_when_ready)
    assert deaths == 3
    assert [index for index, _, _ in result.failed] == [0]
    assert "workers died while making it" in result.failed[0][2]
    assert result.done == 2


def test_continues_after_a_killed_driver_without_repeating_finished_frames(
    tmp_path: Path, uninterrupted: Undisturbed, start_driver: StartDriver
) -> None:
    config = on_ray(tmp_path, FRAMES, workers=2)
    driver = start_driver(config, hold_at=FRAMES // 2)
    wait_for_frames(config.run_dir, FRAMES // 2)
    driver.kill()
    driver.wait()
    finished = journaled_files(config.run_dir)
    assert len(finished) == FRAMES // 2
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
    tmp_path: Path, uninterrupted: Undisturbed, start_driver: StartDriver
) -> None:
    config = sample_config(tmp_path, FRAMES, execution=INLINE)
    chance = random.Random(4)
    finished: dict[str, tuple[int, int]] = {}
    for _ in range(4):
        driver = start_driver(config)
        assert driver.stdout is not None
        driver.stdout.readline()  # planning is over; anything else may be in progress
        time.sleep(chance.uniform(0.0, 1.6))
        driver.kill()
        driver.wait()
        assert frame_identity(config.run_dir).items() >= finished.items()
        finished = journaled_files(config.run_dir)
    assert open_run(config).execute().done == FRAMES
    assert frame_identity(config.run_dir).items() >= finished.items()
    assert_like(config, uninterrupted)
