"""Workers as Ray actors. The only file that imports Ray.

How it uses Ray, and why:

* An actor gets paths and configuration, and loads everything in its constructor. Pixels never
  pass through the object store; what streams back is under a kilobyte a frame.
* ``max_restarts=0`` and ``max_task_retries=0``: a dead actor stays dead and the driver starts
  another one under a new name. So that deaths are counted, journaled and limited in one place
  (the scheduler), a restarting actor is never mistaken for a living one, and nothing is computed
  twice behind the driver's back.
* An actor whose state is unknown (``ActorUnavailableError``) is killed before it is replaced.
* A Ray that is already initialised in this process is used and left alone; a cluster that this
  file did not start is only ever disconnected from.
"""

from __future__ import annotations

import dataclasses
import logging
import re
import socket
import time
import warnings
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import ray
import ray.exceptions
from ray.util import get_node_ip_address

from batch_analogy.config import ExecutionConfig
from batch_analogy.errors import ClusterError
from batch_analogy.jobs.machine import available_memory_bytes, default_workers, usable_cores
from batch_analogy.jobs.pool import Died, Ended, Outcome, PoolEvent, PoolFacts, Ready
from batch_analogy.jobs.worker import FrameOutcome, FrameTask, FrameWorker, WorkerSpec

TOKEN_HINT = "the dashboard may ask for a token: `ray get-auth-token` prints it"

KNOCK_SECONDS = 10.0
MESSAGE_CHARACTERS = 300

_COLOURS = re.compile(r"\x1b\[[0-9;]*m")

_IDLE_THREADS_SLEEP = {"OMP_WAIT_POLICY": "PASSIVE"}  # as cli.main sets it here


class StylerActor:
    """The worker inside a Ray actor."""

    def __init__(self, spec: WorkerSpec) -> None:
        self._worker = FrameWorker(spec)

    def node(self) -> str:
        """The address of the machine it runs on; answering shows that it is ready."""
        return str(get_node_ip_address())

    def process(self, tasks: Sequence[FrameTask]) -> Iterator[FrameOutcome]:
        """Do frames, yielding each outcome."""
        yield from self._worker.process(tasks)


@dataclass
class _Actor:
    handle: Any
    starting: Any | None  # reference of the first answer, until it is there
    stream: Any | None = None  # generator of the work in hand


class RayPool:
    """Actors named styler-0, styler-1 … on a local Ray or on a cluster."""

    def __init__(self, spec: WorkerSpec, execution: ExecutionConfig, *, segments: int) -> None:
        self._spec = spec
        self._execution = execution
        self._segments = segments
        self._share = execution.gpus_per_worker or 0.0
        self._actors: dict[str, _Actor] = {}
        self._started = 0
        self._owns_connection = False
        self._cpus_per_worker = 1

    def start(self) -> PoolFacts:
        """Start or find Ray and create the actors; they report when they are ready.

        Raises:
            ClusterError: there is no cluster at the address, or nothing like the GPUs asked for.
        """
        dashboard_url = self._connect()
        workers = self._choose_workers()
        for _ in range(workers):
            self.replace()
        return PoolFacts(
            "ray",
            workers,
            self._cpus_per_worker,
            dashboard_url,
            TOKEN_HINT if dashboard_url and _asks_for_token() else None,
        )

    def submit(self, worker: str, tasks: Sequence[FrameTask]) -> None:
        """Give an actor frames to do; their outcomes stream back."""
        actor = self._actors[worker]
        actor.stream = actor.handle.process.options(num_returns="streaming").remote(list(tasks))

    def poll(self, timeout_seconds: float) -> list[PoolEvent]:
        """Wait until an actor is ready, has an outcome, is through or is gone."""
        waiting = {
            waited: name
            for name, actor in self._actors.items()
            if (waited := actor.starting or actor.stream) is not None
        }
        if not waiting:
            time.sleep(timeout_seconds)
            return []
        ready, _ = ray.wait(
            list(waiting), num_returns=1, timeout=timeout_seconds, fetch_local=False
        )
        more, _ = ray.wait(list(waiting), num_returns=len(waiting), timeout=0, fetch_local=False)
        found = {id(item): item for item in [*ready, *more]}
        return [self._take(waiting[item]) for item in found.values()]

    def remove(self, worker: str) -> None:
        """Kill an actor."""
        actor = self._actors.pop(worker, None)
        if actor is not None:
            ray.kill(actor.handle, no_restart=True)

    def replace(self) -> str:
        """Create one more actor."""
        name = f"styler-{self._started}"
        self._started += 1
        options: dict[str, Any] = {
            "name": name,
            "num_cpus": self._cpus_per_worker,
            "num_gpus": self._share,
            "max_restarts": 0,
            "max_task_retries": 0,
        }
        if self._execution.address is not None:  # a local Ray's workers have our environment
            options["runtime_env"] = {"env_vars": _IDLE_THREADS_SLEEP}
        spec = dataclasses.replace(self._spec, name=name, threads=self._cpus_per_worker)
        handle = ray.remote(StylerActor).options(**options).remote(spec)
        self._actors[name] = _Actor(handle, handle.node.remote())
        return name

    def describe_waiting(self) -> str:
        """What every worker asks for and what the cluster has."""
        has = ray.cluster_resources()
        free = ray.available_resources()
        return (
            f"each asks for {self._cpus_per_worker} CPU and {self._share:g} "
            f"GPU; the cluster has {has.get('CPU', 0):g} CPU ({free.get('CPU', 0):g} free) and "
            f"{has.get('GPU', 0):g} GPU ({free.get('GPU', 0):g} free). Wait for it to grow, or "
            "ask for less with --workers and --gpus-per-worker"
        )

    def close(self) -> None:
        """Kill the actors; stop the local Ray, or leave the cluster, that ``start`` went to."""
        for name in list(self._actors):
            if ray.is_initialized():
                self.remove(name)
        self._actors.clear()
        if self._owns_connection:
            ray.shutdown()
            self._owns_connection = False

    def _take(self, name: str) -> PoolEvent:
        actor = self._actors[name]
        try:
            if actor.starting is not None:
                node = ray.get(actor.starting)
                actor.starting = None
                return Ready(name, node)
            reference = next(iter(actor.stream or ()), None)
            if reference is None:
                actor.stream = None
                return Ended(name)
            return Outcome(name, ray.get(reference))
        except ray.exceptions.RayError as error:
            self.remove(name)
            return Died(name, _describe(error))

    def _connect(self) -> str | None:
        """Returns the dashboard's address, None where there is none."""
        if ray.is_initialized():
            return _dashboard_of(ray.get_runtime_context())
        address = self._execution.address
        if address is None:
            cpus = max(usable_cores(), self._execution.workers or 1)
            options = {"address": "local", "num_cpus": cpus, "include_dashboard": True}
            url = _init(options, "on this machine")
        else:
            _require_reachable(address)
            url = _init({"address": address}, f"at {address}")
        self._owns_connection = True
        return url

    def _choose_workers(self) -> int:
        """Settle how many workers there are and how many cores each has."""
        resources = ray.cluster_resources()
        cpus = max(1, int(resources.get("CPU", 1)))
        share = self._share
        gpus = float(resources.get("GPU", 0.0))
        if share > 0 and gpus < share and self._execution.address is None:
            raise ClusterError(
                f"{share:g} GPU per worker were asked for, this machine has {gpus:g}; leave "
                "--gpus-per-worker out, or give the --address of a cluster with GPUs"
            )
        if self._execution.workers is not None:
            workers = min(self._execution.workers, self._segments)
        elif share > 0:
            workers = max(1, min(self._segments, int(gpus / share)))
        else:
            local = self._execution.address is None
            memory = available_memory_bytes() if local else None
            workers = default_workers(self._segments, cores=cpus, memory_bytes=memory)
        self._cpus_per_worker = max(1, min(cpus // workers, _cores_of_smallest_node()))
        return workers


def count_gpus(address: str) -> int:
    """Whole GPUs that a cluster has now.

    Raises:
        ClusterError: there is no cluster at the address.
    """
    joined = not ray.is_initialized()
    if joined:
        _require_reachable(address)
        _init({"address": address}, f"at {address}")
    try:
        return int(ray.cluster_resources().get("GPU", 0))
    finally:
        if joined:
            ray.shutdown()


def try_ray() -> str:
    """Start a local Ray and stop it again; for ``doctor``.

    Returns:
        What it found: cores, GPUs and whether the dashboard started.

    Raises:
        ClusterError: it does not start.
    """
    began = time.monotonic()
    url = _init({"address": "local", "include_dashboard": True}, "on this machine")
    try:
        has = ray.cluster_resources()
    finally:
        ray.shutdown()
    return (
        f"starts in {time.monotonic() - began:.0f} s with {has.get('CPU', 0):g} CPU and "
        f"{has.get('GPU', 0):g} GPU, {'dashboard at ' + url if url else 'no dashboard'}"
    )


def _init(options: dict[str, Any], where: str) -> str | None:
    """Start or join Ray. Returns the dashboard's address, None where there is none."""
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", FutureWarning)  # older Rays advertise coming defaults
            context = ray.init(log_to_driver=False, logging_level=logging.ERROR, **options)
    except (RuntimeError, ValueError, OSError, ray.exceptions.RayError) as error:
        raise _no_ray(where, error) from error
    return _dashboard_of(context)


def _require_reachable(address: str) -> None:
    """Knock at host:port first: Ray itself goes on knocking for minutes."""
    if address.startswith("ray://"):
        raise ClusterError(
            f"{address} is a Ray Client address, through which results cannot stream; run this "
            "on the cluster itself with `ray job submit … --address auto`"
        )
    host, _, port = address.rpartition(":")
    if not (host and port.isdigit()):
        return  # "auto" and the like, which Ray resolves without a network
    try:
        socket.create_connection((host.strip("[]"), int(port)), KNOCK_SECONDS).close()
    except (OSError, OverflowError) as error:
        raise _no_ray(f"at {address}", error) from error


def _no_ray(where: str, error: Exception) -> ClusterError:
    return ClusterError(
        f"no Ray {where}: {error}. Start one with `ray start --head`, give its --address, or use "
        "--address none to work in this process"
    )


def _cores_of_smallest_node() -> int:
    cores = [int(n["Resources"].get("CPU", 0)) for n in ray.nodes() if n.get("Alive")]
    return min((count for count in cores if count > 0), default=1)


def _asks_for_token() -> bool:
    major, minor = ray.__version__.split(".")[:2]
    return (int(major), int(minor)) >= (2, 59)


def _dashboard_of(context: Any) -> str | None:
    url = getattr(context, "dashboard_url", None)
    return f"http://{url}" if url else None


def _describe(error: ray.exceptions.RayError) -> str:
    """One line of an error that comes with a page of traceback.

    Ray gives the error of a constructor, and the reason of a death, as the last line of a text.
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
