"""A worker in a Ray actor."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import ray
from ray.util import get_node_ip_address

from batch_analogy.errors import ClusterError, UsageError
from batch_analogy.garbage import importing
from batch_analogy.jobs.folder.manifest import versions
from batch_analogy.jobs.ray.metrics import MemoryGauge
from batch_analogy.jobs.store import RunStore
from batch_analogy.jobs.work.tasks import FrameOutcome, FrameTask, WorkerSpec
from batch_analogy.json_files import read_json

if TYPE_CHECKING:
    from batch_analogy.jobs.work.worker import FrameWorker

IDLE_THREADS_SLEEP = {"OMP_WAIT_POLICY": "PASSIVE"}
"""Environment variables of workers; the command line sets the same ones for its own process."""

_NOT_COMPARED = ("python", "ray")  # Ray itself refuses other versions

CACHE_SECONDS = 5.0  # for this long, a network disk may still show an earlier driver's file


@dataclass(frozen=True)
class ActorLocation:
    """Location of an actor."""

    node: str  # its id in Ray
    address: str
    pid: int


class StylerActor:
    """A ``FrameWorker`` on a machine of the cluster.

    The constructor does nothing that can fail. Errors in ``load`` reach the driver with their type,
    and by then the driver knows the node.

    Args:
        spec: settings and paths, never pixels.
        expected: versions of the packages that decide pixels, on the driver's machine.
    """

    def __init__(self, spec: WorkerSpec, expected: Mapping[str, str]) -> None:
        self._spec = spec
        self._expected = expected
        self._worker: FrameWorker | None = None
        self._memory = MemoryGauge(spec.name)

    def locate(self) -> ActorLocation:
        """Return the actor's location; an answer shows that it was placed on a node."""
        node = ray.get_runtime_context().get_node_id()
        return ActorLocation(node, str(get_node_ip_address()), os.getpid())

    def load(self) -> None:
        """Check this machine and load the model; an answer shows that the worker is ready.

        Raises:
            ClusterError: package versions differ, or the run folder is not visible here.
            BatchAnalogyError: for the reasons of ``FrameWorker``.
        """
        require_same_versions(self._expected, versions())
        require_shared(self._spec)
        with importing():  # with PyTorch: the longest part of a worker's start
            from batch_analogy.jobs.work.worker import FrameWorker
        self._worker = FrameWorker(self._spec)
        self._memory.measure()

    def process(self, tasks: Sequence[FrameTask]) -> Iterator[FrameOutcome]:
        """Process frames in order, and yield the outcome of each."""
        if self._worker is None:
            raise RuntimeError("the worker has not been loaded")
        for outcome in self._worker.process(tasks):
            self._memory.measure()
            yield outcome


def end_process(pid: int) -> bool:
    """Kill a Ray worker on this machine that no longer responds; ``RayPool.remove`` runs this.

    Returns:
        True if there was such a process.
    """
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        if not command.startswith(b"ray::"):  # another process has its id now
            return False
        os.kill(pid, signal.SIGKILL)
    except (FileNotFoundError, ProcessLookupError):
        return False
    return True


def expected_versions() -> dict[str, str]:
    """Return the package versions of this process that workers must have too."""
    return {name: found for name, found in versions().items() if name not in _NOT_COMPARED}


def require_same_versions(expected: Mapping[str, str], found: Mapping[str, str]) -> None:
    """Check that a worker has the driver's package versions, and so computes the same pixels.

    Raises:
        ClusterError: a package is missing or has another version.
    """
    wrong = [
        f"{package} {found.get(package, 'none')} instead of {version}"
        for package, version in expected.items()
        if found.get(package) != version
    ]
    if wrong:
        raise ClusterError(
            f"this worker's machine has {', '.join(wrong)}; install the driver's versions on all "
            "machines, or frames would differ"
        )


def require_shared(spec: WorkerSpec) -> None:
    """Check that a worker sees the driver's run folder.

    Raises:
        ClusterError: the folder is missing or unreadable here, or belongs to another run.
    """
    path, deadline = RunStore(Path(spec.run_dir)).manifest, time.monotonic() + CACHE_SECONDS
    try:
        while (found := (read_json(path) or {}).get("run_id")) != spec.run_id:
            if found is None or time.monotonic() > deadline:
                raise ClusterError(
                    f"this worker's machine does not see the run folder {spec.run_dir}; frames, "
                    "reference and run folder must be on storage that all machines share, under "
                    "the same path"
                )
            time.sleep(CACHE_SECONDS / 10)
    except UsageError as error:
        raise ClusterError(f"this worker's machine cannot read the run folder: {error}") from error
