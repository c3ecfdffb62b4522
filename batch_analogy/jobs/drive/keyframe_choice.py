"""Choose the frames of a painted run that are worth painting next, by how badly others fit."""

from __future__ import annotations

import bisect
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from batch_analogy.jobs.plan.run_plan import Plan

MIN_SPACING_FRAMES = 6  # between two suggestions, or a suggestion and a keyframe
MIN_GAIN = 0.5  # misfit times frames; less is not worth a day of painting


@dataclass(frozen=True)
class Suggestion:
    """A frame that is worth painting."""

    index: int
    name: str
    source: Path  # a picture of it, which stays
    misfit: float  # of the frame itself: 0 as painted, 1 if nothing fits
    gain: float  # misfit that it would remove from itself and the frames around it, in frames


def best_keyframes(plan: Plan, misfits: Mapping[int, float], count: int) -> list[Suggestion]:
    """Return the frames that would remove the most misfit, the best first.

    Args:
        plan: the plan of the run.
        misfits: index of a finished frame → its misfit.
        count: largest number of frames to return.
    """
    left = dict(misfits)
    found: list[Suggestion] = []
    while len(found) < count:
        taken = [*plan.keyframes, *(one.index for one in found)]
        free = (i for i in left if all(abs(i - other) >= MIN_SPACING_FRAMES for other in taken))
        gains = {i: _gain(plan, i, left) for i in free}
        best = max(gains, key=lambda i: (gains[i], -i), default=None)
        if best is None or gains[best] < MIN_GAIN:
            break
        frame = plan.frames[best]
        found.append(
            Suggestion(best, frame.name, Path(frame.source), misfits[best], round(gains[best], 3))
        )
        for index, share in _improved(plan, best).items():
            if index in left:
                left[index] *= 1.0 - share
    return found


def _gain(plan: Plan, index: int, misfits: Mapping[int, float]) -> float:
    shares = _improved(plan, index)
    return sum(misfits[i] * share for i, share in shares.items() if i in misfits)


def _improved(plan: Plan, index: int) -> dict[int, float]:
    """Return the share of misfit that a keyframe would remove from each frame near it."""
    shot = plan.shots[bisect.bisect_right(plan.shots, index, key=lambda one: one.start) - 1]
    reach = plan.anchor_frames
    first, stop = max(shot.start, index - reach), min(shot.stop, index + reach)
    return {i: 1.0 - abs(i - index) / reach for i in range(first, stop)}
