"""Blend consecutive frames into one frame of the film, like a long exposure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from batch_analogy.colour import FloatPixels, to_linear, to_srgb
from batch_analogy.errors import FrameError
from batch_analogy.media.stills import read_still

FrameBlend = tuple[Path, ...]
"""Pictures whose mean is one frame of the film; at least one."""


def as_blend(frame: Path | FrameBlend) -> FrameBlend:
    """Return a single picture as a blend of one."""
    return (frame,) if isinstance(frame, Path) else frame


def read_blend(frame: FrameBlend) -> FloatPixels:
    """Average pictures in linear light; return a single picture unchanged.

    Args:
        frame: pictures of one size; one that occurs several times counts that many times.

    Returns:
        (H, W, 3) float32 sRGB in [0, 1].

    Raises:
        FrameError: a picture cannot be read or is of another size.
    """
    if len(set(frame)) == 1:
        return read_still(frame[0])
    light: FloatPixels | None = None
    for path, count in _counted(frame):
        pixels = to_linear(read_still(path)) * np.float32(count / len(frame))
        if light is not None and pixels.shape != light.shape:
            raise FrameError(
                f"{path} is {pixels.shape[1]}×{pixels.shape[0]} px and cannot be blended with "
                f"{frame[0]}, which is {light.shape[1]}×{light.shape[0]} px; resize one of them"
            )
        light = pixels if light is None else light + pixels
    assert light is not None
    return to_srgb(light)


def _counted(frame: FrameBlend) -> Sequence[tuple[Path, int]]:
    return [(path, frame.count(path)) for path in dict.fromkeys(frame)]
