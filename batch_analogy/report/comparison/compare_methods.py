"""Run several methods on one picture and its target maps, measure the results, and show them.

All methods work at one size, from the same picture and the same classes. Each picture is saved as
soon as it is made, so an interrupted comparison can be resumed.
"""

from __future__ import annotations

import contextlib
import dataclasses
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from batch_analogy import __version__
from batch_analogy.analogy.features.vgg import Vgg19, load_network
from batch_analogy.analogy.features.weights import resolve_weights
from batch_analogy.analogy.semantic.model import SemanticModel
from batch_analogy.errors import OutputExistsError, UsageError
from batch_analogy.files import atomic_write_text, disk_errors, hash_file
from batch_analogy.jobs.semantic.events import OnSemanticEvent, ignore
from batch_analogy.jobs.semantic.model_files import load_model
from batch_analogy.jobs.semantic.training import TrainJob, train
from batch_analogy.json_files import read_json, write_json
from batch_analogy.media.stills import read_still, to_uint8, write_png
from batch_analogy.report.comparison.inputs import (
    CompareJob,
    ComparisonInputs,
    check_model,
    prepare,
)
from batch_analogy.report.comparison.methods import (
    TITLES,
    TRAINED,
    Maker,
    deep_maker,
    network_maker,
    numbers_maker,
    semantic_maker,
)
from batch_analogy.report.comparison.page import COMPARED_METRICS, comparison_page
from batch_analogy.report.comparison.results_folder import (
    AGAIN,
    FORMAT,
    Comparison,
    ComparisonFolder,
    read_comparison,
)
from batch_analogy.report.comparison.source_metrics import Classes, SourceMetrics, metrics_as_json
from batch_analogy.report.sheets import side_by_side

_DIGITS = 3


@dataclass(frozen=True)
class PictureMade:
    """Event: a method made a picture, or had made it earlier (``seconds`` is None)."""

    method: str
    case: str
    done: int
    total: int
    seconds: float | None


OnPicture = Callable[[PictureMade], None]


@dataclass
class _Progress:
    """Pictures made so far, saved in the folder's ``progress.json``."""

    path: Path
    identity: Mapping[str, Any]
    seconds: dict[str, dict[str, float | None]] = field(default_factory=dict)

    def note(self, method: str, case: str, seconds: float | None) -> None:
        self.seconds.setdefault(method, {})[case] = seconds
        self.write()

    def write(self) -> None:
        write_json(self.path, {"identity": self.identity, "seconds": self.seconds})


def compare(
    job: CompareJob,
    *,
    on_picture: OnPicture = lambda made: None,
    on_training: OnSemanticEvent = ignore,
    stopped: Callable[[], bool] = lambda: False,
) -> Comparison | None:
    """Run a comparison, or resume one.

    Args:
        job: inputs, methods and settings.
        on_picture: called after each picture. on_training: called with training events.
        stopped: called between pictures and while training; stops once it returns True.

    Returns:
        The comparison; None if it was stopped.

    Raises:
        UsageError: the model was trained on another picture or at another size.
        OutputExistsError: the folder contains another comparison.
        InputError: a picture or map cannot be used, or a folder of results lacks a picture.
        WeightsError: the weights are missing.
        OutputDiskError: the disk is full, or the user may not write there.
    """
    model = None if job.model is None else load_model(job.model, job.device)
    size = job.config.size if model is None else model.config.size
    prepared = prepare(job, size)
    if model is not None:
        check_model(job, model)
    folder = ComparisonFolder(job.folder)
    progress = _open_folder(job, folder, size)
    _write_inputs(folder, prepared)
    network = load_network(resolve_weights(job.weights), job.device)
    work = _Work(job, folder, prepared, progress, network, model)
    if not work.make_all(on_picture, on_training, stopped):
        return None
    return work.measure_all(size)


class _Work:
    """Make and measure the pictures of a comparison."""

    def __init__(
        self,
        job: CompareJob,
        folder: ComparisonFolder,
        prepared: ComparisonInputs,
        progress: _Progress,
        network: Vgg19,
        model: SemanticModel | None,
    ) -> None:
        self._job, self._folder, self._prepared = job, folder, prepared
        self._progress, self._network = progress, network
        self._model = model

    @property
    def _names(self) -> tuple[str, ...]:
        return (*self._job.methods, *self._prepared.elsewhere)

    def make_all(
        self,
        on_picture: OnPicture,
        on_training: OnSemanticEvent,
        stopped: Callable[[], bool],
    ) -> bool:
        """Make the missing pictures; return False if stopped."""
        done, total = 0, len(self._names) * len(self._prepared.maps)
        for method in self._names:
            maker: Maker | None = None
            for case, classes in self._prepared.maps.items():
                if stopped():
                    return False
                seconds = None
                if not self._is_made(method, case):
                    if maker is None and method in TITLES:
                        maker = self._maker(method, on_training, stopped)
                        if maker is None:
                            return False
                    seconds = self._make(method, case, classes, maker)
                done += 1
                on_picture(PictureMade(method, case, done, total, seconds))
        return True

    def _is_made(self, method: str, case: str) -> bool:
        known = case in self._progress.seconds.get(method, {})
        return known and self._folder.picture(method, case).is_file()

    def _maker(
        self,
        method: str,
        on_training: OnSemanticEvent,
        stopped: Callable[[], bool],
    ) -> Maker | None:
        """Return a method's maker, training a model if needed; None if training was stopped."""
        source, seed = self._prepared.source, self._job.config.seed
        if method == "numbers":
            return numbers_maker(source, seed=seed)
        if method == "deep":
            return deep_maker(source, self._network, seed=seed)
        if self._model is None:
            trained = train(
                TrainJob(
                    picture=self._job.image,
                    label=self._job.label,
                    folder=self._folder.model,
                    config=self._job.config,
                    weights=self._job.weights,
                    device=self._job.device,
                    overwrite=self._job.overwrite,
                ),
                on_event=on_training,
                stopped=stopped,
            )
            if trained.ending == "interrupted":
                return None
            self._model = load_model(self._folder.model, self._job.device)
        makers = {"semantic": semantic_maker, "network": network_maker}
        return makers[method](self._model)

    def _make(self, method: str, case: str, classes: Classes, maker: Maker | None) -> float | None:
        """Make and write a picture; return the seconds it took, None for an external result."""
        seconds = None
        if maker is None:
            pixels = self._prepared.elsewhere[method][case]
        else:
            started = time.perf_counter()
            made = maker(classes)[0].permute(1, 2, 0).cpu().numpy()
            seconds = round(time.perf_counter() - started, _DIGITS)
            pixels = np.ascontiguousarray(made)
        write_png(self._folder.picture(method, case), pixels)
        self._progress.note(method, case, seconds)
        return seconds

    def measure_all(self, size: int) -> Comparison:
        """Measure all pictures and write the results."""
        source, folder = self._prepared.source, self._folder
        measures = SourceMetrics(self._network, read_still(folder.source), source.classes)
        cases = []
        for case, classes in self._prepared.maps.items():
            found = {m: measures(read_still(folder.picture(m, case)), classes) for m in self._names}
            figures: dict[str, Any] = {
                method: {**metrics_as_json(value), "seconds": self._progress.seconds[method][case]}
                for method, value in found.items()
            }
            cases.append({"name": case, "figures": figures})
            self._write_sheet(case)
        values = {
            "format": FORMAT,
            "version": __version__,
            "image": str(self._job.image),
            "label": str(self._job.label),
            "colours": list(source.palette.names),
            "size": size,
            "training": self._training(),
            "methods": {name: {"title": title_of(name)} for name in self._names},
            "source_accuracy": round(measures.source_accuracy(), 6),
            "summary": {name: _means(cases, name) for name in self._names},
            "cases": cases,
        }
        write_json(folder.values, values)
        comparison = read_comparison(folder.root)
        atomic_write_text(folder.page, comparison_page(comparison))
        return comparison

    def _training(self) -> Mapping[str, Any] | None:
        if not TRAINED & set(self._job.methods):
            return None
        return {"model": str(self._job.model or self._folder.model)}

    def _write_sheet(self, case: str) -> None:
        folder = self._folder
        shown = {"picture": folder.source, "new map": folder.map(case)}
        shown |= {name: folder.picture(name, case) for name in self._names}
        pictures = [to_uint8(read_still(path)) for path in shown.values()]
        write_png(folder.sheet(case), side_by_side(pictures, list(shown)))


def title_of(name: str) -> str:
    """Return a method's full title; external results have only their name."""
    return {str(method): title for method, title in TITLES.items()}.get(name, name)


def _means(cases: Sequence[Mapping[str, Any]], method: str) -> dict[str, float | None]:
    """Average each metric over the cases that have it."""
    means: dict[str, float | None] = {}
    for metric in COMPARED_METRICS:
        values = [case["figures"][method][metric.key] for case in cases]
        known = [value for value in values if value is not None]
        means[metric.key] = round(float(np.mean(known)), 6) if known else None
    return means


def _open_folder(job: CompareJob, folder: ComparisonFolder, size: int) -> _Progress:
    """Open the folder and return its progress; raise OutputExistsError if it has other contents."""
    identity = {
        "inputs": [hash_file(path) for path in (job.image, job.label, *job.targets)],
        "maps": [path.stem for path in job.targets],
        "size": size,
        "config": dataclasses.asdict(job.config) if job.model is None else None,
        "model": None if job.model is None else str(job.model),
        "seed": job.config.seed,
        "weights": job.weights,
        "elsewhere": [[name, str(path)] for name, path in job.elsewhere],
    }
    kept = _read_progress(folder, overwrite=job.overwrite)
    if kept.get("identity") == identity and not job.overwrite:
        return _Progress(folder.progress, identity, kept["seconds"])
    occupied = folder.root.exists() and (not folder.root.is_dir() or any(folder.root.iterdir()))
    if occupied and not job.overwrite:
        raise OutputExistsError(
            f"output {folder.root} contains something else, or a comparison of other pictures or "
            "settings; choose another folder with -o, or replace it with --overwrite"
        )
    with disk_errors(folder.root):
        folder.root.mkdir(parents=True, exist_ok=True)
        _remove_made(folder, kept)
    progress = _Progress(folder.progress, identity)
    progress.write()  # marks the folder as this comparison's
    return progress


def _read_progress(folder: ComparisonFolder, *, overwrite: bool) -> Mapping[str, Any]:
    """Read the folder's progress file; a damaged one counts as empty if it is to be replaced."""
    try:
        return read_json(folder.progress, remedy=AGAIN) or {}
    except UsageError:
        if not overwrite:
            raise
        return {}


def _remove_made(folder: ComparisonFolder, kept: Mapping[str, Any]) -> None:
    """Delete the files that an earlier comparison noted, and nothing else."""
    made = kept.get("seconds") or {}
    cases = {*(kept.get("identity") or {}).get("maps", ()), *(c for m in made.values() for c in m)}
    pictures = [folder.picture(method, case) for method, done in made.items() for case in done]
    per_case = [path_of(case) for case in cases for path_of in (folder.map, folder.sheet)]
    for path in [*pictures, *per_case, folder.values, folder.page]:
        if path.is_relative_to(folder.root) and ".." not in path.parts:
            path.unlink(missing_ok=True)
    for method in made:
        with contextlib.suppress(OSError):  # it has other files, or does not exist
            (folder.root / "pictures" / method).rmdir()


def _write_inputs(folder: ComparisonFolder, prepared: ComparisonInputs) -> None:
    source = prepared.source
    write_png(folder.source, source.image[0].permute(1, 2, 0).cpu().numpy())
    write_png(folder.label, source.palette.paint(source.classes))
    for case, classes in prepared.maps.items():
        write_png(folder.map(case), source.palette.paint(classes))
