"""Runs on machines whose clocks differ by hours."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from batch_analogy.cli import status as status_command
from batch_analogy.config.run import RunConfig
from batch_analogy.jobs.drive.open_run import open_run, read_status
from batch_analogy.jobs.folder import run_status
from batch_analogy.jobs.folder.run_status import RunState
from batch_analogy.jobs.store import RunStore
from batch_analogy.json_files import to_plain
from tests.support.processes.clusters import journaled_files
from tests.support.processes.drivers import DRIVE, wait_for_frames
from tests.support.processes.paced import PATIENCE_SECONDS
from tests.support.runs import frame_identity, run_here, sample_config, worked_on

HOURS = 3600.0

OTHER_CLOCK = """
import time
here = time.time
time.time = lambda: here() + {skew}
"""
ELSEWHERE = ("unshare", "--user", "--map-root-user", "--uts", "sh", "-c")


@contextlib.contextmanager
def driven_elsewhere(config: RunConfig, *, skew: float, frames: int) -> Iterator[None]:
    """Run a driver on a machine with another name and another clock; kill it at the end.

    The context is entered when ``frames`` frames are done; the driver waits there.
    """
    script = OTHER_CLOCK.format(skew=skew) + DRIVE
    drive = (sys.executable, "-c", script, json.dumps(to_plain(config)), str(frames))
    with subprocess.Popen(
        [*ELSEWHERE, 'hostname elsewhere && exec "$@"', "sh", *drive],
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as driver:
        try:
            wait_for_frames(config.run_dir, frames)
            yield
        finally:
            driver.kill()


@pytest.fixture
def other_names() -> None:
    """Skip the test if a process cannot have a host name of its own."""
    tried = subprocess.run([*ELSEWHERE, "hostname elsewhere"], capture_output=True, check=False)
    if tried.returncode != 0:
        pytest.skip(f"no host name of its own: {tried.stderr.decode().strip()}")


@pytest.mark.usefixtures("other_names")
def test_a_run_continues_on_a_machine_with_another_clock(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = sample_config(tmp_path, 10)
    tomorrow = time.time() + 24 * HOURS
    for frame in (tmp_path / "in").iterdir():
        os.utime(frame, (tomorrow, tomorrow))
    finished: dict[str, tuple[int, int]] = {}
    for skew, frames, told in ((2 * HOURS, 1, "ahead"), (-2 * HOURS, 3, "ago")):
        with driven_elsewhere(config, skew=skew, frames=frames):
            found = read_status(config.run_dir)
            assert found.state == "running"
            assert found.eta_seconds is None or 0 <= found.eta_seconds < HOURS
            assert abs(found.updated_at - time.time() - skew) < PATIENCE_SECONDS
            with monkeypatch.context() as at_once:  # a frame may take minutes
                at_once.setattr(time, "time", lambda at=found.updated_at - skew + 5: at)
                rows = dict(status_command.summary_rows(found, None))
            assert rows["updated"].startswith(("1 h 59 min", "2 h 0 min"))
            assert rows["updated"].endswith(f"{told} by the clock of elsewhere")
            assert "h" not in rows["worker"].partition("last seen ")[2].split()
        assert read_status(config.run_dir).state == "stopped"
        assert journaled_files(config.run_dir).items() >= finished.items()
        finished = journaled_files(config.run_dir)
    result, events = run_here(config)
    assert result.failed == []
    assert len(worked_on(events)) <= 10 - len(finished)
    assert frame_identity(config.run_dir).items() >= finished.items()


@pytest.mark.parametrize("skew", [2 * HOURS, -2 * HOURS])
def test_without_shared_locks_a_changing_status_shows_a_driver(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, skew: float
) -> None:
    config = sample_config(tmp_path, 1)
    open_run(config).close()
    store, planned = RunStore(config.run_dir), read_status(config.run_dir)
    stop = threading.Event()

    def say() -> None:
        running = msgspec.structs.replace(
            planned, state="running", host="elsewhere", updated_at=time.time() + skew
        )
        run_status.write_status(store, running)

    def go_on() -> None:
        while not stop.wait(0.2):
            say()

    say()
    driver = threading.Thread(target=go_on)
    driver.start()
    monkeypatch.setattr(run_status, "LIVENESS_SECONDS", 20.0)  # as long as both threads may wait
    try:
        assert read_status(config.run_dir).state == "running"
    finally:
        stop.set()
        driver.join()
    monkeypatch.setattr(run_status, "LIVENESS_SECONDS", 0.5)
    assert read_status(config.run_dir).state == "stopped"


@pytest.mark.parametrize("last", [("finished",), ("encoding", "finished")])
def test_a_driver_that_ends_between_two_reads_does_not_count_as_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, last: tuple[RunState, ...]
) -> None:
    """It writes its last status after the first read and releases the lock before the second."""
    config = sample_config(tmp_path, 1)
    open_run(config).close()
    store, planned = RunStore(config.run_dir), read_status(config.run_dir)
    states: list[RunState] = [*last]

    def say(state: RunState) -> None:
        host, now = socket.gethostname(), time.time()
        written = msgspec.structs.replace(planned, state=state, host=host, updated_at=now)
        run_status.write_status(store, written)

    def end_meanwhile(_: RunStore) -> bool:
        if states:
            say(states.pop(0))
        return False

    say("running")
    monkeypatch.setattr(RunStore, "has_driver", end_meanwhile)
    assert read_status(config.run_dir).state == "finished"


def test_the_lock_shows_a_running_driver(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "film.run")
    assert not store.has_driver()
    store.open()
    assert RunStore(tmp_path / "film.run").has_driver()
    store.close()
    assert not RunStore(tmp_path / "film.run").has_driver()
