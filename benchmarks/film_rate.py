"""How long a film takes on this machine: whole runs of 1280×720 frames through the command line.

    python -m benchmarks.film_rate [--frames 6] [--quality draft standard]

Everything is in the time: Ray's start, reading, matching, writing 720p PNGs, encoding. The rate
also gives what a longer film costs, from the seconds between the first and the last frame.
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
    """A slow camera over an enlarged cat, and an enlarged cup to style it after."""
    cat = cv2.resize(skimage.data.chelsea(), (1804, 1200), interpolation=cv2.INTER_CUBIC)
    for k in range(frames):
        view = np.float32([[1, 0, -200 - 3.3 * k], [0, 1, -180 - 1.1 * k]])
        picture = cv2.warpAffine(cat, view, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC)
        write_png(folder / "frames" / f"img{k + 1}.png", picture)
    cup = cv2.resize(skimage.data.coffee(), (1200, 800), interpolation=cv2.INTER_CUBIC)
    write_png(folder / "reference.png", cup)
    return folder / "reference.png", folder / "frames"


def measure(quality: str, frames: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        reference, source = make_input(folder, frames)
        film = folder / "film.mp4"
        words = ["timelapse", str(reference), str(source), "-o", str(film), "--quality", quality]
        start = time.perf_counter()
        subprocess.run(
            [sys.executable, "-m", "batch_analogy", *words], check=True, capture_output=True
        )
        seconds = time.perf_counter() - start
        journal = (film.with_suffix(".run") / "journal.jsonl").read_text().splitlines()
        lines = [json.loads(line) for line in journal]
        workers = {line["worker"] for line in lines if line.get("event") == "done"}
        written = sorted(
            f.stat().st_mtime for f in (film.with_suffix(".run") / "frames").rglob("*.png")
        )
        steady = (len(written) - len(workers)) / (written[-1] - written[len(workers) - 1])
    return {
        "frames": frames,
        "whole_run_seconds": round(seconds, 1),
        "workers": len(workers),
        "seconds_per_frame": round(1 / steady, 2),
        "frames_per_hour": round(3600 * steady),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quality", nargs="+", default=["draft", "standard"])
    parser.add_argument("--frames", type=int, default=6)
    options = parser.parse_args()
    report("film_rate", {q: measure(q, options.frames) for q in options.quality})


if __name__ == "__main__":
    main()
