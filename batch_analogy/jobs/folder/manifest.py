"""run.json: the resolved configuration of a run and what it was made with."""

from __future__ import annotations

import dataclasses
import platform
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from importlib import metadata
from pathlib import Path
from typing import Any

from batch_analogy import __version__
from batch_analogy.config.matching import AnalogyConfig
from batch_analogy.config.painting import PaintConfig
from batch_analogy.config.run import ExecutionConfig, RunConfig
from batch_analogy.errors import PlanChangedError
from batch_analogy.jobs.plan.run_plan import Plan

_PACKAGES = ("torch", "numpy", "numba", "ray", "pillow", "opencv-python-headless")


SEMANTIC = "semantic"
"""The command in run.json of a training, which is no run of frames."""


@dataclass(frozen=True)
class Manifest:
    """What run.json holds that is read back."""

    run_id: str  # new with every driver, so that orphaned workers notice
    config: RunConfig


def new_run_id() -> str:
    """A name that no other driver's run has."""
    return uuid.uuid4().hex


def config_to_json(config: RunConfig) -> dict[str, Any]:
    """Plain JSON values that ``config_from_json`` restores."""
    values = dataclasses.asdict(config)
    for name in ("reference", "output", "run_dir"):
        values[name] = str(values[name])
    values["fps"] = None if config.fps is None else str(config.fps)
    return values


def config_from_json(values: dict[str, Any]) -> RunConfig:
    """Restore a configuration.

    Raises:
        PlanChangedError: it was written by another version or is damaged.
    """
    try:
        fields = dict(values)
        for name in ("reference", "output", "run_dir"):
            fields[name] = Path(fields[name])
        fields["fps"] = None if fields["fps"] is None else Fraction(fields["fps"])
        fields["analogy"] = AnalogyConfig(**fields["analogy"])
        fields["execution"] = ExecutionConfig(**fields["execution"])
        if fields.get("painting") is not None:
            fields["painting"] = PaintConfig(**fields["painting"])
        return RunConfig(**fields)
    except (KeyError, TypeError, ValueError) as error:
        raise PlanChangedError(
            f"the run's configuration cannot be read ({error}); it was made by another version "
            "of batch-analogy: start afresh with --overwrite, or use that version"
        ) from error


def manifest_to_json(manifest: Manifest, plan: Plan) -> dict[str, Any]:
    """The whole of run.json; what is not restored is for people and for later comparison."""
    config = manifest.config
    return {
        "run_id": manifest.run_id,
        "config": config_to_json(config),
        "versions": versions(),
        "seeds": {"run": config.analogy.seed},
        "hashes": {
            "plan": plan.plan_hash,
            "pixels": config.pixel_hash(),
            "weights_sha256": plan.weights_sha256,
            "reference_blake2b": plan.reference.blake2b,
            "video_blake2b": plan.video.blake2b if plan.video else None,
        },
    }


def plan_hash_of(values: Mapping[str, Any]) -> str | None:
    """The hash of the plan that frames were last made by, as run.json has it; None: it has none."""
    hashes = values.get("hashes")
    found = hashes.get("plan") if isinstance(hashes, dict) else None
    return found if isinstance(found, str) else None


def manifest_from_json(values: dict[str, Any]) -> Manifest:
    """Restore what is needed from run.json.

    Raises:
        PlanChangedError: it was written by another version or is damaged.
    """
    if values.get("command") == SEMANTIC:
        raise PlanChangedError(
            "the folder holds a training of batch-analogy semantic; give that command again to go "
            "on with it, or name another folder"
        )
    if not isinstance(values.get("run_id"), str) or not isinstance(values.get("config"), dict):
        raise PlanChangedError("run.json is damaged; start afresh with --overwrite")
    return Manifest(values["run_id"], config_from_json(values["config"]))


def versions() -> dict[str, str]:
    """Versions of this package and of those that touch the pixels."""
    found = {"batch-analogy": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue  # opencv may be installed under another distribution's name
    return found
