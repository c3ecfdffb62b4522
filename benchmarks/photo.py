"""Photo-to-photo at full resolution: time and memory at 4K, and what of the photograph is kept.

    python -m benchmarks.photo [--runs 3] [--width 3840] [--quality standard]

Each command runs in its own process; the time includes reading and writing. ``working size`` is
the same pair reduced to the size at which it is matched. Edges of A' are compared with those of A,
where B' is a colour-graded copy of A or of a warped A. The photographs are scikit-image's, enlarged
and covered with noise as fine as a camera's.
"""

from __future__ import annotations

import argparse
import functools
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import skimage.data
from numpy.typing import NDArray
from torch import Tensor

from batch_analogy.analogy.deep import deep_image_analogy
from batch_analogy.analogy.features import FeatureExtractor
from batch_analogy.analogy.features.pictures import matching_size
from batch_analogy.analogy.features.vgg import load_network
from batch_analogy.analogy.features.weights import resolve_weights
from batch_analogy.config.matching import AnalogyConfig
from batch_analogy.media.stills import read_still, write_png
from batch_analogy.report.evaluation.frame_metrics import edge_f1
from benchmarks.common import ROOT, as_tensor, report
from benchmarks.properties import psnr_db

Pixels = NDArray[np.float32]

GRAIN = 3 / 255  # standard deviation
PHOTOS = ("astronaut", "chelsea", "coffee")


def photo(name: str) -> Pixels:
    """Return one of scikit-image's photographs, (H, W, 3) float32 in [0, 1]."""
    pixels: Pixels = getattr(skimage.data, name)().astype(np.float32) / np.float32(255.0)
    return pixels


def enlarged(name: str, width: int, height: int, seed: int) -> Pixels:
    """Return a photograph's middle at another size, with noise as fine as a pixel."""
    picture = photo(name)
    scale = max(width / picture.shape[1], height / picture.shape[0])
    large = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_CUBIC)
    top, left = (large.shape[0] - height) // 2, (large.shape[1] - width) // 2
    large = large[top : top + height, left : left + width]
    noise = np.random.default_rng(seed).normal(0.0, GRAIN, large.shape)
    grainy: Pixels = np.clip(large + noise, 0.0, 1.0).astype(np.float32)
    return grainy


def sunset(x: Pixels) -> Pixels:
    return x**1.2 * np.array([1.05, 0.75, 0.5], np.float32) + np.float32(0.04)


def night(x: Pixels) -> Pixels:
    return x**1.3 * np.array([0.35, 0.45, 0.75], np.float32) + np.float32(0.03)


def faded(x: Pixels) -> Pixels:
    return x * np.array([0.5, 0.55, 0.45], np.float32) + np.float32(0.35)


def cold_above_warm_below(x: Pixels) -> Pixels:
    down = np.linspace(0.0, 1.0, x.shape[0], dtype=np.float32)[:, None, None]
    cold = x * np.array([0.7, 0.85, 1.0], np.float32)
    return (1 - down) * cold + down * sunset(x)


GRADES: dict[str, Callable[[Pixels], Pixels]] = {
    "sunset": sunset,
    "night": night,
    "faded": faded,
    "cold above, warm below": cold_above_warm_below,
}


def warped(x: Pixels) -> Pixels:
    """Shift, bend and slightly enlarge a picture."""
    height, width = x.shape[:2]
    row, column = np.mgrid[:height, :width].astype(np.float32)
    u, v = column / width - 0.5, row / height - 0.5
    at_x = (0.92 * u + 0.02 * np.sin(6 * v) + 0.53) * width
    at_y = (0.92 * v + 0.02 * np.cos(5 * u) + 0.48) * height
    bent: Pixels = cv2.remap(x, at_x, at_y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REFLECT)
    return bent


def run_pair(a: Path, bp: Path, out: Path, *options: str) -> dict[str, Any]:
    """Return seconds and peak memory of one ``batch-analogy pair``."""
    command = [sys.executable, "-m", "batch_analogy", "pair", str(a), str(bp), "-o", str(out)]
    command += ["--overwrite", "--preset", "photo-to-photo", *options]
    start = time.perf_counter()
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL)
    _, status, usage = os.wait4(process.pid, 0)
    process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return {
        "seconds": round(time.perf_counter() - start, 2),
        "peak_memory_bytes": usage.ru_maxrss * 1024,
    }


def several(runs: int, work: Callable[[], dict[str, Any]]) -> dict[str, Any]:
    done = [work() for _ in range(runs)]
    return {
        "median_seconds": statistics.median(run["seconds"] for run in done),
        "peak_memory_bytes": max(run["peak_memory_bytes"] for run in done),
        "runs": [run["seconds"] for run in done],
    }


def large_pair(folder: Path, width: int, runs: int, quality: str) -> dict[str, Any]:
    """Run a pair at full and at matching size, from PNG to PNG."""
    height = width * 9 // 16
    pictures = {"a": ("coffee", 1), "bp": ("chelsea", 2)}
    small_height, small_width = matching_size(height, width, AnalogyConfig())
    for name, (source, seed) in pictures.items():
        large = enlarged(source, width, height, seed)
        write_png(folder / f"{name}.png", large)
        write_png(folder / f"{name}16.png", large, 16)
        size = (small_width, small_height)
        small = cv2.resize(large, size, interpolation=cv2.INTER_AREA)
        write_png(folder / f"{name}-small.png", small)
    cases = {"working size": "-small", "full size": "", "full size, 16 bits": "16"}
    results: dict[str, Any] = {
        "size": [width, height],
        "working_size": [small_width, small_height],
    }
    run_pair(folder / "a-small.png", folder / "bp-small.png", folder / "out", "--quality", "draft")
    for name, suffix in cases.items():
        a, bp = (folder / f"{picture}{suffix}.png" for picture in pictures)
        work = functools.partial(run_pair, a, bp, folder / "out", "--quality", quality)
        results[name] = several(runs, work)
    base = results["working size"]["median_seconds"]
    for name in list(cases)[1:]:
        results[name]["times_working_size"] = round(results[name]["median_seconds"] / base, 2)
    return results


def edges_kept(found: Tensor, wanted: Tensor) -> float:
    """Return the F1 score of two pictures' edges."""
    x, y = (picture[0].permute(1, 2, 0).numpy() for picture in (found, wanted))
    return round(edge_f1(x, y), 3)


def tensor(pixels: Pixels) -> Tensor:
    return as_tensor(pixels * np.float32(255.0))


def structure(network: FeatureExtractor, quality: str) -> dict[str, Any]:
    """Compare the edges of A' with A, and A' itself with A under the same colour grade."""
    f1: dict[str, dict[str, float]] = {}
    psnr: dict[str, dict[str, float]] = {}
    config = AnalogyConfig.for_preset("photo-to-photo", quality=quality)
    for name in PHOTOS:
        a = photo(name)
        for grade, colour in GRADES.items():
            wanted = colour(a).clip(0.0, 1.0)
            for key, bp in ((grade, wanted), (f"{grade}, warped", warped(wanted))):
                result = deep_image_analogy(tensor(a), tensor(bp), config=config, network=network)
                f1.setdefault(key, {})[name] = edges_kept(result.a_prime, tensor(a))
                psnr.setdefault(key, {})[name] = psnr_db(result.a_prime, tensor(wanted))
    scores = [score for by_photo in f1.values() for score in by_photo.values()]
    return {
        "edge_f1": f1,
        "edge_f1_lowest": min(scores),
        "edge_f1_mean": round(statistics.mean(scores), 3),
        "psnr_to_graded_a_db": psnr,
    }


def identity(network: FeatureExtractor, quality: str) -> dict[str, float]:
    """Return the PSNR of A' against A if B' is A."""
    config = AnalogyConfig.for_preset("photo-to-photo", quality=quality)
    results = {}
    for name in PHOTOS:
        a = tensor(photo(name))
        results[name] = psnr_db(deep_image_analogy(a, a, config=config, network=network).a_prime, a)
    return results


def gradient_levels(folder: Path, quality: str) -> dict[str, int]:
    """Count the distinct levels of a channel of A' for a 16-bit gradient."""
    height, width = 512, 1024
    row, column = np.mgrid[:height, :width]
    grey = (column + row / height) / width
    a = np.repeat(grey[..., None], 3, axis=2).astype(np.float32)
    write_png(folder / "gradient.png", a, 16)
    write_png(folder / "graded.png", np.clip(sunset(a[::-1]), 0.0, 1.0), 16)
    run_pair(folder / "gradient.png", folder / "graded.png", folder / "out", "--quality", quality)
    pixels = np.rint(read_still(folder / "out" / "a_prime.png") * 65535)
    return {
        channel: len(np.unique(pixels[..., index]))
        for index, channel in enumerate(("red", "green", "blue"))
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--width", type=int, default=3840, help="of the large pair, pixels")
    parser.add_argument("--quality", default="standard")
    options = parser.parse_args()
    results: dict[str, Any] = {"quality": options.quality}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        results["pair"] = large_pair(folder, options.width, options.runs, options.quality)
        results["gradient_levels"] = gradient_levels(folder, options.quality)
    network = load_network(resolve_weights())
    results["identity_psnr_db"] = identity(network, options.quality)
    results["graded_copies"] = structure(network, options.quality)
    report("photo", results)


if __name__ == "__main__":
    main()
