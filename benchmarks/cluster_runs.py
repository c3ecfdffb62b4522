"""Runs on a real Ray, measured from outside: commands, their run folders, and nodes to kill.

Times come from the workers' logs and the journal. All processes are on one machine and so share one
clock.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
import signal
import statistics
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import cv2
import ray
import skimage.data
from ray.cluster_utils import Cluster

from batch_analogy.media.stills import write_png
from batch_analogy.media.video import probe_video

PATIENCE_SECONDS = 1800.0
POLL_SECONDS = 0.02


ON_CPU = ("--gpus-per-worker", "0")
SINGLE = ("--temporal", "off")  # independent frames, which are distributed evenly
MODES: dict[str, tuple[str, ...]] = {"single_frames": SINGLE, "steady_film": ()}


@dataclass(frozen=True)
class Sizes:
    """Amount of work; sides of square pictures in pixels."""

    runs: int = 3
    seed: int = 4
    overhead_frames: int = 30
    overhead_side: int = 256  # about a second a frame on two cores
    node_frames: int = 30
    steady_frames: int = 96  # four spans
    node_side: int = 256
    first_frames: int = 4
    first_side: int = 256
    kill_runs: int = 5
    kill_frames: int = 48  # two spans of a steady film
    kill_side: int = 128
    corrupt_frames: int = 200
    corrupt_side: int = 64
    corrupted: int = 5
    corrupt_kills: int = 2


QUICK = Sizes(
    runs=1,
    overhead_frames=3,
    overhead_side=64,
    node_frames=4,
    steady_frames=26,
    node_side=64,
    first_frames=2,
    first_side=64,
    kill_runs=1,
    kill_frames=26,
    kill_side=64,
    corrupt_frames=16,
    corrupted=3,
    corrupt_kills=1,
)


@dataclass(frozen=True)
class Source:
    """A reference and a folder of frames."""

    reference: Path
    frames: Path
    count: int


@dataclass(frozen=True)
class FrameTime:
    """Start and end of one frame in a worker, in seconds since 1970."""

    worker: str
    index: int
    started: float
    ended: float


@dataclass(frozen=True)
class Trial:
    """A ``timelapse`` that has ended."""

    film: Path
    began: float  # seconds since 1970, before its process was started
    ended: float
    exit_code: int

    @property
    def run_dir(self) -> Path:
        """The run folder."""
        return run_dir_of(self.film)

    @property
    def total_seconds(self) -> float:
        """Seconds from the command's start to its end."""
        return self.ended - self.began

    def frames(self) -> list[FrameTime]:
        """Return all finished frames in order of their start."""
        found = []
        for path in sorted((self.run_dir / "logs").glob("*.jsonl")):
            for line in map(json.loads, path.read_text().splitlines()):
                if line["status"] == "done":
                    started = line["at"] - line["seconds"]
                    found.append(FrameTime(path.stem, line["index"], started, line["at"]))
        return sorted(found, key=lambda frame: frame.started)

    def work_seconds(self) -> float:
        """Return the seconds from the start of the first frame to the end of the last one."""
        frames = self.frames()
        return max(frame.ended for frame in frames) - min(frame.started for frame in frames)


def run_dir_of(film: Path) -> Path:
    return film.with_suffix(".run")


def make_source(folder: Path, frames: int, side: int) -> Source:
    """Write a slow pan over a cat and a picture of a cup as reference, side × side pixels."""
    cat = skimage.data.chelsea()
    height, width = cat.shape[:2]
    view = min(height, width) * 2 // 3
    for k in range(frames):
        y = round((height - view) * (0.5 + 0.4 * k / frames))
        x = round((width - view) * (0.1 + 0.8 * k / frames))
        picture = cv2.resize(
            cat[y : y + view, x : x + view], (side, side), interpolation=cv2.INTER_AREA
        )
        write_png(folder / "frames" / f"img{k + 1}.png", picture)
    cup = cv2.resize(skimage.data.coffee(), (side, side), interpolation=cv2.INTER_AREA)
    write_png(folder / "reference.png", cup)
    return Source(folder / "reference.png", folder / "frames", frames)


class Command:
    """A running ``timelapse``, started as from a shell.

    Args:
        source: the reference and the frames.
        film: the output; the command's messages are written beside it.
        options: further arguments, such as ``--workers 2``.
    """

    def __init__(self, source: Source, film: Path, *options: str) -> None:
        words = [sys.executable, "-m", "batch_analogy", "timelapse"]
        words += [str(source.reference), str(source.frames), "-o", str(film)]
        words += ["--quality", "draft", *options]
        self._film = film
        self._messages = film.with_suffix(".messages")
        self.run_dir = run_dir_of(film)
        with self._messages.open("wb") as file:
            self.began = time.time()
            self._process = subprocess.Popen(words, stdout=subprocess.DEVNULL, stderr=file)

    @property
    def ended(self) -> bool:
        """True once the command has ended."""
        return self._process.poll() is not None

    def __enter__(self) -> Command:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if not self.ended:  # something else failed: leave nothing running
            self._process.kill()
            self._process.wait()

    def wait_for_done(self, count: int) -> list[dict[str, Any]]:
        """Wait for ``count`` journaled frames or the command's end; return the lines."""
        while True:
            lines = journal_of(self.run_dir)
            if len(done_indices(lines)) >= count or self.ended:
                return lines
            time.sleep(POLL_SECONDS)

    def wait(self, expected: Sequence[int] = (0,)) -> Trial:
        """Wait until the command ends.

        Raises:
            RuntimeError: the exit code is not among the expected ones.
        """
        code = self._process.wait(PATIENCE_SECONDS)
        trial = Trial(self._film, self.began, time.time(), code)
        if code not in expected:
            raise RuntimeError(f"exit {code}, not {expected}: {self._messages.read_text()}")
        return trial


def journal_of(run_dir: Path) -> list[dict[str, Any]]:
    """Return the journal's complete lines."""
    path = run_dir / "journal.jsonl"
    if not path.exists():
        return []
    whole, _, _ = path.read_text(encoding="utf-8").rpartition("\n")
    return [json.loads(line) for line in whole.splitlines()]


def done_indices(lines: Sequence[dict[str, Any]]) -> list[int]:
    """Return the frame index of every "done" line, repeats included."""
    return [line["index"] for line in lines if line["event"] == "done"]


def first_at(lines: Sequence[dict[str, Any]], event: str) -> float:
    """Return the time of a journal's first line of a kind, in seconds since 1970."""
    return min(float(line["at"]) for line in lines if line["event"] == event)


def count_once(lines: Sequence[dict[str, Any]], frames: Sequence[int]) -> dict[str, Any]:
    """Count the "done" lines of each of these frames."""
    times = Counter(done_indices(lines))
    return {
        "once": sum(times[index] == 1 for index in frames),
        "missing": [index for index in frames if times[index] == 0],
        "more_than_once": [index for index in frames if times[index] > 1],
        "unexpected": sorted(set(times) - set(frames)),
    }


def film_frames(film: Path) -> int | None:
    """Return the number of frames of a film, or None if there is no film."""
    return probe_video(film).frame_count if film.exists() else None


def digests(film: Path) -> dict[str, str]:
    """Return the SHA-256 of the film and of every frame of its run."""
    top = run_dir_of(film) / "frames"
    files = {"film": film, **{str(f.relative_to(top)): f for f in top.rglob("[0-9]*.png")}}
    return {name: hashlib.sha256(f.read_bytes()).hexdigest() for name, f in files.items()}


def worker_pid(run_dir: Path, worker: str) -> int:
    """Return a worker's process id, from its log."""
    first = (run_dir / "logs" / f"{worker}.jsonl").read_text().splitlines()[0]
    return int(json.loads(first)["pid"])


@contextlib.contextmanager
def cluster_of(count: int) -> Iterator[tuple[Cluster, list[Any]]]:
    """Start a head without cores and several one-core nodes, and stop them afterwards."""
    head = {"num_cpus": 0, "num_gpus": 0, "include_dashboard": False}
    cluster = Cluster(initialize_head=True, head_node_args=head)
    try:
        yield cluster, [cluster.add_node(num_cpus=1, num_gpus=0) for _ in range(count)]
    finally:
        ray.shutdown()
        cluster.shutdown()


def kill_node(cluster: Cluster, node: Any) -> list[int]:
    """Kill all processes of a node at once, as a power cut would, and return their ids."""
    tops = [info.process.pid for infos in node.all_processes.values() for info in infos]
    processes = sorted({*tops, *_descendants(tops)})
    for pid in processes:
        with contextlib.suppress(ProcessLookupError):
            os.kill(pid, signal.SIGKILL)
    cluster.remove_node(node, allow_graceful=False)
    return processes


def _descendants(tops: Sequence[int]) -> set[int]:
    parents: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            parents[int(folder.name)] = int(
                (folder / "stat").read_text().rpartition(")")[2].split()[1]
            )
    found: set[int] = set()
    fresh = set(tops)
    while fresh:
        found |= fresh
        fresh = {pid for pid, parent in parents.items() if parent in fresh} - found
    return found - set(tops)


def summary(trials: Sequence[Trial]) -> dict[str, Any]:
    """Return medians over runs of one kind; a worker is idle between two of its frames."""
    frames = [trial.frames() for trial in trials]
    spans = [frame.ended - frame.started for one in frames for frame in one]
    work = [trial.work_seconds() for trial in trials]
    return {
        "median_seconds": round(statistics.median(work), 3),
        "runs": [round(seconds, 3) for seconds in work],
        "whole_command_seconds": round(statistics.median(t.total_seconds for t in trials), 2),
        "median_frame_seconds": round(statistics.median(spans), 3),
        "median_idle_seconds": idle_seconds(trials),
    }


def idle_seconds(trials: Sequence[Trial]) -> float | None:
    """Return the median time from the end of a worker's frame to the start of its next one."""
    gaps = []
    for trial in trials:
        latest: dict[str, float] = {}
        for frame in trial.frames():
            if frame.worker in latest:
                gaps.append(frame.started - latest[frame.worker])
            latest[frame.worker] = frame.ended
    return round(statistics.median(gaps), 4) if gaps else None


def threads_of(run_dir: Path) -> list[int | None]:
    """Return the number of threads of each worker of a run."""
    logs = sorted((run_dir / "logs").glob("*.jsonl"))
    return [json.loads(log.read_text().splitlines()[0])["threads"] for log in logs]
