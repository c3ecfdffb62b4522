"""Plan a run without writing anything, and refuse what the run itself would refuse."""

from __future__ import annotations

from batch_analogy.analogy.features.weights import resolve_weights
from batch_analogy.config.run import RunConfig
from batch_analogy.errors import PlanChangedError
from batch_analogy.jobs.drive.film_outputs import check_outputs, check_times
from batch_analogy.jobs.drive.pool_choice import check_workers
from batch_analogy.jobs.drive.run_settings import (
    absolute_config,
    plan_reporter,
    read_previous,
    resolved_config,
)
from batch_analogy.jobs.events import OnEvent, ignore
from batch_analogy.jobs.folder.journal import read_history
from batch_analogy.jobs.plan.growth import carry_edits, find_growth, keep_choices
from batch_analogy.jobs.plan.plan_changes import check_continues
from batch_analogy.jobs.plan.plan_file import keep_edits
from batch_analogy.jobs.plan.run_plan import Plan
from batch_analogy.jobs.plan.scan import scan_frames
from batch_analogy.jobs.plan.survey import make_plan
from batch_analogy.jobs.plan.survey_painting import with_painting
from batch_analogy.jobs.plan.survey_regions import with_region
from batch_analogy.jobs.plan.video_source import guess_video
from batch_analogy.jobs.store import RunStore


def dry_plan(config: RunConfig, *, overwrite: bool = False, on_event: OnEvent = ignore) -> Plan:
    """Plan a run without writing anything; a video's frames are counted by its header.

    Edits of a plan that is already in the run folder are applied.

    Args:
        config: the run.
        overwrite: as for ``open_run``.
        on_event: called with the progress of reading the input.

    Raises:
        The errors of ``open_run``, except that a run may be going on.
    """
    config = absolute_config(config)
    check_workers(config.execution)
    weights, store = resolve_weights(config.weights), RunStore(config.run_dir)
    store.check_usable()
    manifest, previous = read_previous(store, overwrite=overwrite)
    config = resolved_config(config, manifest)
    check_outputs(config, store, overwrite=overwrite)
    plan = make_plan(
        config,
        weights=weights,
        video=guess_video(config),
        previous=previous,
        on_frame=plan_reporter(on_event),
    )
    check_times(config, plan)
    plan = with_region(with_painting(plan, config, previous), config, previous)
    if previous is None:
        return scan_frames(plan, config, store, None, on_event)
    plan = keep_choices(plan, previous)
    done, moves = set(read_history(store.journal).done), None
    try:
        check_continues(previous, plan, done=done, look=not overwrite)
    except PlanChangedError:
        moves = find_growth(previous, plan, done=done, overwrite=overwrite)
        if moves is None and not overwrite:
            raise
        if moves is None:
            return scan_frames(plan, config, store, None, on_event)
    plan = scan_frames(plan, config, store, previous, on_event)
    if moves is not None:
        return carry_edits(plan, previous, moves, deflickered=config.deflicker != "off")
    return keep_edits(plan, previous) if len(previous.frames) == len(plan.frames) else plan
