"""Open a run, from a configuration or from its folder.

``open_run`` locks the run folder, reads the input and compares it with the plan in the folder.
``Run.execute`` then makes the frames that are left, and the films. Running the same command again
continues, whatever happened before.
"""

from __future__ import annotations

import dataclasses
import logging
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import msgspec

from batch_analogy.analogy.features.weights import WeightsFile, resolve_weights
from batch_analogy.config.painting import PaintedKeyframe
from batch_analogy.config.run import RunConfig
from batch_analogy.errors import JobError, UsageError
from batch_analogy.jobs.drive import resume
from batch_analogy.jobs.drive.dry_plan import dry_plan
from batch_analogy.jobs.drive.execute import Run, RunResult, dependencies_of
from batch_analogy.jobs.drive.film_outputs import (
    check_outputs,
    check_times,
    fields_for,
    films_of,
)
from batch_analogy.jobs.drive.film_records import (
    forget_unreadable,
    identify_output,
    remove_numbered_pictures,
    remove_unfinished,
)
from batch_analogy.jobs.drive.gone_inputs import check_inputs
from batch_analogy.jobs.drive.pool_choice import check_workers
from batch_analogy.jobs.drive.rearrange import accept_input, finish_rearranging, rearrange
from batch_analogy.jobs.drive.resume import Retry
from batch_analogy.jobs.drive.run_settings import (
    absolute_config,
    plan_reporter,
    read_config,
    read_previous,
    resolved_config,
    with_keys,
)
from batch_analogy.jobs.events import OnEvent, ignore
from batch_analogy.jobs.folder.journal import Journal, read_history
from batch_analogy.jobs.folder.manifest import (
    Manifest,
    describe_other_versions,
    new_manifest,
    new_run_id,
    write_manifest,
)
from batch_analogy.jobs.folder.planning_status import PlanningStatus, earlier_status
from batch_analogy.jobs.folder.run_status import RunStatus, read_status
from batch_analogy.jobs.plan.growth import carry_edits, keep_choices
from batch_analogy.jobs.plan.kept_videos import keep_video
from batch_analogy.jobs.plan.plan_file import keep_edits, read_plan, write_plan
from batch_analogy.jobs.plan.run_plan import Plan
from batch_analogy.jobs.plan.scan import scan_frames
from batch_analogy.jobs.plan.survey import make_plan
from batch_analogy.jobs.plan.survey_painting import with_painting
from batch_analogy.jobs.plan.survey_regions import with_region
from batch_analogy.jobs.plan.video_source import ensure_video_frames, open_video
from batch_analogy.jobs.store import RunStore
from batch_analogy.output_claims import OutputClaims

__all__ = [
    "Run",
    "RunResult",
    "RunStatus",
    "dry_plan",
    "load_run",
    "open_run",
    "read_config",
    "read_status",
]


_log = logging.getLogger(__name__)


def open_run(
    config: RunConfig,
    *,
    overwrite: bool = False,
    again: Retry | None = None,
    on_event: OnEvent = ignore,
) -> Run:
    """Plan a run, or continue the one in its folder; the folder is locked afterwards.

    Args:
        config: the run. Relative paths are made absolute, ``"auto"`` precision is resolved.
        overwrite: frames made with another configuration or of another input are deleted, and
            an output that the run did not make is replaced. Frames of an equal plan are kept.
        again: frames to be made again, even if they are finished.
        on_event: called with the progress of reading the input.

    Raises:
        UsageError: the source does not exist, the plan has changed or has invalid edits,
            or an output exists or can never be written.
        InputError: the input cannot be used.
        RunLockedError: another driver works in the folder, or makes the same film.
        WeightsError: the weights are missing.
        OutputDiskError: the run folder cannot be written to.
    """
    config = absolute_config(config)
    check_workers(config.execution)
    weights = resolve_weights(config.weights)
    store = RunStore(config.run_dir)
    store.open()
    status = PlanningStatus(store, config)
    claims = _claims_of(config)
    try:
        status.write()
        claims.claim(path for film in films_of(config) for path in film.paths)
        return _open_locked(
            config,
            weights,
            store,
            status,
            claims,
            overwrite=overwrite,
            again=again,
            on_event=status.listen(on_event),
        )
    except BaseException:
        status.restore()
        claims.release()
        store.discard_empty()
        store.close()
        raise


def load_run(
    run_dir: Path,
    *,
    changes: Mapping[str, Any] | None = None,
    again: Retry | None = None,
    keys: Sequence[PaintedKeyframe] = (),
    on_event: OnEvent = ignore,
) -> Run:
    """Open the run in a folder, as ``resume`` does.

    Args:
        run_dir: the folder; it may have been moved.
        changes: new values of fields of its ``ExecutionConfig``.
        again: as for ``open_run``.
        keys: painted frames, which a painted run follows too from now on.
        on_event: as for ``open_run``.

    Raises:
        UsageError: there is no run in the folder, or its input is gone; otherwise as ``open_run``.
    """
    config, store = read_config(run_dir), RunStore(run_dir)
    check_inputs(config, read_previous(store, overwrite=False)[1], store)
    execution = dataclasses.replace(config.execution, **(changes or {}))
    config = dataclasses.replace(config, execution=execution)
    if keys:
        config = with_keys(config, read_plan(RunStore(run_dir).plan), keys)
    return open_run(config, again=again, on_event=on_event)


def _open_locked(
    config: RunConfig,
    weights: WeightsFile,
    store: RunStore,
    status: PlanningStatus,
    claims: OutputClaims,
    *,
    overwrite: bool,
    again: Retry | None,
    on_event: OnEvent,
) -> Run:
    finish_rearranging(store)
    manifest, previous = read_previous(store, overwrite=overwrite)
    other_versions = describe_other_versions(manifest) if manifest else ""
    run_id = _take_over(store, manifest) if manifest else new_run_id()
    config = resolved_config(config, manifest)
    remove_unfinished(store)
    check_outputs(config, store, overwrite=overwrite)
    if overwrite:
        forget_unreadable(store)
    plan = make_plan(
        config,
        weights=weights,
        video=open_video(config, store, previous, overwrite=overwrite, on_event=on_event),
        previous=previous,
        on_frame=plan_reporter(on_event),
    )
    check_times(config, plan)
    plan = with_region(with_painting(plan, config, previous), config, previous)
    moves = None
    if previous is not None:
        plan = keep_choices(plan, previous)
        continues, moves = accept_input(store, previous, plan, overwrite=overwrite)
        manifest = manifest if continues else None
    plan = scan_frames(plan, config, store, previous, on_event)
    if previous is not None and moves is not None:
        plan = carry_edits(plan, previous, moves, deflickered=config.deflicker != "off")
        on_event(rearrange(store, previous, plan, moves, config))
    elif previous is not None and manifest is not None:
        plan = keep_edits(plan, previous)
        if manifest.hashes.plan != previous.plan_hash:  # it was edited
            resume.delete_unjournaled(store, plan, read_history(store.journal).done.keys())
    if manifest is None:
        remove_numbered_pictures(store)
        claims.renew()
        store.clear()
        status.begin_afresh()
    manifest = new_manifest(run_id, config, plan)
    write_plan(store.plan, plan)
    write_manifest(store.manifest, manifest)
    state = _reconciled(config, store, plan, again)
    if state.done and state.to_do and other_versions:
        _log.warning(
            "the finished frames were made with %s; those that are left may differ a little. "
            "Install those versions to keep all alike",
            other_versions,
        )
    if state.to_do:
        ensure_video_frames(plan, store, on_event)
    if config.keep_audio:
        keep_video(plan, store)
    return Run(manifest, store, plan, state, status_before=status.before, claims=claims)


def _reconciled(
    config: RunConfig, store: RunStore, plan: Plan, again: Retry | None
) -> resume.ResumeState:
    """Compare the journal with the plan and the disk, after forgetting what is retried."""
    with Journal(store.journal) as journal:
        if again is not None:
            resume.forget_frames(store, plan, journal, config, again)
        history, dependencies = read_history(store.journal), dependencies_of(plan, store)
        return resume.reconcile(store, plan, history, journal, config, dependencies)


def _claims_of(config: RunConfig) -> OutputClaims:
    return OutputClaims(
        identify_output,
        remedy="the finished frames are kept; make another film of them, or replace that one with "
        f"--overwrite: batch-analogy assemble {shlex.quote(str(config.run_dir))} -o FILM",
    )


def _take_over(store: RunStore, manifest: Manifest) -> str:
    """Keep workers of earlier drivers from writing; they may not know yet that theirs is gone.

    This must come first. If the input of a frame has changed, this driver deletes the frame. If an
    old worker then wrote it once more, it would be taken for a finished one.

    Returns:
        The run's new id.
    """
    run_id = new_run_id()
    write_manifest(store.manifest, msgspec.structs.replace(manifest, run_id=run_id))
    return run_id


def load_finished(
    run_dir: Path, *, overwrite: bool = False, output: Path | None = None, **film: Any
) -> Run:
    """Open the run in a folder to make a film of the frames that are finished, and nothing else.

    The input is not needed.

    Args:
        run_dir: the folder.
        overwrite: as for ``open_run``.
        output: another film; None: the run's own film is made again.
        film: new values of ``fps``, ``hold``, ``blend``, ``codec``, ``depth``, ``crf``,
            ``film_size``, ``film_fit``, ``on_missing``, ``keep_audio``, ``sound_tracks``,
            ``music``, ``music_fade``, ``chapters``, ``poster``, ``timeline``, ``text``,
            ``text_place``, ``text_size`` or ``text_font``; the run keeps them if ``output`` is
            None.

    Raises:
        UsageError: there is no run in the folder, or the output exists or can never be written.
        JobError: no frame is finished.
        RunLockedError: a driver works in the folder.
    """
    begun = read_config(run_dir)
    if film.get("music") is not None:  # one takes the place of the other
        film.setdefault("keep_audio", False)
    elif film.get("keep_audio"):
        film.setdefault("music", None)
    if output is not None:
        film = {**fields_for(begun, output, film), "output": output, **film}
    config = absolute_config(dataclasses.replace(begun, **film))
    store = RunStore(run_dir)
    store.open()
    claims = _claims_of(config)
    try:
        claims.claim(path for film in films_of(config) for path in film.paths)
        run = _open_finished(config, store, claims, overwrite=overwrite, keep=output is None)
    except BaseException:
        claims.release()
        store.close()
        raise
    return run if output is None else run.keeping_status()


def _open_finished(
    config: RunConfig, store: RunStore, claims: OutputClaims, *, overwrite: bool, keep: bool
) -> Run:
    """Open the run in a locked folder without frames to make; ``keep`` its new configuration."""
    finish_rearranging(store)
    manifest, plan = read_previous(store, overwrite=False)
    if manifest is None or plan is None:
        raise UsageError(f"there is no run in {store.run_dir} any more")
    check_outputs(config, store, overwrite=overwrite)
    if overwrite:
        forget_unreadable(store)
    plan = msgspec.structs.replace(plan, fps=config.fps or plan.fps)
    check_times(config, plan)
    manifest = new_manifest(manifest.run_id, config, plan)
    with Journal(store.journal) as journal:
        history = read_history(store.journal)
        state = resume.reconcile(store, plan, history, journal, config)
    if not state.done:
        raise JobError(
            f"no frame of the run in {store.run_dir} is finished, so there is nothing to make a "
            "film of; make some first: batch-analogy resume"
        )
    if keep:
        write_plan(store.plan, plan)
        write_manifest(store.manifest, manifest)
    state = dataclasses.replace(state, to_do=set())
    before = earlier_status(store)
    return Run(manifest, store, plan, state, status_before=before, claims=claims)
