"""Plan a run without executing it, and make a few frames of it as a preview."""

from __future__ import annotations

import tempfile
from collections.abc import Set
from pathlib import Path

import numpy as np

from batch_analogy.errors import UsageError
from batch_analogy.files import TEMPORARY_PREFIX
from batch_analogy.jobs.drive.execute import Run, RunResult
from batch_analogy.jobs.events import OnEvent, ignore
from batch_analogy.jobs.folder.preview_pictures import evenly_spaced, write_before_after
from batch_analogy.jobs.folder.run_folder import no_run_error
from batch_analogy.jobs.plan.film_dependencies import FilmDependencies
from batch_analogy.jobs.plan.frame_pictures import frame_pictures
from batch_analogy.jobs.plan.plan_file import read_plan
from batch_analogy.jobs.plan.run_plan import Plan
from batch_analogy.jobs.store import RunStore, outputs_of
from batch_analogy.media.colour_transforms import from_space
from batch_analogy.media.stills import read_stored, write_png


def close_as_planned(run: Run) -> Plan:
    """Release the lock of an opened run without executing it; its plan is in its folder."""
    run.close()
    return run.plan


def read_run_plan(run_dir: Path) -> Plan:
    """Read the plan of a run folder, with its edits.

    Raises:
        UsageError: there is no plan, or its edits are invalid.
    """
    plan = read_plan(RunStore(run_dir).plan)
    if plan is None:
        raise no_run_error(run_dir)
    return plan


def choose_preview_frames(plan: Plan, count: int) -> frozenset[int]:
    """Choose at most ``count`` usable frames of a plan, evenly spaced.

    In a coherent film, frames that depend on the fewest others are preferred.

    Raises:
        UsageError: the count is below 1.
    """
    if count < 1:
        raise UsageError(f"the number of frames is {count}; it must be at least 1")
    usable = [frame.index for frame in plan.usable()]
    if plan.coherent:
        wanted = set(usable)
        spans = [s for s in FilmDependencies(plan).spans() if s.start in wanted]
        for starts in ({s.start for s in spans if s.independent}, {s.start for s in spans}):
            if len(starts) >= count:
                return frozenset(evenly_spaced(sorted(starts), count))
    return frozenset(evenly_spaced(usable, count))


def run_preview(
    run: Run, frames: Set[int], on_event: OnEvent = ignore
) -> tuple[RunResult, Path | None]:
    """Make some frames of an opened run, which keeps them, and show them on a sheet.

    Args:
        run: the run; its lock is released at the end.
        frames: indices of the frames.
        on_event: as for ``Run.execute``.

    Returns:
        The result, and the path of a sheet of the frames before and after, or None if no frame was
        made.

    Raises:
        The errors of ``Run.execute``.
    """
    part = run.only(frames)
    result = part.execute(on_event)
    failed = {index for index, _, _ in result.failed}
    output = outputs_of(run.config)[0]
    made = {
        frame.index: path
        for frame in part.plan.usable()
        if frame.index not in failed and (path := run.store.frame(output, frame.index)).is_file()
    }
    if not made:
        return result, None
    hidden = tempfile.TemporaryDirectory(
        prefix=TEMPORARY_PREFIX, dir=run.store.run_dir, ignore_cleanup_errors=True
    )
    with hidden as folder:
        before = frame_pictures(run.plan, run.store, made, Path(folder))
        shown = _converted(before, run.plan, Path(folder))
        pairs = [(shown[index], path) for index, path in made.items()]
        write_before_after(run.store.before_after, pairs)
    return result, run.store.before_after


def _converted(frames: dict[int, Path], plan: Plan, folder: Path) -> dict[int, Path]:
    """Return frames as people see them: those in a named colour space are converted to sRGB."""
    named = plan.named_space
    if named is None:
        return frames
    convert, shown = from_space(named.config, named.name), {}
    for index, path in frames.items():
        pixels = convert(read_stored(path, plan.white_balance))
        shown[index] = folder / f"shown-{index}.png"
        write_png(shown[index], np.clip(pixels, 0.0, 1.0))
    return shown
