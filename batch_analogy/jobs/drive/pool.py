"""The protocol of a set of workers, and the one worker in the driver's own process."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal, Protocol

from batch_analogy.jobs.events import LossCause
from batch_analogy.jobs.work.tasks import FrameOutcome, FrameTask, WorkerSpec
from batch_analogy.jobs.work.worker import FrameWorker


@dataclass(frozen=True)
class Ready:
    """A worker has loaded its model and takes work."""

    worker: str
    node: str  # identifies the machine to the pool
    address: str = ""  # tells a person which machine it is


@dataclass(frozen=True)
class Outcome:
    """A worker reports a frame."""

    worker: str
    outcome: FrameOutcome


@dataclass(frozen=True)
class Ended:
    """A worker has ended the work that it was given."""

    worker: str


@dataclass(frozen=True)
class Died:
    """A worker is gone."""

    worker: str
    message: str
    cause: LossCause = "died"
    node: str | None = None  # where it was, if known


PoolEvent = Ready | Outcome | Ended | Died


@dataclass(frozen=True)
class PoolFacts:
    """Facts about a pool that has started."""

    kind: Literal["inline", "ray"]
    workers: int
    threads_per_worker: int | None
    dashboard_url: str | None = None
    token_hint: str | None = None


class Metrics(Protocol):
    """Figures for monitoring. They are never read back, and reporting them never ends a run."""

    def frame_done(self, stages: Mapping[str, float]) -> None:
        """Count a finished frame, with the seconds of each stage."""

    def frame_failed(self) -> None:
        """Count a frame that was given up."""

    def frame_retried(self) -> None:
        """Count a failed attempt that is repeated."""

    def queue(self, frames: int) -> None:
        """Set the number of frames that are neither done nor given up."""


class NoMetrics:
    """Metrics that are discarded."""

    def frame_done(self, stages: Mapping[str, float]) -> None:
        """Do nothing."""

    def frame_failed(self) -> None:
        """Do nothing."""

    def frame_retried(self) -> None:
        """Do nothing."""

    def queue(self, frames: int) -> None:
        """Do nothing."""


class Pool(Protocol):
    """Workers, as the driver sees them. Events come in the order in which things happened."""

    @property
    def metrics(self) -> Metrics:
        """Metrics to report to, once the pool has started."""

    def start(self) -> PoolFacts:
        """Start the workers; each reports ``Ready`` or ``Died`` later."""

    def submit(self, worker: str, tasks: Sequence[FrameTask]) -> None:
        """Give a ready worker frames to make in order."""

    def poll(self, timeout_seconds: float) -> list[PoolEvent]:
        """Wait for events, at most for the given time, and return them."""

    def remove(self, worker: str, *, stuck: bool = False) -> None:
        """Stop a worker at once; a stuck one may not respond."""

    def replace(self) -> str:
        """Start one more worker; return its name."""

    def grow(self, waiting: int) -> None:
        """Start more workers where there is room, at most one for each waiting piece of work."""

    def avoid(self, node: str) -> None:
        """Start no more workers on a node."""

    def describe_waiting(self) -> str:
        """Explain why no worker may have started: what was requested and what is available."""

    def close(self) -> None:
        """Stop all workers."""


class InlinePool:
    """One worker in this process: ``--address none``. Each poll makes one frame."""

    def __init__(self, spec: WorkerSpec) -> None:
        self.metrics = NoMetrics()
        self._spec = spec
        self._worker: FrameWorker | None = None
        self._running: Iterator[FrameOutcome] | None = None
        self._events: deque[PoolEvent] = deque()

    def start(self) -> PoolFacts:
        """Load the model in this process; its errors are raised unchanged."""
        self._worker = FrameWorker(self._spec)
        self._events.append(Ready(self._spec.name, "this process"))
        return PoolFacts("inline", 1, self._spec.threads)

    def submit(self, worker: str, tasks: Sequence[FrameTask]) -> None:
        """Keep the frames for the next polls."""
        if self._worker is None:
            raise RuntimeError("the pool has not been started")
        self._running = self._worker.process(tasks)

    def poll(self, timeout_seconds: float) -> list[PoolEvent]:
        """Make one frame, however long it takes."""
        if self._events:
            events = list(self._events)
            self._events.clear()
            return events
        if self._running is None:
            return []
        outcome = next(self._running, None)
        if outcome is None:
            self._running = None
            return [Ended(self._spec.name)]
        return [Outcome(self._spec.name, outcome)]

    def remove(self, worker: str, *, stuck: bool = False) -> None:
        """Drop the work; the model is kept for a replacement."""
        self._running = None

    def replace(self) -> str:
        """Continue in the same process under the same name: there is no other."""
        self._events.append(Ready(self._spec.name, "this process"))
        return self._spec.name

    def grow(self, waiting: int) -> None:
        """Do nothing: there is one process."""

    def avoid(self, node: str) -> None:
        """Do nothing: there is no other node."""

    def describe_waiting(self) -> str:
        """Return a text that is never needed: this pool does not wait."""
        return "the worker in this process did not start"

    def close(self) -> None:
        """Drop the model."""
        self._running = None
        self._worker = None
