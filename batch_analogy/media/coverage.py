"""Read masks of one region: how far each pixel belongs to it."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from batch_analogy.colour import luma_of_planes
from batch_analogy.media.animation import animation_notes
from batch_analogy.media.label_pictures import (
    Size,
    StoredMap,
    is_alike,
    load_map,
    turn_to,
)
from batch_analogy.media.orientation import SWAP_SIDES, read_orientation
from batch_analogy.media.stills import FloatPixels, read_layers, read_size, read_still

_ONE_COLOUR = 40 / 255  # largest difference of light within what is drawn in one colour
_GREY = 40 / 255  # largest difference of a pixel's channels
_BLACK = 8 / 255
_DARK = 40 / 255  # of flat colours; JPEG darkens and lightens the ground around them
_LEAST_SHARE = 0.001  # of the pixels; fewer are noise
_MAX_FLAT_COLOURS = 64


def read_coverage(path: Path, size: Size | None = None) -> FloatPixels:
    """Read a mask of one region: how far each pixel belongs to it.

    Transparent parts do not belong to it. What is drawn on a transparent ground does, in any
    colour. Numbers other than 0 do, and so do all colours but black; of greys, how light they are.

    Args:
        path: the mask.
        size: (height, width) in px of the frame that it belongs to, which shows how it is turned.

    Returns:
        (H, W, 1) float32 in [0, 1].

    Raises:
        FrameError: it is not a picture.
    """
    stored = load_map(path)
    if stored.numbered and stored.codes is not None:
        inside = (stored.codes != 0).astype(np.float32)
        if stored.opaque is not None:
            inside *= stored.opaque
        coverage = inside[..., None]
    else:
        coverage = _drawn(path, stored)
    return turn_to(coverage, stored.orientation, 1, size)[0]


def coverage_notes(path: Path, size: Size) -> list[str]:
    """Return what a user should know about how ``read_coverage`` reads a mask.

    Raises:
        FrameError: it is not a picture.
    """
    stored = load_map(path)
    notes = [*animation_notes(path)]
    if stored.opaque is not None:
        notes.append(f"{path.name}: transparent parts count as black")
    if stored.numbered:
        notes.append(f"{path.name} holds numbers; all but 0 count as white")
    elif stored.opaque is None and _is_coloured(read_still(path)):
        notes.append(f"{path.name} is coloured; all but black counts as white")
    coverage = read_coverage(path, size)
    if float(coverage.max()) < _BLACK:
        notes.append(f"{path.name} is black everywhere, so nothing is inside")
    elif float(coverage.min()) > 1 - _BLACK:
        notes.append(f"{path.name} is white everywhere, so everything is inside")
    elif float(coverage.max()) < 1 - _GREY:
        notes.append(f"{path.name} is nowhere lighter than {float(coverage.max()):.0%}")
    upright = np.zeros((*read_size(path), 1), np.float32)
    turned = turn_to(upright, stored.orientation, 1, size)[1]
    return [*notes, *([f"{path.name} {turned}"] if turned else [])]


def mask_size(path: Path, size: Size) -> Size:
    """Return the (height, width) in px of what ``read_coverage`` reads for a frame of a size.

    Raises:
        FrameError: it is not a picture.
    """
    found = read_size(path)
    if not is_alike(found, size) and read_orientation(path) in SWAP_SIDES:
        return found[::-1]
    return found


def _drawn(path: Path, stored: StoredMap) -> FloatPixels:
    """Return the brightness of a mask, or its opacity if all that is drawn has one colour."""
    if stored.opaque is None:
        return _light(read_still(path))
    colours, opacity = read_layers(path)
    alpha = (stored.opaque if opacity is None else opacity)[..., None].astype(np.float32)
    light = _luma(colours)
    if float(np.ptp(light[stored.opaque], axis=0).max(initial=0.0)) < _ONE_COLOUR:
        return alpha
    return np.asarray(_light(colours) * alpha, np.float32)


def _light(pixels: FloatPixels) -> FloatPixels:
    """Return how light greys are, and 1 for all colours but black."""
    if not _is_coloured(pixels):
        return _luma(pixels)
    strongest = pixels.max(axis=2, keepdims=True)
    if _is_flat(pixels):
        return np.asarray(strongest > _DARK, np.float32)
    return np.asarray(strongest / max(float(strongest.max()), _BLACK), np.float32)


def _is_coloured(pixels: FloatPixels) -> bool:
    return float((np.ptp(pixels, axis=2) > _GREY).mean()) > _LEAST_SHARE


def _is_flat(pixels: FloatPixels) -> bool:
    """Return whether there are few colours, without soft edges between them."""
    levels = np.rint(pixels * 255).astype(np.uint32)
    packed = levels[..., 0] << 16 | levels[..., 1] << 8 | levels[..., 2]
    return len(np.unique(packed)) <= _MAX_FLAT_COLOURS


def _luma(pixels: FloatPixels) -> FloatPixels:
    light = luma_of_planes(pixels[..., 0], pixels[..., 1], pixels[..., 2])
    return np.asarray(light[..., None].clip(0.0, 1.0), np.float32)
