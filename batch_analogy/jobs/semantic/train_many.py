"""Find the pictures of a folder, and train on one after the other in this process.

``jobs.ray.semantic_training`` trains on several at once, on one machine or a cluster.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from batch_analogy.config.run import ExecutionConfig
from batch_analogy.errors import ConfigError, InputError, JobError, UsageError
from batch_analogy.jobs.drive.pool_choice import IN_PROCESS
from batch_analogy.jobs.semantic.events import (
    OnSemanticEvent,
    TrainingFailed,
    TrainingResults,
    ignore,
)
from batch_analogy.jobs.semantic.training import TrainJob, train
from batch_analogy.media.name_order import natural_key, plain_name
from batch_analogy.media.patterns import is_system_folder
from batch_analogy.media.sequence import STILL_SUFFIXES

PICTURE, LABEL = "img", "label"
"""File names in a picture's own folder, those of the method's authors."""
LABEL_ENDING = "-label"
"""Ending of a label map's name where pictures lie side by side."""


def find_pairs(folder: Path) -> list[tuple[str, Path, Path]]:
    """Find the pictures of a folder that have a label map.

    Each picture lies in a folder of its own, as ``lake/img.png`` with ``lake/label.png``, or all
    lie side by side, as ``lake.png`` with ``lake-label.png``.

    Returns:
        Name, picture and label map of each.

    Raises:
        UsageError: the folder does not exist.
        InputError: it contains no such pair, or two of the same name.
    """
    if not folder.is_dir():
        raise UsageError(f"{folder} is not a folder; give one with pictures and their label maps")
    found = []
    for entry in sorted(folder.iterdir(), key=lambda path: natural_key(path.name)):
        if entry.is_dir():
            if is_system_folder(entry.name):
                continue
            picture, label = _named(entry, PICTURE), _named(entry, LABEL)
            if picture is not None and label is not None:
                found.append((entry.name, picture, label))
        elif _is_still(entry) and not entry.stem.endswith(LABEL_ENDING):
            label = _named(folder, entry.stem + LABEL_ENDING)
            if label is not None:
                found.append((entry.stem, entry, label))
    if not found:
        raise InputError(
            f"{folder} contains no picture with a label map; name them NAME/{PICTURE}.png and "
            f"NAME/{LABEL}.png, or NAME.png and NAME{LABEL_ENDING}.png"
        )
    _check_names(found)
    return found


def _check_names(pairs: Sequence[tuple[str, Path, Path]]) -> None:
    """Refuse two pictures of one name, as the name is that of the training folder."""
    first: dict[str, Path] = {}
    for name, picture, _ in pairs:
        if name in first:
            raise InputError(
                f"two pictures have the name {name}, {first[name]} and {picture}, and would be "
                "trained in the same folder; rename one of them"
            )
        first[name] = picture


def train_all(
    jobs: Sequence[TrainJob],
    execution: ExecutionConfig,
    *,
    on_event: OnSemanticEvent = ignore,
    stopped: Callable[[], bool] = lambda: False,
) -> TrainingResults:
    """Train on pictures, in this process or on Ray; if one fails, the others continue.

    Args:
        jobs: the pictures.
        execution: number of workers, GPUs of each, and the cluster.
        on_event: called with each event, in the calling thread.
        stopped: once it is true, all trainings write checkpoints and end.

    Raises:
        ConfigError: several workers were asked for in this process.
        ClusterError: there is no cluster, or it died.
        OutputDiskError: the disk is full or may not be written to.
    """
    if execution.address != IN_PROCESS:
        # Ray takes a second to import.
        from batch_analogy.jobs.ray.semantic_training import train_on_ray

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
    """Find the picture of a name, with any suffix; of several, the first in alphabetical order."""
    wanted = plain_name(stem)
    found = [p for p in folder.iterdir() if plain_name(p.stem) == wanted and _is_still(p)]
    return min(found, default=None)


def _is_still(path: Path) -> bool:
    known = path.suffix.lower() in STILL_SUFFIXES and not path.name.startswith(".")
    return known and not path.is_dir()
