"""Which frames of a painted run fit badly, and would serve it most if they were painted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from batch_analogy.errors import JobError, UsageError
from batch_analogy.jobs.drive.preview_run import plan_of
from batch_analogy.jobs.folder.journal import read_history
from batch_analogy.jobs.plan.run_plan import Plan
from batch_analogy.jobs.store import RunStore

MIN_SPACING_FRAMES = 6  # from each other, and from what is painted
MIN_GAIN = 0.5  # frames' worth of misfit; what gains less is not worth a day's painting


@dataclass(frozen=True)
class Suggestion:
    """A frame that is worth painting."""

    index: int
    name: str
    source: Path
    misfit: float  # of itself: 0, all as painted, to 1, nothing fits
    gain: float  # of it and the frames around it that would follow it, in frames


def suggest(run_dir: Path, count: int) -> list[Suggestion]:
    """The best next keyframes of a run, the best first.

    A keyframe mends the frames around it, the nearer the more; so each is chosen for what it and
    they fit badly, and the next one for what is then left.

    Raises:
        UsageError: the folder holds no painted run, or the count is below 1.
        JobError: no frame is finished.
    """
    if count < 1:
        raise UsageError(f"{count} frames are none; give at least 1")
    plan = plan_of(run_dir)
    if plan.painting is None:
        raise UsageError(f"the run in {run_dir} paints nothing; give one of batch-analogy analogy")
    history = read_history(RunStore(run_dir).journal)
    misfits = {i: r.misfit for i, r in history.done.items() if r.misfit is not None}
    if not misfits:
        raise JobError(f"no frame of the run in {run_dir} is finished, so none can be judged")
    return best_keyframes(plan, misfits, count)


def best_keyframes(plan: Plan, misfits: Mapping[int, float], count: int) -> list[Suggestion]:
    """The frames that would mend most, the best first.

    Args:
        plan: of the run. misfits: of finished frames. count: at most so many.
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
        for index, share in _mended(plan, best).items():
            if index in left:
                left[index] *= 1.0 - share
    return found


def _gain(plan: Plan, index: int, misfits: Mapping[int, float]) -> float:
    shares = _mended(plan, index)
    return sum(misfits[i] * share for i, share in shares.items() if i in misfits)


def _mended(plan: Plan, index: int) -> dict[int, float]:
    """The frames that would follow a keyframe here, and how much: those of its shot near it."""
    shot = next(shot for shot in plan.shots if shot.start <= index < shot.stop)
    reach = plan.anchor_frames
    first, stop = max(shot.start, index - reach), min(shot.stop, index + reach)
    return {i: 1.0 - abs(i - index) / reach for i in range(first, stop)}
