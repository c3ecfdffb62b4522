"""Blend consecutive frames into one frame of the film, like a long exposure."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from batch_analogy.colour import FloatPixels
from batch_analogy.errors import FrameError
from batch_analogy.media.opacity import extend_colours, with_opacity
from batch_analogy.media.pixel_spaces import SRGB, PixelSpace
from batch_analogy.media.stills import read_has_alpha, read_layers, read_still

FrameBlend = tuple[Path, ...]
"""Pictures whose mean is one frame of the film; at least one."""


def as_blend(frame: Path | FrameBlend) -> FrameBlend:
    """Return a single picture as a blend of one."""
    return (frame,) if isinstance(frame, Path) else frame


def read_blend(
    frame: FrameBlend,
    *,
    alpha: bool = False,
    beyond_white: bool = False,
    space: PixelSpace = SRGB,
) -> FloatPixels:
    """Average pictures in linear light; return a single picture unchanged.

    Args:
        frame: pictures of one size; one that occurs several times counts that many times.
        alpha: keep the opacity of transparent pictures; otherwise they are seen over white.
        beyond_white: keep what is brighter than white, as EXR and HDR have it.
        space: of the result.

    Returns:
        (H, W, 3) float32 in [0, 1], or (H, W, 4) if opacity is kept and there is any.

    Raises:
        FrameError: a picture cannot be read or is of another size.
    """
    if alpha and any(read_has_alpha(path) for path in set(frame)):
        return _blend_layers(frame, beyond_white, space)
    if len(set(frame)) == 1:
        return _read(frame[0], beyond_white, space)
    light: FloatPixels | None = None
    for path, count in _counted(frame):
        pixels = space.to_light(_read(path, beyond_white, space)) * np.float32(count / len(frame))
        light = pixels if light is None else _added(light, pixels, path, frame)
    assert light is not None
    return _shown(light, beyond_white, space)


def _read(path: Path, beyond_white: bool, space: PixelSpace) -> FloatPixels:
    if not beyond_white and space.is_srgb:
        return read_still(path)
    return read_layers(path, beyond_white=beyond_white, space=space)[0]


def _shown(light: FloatPixels, beyond_white: bool, space: PixelSpace) -> FloatPixels:
    pixels = space.from_light(light)
    return pixels if beyond_white else np.clip(pixels, np.float32(0.0), np.float32(1.0))


def _blend_layers(frame: FrameBlend, beyond_white: bool, space: PixelSpace) -> FloatPixels:
    """Average transparent pictures, each colour in proportion to its opacity: (H, W, 4)."""
    light: FloatPixels | None = None
    for path, count in _counted(frame):
        colours, opacity = read_layers(path, beyond_white=beyond_white, space=space)
        if opacity is None:
            opacity = np.ones(colours.shape[:2], np.float32)
        if len(set(frame)) == 1:
            return with_opacity(colours, opacity)
        seen = space.to_light(colours) * opacity[..., None]
        pixels = with_opacity(seen, opacity) * np.float32(count / len(frame))
        light = pixels if light is None else _added(light, pixels, path, frame)
    assert light is not None
    opacity = np.ascontiguousarray(light[..., 3])
    divisor = np.maximum(opacity, np.float32(1e-6))[..., None]
    shown = np.divide(light[..., :3], divisor, dtype=np.float32)
    colours = _shown(shown, beyond_white, space)
    return with_opacity(extend_colours(colours, opacity), opacity)


def _added(light: FloatPixels, pixels: FloatPixels, path: Path, frame: FrameBlend) -> FloatPixels:
    if pixels.shape != light.shape:
        raise FrameError(
            f"{path} is {pixels.shape[1]}×{pixels.shape[0]} px and cannot be blended with "
            f"{frame[0]}, which is {light.shape[1]}×{light.shape[0]} px; resize one of them"
        )
    return light + pixels


def _counted(frame: FrameBlend) -> Sequence[tuple[Path, int]]:
    return [(path, frame.count(path)) for path in dict.fromkeys(frame)]
