"""Reproducibility of runs, tested through the command line on a real local Ray.

    python -m benchmarks.runs [--frames 20] [--side 128]

The same command runs twice with one worker, once with two, and once with its driver killed by
SIGKILL half-way and then started again. Counts the frames and films that differ in any byte, and
the finished frames that were written again.
"""

from __future__ import annotations

import argparse
import hashlib
import signal
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

Facts = dict[str, tuple[int, int]]  # file → (inode, modification time)


def make_input(folder: Path, frames: int, side: int) -> tuple[Path, Path]:
    """Write a slow pan over a cat, and a cup as reference."""
    cat = cv2.GaussianBlur(skimage.data.chelsea(), (0, 0), 0.8)
    for k in range(frames):
        view = np.float32([[0.5, 0, -20 - 0.7 * k], [0, 0.5, -5 - 0.2 * k]])
        picture = cv2.warpAffine(cat, view, (side, side), flags=cv2.INTER_CUBIC)
        write_png(folder / "frames" / f"img{k + 1}.png", picture)
    cup = cv2.resize(skimage.data.coffee(), (side, side), interpolation=cv2.INTER_AREA)
    write_png(folder / "reference.png", cup)
    return folder / "reference.png", folder / "frames"


def command(reference: Path, frames: Path, film: Path, workers: int) -> list[str]:
    words = ["timelapse", str(reference), str(frames), "-o", str(film)]
    words += ["--quality", "draft", "--workers", str(workers), "--json"]
    return [sys.executable, "-m", "batch_analogy", *words]


def digests(film: Path) -> dict[str, str]:
    """Return the SHA-256 of the film and of every frame."""
    files = [film, *sorted((film.with_suffix(".run") / "frames").rglob("*.png"))]
    return {
        ("film" if f == film else str(f.relative_to(film.with_suffix(".run")))): hashlib.sha256(
            f.read_bytes()
        ).hexdigest()
        for f in files
    }


def differing(x: dict[str, str], y: dict[str, str]) -> int:
    return sum(x.get(key) != y.get(key) for key in x.keys() | y.keys())


def finished(run_dir: Path) -> Facts:
    return {
        f.name: (f.stat().st_ino, f.stat().st_mtime_ns)
        for f in (run_dir / "frames").rglob("[0-9]*.png")
    }


def killed_halfway(words: list[str], film: Path, frames: int) -> Facts:
    """Start a run and kill its driver once half of the frames are finished; return these."""
    driver = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    run_dir = film.with_suffix(".run")
    while driver.poll() is None and len(finished(run_dir)) < frames // 2:
        time.sleep(0.02)
    driver.send_signal(signal.SIGKILL)
    driver.wait()
    time.sleep(5)  # orphaned actors end, or finish their current frame
    return finished(run_dir)


def measure(frames: int, side: int) -> dict[str, Any]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        reference, source = make_input(folder, frames, side)
        runs: dict[str, dict[str, str]] = {}
        seconds: dict[str, float] = {}
        for label, workers in (("first", 1), ("again", 1), ("two_workers", 2)):
            film = folder / f"{label}.mp4"
            start = time.perf_counter()
            words = command(reference, source, film, workers)
            subprocess.run(words, check=True, capture_output=True)
            seconds[label] = round(time.perf_counter() - start, 2)
            runs[label] = digests(film)
        film = folder / "killed.mp4"
        words = command(reference, source, film, 2)
        before = killed_halfway(words, film, frames)
        subprocess.run(words, check=True, capture_output=True)
        after = finished(film.with_suffix(".run"))
        runs["killed"] = digests(film)
        return {
            "frames": frames,
            "files_differing": {
                label: differing(runs["first"], runs[label])
                for label in ("again", "two_workers", "killed")
            },
            "finished_before_kill": len(before),
            "finished_frames_written_again": sum(after[f] != facts for f, facts in before.items()),
            "seconds": seconds,
        }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=20)
    parser.add_argument("--side", type=int, default=128)
    options = parser.parse_args()
    results = measure(options.frames, options.side)
    report("runs", results)


if __name__ == "__main__":
    main()
