"""Drivers in their own processes, to be killed by tests.

On a busy machine, a small run may be over before the test can look at it again. So a driver can be
told to wait after a number of frames, until the test reads its output or ends it.
"""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from batch_analogy.config.run import RunConfig
from batch_analogy.jobs.folder.journal import read_history
from batch_analogy.json_files import to_plain
from tests.support.processes.paced import PATIENCE_SECONDS

DRIVE = """
import dataclasses, json, sys
from batch_analogy.config.run import RunConfig
from batch_analogy.jobs.events import FrameDone
from batch_analogy.json_files import from_plain
from batch_analogy.jobs.drive.open_run import open_run

config, hold_at = from_plain(json.loads(sys.argv[1]), RunConfig), int(sys.argv[2])

def tell(event):
    print(event, flush=True)
    if isinstance(event, FrameDone) and event.done == hold_at:
        sys.stdin.readline()

result = open_run(config).execute(tell)
values = dataclasses.asdict(result)
print(json.dumps({**values, "films": [str(film) for film in result.films]}), flush=True)
"""

StartDriver = Callable[..., "subprocess.Popen[str]"]
"""Function ``start(config, hold_at=frames)``; by default the driver does not wait."""


def wait_for_frames(run_dir: Path, count: int) -> None:
    """Wait until ``count`` frames are journaled."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    while len(read_history(run_dir / "journal.jsonl").done) < count:
        assert time.monotonic() < deadline, f"{count} frames were not done in time"
        time.sleep(0.02)


def worker_pid(run_dir: Path, worker: str) -> int:
    """Return a worker's process id, from its log."""
    first = (run_dir / "logs" / f"{worker}.jsonl").read_text().splitlines()[0]
    return int(json.loads(first)["pid"])


def wait_until_gone(pid: int) -> None:
    """Wait until a process has ended, whether or not its parent has noticed."""
    deadline = time.monotonic() + PATIENCE_SECONDS
    state = Path(f"/proc/{pid}/stat")
    while state.exists() and state.read_text().rpartition(")")[2].split()[0] != "Z":
        assert time.monotonic() < deadline, f"process {pid} has not ended"
        time.sleep(0.1)


class Freezer:
    """Freezer of workers, so that others finish first, however slow they are."""

    def __init__(self) -> None:
        self._stopped: list[int] = []

    def stop(self, run_dir: Path, worker: str) -> None:
        """Freeze the process of a worker that has loaded its model."""
        self._stopped.append(worker_pid(run_dir, worker))
        os.kill(self._stopped[-1], signal.SIGSTOP)

    def go_on(self) -> None:
        """Resume the frozen workers that still exist."""
        while self._stopped:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self._stopped.pop(), signal.SIGCONT)


@contextlib.contextmanager
def freezer() -> Iterator[Freezer]:
    """Yield a ``Freezer``, and resume every frozen worker afterwards."""
    made = Freezer()
    try:
        yield made
    finally:
        made.go_on()


def starting_drivers() -> Iterator[StartDriver]:
    """Yield a function that starts drivers in their own process groups; end them afterwards."""
    started: list[subprocess.Popen[str]] = []

    def start(config: RunConfig, *, hold_at: int = 0) -> subprocess.Popen[str]:
        driver = subprocess.Popen(
            [sys.executable, "-c", DRIVE, json.dumps(to_plain(config)), str(hold_at)],
            stdin=subprocess.PIPE,  # communicate() closes it, so that a waiting driver continues
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
        )
        started.append(driver)
        return driver

    yield start
    for driver in started:
        if driver.poll() is None:
            driver.kill()
        driver.communicate()
