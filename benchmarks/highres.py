"""Style presets at high resolution: time, memory and sharpness, with and without upscaling.

    python -m benchmarks.highres [--runs 3] [--quality draft] [--sizes 1920 3840 7680]

Each pair runs in its own process. Sharpness is measured as the detail of A' divided by that of B':
the mean squared gradient, and the energy above a Gaussian of 1.5 pixels. B' is painted or hatched
at its full size after a warped copy of A. Widths above 4000 are measured once and only with
upscaling, as only their memory is of interest.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any
from unittest import mock

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from batch_analogy.analogy import deep
from batch_analogy.analogy.features.vgg import load_network
from batch_analogy.analogy.features.weights import resolve_weights
from batch_analogy.analogy.rendering import upscale
from batch_analogy.config.matching import AnalogyConfig
from batch_analogy.media.stills import read_still, write_png
from benchmarks.common import ROOT, peak_memory_bytes, report
from benchmarks.high_pictures import brushed, cropped, grainy, hatched, photo
from benchmarks.photo import warped

Pixels = NDArray[np.float32]

REFERENCES = {"painting": ("china", brushed), "drawing": ("flower", hatched)}
WAYS = ("fine", "plain")
LARGEST_MADE_PX = 4000  # larger pictures consist of four mirrored copies
DETAIL_SIGMA_PX = 1.5


def make_pair(folder: Path, reference: str, width: int) -> None:
    """Write A and B' of one width, 16:9, as PNG."""
    name, style = REFERENCES[reference]
    made = width if width <= LARGEST_MADE_PX else width // 2
    content = cropped(photo(name), made, made * 9 // 16)
    for picture, pixels in (("a", grainy(content, 1)), ("bp", style(warped(content), 2))):
        write_png(folder / f"{picture}.png", pixels if made == width else _four_of(pixels))


def _four_of(pixels: Pixels) -> Pixels:
    """Tile four mirrored copies, which doubles width and height and keeps the detail as fine."""
    row = np.concatenate([pixels, pixels[:, ::-1]], axis=1)
    return np.concatenate([row, row[::-1]])


def run_here(folder: Path, way: str, quality: str) -> dict[str, Any]:
    """Run and measure one pair in this process.

    The plain way votes at matching size and enlarges the picture, as was done before upscaling.
    """
    a, bp = (_tensor(read_still(folder / f"{name}.png")) for name in ("a", "bp"))
    config = AnalogyConfig.for_preset("photo-to-style", quality=quality)
    network = load_network(resolve_weights())
    vote_seconds = []

    def vote(*arguments: Any, **options: Any) -> upscale.FullSizeRendering:
        start = time.perf_counter()
        result = upscale.render_full_size(*arguments, **options)
        vote_seconds.append(time.perf_counter() - start)
        return result

    before = peak_memory_bytes()
    start = time.perf_counter()
    with contextlib.ExitStack() as patches:
        patches.enter_context(mock.patch.object(deep, "render_full_size", vote))
        if way == "plain":
            patches.enter_context(mock.patch.object(upscale, "needs_search", return_value=False))
        result = deep.deep_image_analogy(a, bp, config=config, network=network)
    seconds = time.perf_counter() - start
    return {
        "pair_seconds": round(seconds, 2),
        "vote_seconds": round(sum(vote_seconds) / len(vote_seconds), 2),  # of one picture
        "peak_memory_bytes": peak_memory_bytes(),
        "peak_memory_before_bytes": before,
        **detail(_pixels(result.a_prime), _pixels(bp)),
    }


def detail(found: Pixels, wanted: Pixels) -> dict[str, float]:
    """Return one picture's fine detail divided by that of another of the same size."""
    shares = {}
    for name, energy in (("gradient_energy", _gradient), ("detail_energy", _high)):
        shares[f"{name}_of_bp"] = round(energy(found) / energy(wanted), 3)
    return shares


def _gradient(picture: Pixels) -> float:
    down, along = np.diff(picture, axis=0), np.diff(picture, axis=1)
    return float(np.square(down).mean() + np.square(along).mean())


def _high(picture: Pixels) -> float:
    return float(np.square(picture - cv2.GaussianBlur(picture, (0, 0), DETAIL_SIGMA_PX)).mean())


def _tensor(pixels: Pixels) -> Tensor:
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))[None]


def _pixels(picture: Tensor) -> Pixels:
    return np.ascontiguousarray(picture[0].permute(1, 2, 0).numpy())


def run_apart(folder: Path, way: str, quality: str, runs: int) -> dict[str, Any]:
    """Run several times, each in its own process; return median seconds and peak memory."""
    command = [sys.executable, "-m", "benchmarks.highres", "--quality", quality]
    command += ["--one", str(folder), way]
    environment = {"OMP_WAIT_POLICY": "PASSIVE", **os.environ}
    done = [
        json.loads(subprocess.check_output(command, cwd=ROOT, env=environment, text=True))
        for _ in range(runs)
    ]
    return {
        **done[0],
        "pair_seconds": statistics.median(run["pair_seconds"] for run in done),
        "vote_seconds": statistics.median(run["vote_seconds"] for run in done),
        "peak_memory_bytes": max(run["peak_memory_bytes"] for run in done),
        "runs": [run["pair_seconds"] for run in done],
    }


def compare(folder: Path, width: int, quality: str, runs: int) -> dict[str, Any]:
    """Run one pair with and without upscaling; only with it at widths above 4000."""
    if width > LARGEST_MADE_PX:
        return {"fine": run_apart(folder, "fine", quality, 1)}
    results = {way: run_apart(folder, way, quality, runs) for way in WAYS}
    fine, plain = results["fine"], results["plain"]
    results["fine_to_plain"] = {
        key: round(fine[key] / plain[key], 2)
        for key in ("pair_seconds", "vote_seconds", "peak_memory_bytes")
    }
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--quality", default="draft")
    parser.add_argument("--sizes", type=int, nargs="+", default=[1920, 3840, 7680])
    parser.add_argument("--one", nargs=2, metavar=("FOLDER", "WAY"), help="a single run, as JSON")
    options = parser.parse_args()
    if options.one:
        json.dump(run_here(Path(options.one[0]), options.one[1], options.quality), sys.stdout)
        return
    results: dict[str, Any] = {"quality": options.quality}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make_pair(folder, "drawing", 960)
        run_apart(folder, "fine", options.quality, 1)  # compiles the kernels
        for width in options.sizes:
            wanted = REFERENCES if width <= LARGEST_MADE_PX else {"painting": None}
            for reference in wanted:
                make_pair(folder, reference, width)
                case = compare(folder, width, options.quality, options.runs)
                results[f"{width}x{width * 9 // 16}, {reference}"] = case
    report("highres", results)


if __name__ == "__main__":
    main()
