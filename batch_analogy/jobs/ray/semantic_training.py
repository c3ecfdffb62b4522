"""Train on several pictures at once, each in a Ray actor.

An actor gets paths and settings, and streams small events back. Checkpoints lie in the training
folder, on storage that all machines share. An actor that dies is replaced by another, which
continues from the last checkpoint and reaches the same result.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import ray
import ray.exceptions

from batch_analogy.config.run import ExecutionConfig
from batch_analogy.errors import BatchAnalogyError, ClusterError, InputError, JobError, UsageError
from batch_analogy.jobs.folder.manifest import versions
from batch_analogy.jobs.ray import cluster
from batch_analogy.jobs.ray.actor import (
    IDLE_THREADS_SLEEP,
    expected_versions,
    require_same_versions,
)
from batch_analogy.jobs.ray.lifeline import Lifeline
from batch_analogy.jobs.ray.pauses import Pauses
from batch_analogy.jobs.resources import usable_cores, workers_on_gpus
from batch_analogy.jobs.semantic.events import (
    OnSemanticEvent,
    SemanticEvent,
    TrainingEnded,
    TrainingFailed,
    TrainingResults,
    WorkersStarted,
)
from batch_analogy.jobs.semantic.training import TrainJob, train

POLL_SECONDS = 0.5
MOST_MEMORY_LOSSES = 20  # workers ended for lack of memory that are not counted


class TrainerActor:
    """Trains on one picture; ``stop`` can be called meanwhile."""

    def __init__(self, job: TrainJob, expected: dict[str, str]) -> None:
        self._job, self._expected = job, expected
        self._stop = threading.Event()

    def train(self) -> Iterator[SemanticEvent]:
        """Train, and yield events as they come.

        Raises:
            ClusterError: package versions differ from the driver's.
            BatchAnalogyError: for the reasons of ``jobs.semantic.training.train``.
        """
        require_same_versions(self._expected, versions())
        events: deque[SemanticEvent] = deque()
        failure: list[BaseException] = []

        def work() -> None:
            try:
                train(self._job, on_event=events.append, stopped=self._stop.is_set)
            except BaseException as error:  # noqa: BLE001 - it is raised again below
                failure.append(error)

        # ``train`` reports by callbacks, so it runs in a thread while this generator yields.
        thread = threading.Thread(target=work, name=f"train {self._job.name}")
        thread.start()
        while thread.is_alive() or events:
            while events:
                yield events.popleft()
            thread.join(POLL_SECONDS)
        if failure:
            raise failure[0]

    def stop(self) -> None:
        """Ask ``train`` to write a checkpoint after the current iteration, and end."""
        self._stop.set()


@dataclass
class _Running:
    job: TrainJob
    actor: Any
    stream: Any
    deaths: int
    ended: bool = False  # its last event has arrived


def train_on_ray(
    jobs: Sequence[TrainJob],
    execution: ExecutionConfig,
    *,
    on_event: OnSemanticEvent,
    stopped: Callable[[], bool],
) -> TrainingResults:
    """Train on pictures, on Ray; see ``jobs.semantic.train_many.train_all``.

    Raises:
        ClusterError: no cluster answers at the address, or it died.
        BatchAnalogyError: something is wrong with this machine or disk, not with one picture.
    """
    owned, dashboard = _connect(execution)
    try:
        lifeline = Lifeline(execution.address)
        needs = _needs(jobs[0], execution)
        at_once = min(len(jobs), execution.workers or _fitting(needs))
        on_event(WorkersStarted(at_once, dashboard))
        return _ActorSet(execution, lifeline, needs, at_once, on_event).train(jobs, stopped)
    finally:
        if owned:
            cluster.leave()


class _ActorSet:
    """Runs a fixed number of actors at once, until all pictures are trained."""

    def __init__(
        self,
        execution: ExecutionConfig,
        lifeline: Lifeline,
        needs: dict[str, float],
        at_once: int,
        on_event: OnSemanticEvent,
    ) -> None:
        self._execution, self._lifeline, self._needs = execution, lifeline, needs
        self._at_once, self._on_event = at_once, on_event
        self._expected = expected_versions()
        self._pauses, self._memory_losses, self._starts = Pauses(), 0, 0
        self._running: dict[Any, _Running] = {}  # key: the stream of its events
        self._ended: list[TrainingEnded] = []
        self._failed: list[TrainingFailed] = []

    def train(self, jobs: Sequence[TrainJob], stopped: Callable[[], bool]) -> TrainingResults:
        """Train until all pictures are done, or ``stopped`` is true."""
        waiting = deque((job, 0) for job in jobs)
        stopping = False
        try:
            while waiting or self._running:
                self._lifeline.require()
                if stopped() and not stopping:
                    stopping = True
                    waiting.clear()
                    for one in self._running.values():
                        one.actor.stop.remote()
                while waiting and len(self._running) < self._at_once and self._pauses.over:
                    self._start(*waiting.popleft())
                if not self._running:
                    time.sleep(POLL_SECONDS)
                    continue
                ready, _ = ray.wait(list(self._running), timeout=POLL_SECONDS, fetch_local=False)
                for stream in ready:
                    again = self._take_event(stream)
                    if again is not None and not stopping:
                        waiting.appendleft(again)
        finally:
            for one in self._running.values():
                ray.kill(one.actor)
        return TrainingResults(tuple(self._ended), tuple(self._failed))

    def _start(self, job: TrainJob, deaths: int) -> None:
        self._starts += 1
        actor = (
            ray.remote(TrainerActor)
            .options(
                name=f"trainer {cluster.printable_name(job.folder)} {id(job)}-{self._starts}",
                **self._needs,
                max_restarts=0,
                max_concurrency=2,  # so that ``stop`` can run meanwhile
                runtime_env={"env_vars": IDLE_THREADS_SLEEP},
            )
            .remote(job, self._expected)
        )
        stream = actor.train.options(num_returns="streaming").remote()
        self._running[stream] = _Running(job, actor, stream, deaths)

    def _take_event(self, stream: Any) -> tuple[TrainJob, int] | None:
        """Take the next event of a training; if its actor died, return the job to start again."""
        one = self._running[stream]
        try:
            event = ray.get(next(stream))
        except StopIteration:
            self._remove(one)
            return None
        except ray.exceptions.RayTaskError as error:
            self._remove(one)
            self._fail(one, error.cause)
            return None
        except ray.exceptions.RayError as error:
            self._remove(one)
            return None if one.ended else self._replace(one, error)
        if isinstance(event, TrainingEnded):
            one.ended = True
            self._ended.append(event)
        self._on_event(event)
        return None

    def _remove(self, one: _Running) -> None:
        del self._running[one.stream]
        ray.kill(one.actor)

    def _fail(self, one: _Running, error: BaseException) -> None:
        """Record an error that concerns one picture; raise any other."""
        if isinstance(error, InputError | JobError | UsageError):
            self._record(one, error)
        elif isinstance(error, BatchAnalogyError):
            raise error
        else:
            raise JobError(
                f"training {one.job.picture} failed: {type(error).__name__}: {error}"
            ) from error

    def _replace(self, one: _Running, error: Exception) -> tuple[TrainJob, int] | None:
        self._lifeline.require()
        if isinstance(error, ray.exceptions.OutOfMemoryError):  # mostly of other programs
            self._pauses.memory_was_short()
            self._memory_losses += 1
            if self._memory_losses <= MOST_MEMORY_LOSSES:
                return one.job, one.deaths
        deaths = one.deaths + 1
        if deaths < self._execution.max_attempts:
            return one.job, deaths
        said = str(error).splitlines()[0]
        message = (
            f"the worker that trained {one.job.picture} died {deaths} times; the last error: "
            f"{said}. The usual cause is lack of memory: train fewer pictures at once with "
            "--workers, or at a smaller --size"
        )
        self._record(one, JobError(message))
        return None

    def _record(self, one: _Running, error: BatchAnalogyError) -> None:
        self._failed.append(TrainingFailed(one.job.name, one.job.folder, error))
        self._on_event(self._failed[-1])


def _connect(execution: ExecutionConfig) -> tuple[bool, str | None]:
    """Join or start Ray if necessary; return True if so, and the dashboard's address, if any."""
    if ray.is_initialized():
        return False, cluster.dashboard_here()
    if execution.address is not None:
        return True, cluster.join(execution.address)
    return True, cluster.start_local(usable_cores())


def _needs(job: TrainJob, execution: ExecutionConfig) -> dict[str, float]:
    """Return the resources of one training; its cores are limited to those of the largest node.

    Raises:
        ClusterError: GPUs were requested, but this machine has none.
    """
    nodes, share = cluster.work_nodes(), execution.gpus_per_worker or 0.0
    most = max((node.get("CPU", 0) for node in nodes), default=job.config.threads)
    if share and execution.address is None and not any(node.get("GPU", 0) for node in nodes):
        raise ClusterError(
            f"--gpus-per-worker is {share:g}, but this machine has no GPU; use "
            "--gpus-per-worker 0, or give the --address of a cluster with GPUs"
        )
    return {"num_cpus": 1 if share else max(1, min(job.config.threads, most)), "num_gpus": share}


def _fitting(needs: dict[str, float]) -> int:
    """Return the number of trainings that fit on the nodes at once."""
    cluster.require_machines("--workers N")
    nodes = cluster.work_nodes()
    if needs["num_gpus"]:
        on_gpus = (workers_on_gpus(int(n.get("GPU", 0)), needs["num_gpus"]) for n in nodes)
        return max(1, sum(on_gpus))
    return max(1, sum(int(n.get("CPU", 0) // needs["num_cpus"]) for n in nodes))
