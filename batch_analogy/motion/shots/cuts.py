"""Where the cuts are in a film.

Two frames are compared as ``FrameStats``s: each block of one is sought near its place in the
other, once
the other has been given its tones, so that neither camera moves nor changes of exposure count. A
cut is where frames differ by far more than those around them do, and where no frame shortly before
resembles one shortly after: flashes and whatever passes the lens are not cuts.

Slow dissolves are not found: nothing in them differs enough from one frame to the next.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from batch_analogy.motion.shots.frame_stats import LUMA_HEIGHT, LUMA_WIDTH, FrameStats

BLOCK = 8  # cells
REACH = 6  # cells: how far a block is sought, a tenth of the width
WINDOW = 12  # frames on either side whose differences are the film's own activity
SPAN = 3  # frames before and after a cut that must differ from one another
UNLIKE = 0.4  # a difference that frames of one scene seldom have
SAMPLES = 50  # pairs of frames that say whether a shot is one scene
UNKNOWN = 0.2  # activity of a film of two frames
FLAT = 1.2  # grey levels: a frame with less contrast (black, white) shows nothing to compare
GRAIN = 2.0  # grey levels that count for nothing where there is little contrast


@dataclass(frozen=True)
class CutRule:
    """When a difference is a cut. Found with benchmarks/shots.py."""

    least: float = 0.19  # of a difference, where nothing moves
    times: float = 0.7  # the activity around that is added to it
    colour: float = 0.15  # weight of colours in a difference


def find_cuts(looks: Sequence[FrameStats | None], rule: CutRule = CutRule()) -> list[int]:
    """The frames that begin a new shot.

    Args:
        looks: of all frames in order; None for those that cannot be read.
        rule: when a difference is a cut.

    Returns:
        Indices in rising order; 0 is not among them.
    """
    seen = [i for i, look in enumerate(looks) if look is not None and _contrast(look) >= FLAT]
    shown = [look for i in seen if (look := looks[i]) is not None]
    steps = np.array([difference(a, b, rule) for a, b in itertools.pairwise(shown)])
    cuts: list[int] = []  # places in ``shown``
    for k, step in enumerate(steps, start=1):  # between shown[k - 1] and shown[k]
        limit = rule.least + rule.times * _activity(steps, k - 1)
        if step > limit and _parted(shown, k, limit, rule):
            if cuts and k - cuts[-1] < SPAN:  # of two so close the clearer one is the cut
                if step <= steps[cuts[-1] - 1]:
                    continue
                cuts.pop()
            cuts.append(k)
    return [(seen[k - 1] + 1 + seen[k]) // 2 for k in cuts]  # amid the black between two shots


def are_one_scene(looks: Sequence[FrameStats | None]) -> bool:
    """Whether most frames resemble the one before: those of a time-lapse do, an album's do not.

    Args:
        looks: of one shot's frames in order; None for those that cannot be read.
    """
    shown = [look for look in looks if look is not None]
    places = range(0, len(shown) - 1, max(1, len(shown) // SAMPLES))
    steps = [difference(shown[k], shown[k + 1]) for k in places]
    return not steps or float(np.median(steps)) < UNLIKE


def difference(before: FrameStats, after: FrameStats, rule: CutRule = CutRule()) -> float:
    """How unlike two frames are, from 0 to about 1, whatever their exposure and a camera's moves.

    Args:
        before: one frame.
        after: the other.
        rule: the weight of colours.
    """
    unmatched = _unmatched(before.luma, after.luma)
    if unmatched > rule.least:  # else it is no cut, whatever the other way says
        unmatched = min(unmatched, _unmatched(after.luma, before.luma))
    colours = float(np.abs(before.colours - after.colours).sum()) / 2
    return (1 - rule.colour) * unmatched + rule.colour * colours


def _contrast(look: FrameStats) -> float:
    return float(np.mean(np.abs(look.luma - np.median(look.luma))))


def _activity(steps: npt.NDArray[np.float64], place: int) -> float:
    """The median of the differences around one, on the livelier side of it."""
    sides = steps[max(0, place - WINDOW) : place], steps[place + 1 : place + 1 + WINDOW]
    weighted_medians = [float(np.median(side)) for side in sides if len(side) >= SPAN]
    few = np.concatenate(sides)
    return (
        max(weighted_medians)
        if weighted_medians
        else float(np.median(few))
        if len(few)
        else UNKNOWN
    )


def _parted(shown: Sequence[FrameStats], k: int, limit: float, rule: CutRule) -> bool:
    """Whether every frame shortly before differs from every frame shortly after."""
    before, after = shown[max(0, k - SPAN) : k], shown[k : k + SPAN]
    return all(difference(a, b, rule) > limit for a in before for b in after)


def _unmatched(source: npt.NDArray[np.uint8], target: npt.NDArray[np.uint8]) -> float:
    """What is left of the target when its blocks are taken from the source, 0 to about 1.

    1 is what two pictures that have nothing in common but their tones leave, block for block.
    """
    matched = _toned(source, target)
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


def _toned(source: npt.NDArray[np.uint8], target: npt.NDArray[np.uint8]) -> npt.NDArray[np.float32]:
    """The source with the target's histogram: what is lighter stays lighter."""
    counts = np.bincount(source.ravel(), minlength=256)
    ranks = (np.cumsum(counts) - counts / 2) / source.size
    values = np.sort(target.ravel()).astype(np.float32)
    table = np.interp(ranks, (np.arange(values.size) + 0.5) / values.size, values)
    return table.astype(np.float32)[source]


def _mean_difference(luma: npt.NDArray[np.float32]) -> float:
    """The mean difference of two cells taken by chance (Gini)."""
    values = np.sort(luma.ravel())
    n = values.size
    return float(2.0 * np.dot(2.0 * np.arange(1, n + 1) - n - 1, values) / (n * n))
