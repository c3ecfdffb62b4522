"""Time that a film takes on this machine: whole runs of 1280×720 frames from the command line.

    python -m benchmarks.film_rate [--quality draft standard] [--steady 96] [--apart 6]

The time includes everything: Ray's start, planning, reading, matching, writing PNGs, encoding.
Steady films are measured over whole spans. Independent frames (``--temporal off``) need only a few;
their rate is measured from the first finished frame to the last.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import skimage.data

from batch_analogy.media.stills import write_png
from benchmarks.common import report

WIDTH, HEIGHT = 1280, 720


def make_input(folder: Path, frames: int) -> tuple[Path, Path]:
    """Write a slow pan over an enlarged cat, and an enlarged cup as reference."""
    cat = cv2.resize(skimage.data.chelsea(), (1804, 1200), interpolation=cv2.INTER_CUBIC)
    for k in range(frames):
        view = np.float32([[1, 0, -200 - 3.3 * k], [0, 1, -180 - 1.1 * k]])
        picture = cv2.warpAffine(cat, view, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC)
        write_png(folder / "frames" / f"img{k + 1}.png", picture)
    cup = cv2.resize(skimage.data.coffee(), (1200, 800), interpolation=cv2.INTER_CUBIC)
    write_png(folder / "reference.png", cup)
    return folder / "reference.png", folder / "frames"


def measure(quality: str, temporal: str, frames: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        reference, source = make_input(folder, frames)
        film = folder / "film.mp4"
        words = ["timelapse", str(reference), str(source), "-o", str(film), "--quality", quality]
        words += ["--temporal", temporal, "--shots", "off"]
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "batch_analogy", *words], check=True, capture_output=True
        )
        seconds = time.perf_counter() - start
        journal = (film.with_suffix(".run") / "journal.jsonl").read_text().splitlines()
        lines = [json.loads(line) for line in journal]
        done = [line for line in lines if line.get("event") == "done"]
        workers = {line["worker"] for line in done}
        written = sorted(
            f.stat().st_mtime for f in (film.with_suffix(".run") / "frames").rglob("*.png")
        )
    rate = frames / seconds
    if temporal == "off":
        rate = (len(written) - len(workers)) / (written[-1] - written[len(workers) - 1])
    return {
        "frames": frames,
        "whole_run_seconds": round(seconds, 1),
        "workers": len(workers),
        "worker_seconds": round(sum(line["seconds"] for line in done), 1),
        "seconds_per_frame": round(1 / rate, 2),
        "frames_per_hour": round(3600 * rate),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quality", nargs="+", default=["draft", "standard"])
    parser.add_argument("--steady", type=int, default=96, help="frames of a steady film")
    parser.add_argument("--apart", type=int, default=6, help="number of independent frames")
    options = parser.parse_args()
    results = {}
    for quality in options.quality:
        on = measure(quality, "on", options.steady)
        off = measure(quality, "off", options.apart)
        ratio = round(off["seconds_per_frame"] / on["seconds_per_frame"], 2)
        results[quality] = {"on": on, "off": off, "times_faster_on": ratio}
    report("film_rate", results)


if __name__ == "__main__":
    main()
