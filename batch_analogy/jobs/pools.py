"""Choosing the pool that a run's execution settings ask for."""

from __future__ import annotations

import dataclasses

from batch_analogy.config import ExecutionConfig
from batch_analogy.errors import ConfigError
from batch_analogy.jobs.pool import InlinePool, Pool
from batch_analogy.jobs.worker import WorkerSpec

IN_PROCESS = "none"


def make_pool(spec: WorkerSpec, execution: ExecutionConfig, *, segments: int) -> Pool:
    """The pool for these settings; Ray is imported only if it is needed.

    Args:
        spec: what every worker is told; its name is replaced by each worker's own.
        execution: the settings.
        segments: pieces of work there are; more workers would have nothing to do.

    Raises:
        ConfigError: several workers were asked for in this process.
        ClusterError: Ray cannot be imported.
    """
    if execution.address == IN_PROCESS:
        if (execution.workers or 1) > 1:
            raise ConfigError(
                f"--address none runs in this process, which is one worker, not "
                f"{execution.workers}; leave --workers or --address out"
            )
        return InlinePool(dataclasses.replace(spec, name="inline"))
    from batch_analogy.jobs.ray_pool import RayPool  # a second to import, not always wanted

    return RayPool(spec, execution, segments=segments)
