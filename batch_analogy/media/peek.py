"""Look at a few frames of a video without extracting it, to recognise what they show."""

from __future__ import annotations

import bisect
from collections.abc import Collection
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import numpy.typing as npt

from batch_analogy.errors import InputError
from batch_analogy.media.animation import (
    needs_pillow,
    read_animation_frames,
    read_animation_times,
)
from batch_analogy.media.container import is_cover, open_container
from batch_analogy.media.scaling import shrink
from batch_analogy.media.stills import FloatPixels
from batch_analogy.media.timing import TimeRange
from batch_analogy.media.video import VideoInfo

_SAME_TIME_SECONDS = 1e-4


def peek_frames(
    video: Path,
    wanted: Collection[int],
    *,
    start: Fraction | None = None,
    at_least_px: int | None = None,
) -> dict[int, FloatPixels]:
    """Decode some frames of a video as it is stored: neither upright nor in exact colours.

    Args:
        video: the video.
        wanted: indices of frames, counted from the first one that is shown at or after ``start``.
        start: seconds after the first frame; None: from the first frame on.
        at_least_px: length that suffices for both sides; None: frames keep their size.

    Returns:
        (H, W, 3) float32 RGB in [0, 1] of each frame that exists.

    Raises:
        InputError: the video cannot be decoded.
    """
    if needs_pillow(video):
        return _peek_animation(video, wanted, start, at_least_px)
    found: dict[int, FloatPixels] = {}
    last, index, first = max(wanted, default=-1), 0, None
    with open_container(video) as container:
        stream = next((s for s in container.streams.video if not is_cover(s)), None)
        if stream is None:
            return found
        try:
            for frame in container.decode(stream):
                seconds = frame.time or 0.0
                first = seconds if first is None else first
                if start is not None and seconds - first < float(start) - _SAME_TIME_SECONDS:
                    continue
                if index in wanted:
                    found[index] = _to_float(frame.to_ndarray(format="rgb24"), at_least_px)
                index += 1
                if index > last:
                    break
        except (av.FFmpegError, ValueError) as error:
            raise InputError(f"{video} cannot be decoded ({error}); check the file") from error
    return found


def peek_recordings(
    info: VideoInfo,
    wanted: Collection[int],
    *,
    start: Fraction | None = None,
    at_least_px: int | None = None,
) -> dict[int, FloatPixels]:
    """Decode some frames of a recording in several files, or of clips; as ``peek_frames``."""
    low, _ = info.times.tick_range(TimeRange(start))
    first = bisect.bisect_left(info.times.ticks, low)
    found: dict[int, FloatPixels] = {}
    before = 0
    for part in info.parts:
        count = part.frame_count
        here = {index + first - before: index for index in wanted}
        own = [local for local in here if 0 <= local < count]
        if own:
            begin = None if part.file_times is None else part.clip_start
            seen = peek_frames(part.path, own, start=begin, at_least_px=at_least_px)
            found |= {here[at]: pixels for at, pixels in seen.items()}
        before += count
    return found


def _peek_animation(
    path: Path, wanted: Collection[int], start: Fraction | None, at_least_px: int | None
) -> dict[int, FloatPixels]:
    times = read_animation_times(path)[-1]
    low, _ = times.tick_range(TimeRange(start))
    first = bisect.bisect_left(times.ticks, low)
    stop = first + max(wanted, default=-1) + 1
    frames = enumerate(read_animation_frames(path, first, stop, alpha=False))
    return {index: _to_float(pixels, at_least_px) for index, pixels in frames if index in wanted}


def _to_float(stored: npt.NDArray[Any], at_least_px: int | None) -> FloatPixels:
    pixels: FloatPixels = np.divide(stored, np.float32(255), dtype=np.float32)
    return pixels if at_least_px is None else shrink(pixels, at_least_px)
