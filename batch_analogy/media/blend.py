"""One frame of a film out of several frames in a row, as a long exposure takes them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from batch_analogy.colour import FloatPixels, to_linear, to_srgb
from batch_analogy.errors import FrameError
from batch_analogy.media.stills import read_still

FrameBlend = tuple[Path, ...]
"""The pictures that a frame of a film is the mean of; at least one."""


def shown(frame: Path | FrameBlend) -> FrameBlend:
    """A picture stands for itself."""
    return (frame,) if isinstance(frame, Path) else frame


def read_blend(frame: FrameBlend) -> FloatPixels:
    """The mean of pictures' light; a picture alone as it is.

    Args:
        frame: pictures of one size; one given several times counts as often.

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
                f"{path} is {pixels.shape[1]}×{pixels.shape[0]} px and is to be blended with "
                f"{frame[0]}, which is {light.shape[1]}×{light.shape[0]}"
            )
        light = pixels if light is None else light + pixels
    assert light is not None
    return to_srgb(light)


def _counted(frame: FrameBlend) -> Sequence[tuple[Path, int]]:
    return [(path, frame.count(path)) for path in dict.fromkeys(frame)]
