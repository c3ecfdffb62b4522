"""Ctrl-C on Ray. A second one, which stops at once, is tested with the command line."""

from __future__ import annotations

import dataclasses
import json
import os
import signal
from pathlib import Path

import pytest

from batch_analogy.config.run import ExecutionConfig
from batch_analogy.jobs.drive.driver import Driver, StopRequest
from batch_analogy.jobs.drive.open_run import open_run, read_status
from batch_analogy.jobs.drive.pool_choice import make_pool
from batch_analogy.jobs.drive.scheduler import Scheduler
from batch_analogy.jobs.events import FrameDone, RunEvent, Stopping
from batch_analogy.jobs.folder.journal import Journal, read_history
from batch_analogy.jobs.folder.run_progress import RunProgress
from tests.support.processes.clusters import FRAMES, Undisturbed, assert_like, journaled_files
from tests.support.processes.drivers import StartDriver, wait_for_frames
from tests.support.processes.paced import PATIENCE_SECONDS
from tests.support.runs import INLINE, frame_identity, sample_config


@pytest.mark.parametrize("execution", [INLINE, ExecutionConfig(workers=2, gpus_per_worker=0)])
def test_ctrl_c_lets_workers_finish_their_frames(
    tmp_path: Path,
    uninterrupted: Undisturbed,
    start_driver: StartDriver,
    execution: ExecutionConfig,
) -> None:
    config = sample_config(tmp_path, FRAMES, execution=execution)
    driver = start_driver(config, hold_at=3)
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
    here = dataclasses.replace(config, execution=INLINE)  # another Ray takes ten seconds
    assert open_run(here).execute().done == FRAMES
    assert frame_identity(config.run_dir).items() >= finished.items()
    assert_like(config, uninterrupted)


@pytest.mark.usefixtures("running_ray")
@pytest.mark.parametrize("execution", [INLINE, ExecutionConfig(workers=1, gpus_per_worker=0)])
def test_ctrl_c_finishes_all_frames_that_are_matched_together(
    tmp_path: Path, execution: ExecutionConfig
) -> None:
    """Press Ctrl-C at the first frame of a batch of three, as on a GPU; no other batch starts."""
    stop = StopRequest()
    told: list[RunEvent] = []

    def interrupt(event: RunEvent) -> None:
        told.append(event)
        if isinstance(event, FrameDone) and event.done == 1:
            os.kill(os.getpid(), signal.SIGINT)

    with open_run(sample_config(tmp_path, 6, execution=execution)) as run:
        spec = dataclasses.replace(run._spec(), frames_at_once=3)
        pool = make_pool(spec, execution, segments=1)
        scheduler = Scheduler([range(6)], max_attempts=3, max_worker_deaths=8)
        progress = RunProgress(run.config, run.store, run.plan, done=set(), given_up={})
        with Journal(run.store.journal) as journal, stop.listening():
            Driver(pool, scheduler, run.plan, journal, progress, execution, stop, interrupt).run()
        assert sorted(read_history(run.store.journal).done) == [0, 1, 2]
        assert [event.in_hand for event in told if isinstance(event, Stopping)] == [1]
