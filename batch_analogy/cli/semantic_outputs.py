"""Outputs of ``semantic``: what is made with a trained network, and where."""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import TYPE_CHECKING

from batch_analogy.cli.options import general
from batch_analogy.cli.options.training import DetailChoice
from batch_analogy.output_claims import OutputClaims

if TYPE_CHECKING:
    from batch_analogy.cli.semantic_watcher import SemanticWatcher
    from batch_analogy.jobs.drive.driver import StopRequest
    from batch_analogy.jobs.semantic.apply import ApplyResult


@dataclass(frozen=True)
class SemanticOutputs:
    """Outputs to make with a model, checked before it is trained."""

    folder: Path
    targets: str
    maps: list[Path]
    paths: list[Path]
    film: Path | None
    fps: Fraction | None
    detail: bool
    output: Path
    overwrite: bool
    claims: OutputClaims

    @classmethod
    def planned(
        cls,
        folder: Path,
        targets: str,
        maps: list[Path],
        named: Path | None,
        name: str,
        *,
        fps: Fraction | None,
        detail: DetailChoice,
        overwrite: bool,
    ) -> SemanticOutputs:
        """Return the outputs: the ones ``named``, or a free place that begins with ``name``."""
        from batch_analogy.jobs.semantic.apply import (
            frames_folder,
            is_film,
            picture_paths,
            refuse_existing_outputs,
        )
        from batch_analogy.jobs.semantic.default_places import default_output, free_output

        targets = str(general.absolute(targets))
        output = (
            free_output(default_output(name, maps).absolute(), folder, targets)
            if named is None
            else general.absolute(named)
        )
        paths = picture_paths(output, maps, frames_folder(folder, output))
        film = output if is_film(output) else None
        claims = OutputClaims()
        claims.claim([film] if film else paths)
        refuse_existing_outputs(output, paths, overwrite=overwrite)
        patches = detail == "patches"
        return cls(folder, targets, maps, paths, film, fps, patches, output, overwrite, claims)

    def apply(self, watcher: SemanticWatcher, stop: StopRequest) -> ApplyResult:
        from batch_analogy.jobs.semantic.apply import DEFAULT_FPS, apply_maps
        from batch_analogy.jobs.semantic.model_files import load_model
        from batch_analogy.jobs.semantic.written_files import record_written

        applied = apply_maps(
            load_model(self.folder),
            self.maps,
            self.paths,
            film=self.film,
            fps=self.fps or DEFAULT_FPS,
            detail=self.detail,
            on_event=watcher,
            stopped=lambda: stop.requested,
            claims=self.claims,
        )
        if self.folder.is_dir():
            record_written(
                self.folder,
                self.output,
                applied.pictures,
                targets=self.targets,
                whole=not applied.interrupted,
                overwrite=self.overwrite,
            )
        return applied
