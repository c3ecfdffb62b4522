"""Suggest which frames of a painted run should be painted next."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from batch_analogy.errors import JobError, UsageError
from batch_analogy.jobs.drive.preview_run import read_run_plan
from batch_analogy.jobs.folder.journal import read_history
from batch_analogy.jobs.plan.frame_pictures import frame_pictures
from batch_analogy.jobs.plan.run_plan import Plan
from batch_analogy.jobs.store import RunStore

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


def suggest_keyframes(run_dir: Path, count: int) -> list[Suggestion]:
    """Return at most ``count`` of the best next keyframes of a run, the best first.

    A keyframe improves the frames around it, and the nearest ones most. So the first suggestion is
    the frame that would remove the most misfit from itself and its neighbours; each further one is
    chosen by the misfit that then remains. Frames of a video are written into ``suggested/``.

    Raises:
        UsageError: there is no painted run in the folder, or the count is below 1.
        JobError: no frame is finished.
        InputError: a suggested frame, or the video, is gone.
        OutputDiskError: a frame of a video cannot be written.
    """
    if count < 1:
        raise UsageError(f"the number of frames is {count}; it must be at least 1")
    plan = read_run_plan(run_dir)
    if plan.painting is None:
        raise UsageError(f"the run in {run_dir} is not painted; give the run folder of an analogy")
    store = RunStore(run_dir)
    history = read_history(store.journal)
    misfits = {i: r.misfit for i, r in history.done.items() if r.misfit is not None}
    if not misfits:
        raise JobError(f"no frame of the run in {run_dir} is finished, so none can be judged")
    best = best_keyframes(plan, misfits, count)
    pictures = frame_pictures(plan, store, [one.index for one in best], store.suggested)
    return [dataclasses.replace(one, source=pictures[one.index]) for one in best]


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
    shot = next(shot for shot in plan.shots if shot.start <= index < shot.stop)
    reach = plan.anchor_frames
    first, stop = max(shot.start, index - reach), min(shot.stop, index + reach)
    return {i: 1.0 - abs(i - index) / reach for i in range(first, stop)}
