"""The simulated night: its times add up, and its journal is that of a real run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks.scheduler import Night, simulate
from tests.support.simulated_pool import SimulatedClock

ROOT = Path(__file__).resolve().parents[2]


def test_the_clock_counts_the_driver_but_not_the_simulation() -> None:
    real = [100.0]
    clock = SimulatedClock(lambda: real[0])
    real[0] += 2.0  # the driver
    assert clock.stop() == clock() == 2.0
    real[0] += 5.0  # the simulation
    clock.go(2.0)
    assert (clock(), clock.simulating) == (2.0, 5.0)
    assert clock.stop() == 2.0
    clock.go(60.0)
    real[0] += 1.0
    assert clock() == 61.0


def test_shares_of_time_add_up(tmp_path: Path) -> None:
    night = Night(
        frames=900,
        workers=30,
        failing=0.02,
        lost=0.2,
        seconds=3.0,  # much more than the driver needs on a machine that does other things too
        start_seconds=9.0,
        per_node=5,
        segment_frames=4,
    )
    found = simulate(night, tmp_path)
    assert found["frames"] == {"done_once": 900, "done_more_than_once": 0, "not_done": 0}
    told, driver, idle = found["told"], found["driver"], found["idle_of_paid"]
    assert told["done"] == 900
    assert told["tried again"] > 0
    assert told["lost: died"] + told["lost: node lost"] == 6
    assert driver["events"]["Died"] == 6
    assert driver["events"]["Outcome"] == 900 + told["tried again"]
    assert found["run_seconds"] > found["shortest_possible_seconds"]
    shares = [found["busy_of_paid"], idle["not_ready"], idle["ready_but_idle"]]
    assert sum(shares) == pytest.approx(1.0, abs=1e-3)
    assert found["busy_of_ready"] > found["busy_of_paid"] > found["useful_of_paid"] > 0.5
    vain = found["in_vain_of_paid"]
    parts = [found["useful_of_paid"], vain["failed"], vain["cut_off"]]
    assert sum(parts) == pytest.approx(found["busy_of_paid"], abs=1e-3)
    assert vain["failed"] > 0
    assert vain["cut_off"] > 0


def test_workers_are_busy_if_nothing_fails(tmp_path: Path) -> None:
    night = Night(frames=400, workers=4, failing=0.0, lost=0.0, seconds=1.5, start_seconds=0.0)
    found = simulate(night, tmp_path)
    assert found["busy_of_paid"] > 0.5  # a disk that others keep busy makes the driver wait
    assert set(found["told"]) == {"done", "other"}


def test_prints_the_results() -> None:
    command = [sys.executable, "-m", "benchmarks.scheduler", "--frames", "60", "--workers", "6"]
    command += ["--seconds", "0.5", "--start-seconds", "1"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=True)
    printed = json.loads(done.stdout)
    assert printed["benchmark"] == "scheduler"
    assert printed["results"]["night"]["workers"] == 6
    assert printed["results"]["frames"]["done_once"] == 60
