"""Memory use of a long job: a real run over many tiny frames, sampled by another process.

    python -m benchmarks.long_run [--frames 10000] [--temporal off on] [--address none local]
                                  [--source stills video] [--side 96]

A camera moves slowly over a photograph; the frames have 96×72 pixels and are matched at their own
size, in draft quality. Each run is a separate process that does what the command does. Its memory,
and that of its descendants, is read from /proc together with the number of finished frames in
``status.json``. The results are the memory after a tenth, half and all of the frames, the growth
after the first tenth, and the maximum while the film is encoded. ``anonymous`` memory is private to
a process: it excludes libraries and what Ray's processes share.
"""

from __future__ import annotations

import argparse
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import cv2
import imageio_ffmpeg
import numpy as np
import skimage.data

from batch_analogy.cli.console import Console
from batch_analogy.cli.run_watcher import RunWatcher
from batch_analogy.config.matching import AnalogyConfig
from batch_analogy.config.run import ExecutionConfig, RunConfig, Temporal
from batch_analogy.jobs.drive.open_run import open_run
from batch_analogy.media.stills import write_png
from benchmarks.common import report

SAMPLE_SECONDS = 1.0
NEAREST = 5  # samples around a point, of which the median is reported
KINDS = ("driver", "worker", "ray", "encoder")
_MB = 1e6


@dataclass(frozen=True)
class Sample:
    """Memory of all processes at one moment."""

    done: int  # frames
    state: str  # of the run
    bytes: dict[str, int]  # kind of process → anonymous memory of all of them
    largest: dict[str, int]  # kind of process → anonymous memory of the largest one
    resident: int  # of all processes; shared pages are counted several times


def make_stills(folder: Path, frames: int, side: int) -> Path:
    """Write frame000000.png …, seen by a camera that moves slowly back and forth over a cat."""
    cat = cv2.resize(skimage.data.chelsea(), None, fx=side / 160, fy=side / 160)
    height, width = side * 3 // 4, side
    reach = min(cat.shape[1] - width, cat.shape[0] - height) - 4
    for index in range(frames):
        away = reach - abs(0.7 * index % (2 * reach) - reach)
        view = np.array([[1, 0, -1 - away], [0, 1, -1 - 0.6 * away]], np.float64)
        pixels = cv2.warpAffine(cat, view, (width, height))
        write_png(folder / f"frame{index:06d}.png", pixels)
    return folder


def make_video(stills: Path) -> Path:
    """Encode the same frames as an H.264 video."""
    video = stills.with_suffix(".mp4")
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(stills / "frame%06d.png")]
    subprocess.run([*command, "-pix_fmt", "yuv420p", str(video)], check=True)
    return video


def look(pid: int, status: Path) -> Sample | None:
    """Return the memory of a process and its descendants, or None if it has ended."""
    children = defaultdict(list)
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit() and (parent := _parent(entry)) is not None:
            children[parent].append(int(entry.name))
    total, largest, resident = dict.fromkeys(KINDS, 0), dict.fromkeys(KINDS, 0), 0
    waiting = [pid]
    while waiting:
        one = waiting.pop()
        waiting += children[one]
        held = _held(one)
        if held is None:
            continue
        kind = "driver" if one == pid else _kind(one)
        total[kind] += held[0]
        largest[kind] = max(largest[kind], held[0])
        resident += held[1]
    if not total["driver"]:
        return None
    try:
        values = json.loads(status.read_text())
    except (FileNotFoundError, ValueError):
        values = {"done": 0, "state": "planning"}
    return Sample(values["done"], values["state"], total, largest, resident)


def _parent(process: Path) -> int | None:
    try:
        return int((process / "stat").read_text().rpartition(")")[2].split()[1])
    except (OSError, IndexError):  # it has just ended
        return None


def _kind(pid: int) -> str:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return "ray"
    if "ffmpeg" in words.partition(" ")[0]:
        return "encoder"
    return "worker" if words.startswith("ray::") and "IDLE" not in words else "ray"


def _held(pid: int) -> tuple[int, int] | None:
    """Return a process's anonymous and resident bytes."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return None
    values = dict(line.split(":", 1) for line in lines)
    if "RssAnon" not in values:  # a zombie process
        return None
    return tuple(1024 * int(values[name].split()[0]) for name in ("RssAnon", "VmRSS"))  # type: ignore[return-value]


def watched(command: Sequence[str], status: Path) -> tuple[list[Sample], float]:
    """Run a command and sample its memory; return the samples and the seconds it took."""
    samples = []
    start = time.perf_counter()
    with tempfile.TemporaryFile() as messages:
        run = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=messages)
        while run.poll() is None:
            if (sample := look(run.pid, status)) is not None:
                samples.append(sample)
            time.sleep(SAMPLE_SECONDS)
        if run.returncode:
            messages.seek(0)
            raise RuntimeError(messages.read().decode()[-2000:])
    return samples, time.perf_counter() - start


def measure(folder: Path, source: Path, frames: int, temporal: str, address: str) -> dict[str, Any]:
    film = folder / f"{source.name.replace('.', '-')}-{temporal}-{address}.mp4"
    words = [str(folder / "reference.png"), str(source), str(film), temporal, address]
    samples, seconds = watched(
        [sys.executable, "-m", "benchmarks.long_run", "--run", *words],
        film.with_suffix(".run") / "status.json",
    )
    making = [sample for sample in samples if sample.state == "running" and sample.done]
    encoding = [sample for sample in samples if sample.state == "encoding"]
    kinds = [kind for kind in KINDS if any(sample.bytes[kind] for sample in samples)]
    found: dict[str, Any] = {
        "seconds": round(seconds, 1),
        "samples": len(making),
        "resident_highest_mb": round(max(sample.resident for sample in samples) / _MB, 1),
        "anonymous_mb": {kind: _course(making, kind, frames) for kind in kinds},
    }
    for kind in kinds:
        highest = max((sample.largest[kind] for sample in encoding), default=0)
        found["anonymous_mb"][kind]["highest while encoding"] = round(highest / _MB, 1)
    return found


def run(reference: str, source: str, film: str, temporal: Temporal, address: str) -> None:
    """Make a film in this process, as ``timelapse`` does, but match at the frames' own size."""
    config = RunConfig(
        command="stylize" if Path(source).is_file() else "timelapse",
        reference=Path(reference),
        source=source,
        output=Path(film),
        run_dir=Path(film).with_suffix(".run"),
        analogy=AnalogyConfig(quality="draft", min_side_px=64),
        shots="off",
        temporal=temporal,
        execution=ExecutionConfig(address=address, gpus_per_worker=0),
    )
    with RunWatcher(Console(True)) as watcher:
        result = open_run(config, on_event=watcher).execute(watcher)
    if result.failed or result.done != result.total:
        raise RuntimeError(f"{result.done} of {result.total} frames: {result.failed[:3]}")


def _course(making: Sequence[Sample], kind: str, frames: int) -> dict[str, float | None]:
    """Return the memory of the largest process of a kind over the run, in MB, and its growth."""
    points = [(s.done, s.largest[kind] / _MB) for s in making if s.largest[kind]]
    course: dict[str, float | None] = {}
    for share in (0.1, 0.5, 1.0):
        nearest = sorted(points, key=lambda point: abs(point[0] - share * frames))[:NEAREST]
        held = [mb for _, mb in nearest]
        course[f"at {share:.0%}"] = round(statistics.median(held), 1) if held else None
    later = [(done, mb) for done, mb in points if done >= 0.1 * frames]
    if len({done for done, _ in later}) > 2:
        frame, held = np.array(later, np.float64).T
        slope = float(np.polyfit(frame, held, 1)[0])
        course["growth per 1,000 frames"] = round(1000 * slope, 3)
    return course


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=10_000)
    parser.add_argument("--side", type=int, default=96)
    parser.add_argument("--temporal", nargs="+", default=["off", "on"])
    parser.add_argument("--address", nargs="+", default=["none", "local"])
    parser.add_argument("--source", nargs="+", choices=["stills", "video"], default=["stills"])
    parser.add_argument("--folder", type=Path, help="keep the runs here")
    parser.add_argument("--run", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.run:
        run(*options.run)
        return
    results: dict[str, Any] = {"frames": options.frames, "side_px": options.side}
    with tempfile.TemporaryDirectory() as name:
        folder = options.folder or Path(name)
        cup = cv2.resize(skimage.data.coffee(), (options.side, options.side * 2 // 3))
        write_png(folder / "reference.png", cup)
        stills = make_stills(folder / "stills", options.frames, options.side)
        for source, temporal, address in itertools.product(
            options.source, options.temporal, options.address
        ):
            print(f"{source}, {temporal}, {address} …", file=sys.stderr, flush=True)
            given = stills if source == "stills" else make_video(stills)
            label = f"{source}, temporal {temporal}, address {address}"
            results[label] = measure(folder, given, options.frames, temporal, address)
    report("long_run", results)


if __name__ == "__main__":
    main()
