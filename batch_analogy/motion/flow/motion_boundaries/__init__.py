"""Motion at the rims of things: there each pixel goes with what it is a part of.

Dense flow is blurred where two motions meet: on both sides, some pixels wide, it is wrong or not
believed. What is painted there would tear off or swim. So near such borders a pixel's flow becomes
the median of those around it, each weighed by how much its colour is like the pixel's own. It is
believed if enough of those are, if the earlier frame looks alike there, and if no other pixel that
fits better comes from the same place: what has just come into view comes from nowhere.

Source: weighted weighted_medians of flow by colour, Sun et al. 2010 (Secrets of Optical Flow),
§5; support
weights of Yoon & Kweon 2006.
"""

from __future__ import annotations

import dataclasses
import itertools

import cv2
import numpy as np
from numpy.typing import NDArray

from batch_analogy.motion.flow.optical_flow import (
    Flow,
    Luma,
    Motion,
    alike,
    colour_similarity,
    sample,
)

Colours = NDArray[np.float32]
"""(H, W, 3) float32 RGB in [0, 1]."""

_BELIEVED = 0.5
_BORDER_PX, _BORDER_FLOW_PX = 12, 1.0  # so near to where flow changes by so much
_REACH_PX, _STEP_PX = 16, 4  # of the flow that a median is of
_ROUNDS = 2
_OF_ONE_THING = 0.09  # distance of colours at which one counts a quarter
_BACKED = 0.2  # share of what looks like a pixel around it that must be believed
_UNBELIEVED = 0.02  # weight of flow that is not believed
_LOOK_PX = 2  # around a pixel, where it is compared with where it was
_MOST = np.float32(0.1)  # of a pixel's difference that counts
_ALIKE = np.float32(0.05)  # difference in colour: e⁻¹ of the trust
_SPECK_PX = 8  # believed pixels with none beside them: fewer are by chance
_IN_A_ROW = 4096  # places that are read together
_GAP_PX = 32  # pixels not believed with none beside them: fewer are filled
_FITS_BETTER = np.float32(0.01)


def sharpen_boundaries(motion: Motion, colours: Colours, before: Colours) -> Motion:
    """A motion that is right up to the rims of what moves: ``backward`` and ``confidence`` of it.

    Args:
        motion: between two frames, at any distance in time.
        colours: of the later frame, at the motion's size. before: of the earlier one.

    Returns:
        The same for any number of threads.
    """
    if motion.still:
        return motion
    # Motion is found by brightness, in which a red thing may be as the green one that it hides.
    alike_there = colour_similarity(motion, before, colours)
    confidence = np.where(
        alike_there > _BELIEVED, motion.confidence, np.minimum(motion.confidence, alike_there)
    )
    motion = dataclasses.replace(motion, confidence=confidence)
    rows, columns = _near_borders(motion).nonzero()
    if not len(rows):
        return motion
    from batch_analogy.motion.flow.motion_boundaries.cpu import (
        weighted_medians,  # Numba is slow to import
    )

    backward = motion.backward
    for _ in range(_ROUNDS):
        found = weighted_medians(
            backward,
            motion.confidence,
            colours,
            rows,
            columns,
            reach=_REACH_PX,
            step=_STEP_PX,
            alike=_OF_ONE_THING,
            least=_UNBELIEVED,
        )
        backward = backward.copy()
        backward[rows, columns] = found[:, :2]
    confidence = motion.confidence.copy()
    backed = found[:, 2] >= _BACKED
    confidence[rows, columns] = _trust(motion, (before, colours), backward, rows, columns) * backed
    return dataclasses.replace(motion, backward=backward, confidence=_without_specks(confidence))


def _near_borders(motion: Motion) -> NDArray[np.bool_]:
    """(H, W): what is not believed, or lies near to where flow changes."""
    window = np.ones((2 * _BORDER_PX + 1,) * 2, np.uint8)
    near = motion.confidence <= _BELIEVED
    for part in range(2):
        flow = np.ascontiguousarray(motion.backward[..., part])
        near |= cv2.dilate(flow, window) - cv2.erode(flow, window) > _BORDER_FLOW_PX
    return near


def _trust(
    motion: Motion,
    colours: tuple[Colours, Colours],
    backward: Flow,
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
) -> Luma:
    """How far the flow of some pixels can be believed, (n,)."""
    height, width = motion.confidence.shape
    x, y = columns + backward[rows, columns, 0], rows + backward[rows, columns, 1]
    differs = _differences(motion, colours, rows, columns, (x, y))
    inside = (x >= -0.5) & (y >= -0.5) & (x < width - 0.5) & (y < height - 0.5)
    cell = np.rint(y).clip(0, height - 1) * width + np.rint(x).clip(0, width - 1)
    cell = cell.astype(np.intp)
    least = np.full(height * width, np.inf, np.float32)  # of all that come from each place
    np.minimum.at(least, cell, differs)
    seen = inside & (differs <= least[cell] + _FITS_BETTER)
    return np.asarray(np.exp(-np.square(differs / _ALIKE)) * seen, np.float32)


def _without_specks(confidence: Luma) -> Luma:
    """Trust that neither holds nor lacks a few pixels by themselves."""
    believed = (confidence > _BELIEVED).astype(np.uint8)
    _, part, facts, _ = cv2.connectedComponentsWithStats(believed, connectivity=4)
    specks = facts[:, cv2.CC_STAT_AREA] < _SPECK_PX
    without = np.where(specks[part] & (believed > 0), np.float32(0.0), confidence)
    _, part, facts, _ = cv2.connectedComponentsWithStats(1 - believed, connectivity=4)
    gaps = facts[:, cv2.CC_STAT_AREA] < _GAP_PX
    return np.where(gaps[part] & (believed == 0), np.float32(1.0), without)


def _differences(
    motion: Motion,
    colours: tuple[Colours, Colours],
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    was: tuple[Luma, Luma],
) -> Luma:
    """How far what is around some pixels, and like them, differs from where they were, (n,)."""
    before = alike(motion, colours[0])
    edge = (_LOOK_PX, _LOOK_PX)
    around = np.pad(colours[1], (edge, edge, (0, 0)), mode="edge")
    own = colours[1][rows, columns]
    total, weights = np.zeros((2, len(rows)), np.float32)
    for dy, dx in itertools.product(range(2 * _LOOK_PX + 1), repeat=2):
        now = around[rows + dy, columns + dx]
        away = np.square(now - own)
        near = 1.0 / (1.0 + (away[:, 0] + away[:, 1] + away[:, 2]) / np.float32(_OF_ONE_THING**2))
        weight = near * near
        there = _read(before, was[0] + (dx - _LOOK_PX), was[1] + (dy - _LOOK_PX))
        parts = np.square(there - now)
        differs = np.sqrt((parts[:, 0] + parts[:, 1] + parts[:, 2]) / 3)
        total += weight * np.minimum(differs, _MOST)
        weights += weight
    return total / weights


def _read(values: Colours, x: Luma, y: Luma) -> Colours:
    """Values at n places, (n, 3); OpenCV reads at most 32,766 in a row."""
    places = np.zeros((-(-len(x) // _IN_A_ROW) * _IN_A_ROW, 2), np.float32)
    places[: len(x), 0], places[: len(x), 1] = x, y
    return sample(values, places.reshape(-1, _IN_A_ROW, 2)).reshape(-1, 3)[: len(x)]
