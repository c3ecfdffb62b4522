"""Time and memory of one 448×448 pair at each quality: both directions, five levels.

    python -m benchmarks.pair_speed [--quality draft standard] [--runs 3]

Each quality runs in its own process, so that its peak memory is known. The time includes the
features of both pictures, matching, solve, vote and refinement, but not the reading of weights.
"""

from __future__ import annotations

import argparse
import json
import os
import subprocess
import sys
from typing import Any

import skimage.data

from batch_analogy.analogy.deep import LevelDone, deep_image_analogy
from batch_analogy.analogy.features.pictures import resolve_precision
from batch_analogy.analogy.features.vgg import load_network
from batch_analogy.analogy.features.weights import resolve_weights
from batch_analogy.config.matching import AnalogyConfig
from benchmarks.common import as_tensor, peak_memory_bytes, report, timed

SIDE_PX = 448


def measure(quality: str, precision: str, runs: int) -> dict[str, Any]:
    a = as_tensor(skimage.data.astronaut()[:SIDE_PX, :SIDE_PX])
    bp = as_tensor(skimage.data.chelsea()[:300, :300].repeat(2, 0).repeat(2, 1)[:SIDE_PX, :SIDE_PX])
    network = load_network(resolve_weights())
    config = AnalogyConfig.for_preset("photo-to-style", quality=quality, precision=precision)
    config = resolve_precision(config, "cpu")
    costs: dict[int, float] = {}

    def keep(level: LevelDone) -> None:
        costs[level.level] = round(level.cost_ab, 4)

    def work() -> None:
        deep_image_analogy(a, bp, config=config, network=network, on_level=keep)

    work()
    times = timed(work, runs)
    return {
        **times,
        "precision": config.precision,
        "peak_memory_bytes": peak_memory_bytes(),
        "cost_ab": costs,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quality", nargs="+", default=["draft", "standard"])
    parser.add_argument("--runs", type=int, default=5)
    parser.add_argument("--inner", metavar="PRECISION", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.inner:
        print(json.dumps(measure(options.quality[0], options.inner, options.runs)))
        return
    cases = {quality: (quality, "auto") for quality in options.quality}
    if "standard" in cases:  # as on machines without matrix tiles
        cases["standard, float32"] = ("standard", "float32")
    results: dict[str, Any] = {}
    for name, (quality, precision) in cases.items():
        command = [sys.executable, "-m", "benchmarks.pair_speed", "--inner", precision]
        command += ["--quality", quality, "--runs", str(options.runs)]
        environment = {"OMP_WAIT_POLICY": "PASSIVE", **os.environ}  # as the command line sets it
        done = subprocess.run(
            command, check=True, stdout=subprocess.PIPE, text=True, env=environment
        )
        results[name] = json.loads(done.stdout)
    if {"draft", "standard"} <= results.keys():
        ratio = results["standard"]["median_seconds"] / results["draft"]["median_seconds"]
        results["standard_to_draft"] = round(ratio, 2)
    report("pair_speed", results)


if __name__ == "__main__":
    main()
