"""Suggest which frames of a painted run should be painted next."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from batch_analogy.errors import JobError, UsageError
from batch_analogy.jobs.drive.keyframe_choice import Suggestion, best_keyframes
from batch_analogy.jobs.drive.preview_run import read_run_plan
from batch_analogy.jobs.folder.journal import read_history
from batch_analogy.jobs.plan.frame_pictures import frame_pictures
from batch_analogy.jobs.store import RunStore


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
