"""Choose the pool that a run's execution settings ask for."""

from __future__ import annotations

import dataclasses
import sys
from typing import TYPE_CHECKING

import torch

from batch_analogy.config.run import ExecutionConfig
from batch_analogy.errors import ConfigError, MachineError
from batch_analogy.jobs.resources import usable_cores

if TYPE_CHECKING:
    from batch_analogy.jobs.drive.pool import Pool
    from batch_analogy.jobs.work.tasks import WorkerSpec

IN_PROCESS = "none"


def settle_gpus(execution: ExecutionConfig) -> ExecutionConfig:
    """Decide how many GPUs each worker gets, if the settings leave it open.

    Each gets one if this PyTorch was built for CUDA (all machines have the same versions) and there
    are GPUs: on the cluster if an address is given, else on this machine. A cluster that would
    start machines with GPUs but has none now needs ``gpus_per_worker=1``.

    Raises:
        ClusterError: there is no cluster at the address.
    """
    if execution.gpus_per_worker is not None:
        return execution
    if torch.version.cuda is None:
        gpus = 0
    elif execution.address in (IN_PROCESS, None):
        gpus = torch.cuda.device_count() if torch.cuda.is_available() else 0
    else:
        from batch_analogy.jobs.ray.cluster import count_gpus

        gpus = count_gpus(execution.address)
    return dataclasses.replace(execution, gpus_per_worker=1.0 if gpus else 0.0)


def choose_device(gpus_per_worker: float | None = None) -> str:
    """Return the device of work that is done in this process, ``"cuda"`` or ``"cpu"``.

    Args:
        gpus_per_worker: as in ``ExecutionConfig``; None takes a GPU where there is one.

    Raises:
        ConfigError: it is neither 0, a share of one GPU nor a whole number.
        MachineError: a GPU was asked for, and PyTorch can use none here.
    """
    execution = ExecutionConfig(address=IN_PROCESS, gpus_per_worker=gpus_per_worker)
    if not settle_gpus(execution).gpus_per_worker:
        return "cpu"
    if not torch.cuda.is_available():
        raise MachineError(
            "a GPU was asked for that PyTorch cannot use; install a CUDA build of PyTorch, or run "
            "without --gpus-per-worker"
        )
    return "cuda"


def check_workers(execution: ExecutionConfig) -> None:
    """Check that the workers can be started, as far as can be told before the frames are read.

    Raises:
        ConfigError: several workers were asked for in this process.
        MachineError: a GPU was asked for in this process, and PyTorch can use none here.
        ClusterError: limits of this machine do not allow a Ray of its own.
    """
    if execution.address == IN_PROCESS and (execution.workers or 1) > 1:
        raise ConfigError(
            f"--address none runs in this process, which is one worker, not "
            f"{execution.workers}; leave --workers or --address out"
        )
    if execution.address == IN_PROCESS:
        choose_device(execution.gpus_per_worker)
    ray = sys.modules.get("ray")
    if execution.address is None and not (ray and ray.is_initialized()):
        from batch_analogy.jobs.ray.start_limits import check_limits  # it does not import Ray

        check_limits(max(usable_cores(), execution.workers or 1))


class KeptRay:
    """While this is entered, the runs of this process share one Ray, which the first one starts.

    Args:
        execution: the settings of the runs.
    """

    def __init__(self, execution: ExecutionConfig) -> None:
        self._uses_ray = execution.address != IN_PROCESS

    def __enter__(self) -> KeptRay:
        if self._uses_ray:
            from batch_analogy.jobs.ray import cluster

            cluster.keep(True)
        return self

    def __exit__(self, *_: object) -> None:
        if self._uses_ray:
            from batch_analogy.jobs.ray import cluster

            cluster.keep(False)
            self.leave()

    def leave(self) -> None:
        """Leave Ray, if a run has started or joined it; the next run does so again."""
        if self._uses_ray:
            from batch_analogy.jobs.ray import cluster

            cluster.leave_kept()


def make_pool(spec: WorkerSpec, execution: ExecutionConfig, *, segments: int) -> Pool:
    """Make the pool for these settings; Ray is imported only if it is needed.

    Args:
        spec: the specification for every worker; each gets a name of its own.
        execution: the settings.
        segments: number of pieces of work; more workers would have nothing to do.

    Raises:
        ConfigError: several workers were asked for in this process.
        ClusterError: Ray cannot be imported.
    """
    check_workers(execution)
    if execution.address == IN_PROCESS:
        from batch_analogy.jobs.drive.pool import InlinePool  # a pair needs the device alone

        return InlinePool(dataclasses.replace(spec, name="inline"))
    from batch_analogy.jobs.ray.pool import RayPool  # a second to import, not always wanted

    return RayPool(spec, execution, segments=segments)
