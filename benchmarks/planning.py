"""Planning of a long film, and its journal: ``python -m benchmarks.planning [--frames 1000000]``.

The frames are real files, PNGs of 16×16 random pixels, in folders of 10,000. All files of a folder
are hard links to one file, so every file is opened, read and hashed, but nearly all data comes from
the page cache. This measures the program's own time, without that of a disk: frames of 3 MB on a
disk that reads 1 GB/s would take 3 ms each, 50 minutes for a million.

Each part runs in its own process. Its peak memory includes that of importing PyTorch, as every
command does, which is also given separately.

The journal is written as the driver writes it, with a line for each finished frame and an ``fsync``
after each poll. It is measured with one line a poll, as in a small run, and with a hundred.
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

import numpy as np

from batch_analogy.analogy.features.weights import resolve_weights
from batch_analogy.config.run import ExecutionConfig, RunConfig
from batch_analogy.jobs.folder.journal import DoneLine, Journal, read_history
from batch_analogy.jobs.plan.plan_file import read_plan, write_plan
from batch_analogy.jobs.plan.survey import make_plan
from batch_analogy.jobs.store import RunStore
from batch_analogy.media.stills import write_png
from benchmarks.common import peak_memory_bytes, report

FOLDER_FRAMES = 10_000
LINES_A_POLL = (1, 100)
SYNCED_LINES = 20_000  # written with one line a poll; on a slow disk a million would take an hour


def make_frames(folder: Path, frames: int) -> dict[str, Any]:
    """Write tiny pictures in folders, and a reference."""
    draw = np.random.default_rng(0)
    for first in range(0, frames, FOLDER_FRAMES):
        inside = folder / "frames" / f"scene{first // FOLDER_FRAMES}"
        source = inside / "frame0.png"
        write_png(source, draw.random((16, 16, 3), dtype=np.float32))
        for number in range(1, min(FOLDER_FRAMES, frames - first)):
            os.link(source, inside / f"frame{number}.png")
    write_png(folder / "reference.png", draw.random((64, 64, 3), dtype=np.float32))
    return {"files": frames}


def plan_frames(folder: Path, frames: int) -> dict[str, Any]:
    """Plan a run of all frames and write ``plan.json``."""
    config = RunConfig(
        command="timelapse",
        reference=folder / "reference.png",
        source=str(folder / "frames" / "*" / "*.png"),
        output=folder / "film.mp4",
        run_dir=folder,
        execution=ExecutionConfig(address="none", gpus_per_worker=0),
    )
    weights = resolve_weights(config.weights)
    start = time.perf_counter()
    plan = make_plan(config, weights=weights)
    made = time.perf_counter()
    write_plan(RunStore(folder).plan, plan)
    if len(plan.frames) != frames or plan.broken:
        raise RuntimeError(f"{len(plan.frames)} of {frames} frames, {len(plan.broken)} broken")
    return {
        "make_seconds": round(made - start, 1),
        "write_seconds": round(time.perf_counter() - made, 1),
        "file_bytes": RunStore(folder).plan.stat().st_size,
    }


def read_back(folder: Path, frames: int) -> dict[str, Any]:
    """Read ``plan.json`` as ``resume`` and ``status`` do."""
    start = time.perf_counter()
    plan = read_plan(RunStore(folder).plan)
    seconds = time.perf_counter() - start
    if plan is None or len(plan.frames) != frames:
        raise RuntimeError("the plan that was read is not the one that was written")
    return {"read_seconds": round(seconds, 1)}


def write_journal(folder: Path, frames: int) -> dict[str, Any]:
    """Measure journal lines a second with the driver's fsync, for several batch sizes."""
    found = {}
    for a_poll in LINES_A_POLL:
        lines = min(frames, SYNCED_LINES) if a_poll == 1 else frames
        path = RunStore(folder).journal
        path.unlink(missing_ok=True)
        start = time.perf_counter()
        with Journal(path) as journal:
            for index in range(lines):
                _append(journal, index)
                if index % a_poll == a_poll - 1:
                    journal.sync()
        seconds = time.perf_counter() - start
        found[f"{a_poll}_a_poll"] = {"lines": lines, "lines_a_second": round(lines / seconds)}
    return {"append": found, "file_bytes": path.stat().st_size}


def read_journal(folder: Path, frames: int) -> dict[str, Any]:
    """Read the journal as every start does: remove an incomplete line, then read all lines."""
    start = time.perf_counter()
    Journal(RunStore(folder).journal).close()
    opened = time.perf_counter()
    history = read_history(RunStore(folder).journal)
    seconds = time.perf_counter() - opened
    if len(history.done) != frames:
        raise RuntimeError(f"the journal has {len(history.done)} of {frames} frames")
    return {
        "open_seconds": round(opened - start, 3),
        "read_seconds": round(seconds, 1),
        "lines_a_second": round(frames / seconds),
    }


def measured(part: Callable[[Path, int], dict[str, Any]], folder: Path, frames: int) -> Any:
    """Run a part in its own process; return its results, time and peak memory."""
    with multiprocessing.get_context("spawn").Pool(1) as alone:
        return alone.apply(_with_memory, (part, folder, frames))


def _with_memory(
    part: Callable[[Path, int], dict[str, Any]], folder: Path, frames: int
) -> dict[str, Any]:
    imported = peak_memory_bytes()
    start, cpu = time.perf_counter(), time.process_time()
    found = part(folder, frames)
    return {
        "seconds": round(time.perf_counter() - start, 1),
        "cpu_seconds": round(time.process_time() - cpu, 1),
        **found,
        "imported_memory_bytes": imported,
        "peak_memory_bytes": peak_memory_bytes(),
    }


def _append(journal: Journal, index: int) -> None:
    """Append a line as ``Recorder.done`` does."""
    line = DoneLine(
        index=index,
        name=f"scene{index // FOLDER_FRAMES}/frame{index % FOLDER_FRAMES}.png",
        input=f"{index:040x}",
        output_bytes={"a_prime": 2_000_000 + index},
        output_blake2b={"a_prime": f"{index:040x}"},
        seconds=20.123,
        stages={"read": 0.04512345, "analogy": 19.912345678, "write": 0.16523456},
        worker=f"styler-{index % 1000}",
        attempt=1,
    )
    journal.append(line)


PARTS = {
    "make_frames": make_frames,
    "plan": plan_frames,
    "read_plan": read_back,
    "write_journal": write_journal,
    "read_journal": read_journal,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--frames", type=int, default=1_000_000)
    parser.add_argument("--folder", type=Path, help="on the disk to be measured")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=options.folder) as name:
        results = {part: measured(work, Path(name), options.frames) for part, work in PARTS.items()}
    report("planning", {"frames": options.frames, **results})


if __name__ == "__main__":
    main()
