"""Find out how much of this machine a run may use by default."""

from __future__ import annotations

import contextlib
import math
import os
import resource
from collections.abc import Iterator
from pathlib import Path

from batch_analogy.errors import MachineError
from batch_analogy.jobs.cgroups import group_folders, read_number, read_text

NEAR_PROCESSES = 10_000  # a higher limit is not looked at: counting takes time
MIN_FILES = 64
MIN_THREADS, THREADS_PER_CORE = 24, 5  # of a pair, measured: 24 threads and 4 for each core
MOST_FILES = 65_536
_EXEMPTING_CAPABILITIES = 1 << 24 | 1 << 21  # CAP_SYS_RESOURCE, CAP_SYS_ADMIN
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


def available_processes(root: Path = Path("/")) -> int | None:
    """Return how many more processes and threads may be started; None: no limit is near.

    Linux counts both alike, for each user (``ulimit -u``) and for each container.
    """
    left = []
    for folder in group_folders("pids", root):
        limit, used = read_number(folder / "pids.max"), read_number(folder / "pids.current")
        if limit is not None and used is not None:
            left.append(max(0, limit - used))
    soft, _ = resource.getrlimit(resource.RLIMIT_NPROC)
    if soft != resource.RLIM_INFINITY and soft < NEAR_PROCESSES and not _is_exempt(root):
        left.append(max(0, soft - _threads_of_user(root)))
    return min(left, default=None)


def check_process_limits() -> None:
    """Check that this process may start its threads and open its files, before it is refused them.

    PyTorch and OpenBLAS end a process that may start no threads, without a word of use.

    Raises:
        MachineError: it may not.
    """
    files, threads = raise_open_files(), available_processes()
    if files is not None and files < MIN_FILES:
        raise MachineError(
            f"a process may open {files} files here, which is too few; raise the limit (ulimit -n) "
            f"to {MIN_FILES} or more"
        )
    if threads is not None and threads < MIN_THREADS + THREADS_PER_CORE * usable_cores():
        raise MachineError(
            f"{threads} more processes and threads may be started here, which is too few; raise "
            "the limit (ulimit -u, or the container's pids limit), or end other programs"
        )


def raise_open_files() -> int | None:
    """Allow this process and its children as many open files as it may; None: any number."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = MOST_FILES if hard == resource.RLIM_INFINITY else min(hard, MOST_FILES)
    if soft == resource.RLIM_INFINITY:
        return None
    if soft < wanted:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
    return soft


def _is_exempt(root: Path) -> bool:
    """Return True if the limit of processes does not hold: for root, and with its capabilities."""
    if os.getuid() == 0:
        return True
    for line in read_text(root / "proc/self/status").splitlines():
        name, _, value = line.partition(":")
        if name == "CapEff":
            return bool(int(value, 16) & _EXEMPTING_CAPABILITIES)
    return False


def _threads_of_user(root: Path) -> int:
    threads = 0
    for path in (root / "proc").glob("[0-9]*/status"):
        facts = dict(line.partition(":")[::2] for line in read_text(path).splitlines())
        owner = facts.get("Uid", "").split()
        if owner and int(owner[0]) == os.getuid():
            threads += int(facts.get("Threads", "1"))
    return threads


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
