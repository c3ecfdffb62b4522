"""Look at a few frames of a video without extracting it, to recognise what they show."""

from __future__ import annotations

from collections.abc import Collection
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

from batch_analogy.errors import InputError
from batch_analogy.media.container import is_cover, open_container
from batch_analogy.media.stills import FloatPixels

_SAME_TIME_SECONDS = 1e-4


def peek_frames(
    video: Path, wanted: Collection[int], *, start: Fraction | None = None
) -> dict[int, FloatPixels]:
    """Decode some frames of a video as it is stored: neither upright nor in exact colours.

    Args:
        video: the video.
        wanted: indices of frames, counted from the first one that is shown at or after ``start``.
        start: seconds after the first frame; None: from the first frame on.

    Returns:
        (H, W, 3) float32 RGB in [0, 1] of each frame that exists.

    Raises:
        InputError: the video cannot be decoded.
    """
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
                    stored = frame.to_ndarray(format="rgb24")
                    found[index] = np.divide(stored, np.float32(255), dtype=np.float32)
                index += 1
                if index > last:
                    break
        except (av.FFmpegError, ValueError) as error:
            raise InputError(f"{video} cannot be decoded ({error}); check the file") from error
    return found
