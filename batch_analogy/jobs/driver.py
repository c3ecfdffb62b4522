"""The driving loop: hands work to a pool, journals what comes back, keeps status.json alive."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import FrameType

from batch_analogy.config import ExecutionConfig
from batch_analogy.errors import ClusterError, JobError, OutputDiskError
from batch_analogy.jobs.events import (
    FrameDone,
    FrameFailed,
    OnEvent,
    PoolStarted,
    Stopping,
    WorkerLost,
    WorkersReady,
)
from batch_analogy.jobs.journal import Journal
from batch_analogy.jobs.plan import FramePlan, Plan
from batch_analogy.jobs.pool import Died, Ended, Outcome, Pool, PoolEvent, PoolFacts, Ready
from batch_analogy.jobs.progress import Progress
from batch_analogy.jobs.scheduler import Scheduler, Verdict
from batch_analogy.jobs.worker import FrameOutcome, FrameTask

POLL_SECONDS = 0.5


class StopRequest:
    """Set by the first Ctrl-C (or SIGTERM); the second one is left to raise."""

    def __init__(self) -> None:
        self.requested = False

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Take the signals over, in the main thread; elsewhere nothing can be taken over."""
        if threading.current_thread() is not threading.main_thread():
            yield
            return
        signals = (signal.SIGINT, signal.SIGTERM)
        before = {number: signal.getsignal(number) for number in signals}
        for number in signals:
            signal.signal(number, self._receive)
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

    def _receive(self, number: int, frame: FrameType | None) -> None:
        if self.requested:
            raise KeyboardInterrupt
        self.requested = True


@dataclass
class Driver:
    """Drives one pool until the scheduler has nothing left, or until it is told to stop."""

    pool: Pool
    scheduler: Scheduler
    plan: Plan
    journal: Journal
    progress: Progress
    execution: ExecutionConfig
    stop: StopRequest
    on_event: OnEvent

    def run(self) -> None:
        """Do the work; afterwards the scheduler tells whether it was finished.

        Raises:
            OutputDiskError: the output disk is full or may not be written to.
            JobError: too many workers were lost.
            ClusterError: no worker could be started.
        """
        try:
            self._facts = self.pool.start()
            self._announce(self._facts)
            self._idle_since = time.monotonic()
            self._told_stopping = False
            while not self.scheduler.finished:
                if self.stop.requested and self._stopped():
                    return
                for event in self.pool.poll(POLL_SECONDS):
                    self._handle(event)
                if not self.stop.requested:
                    self._dispatch()
                    self._check_started()
                self.progress.refresh(workers=self.scheduler.workers)
        finally:
            self.pool.close()

    def _announce(self, facts: PoolFacts) -> None:
        self.progress.dashboard_url = facts.dashboard_url
        self.progress.token_hint = facts.token_hint
        self.on_event(
            PoolStarted(
                facts.kind,
                facts.workers,
                facts.threads_per_worker,
                facts.dashboard_url,
                facts.token_hint,
            )
        )

    def _stopped(self) -> bool:
        in_hand = self.scheduler.in_hand()
        if not self._told_stopping:
            self._told_stopping = True
            self.on_event(Stopping(len(in_hand)))
        return not in_hand

    def _dispatch(self) -> None:
        for worker in self.scheduler.idle():
            work = self.scheduler.next_work(worker)
            if work is not None:
                self.pool.submit(worker, [task_of(self.plan.frames[index]) for index in work])

    def _handle(self, event: PoolEvent) -> None:
        if isinstance(event, Ready):
            self.scheduler.add_worker(event.worker)
            self.on_event(
                WorkersReady(
                    event.worker,
                    self.scheduler.workers,
                    self._facts.workers,
                    event.node,
                    self.plan.device,
                )
            )
        elif isinstance(event, Outcome):
            self._take(event.worker, event.outcome)
        elif isinstance(event, Ended):
            self.scheduler.work_ended(event.worker)
        else:
            self._bury(event)

    def _take(self, worker: str, outcome: FrameOutcome) -> None:
        if outcome.status == "disk":
            raise OutputDiskError(outcome.message)
        if outcome.status == "done":
            self._take_done(worker, outcome)
        else:
            self._take_failed(worker, outcome)
        if self.stop.requested:  # its frame in hand is finished: keep it from the next one
            self.pool.remove(worker)
            self.scheduler.work_ended(worker)
        elif self.scheduler.is_suspect(worker):
            self.pool.remove(worker)
            self.scheduler.worker_retired(worker)
            self._lost(worker, f"it failed frame after frame, the last with: {outcome.message}")

    def _take_done(self, worker: str, outcome: FrameOutcome) -> None:
        frame = self.plan.frames[outcome.index]
        self.journal.append(
            "done",
            index=frame.index,
            name=frame.name,
            input=frame.blake2b,
            output_bytes={name: file.bytes for name, file in outcome.outputs.items()},
            output_blake2b={name: file.blake2b for name, file in outcome.outputs.items()},
            seconds=round(outcome.seconds, 3),
            worker=worker,
            attempt=self.scheduler.attempts(frame.index) + 1,
        )
        self.scheduler.frame_done(worker, frame.index)
        self.progress.frame_done(frame.index, outcome.seconds)
        left, workers = self.scheduler.left, self.scheduler.workers
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

    def _take_failed(self, worker: str, outcome: FrameOutcome) -> None:
        frame = self.plan.frames[outcome.index]
        verdict = self.scheduler.frame_failed(worker, frame.index, retryable=outcome.retryable)
        if verdict is Verdict.RETRY:
            self._note_try(worker, frame, outcome)
        else:
            self._give_up(worker, frame, outcome)

    def _note_try(self, worker: str, frame: FramePlan, outcome: FrameOutcome) -> None:
        attempt = self.scheduler.attempts(frame.index)
        self.journal.append(
            "retry",
            index=frame.index,
            name=frame.name,
            message=outcome.message,
            traceback=outcome.traceback,
            worker=worker,
            attempt=attempt,
        )
        self.on_event(
            FrameFailed(frame.index, frame.name, worker, outcome.message, attempt, will_retry=True)
        )

    def _give_up(self, worker: str, frame: FramePlan, outcome: FrameOutcome) -> None:
        attempt = self.scheduler.attempts(frame.index)
        self.journal.append(
            "failed",
            index=frame.index,
            name=frame.name,
            input=frame.blake2b,
            message=outcome.message,
            retryable=outcome.retryable,
            traceback=outcome.traceback,
            worker=worker,
            attempt=attempt,
        )
        self.progress.frame_given_up(frame.index, outcome.message)
        self.on_event(
            FrameFailed(frame.index, frame.name, worker, outcome.message, attempt, will_retry=False)
        )

    def _bury(self, event: Died) -> None:
        given_up = self.scheduler.worker_died(event.worker)
        if given_up is not None:
            frame = self.plan.frames[given_up]
            message = f"its workers died on it, the last with: {event.message}"
            outcome = FrameOutcome(given_up, "failed", event.worker, 0.0, {}, message, True)
            self._give_up(event.worker, frame, outcome)
        if not self.scheduler.ever_ready and self.scheduler.deaths >= self._facts.workers:
            raise ClusterError(f"no worker could be started: {event.message}")
        self._lost(event.worker, event.message)

    def _lost(self, worker: str, message: str) -> None:
        self.journal.append("worker_lost", worker=worker, message=message)
        replacement = None
        wanted = not self.scheduler.finished and not self.stop.requested
        if wanted and not self.scheduler.too_many_deaths:
            replacement = self.pool.replace()
        self.on_event(WorkerLost(worker, message, self.scheduler.deaths, replacement))
        if wanted and self.scheduler.too_many_deaths:
            raise JobError(
                f"{self.scheduler.deaths} workers were lost, more than allowed; the last one: "
                f"{message}. Finished frames are kept: mend the cause and run the same command "
                "again"
            )

    def _check_started(self) -> None:
        if self.scheduler.workers:
            self._idle_since = time.monotonic()
        elif time.monotonic() - self._idle_since > self.execution.start_timeout_seconds:
            raise ClusterError(
                f"no worker started within {self.execution.start_timeout_seconds:g} s: "
                f"{self.pool.describe_waiting()}"
            )


def task_of(frame: FramePlan) -> FrameTask:
    """What a worker needs to know of a frame."""
    return FrameTask(
        frame.index,
        frame.source,
        frame.height,
        frame.width,
        frame.bytes,
        frame.mtime_ns,
        frame.blake2b,
    )
