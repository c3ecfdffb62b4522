"""What can be done with a run before its night: writing its plan, and trying a few frames."""

from __future__ import annotations

from collections.abc import Set
from pathlib import Path

from batch_analogy.errors import UsageError
from batch_analogy.jobs.drive.execute import Run, RunResult
from batch_analogy.jobs.events import OnEvent, ignore
from batch_analogy.jobs.folder.preview_pictures import spread, write_before_after
from batch_analogy.jobs.plan.film_dependencies import FilmDependencies
from batch_analogy.jobs.plan.plan_file import read_plan
from batch_analogy.jobs.plan.run_plan import Plan
from batch_analogy.jobs.store import RunStore, outputs_of


def close_as_planned(run: Run) -> Plan:
    """Release the lock of an opened run without executing it; its folder has its plan."""
    run.close()
    return run.plan


def plan_of(run_dir: Path) -> Plan:
    """The plan that a run folder holds, with edits that somebody made.

    Raises:
        UsageError: it holds none, or the edits make no sense.
    """
    plan = read_plan(RunStore(run_dir).plan)
    if plan is None:
        raise UsageError(f"{run_dir} holds no plan; give the run folder of a timelapse or stylize")
    return plan


def choose_preview_frames(plan: Plan, count: int) -> frozenset[int]:
    """At most ``count`` frames of a plan that can be tried, evenly spread.

    In a steady film those are preferred that are made from fewest others.

    Raises:
        UsageError: the count is below 1.
    """
    if count < 1:
        raise UsageError(f"{count} frames make no preview; give at least 1")
    usable = [frame.index for frame in plan.usable()]
    if plan.coherent:
        wanted = set(usable)
        spans = [s for s in FilmDependencies(plan).anchors() if s.start in wanted]
        for few in ({s.start for s in spans if s.begins}, {s.start for s in spans}):
            if len(few) >= count:
                return frozenset(spread(sorted(few), count))
    return frozenset(spread(usable, count))


def rehearse(
    run: Run, frames: Set[int], on_event: OnEvent = ignore
) -> tuple[RunResult, Path | None]:
    """Do some frames of an opened run, which the run then need not do, and show them.

    Args:
        run: the run; its lock is given back at the end.
        frames: which frames.
        on_event: as for ``Run.execute``.

    Returns:
        How it ended, and a sheet of the frames before and after, if any was done.

    Raises:
        As ``Run.execute``.
    """
    few = run.only(frames)
    result = few.execute(on_event)
    failed = {index for index, _, _ in result.failed}
    output = outputs_of(run.config)[0]
    pairs = [
        (Path(frame.source), path)
        for frame in few.plan.usable()
        if frame.index not in failed and (path := run.store.frame(output, frame.index)).is_file()
    ]
    if not pairs:
        return result, None
    write_before_after(run.store.before_after, pairs)
    return result, run.store.before_after
