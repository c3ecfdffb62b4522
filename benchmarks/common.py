"""Parts shared by all benchmarks: facts of the machine, timing, and the printed JSON.

Benchmarks print one JSON object. Times are medians of several runs after a warm-up; the kernels
are compiled before anything is timed.
"""

from __future__ import annotations

import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numba
import numpy as np
import torch
from torch import Tensor

import batch_analogy

ROOT = Path(__file__).resolve().parent.parent


def machine() -> dict[str, Any]:
    """Describe the machine that figures were measured on, without names or addresses."""
    cpu = "unknown"
    info = Path("/proc/cpuinfo")
    if info.exists():
        lines = [line for line in info.read_text().splitlines() if line.startswith("model name")]
        cpu = lines[0].split(":", 1)[1].strip() if lines else cpu
    commit = subprocess.run(
        ["git", "describe", "--always", "--dirty"],
        check=False,
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    return {
        "cpu": cpu,
        "cores": os.cpu_count(),
        "capability": torch.backends.cpu.get_cpu_capability(),
        "amx": bool(torch.cpu._is_amx_tile_supported()),
        "gpu": torch.cuda.get_device_name() if torch.cuda.is_available() else None,
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "torch": torch.__version__,
        "numba": numba.__version__,
        "numpy": np.__version__,
        "batch_analogy": batch_analogy.__version__,
        "commit": commit.stdout.strip() or None,
    }


def timed(work: Callable[[], Any], runs: int) -> dict[str, Any]:
    """Time several runs; return the seconds of each, their median, minimum and maximum."""
    seconds = []
    for _ in range(runs):
        start = time.perf_counter()
        work()
        seconds.append(round(time.perf_counter() - start, 3))
    return {
        "median_seconds": statistics.median(seconds),
        "lowest_seconds": min(seconds),
        "highest_seconds": max(seconds),
        "runs": seconds,
    }


def peak_memory_bytes() -> int:
    """Return the largest resident size of this process so far, in bytes."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def as_tensor(pixels: np.ndarray) -> Tensor:
    """Convert (H, W, 3) uint8 to (1, 3, H, W) float32 in [0, 1]."""
    return torch.from_numpy(pixels.astype(np.float32) / 255.0).permute(2, 0, 1)[None].contiguous()


def report(name: str, results: dict[str, Any], path: Path | None = None) -> None:
    """Print the benchmark's one JSON object; also write it to a file, if one is given."""
    found = {"benchmark": name, "machine": machine(), "results": results}
    text = json.dumps(found, indent=2) + "\n"
    if path is not None:
        path.write_text(text)
    sys.stdout.write(text)
