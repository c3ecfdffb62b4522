"""Find out how much of this machine a run may use by default."""

from __future__ import annotations

import os
from pathlib import Path

BYTES_PER_WORKER = 3 * 10**9  # more than one pair takes at the largest matching area
_UNLIMITED = 2**60  # cgroup v1 writes a huge number for "no limit"


def usable_cores() -> int:
    """Return the number of cores that this process may run on."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def available_memory_bytes(root: Path = Path("/")) -> int | None:
    """Return the memory usable without swapping, within the container's limit; None if unknown."""
    figures = [_meminfo_available(root / "proc/meminfo"), _cgroup_available(root / "sys/fs/cgroup")]
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
    for line in _read(path).splitlines():
        name, _, value = line.partition(":")
        if name == "MemAvailable":
            return int(value.split()[0]) * 1024
    return None


def _cgroup_available(folder: Path) -> int | None:
    limit, used = _read(folder / "memory.max").strip(), _read(folder / "memory.current").strip()
    if not (limit.isdigit() and used.isdigit()) or int(limit) > _UNLIMITED:
        return None
    return max(0, int(limit) - int(used))


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
