"""Memory that the planning of stills takes, by threads: ``python -m benchmarks.scanning``.

``python -m benchmarks.scanning --frames 100000 --size 640x427 --threads 2 16``

While planning, every still is read once, for its light and the film's cuts, by a thread for each
core. The number of cores is pretended, so that a machine with few shows what one with many does.
The frames are real files, JPEGs of noise on a gradient, as large as a camera's for their size. Some
are files of their own, the others hard links to them, so that disks of any size do; each is read,
hashed and decoded, but mostly from the page cache.

Each number of threads has its own process and run folder. Its peak memory includes that of
importing PyTorch, which is also given separately.
"""

from __future__ import annotations

import argparse
import multiprocessing
import os
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import numpy as np

from batch_analogy.config.run import ExecutionConfig, RunConfig
from batch_analogy.jobs.drive.open_run import open_run
from batch_analogy.jobs.plan import scan
from batch_analogy.media.stills import write_jpeg
from benchmarks.common import peak_memory_bytes, report

OWN_FILES = 4
FOLDER_FRAMES = 10_000


def make_stills(folder: Path, frames: int, width: int, height: int) -> None:
    """Write JPEGs in folders of 10,000, and a reference."""
    draw = np.random.default_rng(0)
    ground = np.linspace(0.2, 0.8, width, dtype=np.float32)[None, :, None]
    sources = [folder / f"still{number}.jpg" for number in range(OWN_FILES)]
    for number, source in enumerate(sources):
        noise = draw.normal(0.01 * number, 0.03, (height, width, 3)).astype(np.float32)
        write_jpeg(source, np.clip(ground + noise, 0, 1))
    for number in range(frames):
        inside = folder / "frames" / f"day{number // FOLDER_FRAMES}"
        inside.mkdir(parents=True, exist_ok=True)
        os.link(sources[number % OWN_FILES], inside / f"img{number:06d}.jpg")
    write_jpeg(folder / "reference.jpg", draw.random((64, 64, 3), dtype=np.float32))


def plan_stills(folder: Path, frames: int, threads: int) -> dict[str, Any]:
    """Plan a run of all stills, as the commands do; return time and peak memory."""
    imported = peak_memory_bytes()
    config = RunConfig(
        command="timelapse",
        reference=folder / "reference.jpg",
        source=str(folder / "frames" / "*" / "*.jpg"),
        output=folder / f"film{threads}.mp4",
        run_dir=folder / f"film{threads}.run",
        execution=ExecutionConfig(address="none", gpus_per_worker=0),
    )
    start = time.perf_counter()
    with mock.patch.object(scan, "usable_cores", return_value=threads), open_run(config) as run:
        planned = len(run.plan.frames)
    if planned != frames:
        raise RuntimeError(f"{planned} of {frames} stills were planned")
    return {
        "threads": threads,
        "seconds": round(time.perf_counter() - start, 1),
        "imported_memory_bytes": imported,
        "peak_memory_bytes": peak_memory_bytes(),
    }


def _alone(work: Callable[..., Any], *words: Any) -> Any:
    """Run work in its own process, whose peak memory is not that of another part."""
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        return pool.apply(work, words)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--size", default="1920x1280", help="WIDTHxHEIGHT")
    parser.add_argument("--threads", type=int, nargs="+", default=[2, 16])
    parser.add_argument("--folder", type=Path, help="on the disk to be measured")
    options = parser.parse_args()
    width, height = map(int, options.size.split("x"))
    found = []
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        _alone(make_stills, Path(name), options.frames, width, height)
        for threads in options.threads:
            found.append(_alone(plan_stills, Path(name), options.frames, threads))
    report("scanning", {"frames": options.frames, "size": [width, height], "runs": found})


if __name__ == "__main__":
    main()
