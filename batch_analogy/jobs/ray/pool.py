"""Workers as Ray actors.

Rules for the use of Ray, and their reasons:

* An actor gets paths and configuration, and loads everything on its own machine. Pixels never
  pass through the object store; an outcome that streams back is under a kilobyte.
* ``max_restarts=0`` and ``max_task_retries=0``: a dead actor stays dead, and the driver starts
  another one under a new name, which continues after the last frame on disk. Ray's own restarts
  are not used, for four reasons. Deaths are counted, journaled and limited in one place, the
  scheduler. A replacement may go to a node outside the blocklist, whereas a restart keeps the
  constraints of the first placement. Nothing is computed twice without the driver knowing. And a
  restarting actor looks alive for a while, although its work is lost.
* Ray takes a minute to notice that a node is gone. Until then it may send new actors there; they
  are never placed, and are lost with the node.
* An actor whose state is unknown (``ActorUnavailableError``) is killed before it is replaced.
* Failures are told apart by type and state, never by text. ``RayTaskError`` is an error in our own
  code, and ``ActorUnavailableError`` means that the actor is silent. Any other error means that its
  process ended, or the whole node if that is gone.
* All actors are requested at once. Those without a place make an autoscaler start nodes, and start
  once a node is ready; ``grow`` requests more if the number of workers was left open.
* Tasks have few names. Ray keeps counts for every name it has seen: with a name for each frame, the
  driver grew by 38 KB per frame. ``status.json`` and the worker's log say which frames it makes.
* No call goes to the head before ``Lifeline.require``: without a head it would block until Ray ends
  this process.
* A Ray that is already initialised in this process is used and left running. The pool stops only a
  Ray that it started; it disconnects from any other cluster that it joined.
"""

from __future__ import annotations

import dataclasses
import re
import time
import uuid
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
import ray.exceptions
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from batch_analogy.config.run import ExecutionConfig
from batch_analogy.errors import ClusterError
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
from batch_analogy.jobs.ray import cluster
from batch_analogy.jobs.ray.actor import (
    IDLE_THREADS_SLEEP,
    ActorLocation,
    StylerActor,
    end_process,
    expected_versions,
)
from batch_analogy.jobs.ray.lifeline import Lifeline
from batch_analogy.jobs.ray.metrics import RayMetrics
from batch_analogy.jobs.ray.pauses import Pauses
from batch_analogy.jobs.resources import (
    available_memory_bytes,
    default_workers,
    usable_cores,
    workers_on_gpus,
)
from batch_analogy.jobs.work.tasks import FrameTask, WorkerSpec

MESSAGE_CHARACTERS = 300

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")


_NODE_LABEL = "ray.io/node-id"  # Ray gives it to every node


@dataclass
class _Actor:
    handle: Any
    locating: Any  # reference to the result of ``locate``
    loading: Any  # reference to the result of ``load``
    nodes: frozenset[str]  # alive when it was created, so it may have been sent to any
    ready: bool = False
    location: ActorLocation | None = None
    stream: Any | None = None  # generator of outcomes; None: it has no work

    @property
    def next_reference(self) -> Any | None:
        """Reference that becomes ready next; None if the actor has no work."""
        if self.location is None:
            return self.locating
        return self.stream if self.ready else self.loading


class RayPool:
    """Actors named styler-0, styler-1 … on a local Ray or on a cluster."""

    def __init__(self, spec: WorkerSpec, execution: ExecutionConfig, *, segments: int) -> None:
        self.metrics: Metrics = NoMetrics()
        self._spec = spec
        self._execution = execution
        self._segments = segments
        self._share = execution.gpus_per_worker or 0.0
        self._expected = expected_versions()
        self._suffix = f"{cluster.printable_name(Path(spec.run_dir))} {uuid.uuid4().hex[:6]}"
        self._actors: dict[str, _Actor] = {}
        self._avoided: set[str] = set()
        self._pauses = Pauses()
        self._started = self._asked = 0
        self._owns_connection = False
        self._cpus_per_worker = 1

    def start(self) -> PoolFacts:
        """Start or join Ray and create the actors, which report when they are ready.

        Raises:
            ClusterError: no cluster answers at the address, this machine lacks the GPUs that were
                asked for, or the number of workers was left open and no node accepts work yet.
        """
        dashboard_url = self._connect()
        self._lifeline = Lifeline(self._execution.address)
        self.metrics = RayMetrics()
        workers = self._asked = self._choose_workers()
        nodes = self._lifeline.require()
        for _ in range(workers):
            self._create(nodes)
        return PoolFacts(
            "ray",
            workers,
            self._cpus_per_worker,
            dashboard_url,
            cluster.token_hint() if dashboard_url else None,
        )

    def submit(self, worker: str, tasks: Sequence[FrameTask]) -> None:
        """Give an actor frames to process; their outcomes stream back."""
        actor = self._actors[worker]
        options = {"num_returns": "streaming", "name": "make frames"}
        actor.stream = actor.handle.process.options(**options).remote(list(tasks))

    def poll(self, timeout_seconds: float) -> list[PoolEvent]:
        """Wait until an actor is ready, has an outcome, has finished its work or has died.

        Raises:
            ClusterError: the cluster is gone.
        """
        self._lifeline.watch()
        for name in self._pauses.due():
            self._create(self._lifeline.require(), name)
        waiting = {
            waited: name
            for name, actor in self._actors.items()
            if (waited := actor.next_reference) is not None
        }
        if not waiting:
            time.sleep(timeout_seconds)
            return []
        asked = list(waiting)  # waiting for a thousand takes milliseconds: do it once if busy
        ready, _ = ray.wait(asked, num_returns=len(asked), timeout=0, fetch_local=False)
        if not ready:
            ready, _ = ray.wait(asked, num_returns=1, timeout=timeout_seconds, fetch_local=False)
        events = [self._take(waiting[item]) for item in ready]
        return [event for event in events if event is not None]

    def remove(self, worker: str, *, stuck: bool = False) -> None:
        """Kill an actor; a stuck one by a task on its node, as it does not obey ``ray.kill``."""
        actor = self._actors.pop(worker, None)
        if actor is None:
            return
        ray.kill(actor.handle, no_restart=True)
        if stuck and actor.location is not None:
            there = NodeAffinitySchedulingStrategy(actor.location.node, soft=False)
            ending = ray.remote(end_process).options(
                name="end a stuck worker", num_cpus=0, max_retries=0, scheduling_strategy=there
            )
            ending.remote(actor.location.pid)

    def replace(self) -> str:
        """Create one more actor, after a pause if memory was short, and return its name.

        Raises:
            ClusterError: the cluster is gone.
        """
        name = self._next_name()
        if not self._pauses.hold_back(name):
            self._create(self._lifeline.require(), name)
        return name

    def grow(self, waiting: int) -> None:
        """Create actors for the room that the cluster has gained.

        Nothing is done on a local Ray, or if the number of workers was given.

        Args:
            waiting: number of segments that wait for a worker.
        """
        if self._execution.workers is not None or self._execution.address is None:
            return
        nodes = self._lifeline.require()
        starting = sum(not actor.ready for actor in self._actors.values())
        room = self._count_room() - len(self._actors)
        for _ in range(min(room, waiting - starting)):
            self._create(nodes)

    def avoid(self, node: str) -> None:
        """Create no more actors on a node."""
        self._avoided.add(node)

    def describe_waiting(self) -> str:
        """Describe the workers that were requested, and the resources of the cluster."""
        nodes = cluster.work_nodes()
        free = ray.available_resources()
        there = "no machine for work"
        if nodes:
            cpus, gpus = (sum(node.get(kind, 0) for node in nodes) for kind in ("CPU", "GPU"))
            most = max(nodes, key=lambda node: (node.get("GPU", 0), node.get("CPU", 0)))
            there = (
                f"{cpus:g} CPU ({free.get('CPU', 0):g} free) and {gpus:g} GPU "
                f"({free.get('GPU', 0):g} free) on {len(nodes)} machines, the largest with "
                f"{most.get('CPU', 0):g} CPU and {most.get('GPU', 0):g} GPU"
            )
        blocked = f" Nodes on the blocklist: {len(self._avoided)}." if self._avoided else ""
        return (
            f"workers requested: {self._asked}, each with {self._cpus_per_worker} CPU and "
            f"{self._share:g} GPU; the cluster has {there}.{blocked} Check whether machines are "
            "starting, and allow them more time with --start-timeout, or request less with "
            "--workers and --gpus-per-worker; finished frames are kept"
        )

    def close(self) -> None:
        """Kill the actors; stop the Ray that ``start`` started, or leave the cluster it joined."""
        for name in list(self._actors):
            if ray.is_initialized():
                self.remove(name)
        self._actors.clear()
        if self._owns_connection:
            cluster.release()
            self._owns_connection = False

    def _next_name(self) -> str:
        self._started += 1
        return f"styler-{self._started - 1}"

    def _create(self, nodes: frozenset[str], name: str | None = None) -> str:
        name = name or self._next_name()
        options: dict[str, Any] = {
            "name": f"{name} {self._suffix}",  # unique, as that of a killed actor lingers
            "num_cpus": self._cpus_per_worker,
            "num_gpus": self._share,
            "max_restarts": 0,
            "max_task_retries": 0,
        }
        if self._avoided:
            options["label_selector"] = {_NODE_LABEL: f"!in({','.join(sorted(self._avoided))})"}
        if self._execution.address is not None:  # on a local Ray, workers inherit ours
            options["runtime_env"] = {"env_vars": IDLE_THREADS_SLEEP}
        spec = dataclasses.replace(self._spec, name=name, threads=self._cpus_per_worker)
        handle = ray.remote(StylerActor).options(**options).remote(spec, self._expected)
        self._actors[name] = _Actor(
            handle,
            handle.locate.options(name="locate the worker").remote(),
            handle.load.options(name="load the model").remote(),
            nodes,
        )
        return name

    def _take(self, name: str) -> PoolEvent | None:
        actor = self._actors[name]
        try:
            return self._take_next(name, actor)
        except ray.exceptions.RayError as error:
            self.remove(name)
            alive = self._lifeline.require()
            cause, location = _cause_of(error, actor, alive), actor.location
            if cause == "memory":
                self._pauses.memory_was_short()
            lost = cause == "node lost"
            message = _describe_lost_node(location) if lost else _describe_error(error)
            return Died(name, message, cause, location.node if location else None)

    def _take_next(self, name: str, actor: _Actor) -> PoolEvent | None:
        if actor.location is None:
            actor.location = ray.get(actor.locating)
            return None
        if not actor.ready:
            ray.get(actor.loading)
            actor.ready = True
            return Ready(name, actor.location.node, actor.location.address)
        reference = next(iter(actor.stream or ()), None)
        if reference is None:
            actor.stream = None
            return Ended(name)
        outcome = ray.get(reference)
        self._pauses.frame_done()
        return Outcome(name, outcome)

    def _connect(self) -> str | None:
        """Start or join Ray if necessary, and return the dashboard's address, if any."""
        if ray.is_initialized():
            return cluster.dashboard_here()
        address = self._execution.address
        if address is None:
            url = cluster.start_local(max(usable_cores(), self._execution.workers or 1))
        else:
            url = cluster.join(address)
        self._owns_connection = True
        return url

    def _choose_workers(self) -> int:
        """Return the number of workers, and set the number of cores of each."""
        local = self._execution.address is None
        nodes = list(cluster.alive_nodes().values())
        on_gpus = sum(self._workers_on_gpus(node) for node in nodes)
        if self._share > 0 and not on_gpus and local:
            raise ClusterError(
                f"--gpus-per-worker is {self._share:g}, but this machine has "
                f"{sum(node.get('GPU', 0) for node in nodes):g} GPUs; use --gpus-per-worker 0, or "
                "give the --address of a cluster with GPUs"
            )
        if not local and self._execution.workers is None:
            cluster.require_machines("--workers N")
        cpus = max(1, int(sum(node.get("CPU", 0) for node in nodes)))
        if self._execution.workers is not None:
            workers = min(self._execution.workers, self._segments)
        elif self._share > 0:
            workers = max(1, min(self._segments, on_gpus))
        else:
            memory = available_memory_bytes() if local else None
            workers = default_workers(self._segments, cores=cpus, memory_bytes=memory)
        self._cpus_per_worker = max(1, min(cpus // workers, self._most_cores(nodes)))
        return workers

    def _most_cores(self, nodes: Sequence[dict[str, float]]) -> int:
        """Return the most cores that a worker can have on each node that accepts workers."""
        if self._share > 0:
            fit = [
                int(node.get("CPU", 0)) // self._workers_on_gpus(node)
                for node in nodes
                if self._workers_on_gpus(node)
            ]
        else:
            fit = [int(node.get("CPU", 0)) for node in nodes]
        return min((cores for cores in fit if cores > 0), default=1)

    def _workers_on_gpus(self, node: dict[str, float]) -> int:
        return workers_on_gpus(int(node.get("GPU", 0)), self._share)

    def _count_room(self) -> int:
        """Count the workers that fit on the nodes that are alive now."""
        room = 0
        for identity, node in cluster.alive_nodes().items():
            if identity not in self._avoided:
                by_cores = int(node.get("CPU", 0)) // self._cpus_per_worker
                room += min(by_cores, self._workers_on_gpus(node)) if self._share > 0 else by_cores
        return room


def _cause_of(error: ray.exceptions.RayError, actor: _Actor, alive: frozenset[str]) -> LossCause:
    if isinstance(error, ray.exceptions.RayTaskError):
        return "broke"
    # An actor without a place was sent to a node that is gone, if any has gone since its creation.
    lost = not actor.nodes <= alive if actor.location is None else actor.location.node not in alive
    if lost and not isinstance(error, ray.exceptions.RuntimeEnvSetupError):
        return "node lost"
    if isinstance(error, ray.exceptions.OutOfMemoryError):
        return "memory"
    return "unreachable" if isinstance(error, ray.exceptions.ActorUnavailableError) else "died"


def _describe_lost_node(location: ActorLocation | None) -> str:
    """Describe the loss of a node to a person; Ray's own message is about heartbeats."""
    node = "the node it was to start on"
    if location is not None:
        node = f"its node {location.address or location.node}"
    return f"{node} was stopped or cut off"


def _describe_error(error: ray.exceptions.RayError) -> str:
    """Shorten an error of Ray, which comes with a page of traceback, to one line.

    The last line of its text is the error of a constructor, or the reason of a death.
    """
    text = _COLOURS.sub("", str(error))
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    if not lines:
        return type(error).__name__
    if isinstance(error, ray.exceptions.RayTaskError) or "creation task" in lines[0]:
        return lines[-1].removeprefix("batch_analogy.errors.")
    detail = lines[-1].partition("Worker exit detail: ")[2] or lines[-1]
    whole = f"{lines[0]} {detail}" if detail != lines[0] else lines[0]
    return whole if len(whole) <= MESSAGE_CHARACTERS else whole[:MESSAGE_CHARACTERS] + "…"
