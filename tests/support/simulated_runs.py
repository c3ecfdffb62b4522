"""Runs of the real driver with simulated workers, a simulated clock and a real journal."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from batch_analogy.config.run import ExecutionConfig, RunConfig
from batch_analogy.jobs.drive.driver import Driver, StopRequest
from batch_analogy.jobs.drive.scheduler import Scheduler
from batch_analogy.jobs.events import RunEvent
from batch_analogy.jobs.folder.journal import Journal
from batch_analogy.jobs.folder.run_progress import RunProgress
from batch_analogy.media.stills import write_png
from tests.support.plans import plan
from tests.support.simulated_pool import (
    End,
    Fate,
    Life,
    OnePicture,
    SimulatedClock,
    SimulatedPool,
)

FRAME_SECONDS = 10.0
START_SECONDS = 5.0


class Stage:
    """A run whose workers behave as scripted.

    Args:
        folder: the run folder.
        works: the pieces of work.
        workers: number of workers at the start, named styler-0, styler-1 …
        lives: worker → its script; others start in 5 s on the node ``near``.
        ends: returns the end of an attempt from worker, node, frame and attempt (from 1).
        places: largest number of workers.
        shown: if True, status.json is written every second of simulated, not of real, time.
        settings: settings of the execution.
    """

    def __init__(
        self,
        folder: Path,
        works: Sequence[Sequence[int]],
        *,
        workers: int = 2,
        lives: dict[str, Life] | Callable[[str, frozenset[str]], Life] | None = None,
        ends: Callable[[str, str, int, int], End] = lambda worker, node, index, attempt: "done",
        places: int | None = None,
        shown: bool = False,
        **settings: Any,
    ) -> None:
        self.events: list[RunEvent] = []
        self.told_at: list[float] = []
        self.stop = StopRequest()
        self.clock = SimulatedClock(real=lambda: 0.0)
        self._tries: dict[int, int] = {}
        self._ends = ends
        scripted = lives if callable(lives) else _scripted(lives or {})
        self.pool = SimulatedPool(self.clock, workers, scripted, self._fate, places=places)
        frames = plan(1 + max(index for work in works for index in work))
        execution = ExecutionConfig(gpus_per_worker=0, **settings)
        store = OnePicture(folder)
        write_png(store.frame("a_prime", 0), np.zeros((16, 16, 3), np.uint8))
        config = RunConfig(
            command="timelapse",
            reference=folder / "ref.png",
            source=str(folder),
            output=folder / "film.mp4",
            run_dir=folder,
            execution=execution,
        )
        self.scheduler = Scheduler(
            works,
            max_attempts=execution.max_attempts,
            max_worker_deaths=execution.max_worker_deaths,
        )
        watch = self.clock if shown else time.monotonic
        progress = RunProgress(config, store, frames, done=(), given_up={}, clock=watch)
        self._journal = Journal(store.journal)
        self.journal_path = store.journal
        self.driver = Driver(
            self.pool,
            self.scheduler,
            frames,
            self._journal,
            progress,
            execution,
            self.stop,
            self._record,
            self.clock,
        )

    def run(self) -> Stage:
        """Run the driver to its end."""
        with self._journal:
            self.driver.run()
        return self

    def heard(self, kind: type[Any]) -> list[Any]:
        """Return the events of one class, in order."""
        return [event for event in self.events if isinstance(event, kind)]

    def journaled(self, event: str) -> list[dict[str, Any]]:
        """Return the journal's lines of one kind, in order."""
        lines = map(json.loads, self.journal_path.read_text().splitlines())
        return [line for line in lines if line["event"] == event]

    def done(self) -> list[int]:
        """Return the index of every "done" line, repeats included."""
        return sorted(line["index"] for line in self.journaled("done"))

    def done_by(self, *workers: str) -> list[int]:
        """Return the frames that these workers made."""
        return sorted(x["index"] for x in self.journaled("done") if x["worker"] in workers)

    def _record(self, event: RunEvent) -> None:
        self.events.append(event)
        self.told_at.append(self.clock())

    def _fate(self, worker: str, node: str, index: int) -> Fate:
        self._tries[index] = self._tries.get(index, 0) + 1
        return Fate(FRAME_SECONDS, self._ends(worker, node, index, self._tries[index]))


def _scripted(lives: dict[str, Life]) -> Callable[[str, frozenset[str]], Life]:
    return lambda worker, avoided: lives.get(worker, Life("near", START_SECONDS))
