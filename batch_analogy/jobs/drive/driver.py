"""The driving loop: hand work to a pool, journal the outcomes, keep status.json up to date."""

from __future__ import annotations

import contextlib
import signal
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from types import FrameType

from batch_analogy.config.amounts import LookShare
from batch_analogy.config.run import ExecutionConfig
from batch_analogy.errors import ClusterError, JobError, OutputDiskError
from batch_analogy.jobs.drive.pool import Died, Ended, Outcome, Pool, PoolEvent, Ready
from batch_analogy.jobs.drive.recorder import Recorder
from batch_analogy.jobs.drive.scheduler import Scheduler, Suspect, Verdict
from batch_analogy.jobs.drive.stalls import StallWatch
from batch_analogy.jobs.events import (
    LossCause,
    OnEvent,
    PoolStarted,
    Stopping,
    WorkersMissing,
    WorkersReady,
)
from batch_analogy.jobs.folder.journal import Journal
from batch_analogy.jobs.folder.run_progress import RunProgress
from batch_analogy.jobs.plan.film_dependencies import AnchorId, FilmDependencies
from batch_analogy.jobs.plan.frame_looks import share_of
from batch_analogy.jobs.plan.run_plan import FramePlan, Plan
from batch_analogy.jobs.work.tasks import FrameOutcome, FrameTask

POLL_SECONDS = 0.5
SYNC_SECONDS = 1.0
"""Interval between syncs of the journal. Each takes milliseconds, and a thousand workers finish a
frame every 20 ms."""
GROW_SECONDS = 5.0
MOST_MEMORY_LOSSES = 20
"""Workers ended for lack of memory, without a finished frame in between, that are not counted."""


class StopRequest:
    """A request to stop, set by the first Ctrl-C or SIGTERM; the second raises an error."""

    def __init__(self) -> None:
        self.requested = False

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Handle the signals inside this context, if this is the main thread."""
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
    """Drives one pool until all work is done, or until it is asked to stop."""

    pool: Pool
    scheduler: Scheduler
    plan: Plan
    journal: Journal
    progress: RunProgress
    execution: ExecutionConfig
    stop: StopRequest
    on_event: OnEvent
    clock: Callable[[], float] = time.monotonic
    dependencies: FilmDependencies | None = None  # of a coherent film
    forget: Callable[[AnchorId], None] = lambda anchor: None  # deletes an unneeded anchor

    def run(self) -> None:
        """Do the work; ``scheduler.finished`` is True afterwards if all of it was done.

        Raises:
            OutputDiskError: the output disk is full or may not be written to.
            JobError: too many workers were lost, or too many frames failed.
            ClusterError: no worker could be started.
        """
        try:
            self._start()
            while not self.scheduler.finished:
                if self.stop.requested and self._stopped():
                    return
                for event in self.pool.poll(POLL_SECONDS):
                    self._handle(event)
                self._sync()
                self._take_out_suspects()
                self._end_stalled()
                if not self.stop.requested:
                    self._dispatch()
                    self._check_started()
                self.progress.refresh(workers=self.scheduler.workers)
                self.pool.metrics.queue(self.scheduler.left)
        finally:
            self.pool.close()
            self.progress.rest()

    def _start(self) -> None:
        self._facts = self.pool.start()
        self._recorder = Recorder(
            self.plan,
            self.journal,
            self.progress,
            self.on_event,
            self.pool.metrics,
            self.dependencies,
        )
        self._check_failed()
        self._watch = StallWatch(self.execution.stall_timeout_seconds, self.plan.span_frames)
        self._where: dict[str, Ready] = {}
        self._suspects: dict[str, str] = {}  # worker → its latest failure
        self._memory_losses = 0  # without a finished frame in between
        self._told_stopping = self._told_missing = False
        self._started_at = self._idle_since = self._grown_at = self._synced_at = self.clock()
        self.progress.dashboard_url = self._facts.dashboard_url
        self.progress.token_hint = self._facts.token_hint
        self.on_event(
            PoolStarted(
                self._facts.kind,
                self._facts.workers,
                self._facts.threads_per_worker,
                self._facts.dashboard_url,
                self._facts.token_hint,
            )
        )

    def _sync(self) -> None:
        if self.clock() - self._synced_at >= SYNC_SECONDS:
            self.journal.sync()
            self._synced_at = self.clock()

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
                self.pool.submit(worker, self._tasks(work))
                self._watch.heard(worker, now=self.clock())
        if self.clock() - self._grown_at >= GROW_SECONDS:
            self._grown_at = self.clock()
            self.pool.grow(self.scheduler.waiting)

    def _tasks(self, work: tuple[int, ...]) -> list[FrameTask]:
        frames = [self.plan.frames[index] for index in work]
        if self.dependencies is None:
            return [FrameTask(frame, (), self._share(frame)) for frame in frames]
        contexts = self.dependencies.contexts(work)
        return [
            FrameTask(frame, context, self._share(frame))
            for frame, context in zip(frames, contexts, strict=True)
        ]

    def _share(self, frame: FramePlan) -> LookShare:
        return share_of(self.plan, frame.index)

    def _handle(self, event: PoolEvent) -> None:
        if isinstance(event, Ready):
            self._handle_ready(event)
        elif isinstance(event, Outcome):
            self._watch.heard(event.worker, now=self.clock())
            self._handle_outcome(event.worker, event.outcome)
        elif isinstance(event, Ended):
            self._watch.idle(event.worker)
            self.scheduler.work_ended(event.worker)
        else:
            self._handle_death(event)

    def _handle_ready(self, event: Ready) -> None:
        if event.node in self.scheduler.blocked_nodes:  # it was being started there already
            self.pool.remove(event.worker)
            self._lost(event.worker, "it was started on a node that is on the blocklist", "blocked")
            return
        self._where[event.worker] = event
        self._recorder.ready(event.worker, event.node, event.address)
        self.scheduler.add_worker(event.worker, event.node)
        self.on_event(
            WorkersReady(
                event.worker,
                self.scheduler.workers,
                max(self._facts.workers, self.scheduler.workers),
                event.address or event.node,
                self.plan.device,
            )
        )

    def _handle_outcome(self, worker: str, outcome: FrameOutcome) -> None:
        if outcome.status == "disk":
            raise OutputDiskError(outcome.message)
        if outcome.status == "done":
            attempt = self.scheduler.attempts(outcome.index) + 1
            self.scheduler.frame_done(worker, outcome.index)
            self._watch.frame_took(outcome.seconds)
            self._memory_losses = 0
            left, workers = self.scheduler.left, self.scheduler.workers
            self._recorder.done(worker, outcome, attempt=attempt, left=left, workers=workers)
            if self.dependencies is not None:
                for anchor in self.dependencies.unneeded_anchors(outcome.index, self.progress.done):
                    self.forget(anchor)
        else:
            self._take_failed(worker, outcome)
        if self.stop.requested and not outcome.left_in_batch:  # it must not start another
            self.pool.remove(worker)
            self._watch.idle(worker)
            self.scheduler.work_ended(worker)

    def _take_failed(self, worker: str, outcome: FrameOutcome) -> None:
        index = outcome.index
        verdict = self.scheduler.frame_failed(worker, index, retryable=outcome.retryable)
        attempt = self.scheduler.attempts(index)
        if verdict is Verdict.RETRY:
            self._recorder.retried(worker, outcome, attempt=attempt)
        else:
            self._recorder.given_up(worker, outcome, attempt=attempt)
            self._check_failed()
        if outcome.retryable:
            self._suspects[worker] = outcome.message

    def _take_out_suspects(self) -> None:
        """Retire suspect workers and block suspect nodes, once all their reports are handled."""
        for worker, message in self._suspects.items():
            suspect = self.scheduler.suspect(worker)
            if suspect is Suspect.NODE:
                self._block(self._where[worker], message)
            elif suspect is Suspect.WORKER:
                self.pool.remove(worker)
                self.scheduler.worker_retired(worker)
                self._lost(
                    worker, f"it failed frame after frame, most recently with: {message}", "retired"
                )
        self._suspects.clear()

    def _block(self, where: Ready, message: str) -> None:
        """Put a node on the blocklist and replace its workers."""
        self.pool.avoid(where.node)
        name = where.address or where.node
        self._recorder.blocked(
            name, f"its workers failed where others did not, most recently with: {message}"
        )
        for worker in self.scheduler.block_node(where.node):
            self.pool.remove(worker)
            self._lost(worker, f"its node {name} was put on the blocklist", "blocked")

    def _end_stalled(self) -> None:
        for worker in self._watch.overdue(now=self.clock()):
            self.pool.remove(worker, stuck=True)
            limit = self._watch.limit_seconds
            message = f"it was silent for more than {limit:g} s (--stall-timeout) and was ended"
            self._handle_death(Died(worker, message, "stalled"))

    def _handle_death(self, event: Died) -> None:
        where = self._where.get(event.worker)
        excused = event.cause == "node lost" or self._memory_is_short(event)
        if excused:
            self.scheduler.worker_left(event.worker)
        else:
            self._blame_death(event, where.node if where else event.node)
        deaths, failed_to_start = self.scheduler.deaths, not excused
        if failed_to_start and not self.scheduler.ever_ready and deaths >= self._facts.workers:
            self._recorder.lost(
                event.worker, event.message, event.cause, deaths=deaths, replacement=None
            )
            raise ClusterError(f"no worker could be started: {event.message}")
        self._lost(event.worker, event.message, event.cause)
        node = where.node if where else event.node
        if node is not None and self.scheduler.should_block(node):
            self._block(where or Ready(event.worker, node), event.message)

    def _memory_is_short(self, event: Died) -> bool:
        """Return True if a worker was ended for lack of memory, unless that has become the rule.

        Mostly another program takes the memory, for a while; the worker and its frame are not to
        blame. Workers that need too much themselves are found by their number.
        """
        if event.cause != "memory":
            return False
        self._memory_losses += 1
        return self._memory_losses <= MOST_MEMORY_LOSSES

    def _blame_death(self, event: Died, node: str | None) -> None:
        cut_off = event.cause == "unreachable"
        given_up = self.scheduler.worker_died(event.worker, node, perhaps_cut_off=cut_off)
        if given_up is None:
            return
        message = f"workers died while making it, the last with: {event.message}"
        outcome = FrameOutcome(given_up, "failed", event.worker, 0.0, {}, message, True)
        attempt = self.scheduler.attempts(given_up)
        self._recorder.given_up(event.worker, outcome, attempt=attempt)
        self._check_failed()

    def _lost(self, worker: str, message: str, cause: LossCause) -> None:
        self._watch.idle(worker)
        self._where.pop(worker, None)
        replacement = None
        wanted = not self.scheduler.finished and not self.stop.requested
        if wanted and not self.scheduler.too_many_deaths:
            replacement = self.pool.replace()
        deaths = self.scheduler.deaths
        self._recorder.lost(worker, message, cause, deaths=deaths, replacement=replacement)
        if wanted and self.scheduler.too_many_deaths:
            raise JobError(
                f"{self.execution.max_worker_deaths + 1} workers were lost without a finished "
                f"frame in between, more than allowed; the last one: {message}. Finished frames "
                "are kept: remove the cause and run the same command again"
            )

    def _check_failed(self) -> None:
        limit, failed = self.execution.max_failed, self._recorder.failed
        if limit is not None and failed > limit:
            raise JobError(
                f"{failed} frames failed, more than --max-failed {limit}; finished frames are "
                "kept: remove the cause and run the same command again, or allow more"
            )

    def _check_started(self) -> None:
        """Report workers that do not start in time."""
        now, patience = self.clock(), self.execution.start_timeout_seconds
        ready, wanted = self.scheduler.workers, self._facts.workers
        if not ready and now - self._idle_since > patience:
            raise ClusterError(
                f"no worker started within {patience:g} s: {self.pool.describe_waiting()}"
            )
        if ready:
            self._idle_since = now
        if 0 < ready < wanted and now - self._started_at > patience and not self._told_missing:
            self._told_missing = True
            self.on_event(WorkersMissing(ready, wanted, self.pool.describe_waiting()))
