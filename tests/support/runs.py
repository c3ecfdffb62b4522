"""Small real runs for tests: pictures, configurations, comparisons."""

from __future__ import annotations

import dataclasses
import errno
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from batch_analogy.config.matching import AnalogyConfig
from batch_analogy.config.run import ExecutionConfig, RunConfig
from batch_analogy.jobs.drive.open_run import RunResult, open_run
from batch_analogy.jobs.events import FrameDone, RunEvent, RunOpened
from batch_analogy.media.stills import write_png

DRAFT = AnalogyConfig(quality="draft", min_side_px=64)
INLINE = ExecutionConfig(address="none", gpus_per_worker=0)


def picture(shift: int, height: int = 64, width: int = 80) -> NDArray[np.float32]:
    """Make (H, W, 3) float32 waves that move with ``shift``."""
    y, x = np.mgrid[:height, :width].astype(np.float32)
    waves = [np.sin((x + 3 * shift) / 9), np.cos(y / 7), np.sin((x + y + shift) / 11)]
    return (np.stack(waves, axis=-1) * 0.5 + 0.5).astype(np.float32)


def write_frames(folder: Path, count: int) -> list[Path]:
    """Write img0.png, img1.png and so on into a folder."""
    paths = [folder / f"img{index}.png" for index in range(count)]
    for index, path in enumerate(paths):
        write_png(path, picture(index))
    return paths


def sample_config(root: Path, frames: int, **overrides: Any) -> RunConfig:
    """Return a draft run in this process over ``root/in``, which is written if it is missing."""
    if not (root / "in").exists():
        write_frames(root / "in", frames)
        write_png(root / "reference.png", picture(40, 70, 66))
    base = RunConfig(
        command="timelapse",
        reference=root / "reference.png",
        source=str(root / "in"),
        output=root / "film.mp4",
        run_dir=root / "film.run",
        analogy=DRAFT,
        segment_frames=2,
        temporal="off",  # temporal coherence has tests of its own
        execution=INLINE,
    )
    return dataclasses.replace(base, **overrides)


def on_ray(
    root: Path, frames: int, *, run: dict[str, Any] | None = None, **settings: Any
) -> RunConfig:
    """Return ``sample_config`` for Ray on CPUs, with other execution and run settings."""
    execution = ExecutionConfig(**{"gpus_per_worker": 0, **settings})
    return sample_config(root, frames, execution=execution, **(run or {}))


def frame_bytes(run_dir: Path) -> dict[str, bytes]:
    """Return every finished picture's bytes by its path below frames/."""
    frames = run_dir / "frames"
    return {str(p.relative_to(frames)): p.read_bytes() for p in sorted(frames.rglob("*.png"))}


def frame_identity(run_dir: Path) -> dict[str, tuple[int, int]]:
    """Return (inode, mtime_ns) of every finished picture, which change if it is rewritten."""
    frames = run_dir / "frames"
    return {
        str(path.relative_to(frames)): (path.stat().st_ino, path.stat().st_mtime_ns)
        for path in sorted(frames.rglob("[0-9]*.png"))
    }


def small_disk(folder: Path, size: str) -> Iterator[Path]:
    """Mount a real disk of this size; skip the test if this user may not mount."""
    folder.mkdir()
    mount = shutil.which("mount")
    if mount is None:
        pytest.skip("no mount command here")
    command = [mount, "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        pytest.skip(f"this user may not mount a disk: {done.stderr.strip()}")
    yield folder
    subprocess.run(["umount", "--lazy", str(folder)], check=True)


def fill(path: Path, *, leave_bytes: int = 0) -> None:
    """Write a file until the disk is full, then free some bytes."""
    with path.open("wb", buffering=0) as file:
        try:
            while file.write(b"x" * 4096):
                pass
        except OSError as error:
            assert error.errno == errno.ENOSPC  # noqa: PT017
        file.truncate(max(0, file.tell() - leave_bytes))


def run_here(config: RunConfig, *, overwrite: bool = False) -> tuple[RunResult, list[RunEvent]]:
    """Open and execute a run in this process; return its result and its events."""
    events: list[RunEvent] = []
    result = open_run(config, overwrite=overwrite).execute(events.append)
    return result, events


def worked_on(events: list[RunEvent]) -> list[int]:
    """Return the indices of the frames that were done, in order."""
    return sorted(event.index for event in events if isinstance(event, FrameDone))


def opened(events: list[RunEvent]) -> RunOpened:
    """Return the event that reports the progress of earlier executions."""
    return next(event for event in events if isinstance(event, RunOpened))


def truncate(path: Path) -> None:
    """Truncate a file to half of its size."""
    data = path.read_bytes()
    path.write_bytes(data[: len(data) // 2])
