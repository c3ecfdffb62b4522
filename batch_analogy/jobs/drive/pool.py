"""What the driver needs of a set of workers, and the set that lives in the driver's process."""

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
    node: str  # what identifies the machine to the pool
    address: str = ""  # what tells a person which machine that is


@dataclass(frozen=True)
class Outcome:
    """A worker did a frame."""

    worker: str
    outcome: FrameOutcome


@dataclass(frozen=True)
class Ended:
    """A worker is through with what it was given."""

    worker: str


@dataclass(frozen=True)
class Died:
    """A worker is gone."""

    worker: str
    message: str
    cause: LossCause = "died"
    node: str | None = None  # where it was, if that is known


PoolEvent = Ready | Outcome | Ended | Died


@dataclass(frozen=True)
class PoolFacts:
    """What a pool tells about itself once it has started."""

    kind: Literal["inline", "ray"]
    workers: int
    threads_per_worker: int | None
    dashboard_url: str | None = None
    token_hint: str | None = None


class Metrics(Protocol):
    """Figures for whoever watches from outside. They are never read back and never fail a run."""

    def frame_done(self, stages: Mapping[str, float]) -> None:
        """A frame is finished; its stages took so many seconds."""

    def frame_failed(self) -> None:
        """A frame was given up."""

    def frame_retried(self) -> None:
        """A try of a frame failed, and it is tried again."""

    def queue(self, frames: int) -> None:
        """So many frames are neither done nor given up."""


class NoMetrics:
    """Nobody watches."""

    def frame_done(self, stages: Mapping[str, float]) -> None:
        """Goes nowhere."""

    def frame_failed(self) -> None:
        """Goes nowhere."""

    def frame_retried(self) -> None:
        """Goes nowhere."""

    def queue(self, frames: int) -> None:
        """Goes nowhere."""


class Pool(Protocol):
    """Workers as the driver sees them. Events come in the order in which things happened."""

    @property
    def metrics(self) -> Metrics:
        """Where figures go once it has started."""

    def start(self) -> PoolFacts:
        """Start the workers; each reports ``Ready`` or ``Died`` later."""

    def submit(self, worker: str, tasks: Sequence[FrameTask]) -> None:
        """Give a ready worker frames to do in order."""

    def poll(self, timeout_seconds: float) -> list[PoolEvent]:
        """Wait for something to happen, at most so long."""

    def remove(self, worker: str, *, stuck: bool = False) -> None:
        """Stop a worker, at once; a stuck one may not listen."""

    def replace(self) -> str:
        """Start one more worker, under a new name."""

    def grow(self, waiting: int) -> None:
        """Start more workers where there is room now, at most one for each waiting piece."""

    def avoid(self, node: str) -> None:
        """Start no worker on a node from now on."""

    def describe_waiting(self) -> str:
        """Why no worker may have started: what was asked for and what there is."""

    def close(self) -> None:
        """Stop all workers."""


class InlinePool:
    """One worker in this process: ``--address none``. Each poll does one frame."""

    def __init__(self, spec: WorkerSpec) -> None:
        self.metrics = NoMetrics()
        self._spec = spec
        self._worker: FrameWorker | None = None
        self._running: Iterator[FrameOutcome] | None = None
        self._events: deque[PoolEvent] = deque()

    def start(self) -> PoolFacts:
        """Load the model here; errors of doing so are raised as they are."""
        self._worker = FrameWorker(self._spec)
        self._events.append(Ready(self._spec.name, "this process"))
        return PoolFacts("inline", 1, self._spec.threads)

    def submit(self, worker: str, tasks: Sequence[FrameTask]) -> None:
        """Keep the frames for the next polls."""
        if self._worker is None:
            raise RuntimeError("the pool has not been started")
        self._running = self._worker.process(tasks)

    def poll(self, timeout_seconds: float) -> list[PoolEvent]:
        """Do one frame, however long it takes."""
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
        """Forget the work; the model stays for a replacement."""
        self._running = None

    def replace(self) -> str:
        """The same process goes on under the same name: there is no other."""
        self._events.append(Ready(self._spec.name, "this process"))
        return self._spec.name

    def grow(self, waiting: int) -> None:
        """There is one process."""

    def avoid(self, node: str) -> None:
        """There is no other."""

    def describe_waiting(self) -> str:
        """Never waits."""
        return "the worker in this process did not start"

    def close(self) -> None:
        """Let the model go."""
        self._running = None
        self._worker = None
