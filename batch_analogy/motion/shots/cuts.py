"""Find the cuts of a film.

Two frames are compared by their ``FrameStats``: the histogram of one is matched to the other's, and
each block of the other is searched for near its position in the first, so that neither camera
motion nor a change of exposure counts. A cut lies where two frames differ far more than those
around them do, and where no frame shortly before resembles one shortly after: a flash, or something
that passes the lens, is not a cut.

Slow dissolves are not found: their frames never differ enough from one to the next.

Source: docs/method.md, "Shots".
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from batch_analogy.motion.shots.frame_stats import LUMA_HEIGHT, LUMA_WIDTH, FrameStats

BLOCK = 8  # side of a block, in cells
REACH = 6  # how far a block is searched for, in cells: a tenth of the width
WINDOW = 12  # frames on either side whose differences measure the activity of the film
GUARD = 3  # frames before and after a cut that must all differ from one another
DISSIMILAR = 0.4  # a difference that two frames of one scene seldom have
SAMPLES = 50  # pairs of frames by which a shot is judged to be one scene
DEFAULT_ACTIVITY = 0.2  # of a film of two frames
MIN_CONTRAST = 1.2  # levels of 255; a frame with less (black, white) shows nothing to compare
GRAIN = 2.0  # levels of 255 that do not count where there is little contrast


@dataclass(frozen=True)
class CutRule:
    """Threshold for a difference to be a cut; chosen with ``benchmarks/shots.py``."""

    base: float = 0.19  # threshold where nothing moves
    activity_weight: float = 0.7  # of the activity around the frame, which is added to it
    colour_weight: float = 0.15  # of colours in a difference


def find_cuts(stats: Sequence[FrameStats | None], rule: CutRule = CutRule()) -> list[int]:
    """Find the frames that begin a new shot.

    Args:
        stats: of all frames in order; None for frames that cannot be read.
        rule: threshold for a difference to be a cut.

    Returns:
        Indices in rising order, without 0.
    """
    indices = [i for i, s in enumerate(stats) if s is not None and _contrast(s) >= MIN_CONTRAST]
    usable = [s for i in indices if (s := stats[i]) is not None]
    steps = np.array([difference(a, b, rule) for a, b in itertools.pairwise(usable)])
    cuts: list[int] = []  # positions in ``usable``
    for k, step in enumerate(steps, start=1):  # from usable[k - 1] to usable[k]
        threshold = rule.base + rule.activity_weight * _activity(steps, k - 1)
        if step > threshold and _separated(usable, k, threshold, rule):
            if cuts and k - cuts[-1] < GUARD:  # of two cuts this close, keep the clearer one
                if step <= steps[cuts[-1] - 1]:
                    continue
                cuts.pop()
            cuts.append(k)
    # There may be black frames between two shots: cut in the middle of them.
    return [(indices[k - 1] + 1 + indices[k]) // 2 for k in cuts]


def are_one_scene(stats: Sequence[FrameStats | None]) -> bool:
    """Return whether most frames resemble the one before: true of a time-lapse, not of an album.

    Args:
        stats: of one shot's frames in order; None for frames that cannot be read.
    """
    usable = [s for s in stats if s is not None]
    sampled = range(0, len(usable) - 1, max(1, len(usable) // SAMPLES))
    steps = [difference(usable[k], usable[k + 1]) for k in sampled]
    return not steps or float(np.median(steps)) < DISSIMILAR


def difference(before: FrameStats, after: FrameStats, rule: CutRule = CutRule()) -> float:
    """Measure how different two frames are, from 0 to about 1, ignoring exposure and camera moves.

    Args:
        before: one frame.
        after: the other.
        rule: gives the weight of colours.
    """
    unmatched = _unmatched(before.luma, after.luma)
    if unmatched > rule.base:  # below that it is no cut, whatever the other direction gives
        unmatched = min(unmatched, _unmatched(after.luma, before.luma))
    colours = float(np.abs(before.colours - after.colours).sum()) / 2
    return (1 - rule.colour_weight) * unmatched + rule.colour_weight * colours


def _contrast(stats: FrameStats) -> float:
    return float(np.mean(np.abs(stats.luma - np.median(stats.luma))))


def _activity(steps: npt.NDArray[np.float64], place: int) -> float:
    """Return the median difference before or after a position, whichever is larger."""
    sides = steps[max(0, place - WINDOW) : place], steps[place + 1 : place + 1 + WINDOW]
    medians = [float(np.median(side)) for side in sides if len(side) >= GUARD]
    few = np.concatenate(sides)
    return max(medians) if medians else float(np.median(few)) if len(few) else DEFAULT_ACTIVITY


def _separated(usable: Sequence[FrameStats], k: int, threshold: float, rule: CutRule) -> bool:
    """Return whether every frame shortly before differs from every frame shortly after."""
    before, after = usable[max(0, k - GUARD) : k], usable[k : k + GUARD]
    return all(difference(a, b, rule) > threshold for a in before for b in after)


def _unmatched(source: npt.NDArray[np.uint8], target: npt.NDArray[np.uint8]) -> float:
    """Measure the part of the target that blocks of the source cannot reproduce, 0 to about 1.

    Two pictures with nothing in common but their histograms give about 1.
    """
    matched = _match_histogram(source, target)
    wanted = target.astype(np.float32)
    best = np.full((LUMA_HEIGHT // BLOCK, LUMA_WIDTH // BLOCK), np.inf, np.float32)
    padded = cv2.copyMakeBorder(matched, REACH, REACH, REACH, REACH, cv2.BORDER_REPLICATE)
    size = (LUMA_WIDTH // BLOCK, LUMA_HEIGHT // BLOCK)
    for dy in range(2 * REACH + 1):
        for dx in range(2 * REACH + 1):
            moved = padded[dy : dy + LUMA_HEIGHT, dx : dx + LUMA_WIDTH]
            apart = cv2.resize(cv2.absdiff(moved, wanted), size, interpolation=cv2.INTER_AREA)
            best = np.minimum(best, apart)
    return float(best.mean()) / (_mean_difference(wanted) + GRAIN)


def _match_histogram(
    source: npt.NDArray[np.uint8], target: npt.NDArray[np.uint8]
) -> npt.NDArray[np.float32]:
    """Match the source's histogram to the target's."""
    counts = np.bincount(source.ravel(), minlength=256)
    ranks = (np.cumsum(counts) - counts / 2) / source.size
    values = np.sort(target.ravel()).astype(np.float32)
    table = np.interp(ranks, (np.arange(values.size) + 0.5) / values.size, values)
    return table.astype(np.float32)[source]


def _mean_difference(luma: npt.NDArray[np.float32]) -> float:
    """Return the mean difference of two randomly chosen cells (Gini)."""
    values = np.sort(luma.ravel())
    n = values.size
    return float(2.0 * np.dot(2.0 * np.arange(1, n + 1) - n - 1, values) / (n * n))
