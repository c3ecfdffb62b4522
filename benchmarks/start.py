"""Processor time of a pair of thumbnails through the command line, from start to exit.

    python -m benchmarks.start [--quality draft standard] [--runs 5]

Each run is a process of its own. The time is that of all its threads, in user and in system mode. A
run before the timed ones compiles the kernels and writes Python's bytecode. For comparison: Python
alone, the command line alone, and PyTorch alone.
"""

from __future__ import annotations

import argparse
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import numpy as np
import skimage.data
from skimage.transform import resize

from batch_analogy.media.stills import write_png
from benchmarks.common import report

SIZE = (48, 64)
PARTS = {
    "python": ["-c", "pass"],
    "batch-analogy --version": ["-m", "batch_analogy", "--version"],
    "import torch": ["-c", "import torch"],
}
_COMMAND = ["-m", "batch_analogy", "pair", "a.png", "bp.png", "-o", "out", "--overwrite"]


def measure(arguments: list[str], folder: Path, runs: int) -> dict[str, Any]:
    """Run Python with these arguments several times, once before counting."""
    spent = [_run(arguments, folder) for _ in range(runs + 1)][1:]
    processor = [round(both[0], 2) for both in spent]
    return {
        "median_processor_seconds": statistics.median(processor),
        "lowest_processor_seconds": min(processor),
        "highest_processor_seconds": max(processor),
        "median_seconds": round(statistics.median(both[1] for both in spent), 2),
        "runs": processor,
    }


def _run(arguments: list[str], folder: Path) -> tuple[float, float]:
    """Return the processor seconds and the seconds of one process."""
    # An installed package has bytecode, even where new bytecode is not written.
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    start = time.perf_counter()
    with subprocess.Popen(
        [sys.executable, *arguments],
        cwd=folder,
        env=environment,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stderr is not None
        said = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise RuntimeError(f"{' '.join(arguments)} failed: {said}")
    return usage.ru_utime + usage.ru_stime, time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quality", nargs="+", default=["draft", "standard"])
    parser.add_argument("--runs", type=int, default=5)
    options = parser.parse_args()
    results: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        for name, picture in (("a", skimage.data.astronaut()), ("bp", skimage.data.chelsea())):
            write_png(folder / f"{name}.png", resize(picture, SIZE).astype(np.float32), 8)
        cases = {name: list(arguments) for name, arguments in PARTS.items()}
        cases |= {f"pair, {q}": [*_COMMAND, "--quality", q] for q in options.quality}
        for name, arguments in cases.items():
            results[name] = measure(arguments, folder, options.runs)
    report("start", results)


if __name__ == "__main__":
    main()
