"""Record what happens to frames and workers: in the journal, progress, events and metrics."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from batch_analogy.jobs.drive.pool import Metrics
from batch_analogy.jobs.events import (
    FrameDone,
    FrameFailed,
    LossCause,
    NodeBlocked,
    OnEvent,
    WorkerLost,
)
from batch_analogy.jobs.folder.journal import (
    DoneLine,
    FailedLine,
    Journal,
    NodeBlockedLine,
    RetryLine,
    WorkerLostLine,
    WorkerReadyLine,
)
from batch_analogy.jobs.folder.run_progress import RunProgress
from batch_analogy.jobs.plan.film_dependencies import FilmDependencies, provenance_of
from batch_analogy.jobs.plan.frame_looks import look_of
from batch_analogy.jobs.plan.run_plan import FramePlan, Plan
from batch_analogy.jobs.work.tasks import FrameOutcome, OutputFile


@dataclass
class Recorder:
    """Write to the journal first, then tell progress, metrics and the listener."""

    plan: Plan
    journal: Journal
    progress: RunProgress
    on_event: OnEvent
    metrics: Metrics
    dependencies: FilmDependencies | None = None  # of a coherent film

    def __post_init__(self) -> None:
        self._unusable = sum(frame.error is not None for frame in self.plan.wanted())

    @property
    def failed(self) -> int:
        """Number of frames that will not be made, unusable ones included."""
        return self._unusable + len(self.progress.given_up)

    def done(
        self, worker: str, outcome: FrameOutcome, *, attempt: int, left: int, workers: int
    ) -> None:
        """Record a finished frame.

        Args:
            worker: name of the worker that made it.
            outcome: the worker's report.
            attempt: number of the attempt, from 1.
            left: number of frames that are left.
            workers: number of workers alive.
        """
        line = done_line(
            self.plan,
            self.dependencies,
            outcome.index,
            outcome.outputs,
            seconds=round(outcome.seconds, 3),
            stages=outcome.stages,
            notes=outcome.notes,
            misfit=outcome.misfit,
            worker=worker,
            attempt=attempt,
        )
        self.journal.append(line)
        self.progress.frame_done(outcome.index, outcome.seconds)
        self.metrics.frame_done(outcome.stages)
        self.on_event(
            FrameDone(
                outcome.index,
                line.name,
                worker,
                outcome.seconds,
                done=len(self.progress.done),
                failed=len(self.progress.given_up),
                total=self.plan.total,
                rate=self.progress.pace.rate(workers),
                eta_seconds=self.progress.pace.eta_seconds(left, workers),
            )
        )

    def retried(self, worker: str, outcome: FrameOutcome, *, attempt: int) -> None:
        """Record a failed attempt at a frame that will be tried again."""
        frame = self.plan.frames[outcome.index]
        line = RetryLine(
            index=frame.index, message=outcome.message, **_details(frame, worker, outcome, attempt)
        )
        self.journal.append(line)
        self.metrics.frame_retried()
        self.on_event(
            FrameFailed(frame.index, frame.name, worker, outcome.message, attempt, will_retry=True)
        )

    def given_up(self, worker: str, outcome: FrameOutcome, *, attempt: int) -> None:
        """Record the last failed attempt at a frame."""
        frame = self.plan.frames[outcome.index]
        line = FailedLine(
            index=frame.index,
            input=frame.blake2b,
            message=outcome.message,
            retryable=outcome.retryable,
            **_details(frame, worker, outcome, attempt),
        )
        self.journal.append(line)
        self.progress.frame_given_up(frame.index, outcome.message)
        self.metrics.frame_failed()
        self.on_event(
            FrameFailed(frame.index, frame.name, worker, outcome.message, attempt, will_retry=False)
        )

    def ready(self, worker: str, node: str, address: str) -> None:
        """Record that a worker takes work; the driver tells the listener itself."""
        self.journal.append(WorkerReadyLine(worker=worker, node=node, address=address))

    def lost(
        self, worker: str, message: str, cause: LossCause, *, deaths: int, replacement: str | None
    ) -> None:
        """Record the loss of a worker, the last of ``deaths``."""
        self.journal.append(WorkerLostLine(worker=worker, message=message, cause=cause))
        self.on_event(WorkerLost(worker, message, deaths, replacement, cause))

    def blocked(self, node: str, message: str) -> None:
        """Record that a node was put on the blocklist."""
        self.journal.append(NodeBlockedLine(node=node, message=message))
        self.on_event(NodeBlocked(node, message))


def done_line(
    plan: Plan,
    dependencies: FilmDependencies | None,
    index: int,
    outputs: Mapping[str, OutputFile],
    *,
    seconds: float = 0.0,
    misfit: float | None = None,
    stages: Mapping[str, float] = MappingProxyType({}),
    notes: tuple[str, ...] = (),
    worker: str = "",
    attempt: int = 0,
    adopted: bool = False,
) -> DoneLine:
    """Return the journal line of a finished frame, recorded now or adopted later.

    Args:
        plan: the plan of the run.
        dependencies: the dependencies of a coherent film, else None.
        index: index of the frame.
        outputs: output → its file.
        seconds: time that the frame took.
        misfit: misfit of a painted frame.
        stages: stage → seconds.
        notes: other facts for people to read.
        worker: name of the worker that made it.
        attempt: number of the attempt, from 1.
        adopted: True if it was found on the disk though not journaled.
    """
    frame = plan.frames[index]
    return DoneLine(
        index=index,
        name=frame.name,
        input=frame.blake2b,
        output_bytes={name: file.bytes for name, file in outputs.items()},
        output_blake2b={name: file.blake2b for name, file in outputs.items()},
        seconds=seconds,
        exposure_ev=frame.exposure_ev,
        shot_start=plan.shot_start(index),
        provenance=provenance_of(plan, dependencies, index),
        look=look_of(plan, index),
        misfit=misfit,
        stages=dict(stages),
        notes=notes,
        worker=worker,
        attempt=attempt,
        adopted=adopted,
    )


def _details(frame: FramePlan, worker: str, outcome: FrameOutcome, attempt: int) -> dict[str, Any]:
    """Return the fields of a failed attempt that are for people to read."""
    return {
        "name": frame.name,
        "traceback": outcome.traceback,
        "stages": outcome.stages,
        "notes": outcome.notes,
        "worker": worker,
        "attempt": attempt,
    }
