"""Simulated workers and clock for the real driver.

The clock runs while the driver works and jumps over the time that it would wait. So a night passes
in minutes, and includes the driver's own time. With a constant in place of the machine's time, the
clock stands still between jumps, and every run takes the same course.
"""

from __future__ import annotations

import heapq
import math
import time
from collections import Counter, deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from batch_analogy.jobs.drive.pool import (
    Died,
    Ended,
    Metrics,
    NoMetrics,
    Outcome,
    PoolEvent,
    PoolFacts,
    Ready,
)
from batch_analogy.jobs.events import LossCause
from batch_analogy.jobs.store import RunStore
from batch_analogy.jobs.work.tasks import FrameOutcome, FrameTask, OutputFile

End = Literal["done", "may be tried again", "hopeless", "disk", "worker dies", "silence"]


class OnePicture(RunStore):
    """A run folder in which every finished picture is the same file."""

    def frame(self, output: str, index: int) -> Path:
        return self.run_dir / "picture.png"


class SimulatedClock:
    """A clock that skips waiting; it returns the seconds since it was made."""

    def __init__(self, real: Callable[[], float] = time.perf_counter) -> None:
        self._real = real
        self._ahead = -real()
        self.simulating = 0.0  # real seconds of the simulation itself, not counted

    def __call__(self) -> float:
        return self._real() + self._ahead

    def stop(self) -> float:
        """Stop the clock for the simulation's own work, until ``go``; return the time."""
        self._stopped_at = self._real()
        return self._stopped_at + self._ahead

    def go(self, now: float) -> None:
        """Let the clock continue from this time."""
        real = self._real()
        self.simulating += real - self._stopped_at
        self._ahead = now - real


@dataclass(frozen=True)
class Life:
    """Script of a worker: when it starts, how long it lasts, and how it ends."""

    node: str
    start_seconds: float = 60.0
    lasts_seconds: float = math.inf  # from when it is ready
    cause: LossCause = "died"  # of its end
    starts: bool = True  # if False, it is lost when it should be ready


@dataclass(frozen=True)
class Fate:
    """Script of one attempt at a frame."""

    seconds: float
    end: End = "done"


@dataclass
class Hours:
    """A worker's time in seconds, by what it was spent on."""

    ready_at: float
    gone_at: float = 0.0
    done: float = 0.0  # attempts that made a frame
    failed: float = 0.0  # attempts that failed
    cut_off: float = 0.0  # attempts during which it was lost or taken out
    idle_last: float = 0.0  # from its last attempt to its end, without work


@dataclass
class _Worker:
    name: str
    life: Life
    tasks: deque[FrameTask] = field(default_factory=deque)
    fate: Fate | None = None  # of the attempt in progress
    began_at: float = 0.0
    hours: Hours | None = None  # once it is ready
    due: int = -1  # number of its next event

    @property
    def lost_at(self) -> float:
        return math.inf if self.hours is None else self.hours.ready_at + self.life.lasts_seconds


class SimulatedPool:
    """A ``jobs.drive.pool.Pool`` of workers that take time and fail by a script.

    Args:
        clock: the driver's clock.
        workers: number of workers at the start.
        life: returns the script of a worker from its name and the nodes to avoid.
        fate: returns the script of an attempt from the worker, its node and the frame.
        places: largest number of workers that ``grow`` may reach; None: as at the start.
    """

    def __init__(
        self,
        clock: SimulatedClock,
        workers: int,
        life: Callable[[str, frozenset[str]], Life],
        fate: Callable[[str, str, int], Fate],
        *,
        places: int | None = None,
    ) -> None:
        self.metrics: Metrics = NoMetrics()
        self.hours: list[Hours] = []  # of every worker that was ever ready
        self.submitted: list[tuple[str, tuple[int, ...]]] = []
        self.removed: list[str] = []
        self.polls = 0
        self.events: Counter[str] = Counter()  # class → number of events
        self._clock, self._wanted, self._life, self._fate = clock, workers, life, fate
        self._places = places or workers
        self._workers: dict[str, _Worker] = {}
        self._heap: list[tuple[float, int, str]] = []  # time, number of the event, worker
        self._numbers = iter(range(10**12))
        self._avoided: frozenset[str] = frozenset()
        self._started = 0

    def start(self) -> PoolFacts:
        for _ in range(self._wanted):
            self.replace()
        return PoolFacts("ray", self._wanted, 1)

    def submit(self, worker: str, tasks: Sequence[FrameTask]) -> None:
        now = self._clock.stop()
        doer = self._workers[worker]
        if doer.tasks or doer.hours is None:
            raise RuntimeError(f"{worker} is not free to take frames")
        doer.tasks = deque(tasks)
        self.submitted.append((worker, tuple(task.index for task in tasks)))
        self._begin(doer, now)
        self._clock.go(now)

    def poll(self, timeout_seconds: float) -> list[PoolEvent]:
        now = self._clock.stop()
        self.polls += 1
        self._drop_invalid()
        first = self._heap[0][0] if self._heap else now + timeout_seconds
        now = max(now, min(first, now + timeout_seconds))
        events = [self._next_event(doer, at) for doer, at in self._due(now)]
        self.events.update(type(event).__name__ for event in events)
        self._clock.go(now)
        return events

    def remove(self, worker: str, *, stuck: bool = False) -> None:
        self.removed.append(worker)
        if worker in self._workers:
            self._lose(self._workers[worker], self._clock())

    def replace(self) -> str:
        name = f"styler-{self._started}"
        self._started += 1
        doer = self._workers[name] = _Worker(name, self._life(name, self._avoided))
        self._expect(doer, self._clock() + doer.life.start_seconds)
        return name

    def grow(self, waiting: int) -> None:
        starting = sum(doer.hours is None for doer in self._workers.values())
        for _ in range(min(self._places - len(self._workers), waiting - starting)):
            self.replace()

    def avoid(self, node: str) -> None:
        self._avoided |= {node}

    def describe_waiting(self) -> str:
        return f"{len(self._workers)} of {self._places} places are taken"

    def close(self) -> None:
        for doer in list(self._workers.values()):
            self._lose(doer, self._clock())

    def _expect(self, doer: _Worker, at: float) -> None:
        """Set the time of a worker's next event, replacing any earlier one."""
        doer.due = next(self._numbers)
        at = min(at, doer.lost_at)
        if at < math.inf:
            heapq.heappush(self._heap, (at, doer.due, doer.name))

    def _drop_invalid(self) -> None:
        while self._heap and not self._is_valid(*self._heap[0]):
            heapq.heappop(self._heap)

    def _is_valid(self, at: float, number: int, name: str) -> bool:
        return name in self._workers and self._workers[name].due == number

    def _due(self, now: float) -> list[tuple[_Worker, float]]:
        """Return the workers with an event that is due, one event each, as from Ray."""
        found = []
        while self._heap and self._heap[0][0] <= now:
            at, number, name = heapq.heappop(self._heap)
            if self._is_valid(at, number, name):
                found.append((self._workers[name], at))
        return found

    def _next_event(self, doer: _Worker, at: float) -> PoolEvent:
        """Return the event of a worker that is due, and schedule its next one."""
        name, life = doer.name, doer.life
        if doer.hours is None and not life.starts:
            self._lose(doer, at)
            return Died(name, "it did not start", "broke", life.node)
        if doer.hours is None:
            doer.hours = Hours(at)
            self.hours.append(doer.hours)
            self._expect(doer, math.inf)
            return Ready(name, life.node, life.node)
        if at >= doer.lost_at:
            self._lose(doer, at)
            return Died(name, "it was lost", life.cause, life.node)
        if doer.fate is not None:
            return self._end_attempt(doer, at)
        self._expect(doer, math.inf)
        return Ended(name)

    def _end_attempt(self, doer: _Worker, at: float) -> PoolEvent:
        fate, hours = doer.fate, doer.hours
        if fate is None or hours is None:
            raise RuntimeError(f"{doer.name} has no frame in hand")
        if fate.end == "worker dies":
            self._lose(doer, at)
            return Died(doer.name, "the process ended", "died", doer.life.node)
        index = doer.tasks.popleft().index
        outcome = _outcome(doer.name, index, fate)
        if outcome.status == "done":
            hours.done += fate.seconds
        else:
            hours.failed += fate.seconds
        self._begin(doer, at)
        return Outcome(doer.name, outcome)

    def _begin(self, doer: _Worker, at: float) -> None:
        """Start the next frame, or note that none is left."""
        doer.began_at = at
        if not doer.tasks:
            doer.fate = None
            self._expect(doer, at)
            return
        doer.fate = self._fate(doer.name, doer.life.node, doer.tasks[0].index)
        silent = doer.fate.end == "silence"
        self._expect(doer, math.inf if silent else at + doer.fate.seconds)

    def _lose(self, doer: _Worker, now: float) -> None:
        del self._workers[doer.name]
        if doer.hours is not None:
            doer.hours.gone_at = now
            if doer.fate is not None:
                doer.hours.cut_off += max(0.0, now - doer.began_at)
            else:
                doer.hours.idle_last = now - max(doer.began_at, doer.hours.ready_at)


def _outcome(worker: str, index: int, fate: Fate) -> FrameOutcome:
    seconds = fate.seconds
    if fate.end == "done":
        stages = {"read": 0.01 * seconds, "analogy": 0.97 * seconds, "write": 0.02 * seconds}
        file = OutputFile(f"{index:06d}.png", 2_000_000 + index, f"{index:040x}")
        return FrameOutcome(index, "done", worker, seconds, {"a_prime": file}, stages=stages)
    if fate.end == "disk":
        return FrameOutcome(index, "disk", worker, seconds, {}, "the disk is full")
    again = fate.end == "may be tried again"
    message = "the try failed" if again else "the frame cannot be read"
    return FrameOutcome(index, "failed", worker, seconds, {}, message, retryable=again)
