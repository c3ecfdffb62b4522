"""Sharpen flow at motion boundaries, so that each pixel moves with the object it belongs to.

Dense flow is blurred where two motions meet: for some pixels on both sides it is wrong or not
trusted, and paint carried along it would tear off or swim. So near such boundaries the flow of a
pixel becomes the median of the flow around it, weighted by the similarity of colours. It is
trusted if enough of the similar pixels are trusted, if the earlier frame looks alike there, and if
no other pixel with the same origin fits better: a pixel that has just come into view has no origin.

Source: weighted medians of flow by colour, Sun et al. 2010 (Secrets of Optical Flow and Their
Principles), section 5; support weights of Yoon and Kweon 2006; docs/method.md, "Motion boundaries";
for colours, docs/method.md, "What hides a place".
"""

from __future__ import annotations

import dataclasses
import itertools

import cv2
import numpy as np
from numpy.typing import NDArray

from batch_analogy.motion.flow.optical_flow import Motion
from batch_analogy.motion.flow.photometry import (
    SIMILARITY_SCALE,
    brightness,
    denoise,
    remove_light_change,
)
from batch_analogy.motion.flow.sampling import ConfidenceMap, Flow, destinations, sample

Colours = NDArray[np.float32]
"""(H, W, 3) float32 RGB in [0, 1]."""

_TRUSTED = 0.5
_BOUNDARY_PX, _BOUNDARY_FLOW_PX = 12, 1.0  # distance to a change of flow, and its size
_REACH_PX, _STEP_PX = 16, 4  # window of a median, and the step between its samples
_ROUNDS = 2
_COLOUR_SCALE = 0.09  # distance of colours at which a sample's weight falls to a quarter
_MIN_SUPPORT = 0.2  # trusted share of the similar pixels in the window
_UNTRUSTED_WEIGHT = 0.02  # added to the confidence of a sample
_PATCH_PX = 2  # radius of the patches by which a pixel and its origin are compared
_MAX_DIFFERENCE = np.float32(0.1)  # above it, the difference of a pixel of a patch is clipped
_DIFFERENCE_SCALE = np.float32(0.05)  # difference at which confidence falls to e⁻¹
_BETTER_FIT = np.float32(0.01)  # a pixel is hidden by one that fits its origin better by this
_SPECK_PX = 8  # smaller connected areas of trusted pixels are cleared
_GAP_PX = 32  # smaller connected areas of untrusted pixels are filled
_ROW_LENGTH = 4096  # positions that are read together


def sharpen_boundaries(motion: Motion, colours: Colours, before: Colours) -> Motion:
    """Correct ``backward`` and ``confidence`` of a motion near the outlines of moving objects.

    Args:
        motion: between two frames at any distance in time.
        colours: of the later frame, at the motion's size. before: of the earlier frame.

    Returns:
        The motion with both corrected; the same for any number of threads.
    """
    if motion.still:
        return motion
    # Flow compares luma, in which a red object may look like the green one that it hides.
    similar = _chroma_similarity(motion, before, colours)
    confidence = np.where(
        similar > _TRUSTED, motion.confidence, np.minimum(motion.confidence, similar)
    )
    motion = dataclasses.replace(motion, confidence=confidence)
    rows, columns = _near_boundaries(motion).nonzero()
    if not len(rows):
        return motion
    backward, support = _median_flow(motion, colours, rows, columns)
    trusted = _confidence_at(motion, (before, colours), backward, rows, columns)
    confidence = motion.confidence.copy()
    confidence[rows, columns] = trusted * (support >= _MIN_SUPPORT)
    return dataclasses.replace(motion, backward=backward, confidence=_without_specks(confidence))


def _chroma_similarity(motion: Motion, before: Colours, now: Colours) -> ConfidenceMap:
    """Compute how similar each pixel's chroma is to that at its origin, (H, W) in [0, 1]."""
    visible = motion.confidence > 0
    was = sample(motion.match_exposure(before), destinations(motion.backward))
    change = (was - brightness(was)[..., None]) - (now - brightness(now)[..., None])
    bands = [remove_light_change(denoise(change[..., band]), visible) for band in range(3)]
    mean = (np.square(bands[0]) + np.square(bands[1]) + np.square(bands[2])) / 3
    return np.asarray(np.exp(-mean / np.float32(SIMILARITY_SCALE**2)), np.float32)


def _near_boundaries(motion: Motion) -> NDArray[np.bool_]:
    """Select untrusted pixels and those near a change of flow, (H, W)."""
    window = np.ones((2 * _BOUNDARY_PX + 1,) * 2, np.uint8)
    near = motion.confidence <= _TRUSTED
    for axis in range(2):
        flow = np.ascontiguousarray(motion.backward[..., axis])
        near |= cv2.dilate(flow, window) - cv2.erode(flow, window) > _BOUNDARY_FLOW_PX
    return near


def _median_flow(
    motion: Motion, colours: Colours, rows: NDArray[np.intp], columns: NDArray[np.intp]
) -> tuple[Flow, NDArray[np.float32]]:
    """Replace the flow of some pixels by weighted medians.

    Returns:
        The flow, and the trusted share of the similar pixels around each of them, (n,).
    """
    # Numba is slow to import.
    from batch_analogy.motion.flow.motion_boundaries.cpu import weighted_medians

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
            colour_scale=_COLOUR_SCALE,
            untrusted_weight=_UNTRUSTED_WEIGHT,
        )
        backward = backward.copy()
        backward[rows, columns] = found[:, :2]
    return backward, found[:, 2]


def _confidence_at(
    motion: Motion,
    colours: tuple[Colours, Colours],
    backward: Flow,
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
) -> NDArray[np.float32]:
    """Compute the confidence of some pixels, (n,): 0 if another one fits their origin better."""
    height, width = motion.confidence.shape
    x, y = columns + backward[rows, columns, 0], rows + backward[rows, columns, 1]
    difference = _patch_differences(motion, colours, rows, columns, (x, y))
    inside = (x >= -0.5) & (y >= -0.5) & (x < width - 0.5) & (y < height - 0.5)
    origin = np.rint(y).clip(0, height - 1) * width + np.rint(x).clip(0, width - 1)
    origin = origin.astype(np.intp)
    best = np.full(height * width, np.inf, np.float32)  # of all pixels with that origin
    np.minimum.at(best, origin, difference)
    visible = inside & (difference <= best[origin] + _BETTER_FIT)
    return np.asarray(np.exp(-np.square(difference / _DIFFERENCE_SCALE)) * visible, np.float32)


def _without_specks(confidence: ConfidenceMap) -> ConfidenceMap:
    """Clear small trusted areas and fill small untrusted ones."""
    trusted = (confidence > _TRUSTED).astype(np.uint8)
    _, area, stats, _ = cv2.connectedComponentsWithStats(trusted, connectivity=4)
    specks = stats[:, cv2.CC_STAT_AREA] < _SPECK_PX
    cleared = np.where(specks[area] & (trusted > 0), np.float32(0.0), confidence)
    _, area, stats, _ = cv2.connectedComponentsWithStats(1 - trusted, connectivity=4)
    gaps = stats[:, cv2.CC_STAT_AREA] < _GAP_PX
    return np.where(gaps[area] & (trusted == 0), np.float32(1.0), cleared)


def _patch_differences(
    motion: Motion,
    colours: tuple[Colours, Colours],
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    was: tuple[NDArray[np.float32], NDArray[np.float32]],
) -> NDArray[np.float32]:
    """Compare the patches around some pixels with those at their origins, (n,).

    Pixels of a patch are weighted by the similarity of their colour to the centre's.

    Args:
        motion: between the frames. colours: of the earlier and the later frame.
        rows: (n,) of the pixels. columns: likewise.
        was: x and y of their origins in the earlier frame, (n,) each.
    """
    before = motion.match_exposure(colours[0])
    edge = (_PATCH_PX, _PATCH_PX)
    around = np.pad(colours[1], (edge, edge, (0, 0)), mode="edge")
    own = colours[1][rows, columns]
    total, weights = np.zeros((2, len(rows)), np.float32)
    for dy, dx in itertools.product(range(2 * _PATCH_PX + 1), repeat=2):
        now = around[rows + dy, columns + dx]
        away = np.square(now - own)
        near = 1.0 / (1.0 + (away[:, 0] + away[:, 1] + away[:, 2]) / np.float32(_COLOUR_SCALE**2))
        weight = near * near
        then = _read(before, was[0] + (dx - _PATCH_PX), was[1] + (dy - _PATCH_PX))
        bands = np.square(then - now)
        difference = np.sqrt((bands[:, 0] + bands[:, 1] + bands[:, 2]) / 3)
        total += weight * np.minimum(difference, _MAX_DIFFERENCE)
        weights += weight
    return total / weights


def _read(values: Colours, x: NDArray[np.float32], y: NDArray[np.float32]) -> Colours:
    """Read values at n positions, (n, 3); OpenCV reads at most 32,766 in a row."""
    positions = np.zeros((-(-len(x) // _ROW_LENGTH) * _ROW_LENGTH, 2), np.float32)
    positions[: len(x), 0], positions[: len(x), 1] = x, y
    return sample(values, positions.reshape(-1, _ROW_LENGTH, 2)).reshape(-1, 3)[: len(x)]
