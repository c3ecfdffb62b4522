"""Overhead, speed-up and fault tolerance of a real Ray cluster, through the command line.

    python -m benchmarks.cluster [--sections overhead two_nodes …] [--runs 3] [--seed 4] [--quick]

All nodes are processes on this machine, so ``two_nodes`` is meaningful only with two idle cores.

* ``overhead``: one worker in a local Ray, compared with the same work in one process with as many
  threads. The ratio compares the time from the start of the first frame to the end of the last.
  The time of the whole command, which includes the start of Ray, is given too.
* ``two_nodes``: two workers on two nodes, compared with one worker on one; nodes have one core,
  workers one thread. The ratio compares the same time, for independent frames and for a steady
  film, whose frames are distributed in spans of 24.
* ``first_frame``: time from the start of the command to the start of the first frame.
* ``kills``: all processes of one of two nodes are killed at a random moment, in both kinds of film.
* ``corrupt``: a film with corrupt frames, during which workers are killed.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from benchmarks.cluster_kills import corrupt, kills
from benchmarks.cluster_runs import (
    MODES,
    ON_CPU,
    QUICK,
    SINGLE,
    Command,
    Sizes,
    Source,
    Trial,
    cluster_of,
    digests,
    first_at,
    journal_of,
    make_source,
    summary,
    threads_of,
)
from benchmarks.common import report


def overhead(folder: Path, sizes: Sizes) -> dict[str, Any]:
    """Compare one worker in a local Ray with one process."""
    source = make_source(folder, sizes.overhead_frames, sizes.overhead_side)
    settings = {"one_process": ("--address", "none"), "ray": ("--workers", "1")}
    for label, words in settings.items():  # compiles, and fills the disk cache
        Command(few(source, folder), folder / f"warm-{label}.mp4", *words, *ON_CPU, *SINGLE).wait()
    trials: dict[str, list[Trial]] = {label: [] for label in settings}
    for run in range(sizes.runs):
        for label, words in settings.items():
            film = folder / f"{label}{run}.mp4"
            trials[label].append(Command(source, film, *words, *ON_CPU, *SINGLE).wait())
    ratios = [r.work_seconds() / p.work_seconds() for p, r in pairs(trials, "one_process", "ray")]
    totals = [r.total_seconds - p.total_seconds for p, r in pairs(trials, "one_process", "ray")]
    ratio = statistics.median(ratios)
    return {
        "asked": "at most 1.05",
        "ratio_of": "first frame started to last frame finished",
        "ratio": round(ratio, 4),
        "met": ratio <= 1.05,
        "ratios": [round(value, 4) for value in ratios],
        "frames": source.count,
        "whole_command_longer_by_seconds": round(statistics.median(totals), 2),
        **{label: summary(done) for label, done in trials.items()},
    }


def two_nodes(folder: Path, sizes: Sizes) -> dict[str, Any]:
    """Compare two one-core nodes with one, for independent frames and a coherent film."""
    counts = {"single_frames": sizes.node_frames, "steady_film": sizes.steady_frames}
    return {
        "asked": "at least 1.8",
        **{
            mode: gain_of_two_nodes(
                make_source(folder / mode, counts[mode], sizes.node_side), sizes.runs, words
            )
            for mode, words in MODES.items()
        },
    }


def gain_of_two_nodes(source: Source, runs: int, mode: tuple[str, ...]) -> dict[str, Any]:
    """Make films alternately on one node and on two, and compare their times."""
    folder = source.reference.parent
    trials: dict[str, list[Trial]] = {"one": [], "two": []}
    for run in range(runs):
        for nodes, label in enumerate(trials, start=1):
            with cluster_of(nodes) as (cluster, _):
                words = ["--address", cluster.address, "--workers", str(nodes), *ON_CPU, *mode]
                if run == 0:
                    Command(few(source, folder), folder / f"warm-{label}.mp4", *words).wait()
                trials[label].append(Command(source, folder / f"{label}{run}.mp4", *words).wait())
    gains = [one.work_seconds() / two.work_seconds() for one, two in pairs(trials, "one", "two")]
    gain = statistics.median(gains)
    same = [digests(one.film) == digests(two.film) for one, two in pairs(trials, "one", "two")]
    return {
        "gain": round(gain, 3),
        "met": gain >= 1.8,
        "gains": [round(value, 3) for value in gains],
        "frames": source.count,
        "same_bytes": all(same),
        "threads": sorted({threads for t in trials["two"] for threads in threads_of(t.run_dir)}),
        **{f"nodes_{label}": summary(done) for label, done in trials.items()},
    }


def first_frame(folder: Path, sizes: Sizes) -> dict[str, Any]:
    """Measure the time from the start of the command to the start of the first frame."""
    source = make_source(folder, sizes.first_frames, sizes.first_side)
    steps: list[dict[str, float]] = []
    for run in range(sizes.runs + 1):
        trial = Command(source, folder / f"run{run}.mp4", *ON_CPU).wait()
        journal = journal_of(trial.run_dir)
        frames = trial.frames()
        moments = {
            "planned": first_at(journal, "started"),
            "worker_ready": first_at(journal, "worker_ready"),
            "first_frame_started": min(frame.started for frame in frames),
            "first_frame_finished": min(frame.ended for frame in frames),
            "ended": trial.ended,
        }
        steps.append({name: at - trial.began for name, at in moments.items()})
    warm = steps[1:]
    seconds = statistics.median(step["first_frame_started"] for step in warm)
    return {
        "asked": "at most 12 s",
        "seconds": round(seconds, 2),
        "met": seconds <= 12.0,
        "seconds_after_typing": {
            name: round(statistics.median(step[name] for step in warm), 2) for name in warm[0]
        },
        "runs": [round(step["first_frame_started"], 2) for step in warm],
        "before_the_warm_up": round(steps[0]["first_frame_started"], 2),
    }


def few(source: Source, folder: Path) -> Source:
    """Return the source with its first two frames only, for a warm-up."""
    return Source(source.reference, folder / "frames" / "img[12].png", 2)


def pairs(trials: dict[str, list[Trial]], x: str, y: str) -> list[tuple[Trial, Trial]]:
    return list(zip(trials[x], trials[y], strict=True))


SECTIONS: dict[str, Callable[[Path, Sizes], dict[str, Any]]] = {
    "overhead": overhead,
    "two_nodes": two_nodes,
    "first_frame": first_frame,
    "kills": kills,
    "corrupt": corrupt,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sections", nargs="+", choices=SECTIONS, default=list(SECTIONS))
    parser.add_argument("--runs", type=int, help="of each kind; default 3, kills always 5")
    parser.add_argument("--seed", type=int, help="for the times of kills and the corrupt frames")
    parser.add_argument("--quick", action="store_true", help="tiny sizes, to test the benchmark")
    options = parser.parse_args()
    given = {k: v for k in ("runs", "seed") if (v := getattr(options, k)) is not None}
    sizes = dataclasses.replace(QUICK if options.quick else Sizes(), **given)
    results: dict[str, Any] = {}
    for name in options.sections:
        print(f"{name} …", file=sys.stderr, flush=True)
        load, start = os.getloadavg()[0], time.perf_counter()
        with tempfile.TemporaryDirectory() as folder:
            results[name] = {**SECTIONS[name](Path(folder), sizes), "load_before": round(load, 2)}
        results[name]["section_seconds"] = round(time.perf_counter() - start)
        print(json.dumps(results[name]), file=sys.stderr, flush=True)
    report("cluster", results)


if __name__ == "__main__":
    main()
