"""Find out how much of this machine a run may use by default."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

from batch_analogy.jobs.cgroups import group_folders, read_number, read_text

BYTES_PER_WORKER = 3 * 10**9  # more than one pair takes at the largest matching area


def usable_cores(root: Path = Path("/")) -> int:
    """Return the number of cores that this process may use: by affinity and by quota.

    A container may be allowed a part of the time of many cores: with one thread on each it would
    be stopped most of the time.
    """
    quotas = [math.ceil(quota) for quota in _cpu_quotas(root)]
    return max(1, min([affinity_cores(), *quotas]))


def affinity_cores() -> int:
    """Return the number of cores that this process may run on, for however short a time."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _cpu_quotas(root: Path) -> Iterator[float]:
    """Yield the cores' worth of time that each group of this process allows."""
    for folder in group_folders("cpu", root):
        quota, _, period = read_text(folder / "cpu.max").strip().partition(" ")  # v2
        if quota.isdigit() and period.isdigit() and int(period):
            yield int(quota) / int(period)
        quota_us = read_number(folder / "cpu.cfs_quota_us")  # v1; -1: no limit
        period_us = read_number(folder / "cpu.cfs_period_us")
        if quota_us and period_us:
            yield quota_us / period_us


def available_memory_bytes(root: Path = Path("/")) -> int | None:
    """Return the memory usable without swapping, within the container's limit; None if unknown."""
    figures = [_meminfo_available(root / "proc/meminfo")]
    figures += [_group_available(folder) for folder in group_folders("memory", root)]
    known = [figure for figure in figures if figure is not None]
    return min(known) if known else None


def default_workers(segments: int, *, cores: int, memory_bytes: int | None) -> int:
    """Return the number of workers that cores, memory and work allow on a machine without GPUs.

    >>> default_workers(40, cores=16, memory_bytes=24 * 10**9)
    8
    """
    by_memory = cores if memory_bytes is None else memory_bytes // BYTES_PER_WORKER
    return max(1, min(cores, segments, by_memory))


def workers_on_gpus(gpus: int, share: float) -> int:
    """Return the number of workers that fit on ``gpus`` GPUs if each gets ``share`` GPUs.

    >>> workers_on_gpus(4, 1), workers_on_gpus(4, 0.3), workers_on_gpus(5, 2), workers_on_gpus(4, 0)
    (4, 12, 2, 0)
    """
    if share <= 0:
        return 0
    if share < 1:
        return gpus * int(1 / share + 1e-9)
    return int(gpus // share)


def _meminfo_available(path: Path) -> int | None:
    for line in read_text(path).splitlines():
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            return int(value.split()[0]) * 1024
    return None


def _group_available(folder: Path) -> int | None:
    """Return the memory that a group has left; what it caches of files can be dropped."""
    for names in (
        ("memory.max", "memory.current", "inactive_file"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ):
        limit, used = (read_number(folder / name) for name in names[:2])
        if limit is None or used is None:
            continue
        lines = (line.split() for line in read_text(folder / "memory.stat").splitlines())
        cached = {name: int(value) for name, value in (line for line in lines if len(line) == 2)}
        return max(0, limit - used + cached.get(names[2], 0))
    return None
