"""Survey the references of a run, and place them and the amounts of their look at frames."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

from batch_analogy.config.amounts import parse_amounts
from batch_analogy.config.run import RunConfig
from batch_analogy.errors import UsageError
from batch_analogy.jobs.plan.fingerprints import (
    FileFingerprint,
    fingerprint_file,
    join_fingerprints,
)
from batch_analogy.jobs.plan.references import place_amounts, place_references
from batch_analogy.jobs.plan.run_plan import FramePlan, PlacedAmount, PlacedReference, Plan
from batch_analogy.media.sequence import find_stills
from batch_analogy.media.stills import read_still


@dataclass(frozen=True)
class ReferenceFiles:
    """A reference, or a folder of them."""

    path: Path
    fingerprints: Sequence[FileFingerprint]
    height: int  # px, of the first
    width: int

    def placed(
        self, frames: Sequence[FramePlan], fps: Fraction | None
    ) -> tuple[FileFingerprint, tuple[PlacedReference, ...]]:
        """Return the fingerprint of the reference, and the places of a folder of them.

        Args:
            frames: of the run.
            fps: of a video, whose frames may be named by times; None: they are stills.

        Raises:
            UsageError: the references cannot be placed, or lie among the frames.
        """
        if not self.path.is_dir():
            return self.fingerprints[0], ()
        placed = _place(self.fingerprints, frames, fps)
        return join_fingerprints(str(self.path), [one.fingerprint for one in placed]), placed


@dataclass(frozen=True)
class References:
    """The references of a run, and those for what lies outside its mask."""

    inside: ReferenceFiles
    outside: ReferenceFiles | None

    def plan_fields(self, frames: Sequence[FramePlan], fps: Fraction | None) -> dict[str, Any]:
        """Return the fields of ``Plan`` about references; arguments and errors as ``placed``."""
        reference, references = self.inside.placed(frames, fps)
        fields: dict[str, Any] = {
            "reference": reference,
            "references": references,
            "reference_height": self.inside.height,
            "reference_width": self.inside.width,
        }
        if self.outside is not None:
            fields["reference2"], fields["references2"] = self.outside.placed(frames, fps)
        return fields


def survey_references(config: RunConfig, previous: Plan | None) -> References:
    """Read the references of a run.

    Args:
        config: the run.
        previous: the plan in the run folder; files whose size and time have not changed are not
            hashed again.

    Raises:
        UsageError: a reference does not exist, or there may be only one.
        InputError: a reference cannot be read.
    """
    known = _known_fingerprints(previous)
    inside = _survey(config, config.reference, known)
    outside = None if config.reference2 is None else _survey(config, config.reference2, known)
    return References(inside, outside)


def amounts_of(
    name: str, config: RunConfig, frames: Sequence[FramePlan], fps: Fraction | None
) -> tuple[PlacedAmount, ...]:
    """Place the amounts of a setting; none if it is the default.

    Args:
        name: ``"strength"`` or ``"keep_colours"``.
        config: the run.
        frames: of the run.
        fps: as for ``ReferenceFiles.placed``.

    Raises:
        UsageError: they cannot be placed.
    """
    if name not in config.look_fields():
        return ()
    option = "--" + name.replace("_", "-")
    amounts = parse_amounts(option, getattr(config, name))
    return place_amounts(option, amounts, frames, fps)


def _known_fingerprints(previous: Plan | None) -> dict[str, FileFingerprint]:
    if previous is None:
        return {}
    fingerprints = [one.fingerprint for layer in previous.layers for one in layer]
    fingerprints += previous.video_files
    return {fingerprint.path: fingerprint for fingerprint in fingerprints}


def _survey(config: RunConfig, path: Path, known: dict[str, FileFingerprint]) -> ReferenceFiles:
    if not path.exists():
        if config.painting is not None:  # a painted picture serves as the reference
            raise UsageError(f"{path} does not exist; give a painted picture")
        raise UsageError(f"reference {path} does not exist; give a picture, or a folder of them")
    paths = [*map(Path, find_stills(str(path)))] if path.is_dir() else [path]
    if config.target != "frames" and len(paths) > 1:
        raise UsageError(
            f"there are {len(paths)} references in {path}, which fade into each other, but "
            f"--target {config.target} takes one picture; give only one"
        )
    fingerprints = [fingerprint_file(one, known) for one in paths]
    sizes = [read_still(one).shape[:2] for one in paths]  # decodes them, as every worker will
    return ReferenceFiles(path, fingerprints, int(sizes[0][0]), int(sizes[0][1]))


def _place(
    fingerprints: Sequence[FileFingerprint], frames: Sequence[FramePlan], fps: Fraction | None
) -> tuple[PlacedReference, ...]:
    """Place the references of a folder at their frames."""
    own = {os.path.basename(fingerprint.path): fingerprint for fingerprint in fingerprints}
    named = [frame for frame in frames if os.path.basename(frame.source) in own]
    folder = os.path.realpath(os.path.dirname(fingerprints[0].path))
    if folder in map(os.path.realpath, {os.path.dirname(frame.source) for frame in named}):
        raise UsageError(
            f"there are references and frames in {folder}; give the references their own folder"
        )
    paths = {Path(fingerprint.path): fingerprint for fingerprint in fingerprints}
    placed = place_references(list(paths), frames, fps)
    return tuple(PlacedReference(paths[path], frame) for frame, path in placed)
