"""The worker inside a Ray actor."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import ray
from ray.util import get_node_ip_address

from batch_analogy.errors import ClusterError, UsageError
from batch_analogy.jobs.folder.manifest import versions
from batch_analogy.jobs.ray.metrics import MemoryGauge
from batch_analogy.jobs.store import RunStore
from batch_analogy.jobs.work.tasks import FrameOutcome, FrameTask, WorkerSpec
from batch_analogy.jobs.work.worker import FrameWorker
from batch_analogy.json_files import read_json

IDLE_THREADS_SLEEP = {"OMP_WAIT_POLICY": "PASSIVE"}
"""Environment of workers, as ``cli.main`` sets it for this process."""

_NOT_COMPARED = ("python", "ray")  # Ray itself requires the same ones

CACHE_SECONDS = 5.0  # a network disk may show for so long what an earlier driver wrote


@dataclass(frozen=True)
class ActorLocation:
    """Where an actor is."""

    node: str  # Ray's id of it
    address: str
    pid: int


class StylerActor:
    """A ``FrameWorker`` on a machine of the cluster.

    The constructor does nothing that can fail: an error in ``load`` arrives with its type, and the
    driver knows by then on which node it happened.

    Args:
        spec: what the worker is told; paths, never pixels.
        expected: versions of the packages that touch pixels, on the driver's machine.
    """

    def __init__(self, spec: WorkerSpec, expected: Mapping[str, str]) -> None:
        self._spec = spec
        self._expected = expected
        self._worker: FrameWorker | None = None
        self._memory = MemoryGauge(spec.name)

    def where(self) -> ActorLocation:
        """Answering shows that the actor has got a place."""
        node = ray.get_runtime_context().get_node_id()
        return ActorLocation(node, str(get_node_ip_address()), os.getpid())

    def load(self) -> None:
        """Check this machine and load the model; answering shows that it is ready.

        Raises:
            ClusterError: other versions are installed here, or the run folder is not seen.
            BatchAnalogyError: as ``FrameWorker``.
        """
        require_same_versions(self._expected, versions())
        require_shared(self._spec)
        self._worker = FrameWorker(self._spec)
        self._memory.measure()

    def process(self, tasks: Sequence[FrameTask]) -> Iterator[FrameOutcome]:
        """Do frames, yielding each outcome."""
        if self._worker is None:
            raise RuntimeError("the worker has not been loaded")
        for outcome in self._worker.process(tasks):
            self._memory.measure()
            yield outcome


def end_process(pid: int) -> bool:
    """Kill a worker of Ray on this machine that no longer listens; for ``pool.remove``.

    Returns:
        Whether there was one.
    """
    try:
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        if not command.startswith(b"ray::"):  # another process has got its number since
            return False
        os.kill(pid, signal.SIGKILL)
    except (FileNotFoundError, ProcessLookupError):
        return False
    return True


def expected_versions() -> dict[str, str]:
    """Return the versions of this process that workers must have too."""
    return {name: found for name, found in versions().items() if name not in _NOT_COMPARED}


def require_same_versions(expected: Mapping[str, str], found: Mapping[str, str]) -> None:
    """Check that a worker computes what the driver would.

    Raises:
        ClusterError: a package is missing or another version.
    """
    wrong = [
        f"{package} {found.get(package, 'none')} instead of {version}"
        for package, version in expected.items()
        if found.get(package) != version
    ]
    if wrong:
        raise ClusterError(
            f"this worker's machine has {', '.join(wrong)}; install on all machines what the "
            "driver has, or frames would differ"
        )


def require_shared(spec: WorkerSpec) -> None:
    """Check that a worker sees the run folder that the driver made.

    Raises:
        ClusterError: it sees none, or another.
    """
    path, deadline = RunStore(Path(spec.run_dir)).manifest, time.monotonic() + CACHE_SECONDS
    try:
        while (found := (read_json(path) or {}).get("run_id")) != spec.run_id:
            if found is None or time.monotonic() > deadline:
                raise ClusterError(
                    f"this worker's machine does not see the run folder {spec.run_dir}; frames, "
                    "reference and run folder must lie on storage that all machines share, under "
                    "the same path"
                )
            time.sleep(CACHE_SECONDS / 10)
    except UsageError as error:
        raise ClusterError(f"this worker's machine cannot read the run folder: {error}") from error
