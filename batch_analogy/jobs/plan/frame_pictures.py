"""Pictures of single frames, for people, also after a video's frames were deleted with its film."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from batch_analogy.errors import InputError
from batch_analogy.files import disk_errors, hash_file, temporary_path
from batch_analogy.jobs.plan.kept_videos import video_at_hand
from batch_analogy.jobs.plan.run_plan import Plan
from batch_analogy.jobs.plan.video_properties import probe_files
from batch_analogy.jobs.store import RunStore
from batch_analogy.media.decoding import turn_upright
from batch_analogy.media.extract import extract_frames
from batch_analogy.media.orientation import UPRIGHT
from batch_analogy.media.picture_formats import FRAME_FORMAT
from batch_analogy.media.stills import read_depth, read_still
from batch_analogy.media.timing import TimeRange
from batch_analogy.media.video import VideoInfo


def frame_pictures(
    plan: Plan, store: RunStore, indices: Iterable[int], folder: Path
) -> dict[int, Path]:
    """Return a picture of each of these frames.

    Frames of stills are the files themselves. Those of a video are written into a folder, because
    the run deletes its own; a picture there that a person has changed is left alone.

    Args:
        plan: the plan of the run.
        store: its folder, which may have been moved.
        indices: indices of frames.
        folder: where pictures of a video's frames are kept.

    Raises:
        InputError: the picture or the video is gone or has changed.
        OutputDiskError: the folder may not be written to.
    """
    if plan.video is None:
        return {index: _still(plan, index, folder) for index in indices}
    found: dict[int, Path] = {}
    info: VideoInfo | None = None
    unfinished = temporary_path(folder)
    try:
        for index in indices:
            frame = store.input / FRAME_FORMAT.file_name(index)
            if not frame.is_file():
                info = info or _open_video(plan, store)
                frame = _extract_one(info, plan.time_range, index, unfinished)
            found[index] = _keep(frame, folder)
    finally:
        with contextlib.suppress(OSError):
            shutil.rmtree(unfinished, ignore_errors=True)
    return found


def _still(plan: Plan, index: int, folder: Path) -> Path:
    """Return the file of a still, or a copy that is turned as the run turns it."""
    frame = plan.frames[index]
    path = Path(frame.source)
    if not path.is_file():
        raise InputError(
            f"frame {index} ({frame.name}), {path}, is gone; put it back and try again"
        )
    if frame.turn == UPRIGHT:
        return path
    turned = folder / FRAME_FORMAT.file_name(index)
    pixels = turn_upright(read_still(path, white_balance=plan.white_balance), frame.turn)
    FRAME_FORMAT.write(turned, np.ascontiguousarray(pixels), read_depth(path))
    return turned


def _open_video(plan: Plan, store: RunStore) -> VideoInfo:
    paths = []
    for part, file in enumerate(plan.video_files):
        found = video_at_hand(file, store, part)
        if found is None and Path(file.path).is_file():
            raise InputError(f"the video {file.path} has changed since the run; put it back")
        if found is None:
            raise InputError(
                f"the video {file.path} is gone, and its frames were deleted when the film was "
                "made; put it back and try again"
            )
        paths.append(found)
    return probe_files(paths, plan.clips)


def _extract_one(info: VideoInfo, whole: TimeRange, index: int, folder: Path) -> Path:
    """Extract one frame of a part of a video."""
    low, _ = info.times.tick_range(whole)
    ticks = [tick for tick in info.times.ticks if tick >= low][index : index + 2]
    if not ticks:
        raise InputError(f"{info.path} has no frame {index} any more")
    start, end = ((tick * info.times.tick) for tick in (*ticks, info.times.end)[:2])
    own = folder / str(index)
    return (
        extract_frames(info, own, time_range=TimeRange(start, end))
        .paths[0]
        .rename(folder / FRAME_FORMAT.file_name(index))
    )


def _keep(frame: Path, folder: Path) -> Path:
    """Copy a picture into a folder, or into another one if it has a different one of that name."""
    for number in itertools.count(1):
        kept = (folder if number == 1 else folder.with_name(f"{folder.name}-{number}")) / frame.name
        if not kept.exists():
            break
        if hash_file(kept) == hash_file(frame):
            return kept
    with disk_errors(kept):
        kept.parent.mkdir(parents=True, exist_ok=True)
        unfinished = temporary_path(kept)
        shutil.copyfile(frame, unfinished)
        os.replace(unfinished, kept)
    return kept
