"""What happens to frames and workers, told to everybody: journal, progress, listener, metrics."""

from __future__ import annotations

from dataclasses import dataclass
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
from batch_analogy.jobs.folder.journal import Journal
from batch_analogy.jobs.folder.run_progress import RunProgress
from batch_analogy.jobs.plan.film_dependencies import FilmDependencies, provenance_of
from batch_analogy.jobs.plan.run_plan import FramePlan, Plan
from batch_analogy.jobs.work.tasks import FrameOutcome


@dataclass
class Recorder:
    """Writes the journal first and tells the others afterwards."""

    plan: Plan
    journal: Journal
    progress: RunProgress
    on_event: OnEvent
    metrics: Metrics
    dependencies: FilmDependencies | None = None  # of a steady film

    def __post_init__(self) -> None:
        self._unusable = sum(frame.error is not None for frame in self.plan.wanted())

    @property
    def failed(self) -> int:
        """How many frames there are that will not be done, unusable ones included."""
        return self._unusable + len(self.progress.given_up)

    def done(
        self, worker: str, outcome: FrameOutcome, *, attempt: int, left: int, workers: int
    ) -> None:
        """A frame is finished at this attempt; ``left`` remain for so many workers."""
        frame = self.plan.frames[outcome.index]
        self.journal.append(
            "done",
            index=frame.index,
            name=frame.name,
            input=frame.blake2b,
            output_bytes={name: file.bytes for name, file in outcome.outputs.items()},
            output_blake2b={name: file.blake2b for name, file in outcome.outputs.items()},
            seconds=round(outcome.seconds, 3),
            **self._edits(frame),
            **_stages_and_notes(outcome),
            **({} if outcome.misfit is None else {"misfit": outcome.misfit}),
            worker=worker,
            attempt=attempt,
        )
        self.progress.frame_done(frame.index, outcome.seconds)
        self.metrics.frame_done(outcome.stages)
        self.on_event(
            FrameDone(
                frame.index,
                frame.name,
                worker,
                outcome.seconds,
                done=len(self.progress.done),
                failed=len(self.progress.given_up),
                total=self.plan.total,
                rate=self.progress.pace.rate(workers),
                eta_seconds=self.progress.pace.eta_seconds(left, workers),
            )
        )

    def _edits(self, frame: FramePlan) -> dict[str, Any]:
        """What a person may edit in the plan and the frame's pixels depend on."""
        shot_start = self.plan.shot_start(frame.index)
        edits: dict[str, Any] = {}
        if frame.exposure_ev:
            edits["exposure_ev"] = frame.exposure_ev
        if shot_start is not None:
            edits["shot_start"] = shot_start
        provenance = provenance_of(self.plan, self.dependencies, frame.index)
        if provenance is not None:
            edits["provenance"] = provenance
        return edits

    def retried(self, worker: str, outcome: FrameOutcome, *, attempt: int) -> None:
        """A try of a frame failed, and it will be tried again."""
        frame = self.plan.frames[outcome.index]
        self._failure("retry", worker, frame, outcome, attempt)
        self.metrics.frame_retried()
        self.on_event(
            FrameFailed(frame.index, frame.name, worker, outcome.message, attempt, will_retry=True)
        )

    def given_up(self, worker: str, outcome: FrameOutcome, *, attempt: int) -> None:
        """A try of a frame failed, and that was the last."""
        frame = self.plan.frames[outcome.index]
        self._failure(
            "failed",
            worker,
            frame,
            outcome,
            attempt,
            input=frame.blake2b,
            retryable=outcome.retryable,
        )
        self.progress.frame_given_up(frame.index, outcome.message)
        self.metrics.frame_failed()
        self.on_event(
            FrameFailed(frame.index, frame.name, worker, outcome.message, attempt, will_retry=False)
        )

    def ready(self, worker: str, node: str, address: str) -> None:
        """A worker takes work; the driver tells the listener itself."""
        self.journal.append("worker_ready", worker=worker, node=node, address=address)

    def lost(
        self, worker: str, message: str, cause: LossCause, *, deaths: int, replacement: str | None
    ) -> None:
        """A worker is gone, the last of so many."""
        self.journal.append("worker_lost", worker=worker, message=message, cause=cause)
        self.on_event(WorkerLost(worker, message, deaths, replacement, cause))

    def blocked(self, node: str, message: str) -> None:
        """A node is on the blocklist."""
        self.journal.append("node_blocked", node=node, message=message)
        self.on_event(NodeBlocked(node, message))

    def _failure(
        self,
        event: str,
        worker: str,
        frame: FramePlan,
        outcome: FrameOutcome,
        attempt: int,
        **more: Any,
    ) -> None:
        self.journal.append(
            event,
            index=frame.index,
            name=frame.name,
            **more,
            message=outcome.message,
            traceback=outcome.traceback,
            **_stages_and_notes(outcome),
            worker=worker,
            attempt=attempt,
        )


def _stages_and_notes(outcome: FrameOutcome) -> dict[str, Any]:
    """What a journal line says of these; empty ones are left out."""
    values = {"stages": outcome.stages, "notes": list(outcome.notes)}
    return {name: value for name, value in values.items() if value}
