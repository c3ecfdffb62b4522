"""``run.json``: the resolved configuration of a run and what it was made with."""

from __future__ import annotations

import json
import platform
import uuid
from importlib import metadata
from pathlib import Path
from typing import Any

import msgspec

from batch_analogy import __version__
from batch_analogy.config.run import RunConfig
from batch_analogy.errors import PlanChangedError
from batch_analogy.jobs.plan.run_plan import Plan
from batch_analogy.json_files import from_plain, read_json, read_struct, to_plain, write_json

MANIFEST_FORMAT = 3
SEMANTIC = "semantic"
"""The command in the ``run.json`` of a training, which is not a run of frames."""

_PACKAGES = ("torch", "numpy", "numba", "ray", "pillow", "opencv-python-headless")


class Hashes(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Hashes of everything that the frames were last made with."""

    plan: str
    pixels: str
    weights_sha256: str
    reference_blake2b: str
    video_blake2b: str | None


class Manifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of ``run.json``."""

    format: int = MANIFEST_FORMAT
    run_id: str  # new with every driver, so that orphaned workers notice
    config: RunConfig
    versions: dict[str, str]  # of the packages that determine pixels
    seed: int
    hashes: Hashes


def new_run_id() -> str:
    """Return a new unique run id."""
    return uuid.uuid4().hex


def new_manifest(run_id: str, config: RunConfig, plan: Plan) -> Manifest:
    """Return the content of ``run.json`` for a run."""
    return Manifest(
        run_id=run_id,
        config=config,
        versions=versions(),
        seed=config.analogy.seed,
        hashes=Hashes(
            plan=plan.plan_hash,
            pixels=config.pixel_hash(),
            weights_sha256=plan.weights_sha256,
            reference_blake2b=plan.reference.blake2b,
            video_blake2b=plan.video.blake2b if plan.video else None,
        ),
    )


def write_manifest(path: Path, manifest: Manifest) -> None:
    """Write ``run.json``.

    Raises:
        OutputDiskError: the disk is full or may not be written to.
    """
    write_json(path, to_plain(manifest))


def read_manifest(path: Path) -> Manifest | None:
    """Read ``run.json``; return None if there is no such file.

    Raises:
        PlanChangedError: another version wrote it, it is damaged, or it is of a training.
        UsageError: it is not JSON.
    """
    values = read_json(path) or {}
    if values.get("command") == SEMANTIC:
        raise PlanChangedError(
            f"{path.parent} contains a training of batch-analogy semantic; give that command again "
            "to go on with it, or name another folder"
        )
    return read_struct(
        path,
        lambda data: from_plain(json.loads(data), Manifest),
        version=MANIFEST_FORMAT,
        remedy=_remedy(values),
        damaged=PlanChangedError,
    )


def _remedy(values: dict[str, Any]) -> str:
    found = values.get("versions")
    writer = found.get("batch-analogy") if isinstance(found, dict) else None
    if writer in (None, __version__):
        return "start afresh with --overwrite, or use the version of batch-analogy that wrote it"
    return (
        f"batch-analogy {writer} wrote it and this is {__version__}: use that version, or start "
        "afresh with the run's first command and --overwrite"
    )


def describe_other_versions(manifest: Manifest) -> str:
    """Describe the packages that determine pixels and now have other versions, or return ""."""
    now = versions()
    changed = [
        f"{name} {before} (now {now[name]})"
        for name, before in manifest.versions.items()
        if name in _PACKAGES and name != "ray" and now.get(name, before) != before
    ]
    return ", ".join(changed)


def versions() -> dict[str, str]:
    """Return the versions of this package and of those that determine pixels."""
    found = {"batch-analogy": __version__, "python": platform.python_version()}
    for package in _PACKAGES:
        try:
            found[package] = metadata.version(package)
        except metadata.PackageNotFoundError:
            continue  # opencv may be installed under another distribution's name
    return found
