"""A night of 1,000 workers: the real driver with simulated workers.

    python -m benchmarks.scheduler [--frames 1000000] [--workers 1000] [--failing 0.01] …

Driver, scheduler, recorder, journal and progress are those of a real run and write to a real disk;
only the pool, the clock and the pictures are simulated. The simulated clock also counts the real
time that the driver takes. Durations of frames are drawn from a seeded log-normal distribution. A
share of the attempts fails and may be repeated. A share of the workers is lost during the night,
alternately because the process dies and because the node is lost; each is replaced.

A worker is busy from the start of a frame to its end, failed attempts included:

* ``busy_of_paid`` divides busy time by the number of workers times the duration of the run, as a
  bill would: the start-up of the first workers and of replacements, and the wait at the end, are
  idle time. This is the most important figure.
* ``busy_of_ready`` divides busy time by the time in which workers were ready for work.
* ``useful_of_paid`` counts only attempts that produced a frame.

Idle time is divided into three parts: workers that are not ready, workers for which no frame is
left at the end, and the rest, in which workers wait for the driver.

Not simulated are Ray, networks, the command's progress bar, and the pictures (the preview is made
from one picture of 1280×720 pixels).
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import math
import tempfile
import time
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np

from batch_analogy.config.run import ANCHOR_FRAMES, ExecutionConfig, RunConfig
from batch_analogy.jobs.drive.driver import Driver, StopRequest
from batch_analogy.jobs.drive.scheduler import Scheduler, works_of
from batch_analogy.jobs.events import (
    FrameDone,
    FrameFailed,
    LossCause,
    NodeBlocked,
    RunEvent,
    WorkerLost,
)
from batch_analogy.jobs.folder.journal import Journal
from batch_analogy.jobs.folder.run_progress import RunProgress
from batch_analogy.jobs.plan.fingerprints import FileFingerprint
from batch_analogy.jobs.plan.run_plan import FramePlan, Plan, Shot
from batch_analogy.jobs.plan.segments import cut_segments
from batch_analogy.media.stills import write_png
from benchmarks.common import peak_memory_bytes, report
from tests.support.simulated_pool import (
    Fate,
    Hours,
    Life,
    OnePicture,
    SimulatedClock,
    SimulatedPool,
)

CAUSES: tuple[LossCause, ...] = ("died", "node lost")
TRIES = 4  # for which random numbers are drawn, for each frame


@dataclass(frozen=True)
class Night:
    """Size and hazards of a simulated night."""

    frames: int = 1_000_000
    workers: int = 1000
    failing: float = 0.01  # share of attempts
    lost: float = 0.05  # share of the initial workers
    seconds: float = 20.0  # mean of a frame
    spread: float = 0.3  # standard deviation of the logarithm of a frame's seconds
    start_seconds: float = 60.0  # that a worker needs to load its model
    per_node: int = 8  # workers
    segment_frames: int = 1
    seed: int = 0

    @property
    def expected_seconds(self) -> float:
        """Seconds that the night takes if no worker ever waits."""
        return self.frames * self.seconds / self.workers


class Fortune:
    """Lifetimes of workers and results of frames, drawn from the night's seed."""

    def __init__(self, night: Night) -> None:
        draw = np.random.default_rng(night.seed)
        location = math.log(night.seconds) - night.spread**2 / 2  # gives the requested mean
        self._seconds = draw.lognormal(location, night.spread, night.frames)
        self._luck = draw.random((night.frames, TRIES))
        losers = draw.permutation(night.workers)[: round(night.lost * night.workers)]
        lasting = draw.uniform(0.0, night.expected_seconds, len(losers))
        self._lasting = dict(zip(losers.tolist(), lasting.tolist(), strict=True))
        self._night = night
        self._tries: Counter[int] = Counter()

    def life(self, worker: str, avoided: frozenset[str]) -> Life:
        """Return a worker's node and lifetime; nodes fill in order, blocked ones are replaced."""
        number = int(worker.rpartition("-")[2])
        node = f"node-{number // self._night.per_node}"
        while node in avoided:
            node += "'"
        lasts, cause = self._lasting.get(number, math.inf), CAUSES[number % len(CAUSES)]
        return Life(node, self._night.start_seconds, lasts, cause)

    def fate(self, worker: str, node: str, index: int) -> Fate:
        """Return the result of the next attempt at a frame, which does not depend on the worker."""
        luck = self._luck[index, self._tries[index] % TRIES]
        self._tries[index] += 1
        seconds = float(self._seconds[index])
        return Fate(seconds, "may be tried again" if luck < self._night.failing else "done")


def make_plan(night: Night) -> Plan:
    """Make a plan whose frames are never read."""
    shots = (Shot(0, 0, night.frames),)
    return Plan(
        frames=tuple(
            FramePlan(i, f"/in/{i:07d}.png", f"{i:07d}.png", 720, 1280, 10**6, i, f"{i:040x}")
            for i in range(night.frames)
        ),
        shots=shots,
        segments=cut_segments(shots, night.segment_frames),
        fps=Fraction(24),
        reference=FileFingerprint("/reference.png", 1, 1, "0" * 40),
        reference_height=720,
        reference_width=1280,
        weights_sha256="0" * 64,
        device="cpu",
        version="simulated",
        pixels={},
        segment_frames=night.segment_frames,
        anchor_frames=ANCHOR_FRAMES,
    )


def simulate(night: Night, folder: Path) -> dict[str, Any]:
    """Simulate one night with its run folder on a real disk."""
    plan = make_plan(night)
    config = RunConfig(
        command="timelapse",
        reference=Path("/reference.png"),
        source="/in",
        output=folder / "film.mp4",
        run_dir=folder,
        execution=ExecutionConfig(workers=night.workers, gpus_per_worker=0),
    )
    store = OnePicture(folder)
    picture = np.random.default_rng(night.seed).random((720, 1280, 3), dtype=np.float32)
    write_png(store.frame("a_prime", 0), picture)
    clock = SimulatedClock()
    fortune = Fortune(night)
    pool = SimulatedPool(clock, night.workers, fortune.life, fortune.fate)
    progress = RunProgress(config, store, plan, done=(), given_up={}, clock=clock)
    events: Counter[str] = Counter()

    def count(event: RunEvent) -> None:
        progress.worker_states.observe(event)
        events[_name(event)] += 1

    scheduler = Scheduler(
        works_of(((s.start, s.stop) for s in plan.segments), set(range(night.frames))),
        max_attempts=config.execution.max_attempts,
        max_worker_deaths=config.execution.max_worker_deaths,
    )
    began, began_at, cpu = time.perf_counter(), clock(), time.process_time()
    with Journal(store.journal) as journal:
        Driver(
            pool, scheduler, plan, journal, progress, config.execution, StopRequest(), count, clock
        ).run()
    lasted, driving = clock() - began_at, time.perf_counter() - began - clock.simulating
    cpu = time.process_time() - cpu
    return {
        "night": dataclasses.asdict(night),
        "run_seconds": round(lasted, 1),
        "shortest_possible_seconds": round(night.expected_seconds, 1),
        **shares(night, pool.hours, lasted),
        "driver": driver_figures(pool, driving, lasted),
        "cpu_seconds_with_simulation": round(cpu, 1),
        "peak_memory_bytes": peak_memory_bytes(),
        "told": dict(events),
        "frames": count_frames(store.journal, night.frames),
    }


def shares(night: Night, hours: Sequence[Hours], lasted: float) -> dict[str, Any]:
    """Return busy time divided by paid and by ready time, and the parts of idle time."""
    paid = night.workers * lasted
    ready = sum(h.gone_at - h.ready_at for h in hours)
    done, failed, cut_off, idle_last = (
        sum(getattr(h, n) for h in hours) for n in ("done", "failed", "cut_off", "idle_last")
    )
    busy = done + failed + cut_off
    return {
        "busy_of_paid": round(busy / paid, 4),
        "busy_of_ready": round(busy / ready, 4),
        "useful_of_paid": round(done / paid, 4),
        "idle_of_paid": {
            "not_ready": round((paid - ready) / paid, 5),
            "ready_but_idle": round((ready - busy) / paid, 5),
            "at_the_end": round(idle_last / paid, 5),  # part of ready_but_idle: no frame was left
        },
        "in_vain_of_paid": {"failed": round(failed / paid, 5), "cut_off": round(cut_off / paid, 5)},
    }


def driver_figures(pool: SimulatedPool, driving: float, lasted: float) -> dict[str, Any]:
    """Return the driver's real seconds, without those of the simulation."""
    events = sum(pool.events.values())
    return {
        "seconds": round(driving, 1),
        "of_run": round(driving / lasted, 4),
        "events": dict(pool.events),
        "events_a_second": round(events / driving),
        "frames_a_second": round(pool.events["Outcome"] / driving),
        "polls": pool.polls,
    }


def count_frames(journal: Path, frames: int) -> dict[str, int]:
    """Count the journal's "done" lines of each frame."""
    done: Counter[int] = Counter()
    with journal.open(encoding="utf-8") as lines:
        for line in map(json.loads, lines):
            if line["event"] == "done":
                done[line["index"]] += 1
    return {
        "done_once": sum(count == 1 for count in done.values()),
        "done_more_than_once": sum(count > 1 for count in done.values()),
        "not_done": frames - len(done),
    }


def _name(event: RunEvent) -> str:
    """Return the name under which an event is counted: its kind, and a loss's cause."""
    if isinstance(event, WorkerLost):
        return f"lost: {event.cause}"
    if isinstance(event, FrameFailed):
        return "tried again" if event.will_retry else "given up"
    return {FrameDone: "done", NodeBlocked: "node blocked"}.get(type(event), "other")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    for item in dataclasses.fields(Night):
        kind = type(item.default)
        name = f"--{item.name.replace('_', '-')}"
        parser.add_argument(name, type=kind, default=item.default, help="default: %(default)s")
    parser.add_argument("--folder", type=Path, help="on the disk to be measured")
    options = vars(parser.parse_args())
    with tempfile.TemporaryDirectory(dir=options.pop("folder")) as folder:
        report("scheduler", simulate(Night(**options), Path(folder)))


if __name__ == "__main__":
    main()
