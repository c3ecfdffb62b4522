"""Many pictures, each trained by itself: which there are, and one after the other in this process.

``jobs.ray.semantic_training`` trains them at once, on one machine or a cluster.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from batch_analogy.config.run import ExecutionConfig
from batch_analogy.errors import ConfigError, InputError, JobError, UsageError
from batch_analogy.jobs.drive.pool_choice import IN_PROCESS
from batch_analogy.jobs.semantic.events import (
    OnSemanticEvent,
    TrainingEnded,
    TrainingFailed,
    ignore,
)
from batch_analogy.jobs.semantic.training import TrainJob, train
from batch_analogy.media.sequence import STILL_SUFFIXES, natural_key

PICTURE, LABEL = "img", "label"
"""Names in a picture's own folder, as the method's authors have them."""
LABEL_ENDING = "-label"
"""Ends a label map's name where pictures lie side by side."""


@dataclass(frozen=True)
class TrainingResults:
    """How the pictures of a folder fared."""

    ended: tuple[TrainingEnded, ...]
    failed: tuple[TrainingFailed, ...]

    @property
    def interrupted(self) -> bool:
        """Whether some are to be gone on with."""
        return any(one.ending == "interrupted" for one in self.ended)


def find_pairs(folder: Path) -> list[tuple[str, Path, Path]]:
    """The pictures of a folder that have a label map: name, picture, label map.

    Either each in a folder of its own, as ``lake/img.png`` with ``lake/label.png``, or side by
    side, as ``lake.png`` with ``lake-label.png``.

    Raises:
        UsageError: the folder does not exist.
        InputError: it holds no such pair, or two of one name.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is no folder; give one with pictures and their label maps")
    found = []
    for entry in sorted(folder.iterdir(), key=lambda path: natural_key(path.name)):
        if entry.is_dir():
            picture, label = _named(entry, PICTURE), _named(entry, LABEL)
            if picture is not None and label is not None:
                found.append((entry.name, picture, label))
        elif _is_still(entry) and not entry.stem.endswith(LABEL_ENDING):
            label = _named(folder, entry.stem + LABEL_ENDING)
            if label is not None:
                found.append((entry.stem, entry, label))
    if not found:
        raise InputError(
            f"{folder} holds no picture with a label map; name them NAME/{PICTURE}.png and "
            f"NAME/{LABEL}.png, or NAME.png and NAME{LABEL_ENDING}.png"
        )
    _refuse_namesakes(found)
    return found


def _refuse_namesakes(pairs: Sequence[tuple[str, Path, Path]]) -> None:
    """Each picture's network has a folder by its name."""
    first: dict[str, Path] = {}
    for name, picture, _ in pairs:
        if name in first:
            raise InputError(
                f"two pictures are called {name}, {first[name]} and {picture}, and their networks "
                "would go into one folder; give one of them another name"
            )
        first[name] = picture


def train_all(
    jobs: Sequence[TrainJob],
    execution: ExecutionConfig,
    *,
    on_event: OnSemanticEvent = ignore,
    stopped: Callable[[], bool] = lambda: False,
) -> TrainingResults:
    """Train pictures where the settings say; what fails with one does not end the others.

    Args:
        jobs: the pictures.
        execution: workers, GPUs each gets, and the cluster.
        on_event: called with each event, in the calling thread.
        stopped: once it is true, all write checkpoints and end.

    Raises:
        ConfigError: several workers were asked for in this process.
        ClusterError: there is no cluster, or it died.
        OutputDiskError: the disk is full or may not be written to.
    """
    if execution.address != IN_PROCESS:
        from batch_analogy.jobs.ray.semantic_training import (
            train_on_ray,  # a second, not always wanted
        )

        return train_on_ray(jobs, execution, on_event=on_event, stopped=stopped)
    if (execution.workers or 1) > 1:
        raise ConfigError(
            f"--address none trains in this process, one picture after the other, not "
            f"{execution.workers} at once; leave --workers or --address out"
        )
    ended, failed = [], []
    for job in jobs:
        if stopped():
            break
        try:
            ended.append(train(job, on_event=on_event, stopped=stopped))
        except (InputError, JobError, UsageError) as error:
            failed.append(TrainingFailed(job.name, job.folder, error))
            on_event(failed[-1])
    return TrainingResults(tuple(ended), tuple(failed))


def _named(folder: Path, stem: str) -> Path | None:
    """The picture of that name, whatever its ending; of several the first by name."""
    found = [path for path in folder.glob(f"{stem}.*") if path.stem == stem and _is_still(path)]
    return min(found, default=None)


def _is_still(path: Path) -> bool:
    return path.suffix.lower() in STILL_SUFFIXES and not path.name.startswith(".")
