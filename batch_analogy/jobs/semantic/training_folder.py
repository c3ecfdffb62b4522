"""The folder of one training: its files, and what each of them contains.

``run.json`` says what is trained, ``status.json`` how far it is, and ``curves.json`` has the losses
and measures. ``preview/last.jpg`` shows the last validation, ``state/checkpoint.safetensors`` is
what an interrupted training continues from, and ``model.safetensors`` can be applied at any time.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal, TypeVar

import msgspec

from batch_analogy.analogy.semantic.trainer import IterationResult, TrainerState
from batch_analogy.analogy.semantic.validation import Measures
from batch_analogy.config.semantic import SemanticConfig
from batch_analogy.errors import PlanChangedError
from batch_analogy.jobs.folder.manifest import SEMANTIC
from batch_analogy.jobs.locked_folder import LockedFolder
from batch_analogy.jobs.semantic.model_files import MODEL_FILE
from batch_analogy.json_files import from_plain, read_json, read_struct, to_plain, write_json

T = TypeVar("T")

TRAINING_FORMAT = 2
"""Increased whenever an earlier training cannot be continued."""

TrainingState = Literal["training", "interrupted", "finished"]

_REMEDY = "start over with --overwrite"


class TrainingManifest(
    msgspec.Struct,
    frozen=True,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="command",
    tag=SEMANTIC,
):
    """Everything that decides a model, with the paths of its pictures: ``run.json``."""

    format: int = TRAINING_FORMAT
    picture: str
    label: str
    picture_hash: str
    label_hash: str
    weights: str  # hash of the VGG-19 weights
    device: str  # type of device; rounding differs between them
    config: SemanticConfig

    def decides_as(self, other: TrainingManifest) -> bool:
        """Tell whether both decide the same model; pictures and folder may have been moved."""
        moved = msgspec.structs.replace(other, picture=self.picture, label=self.label)
        return self == moved

    def differences(self, wanted: TrainingManifest) -> str:
        """Describe the differences: settings by name, or if there are none, the input."""
        now = wanted.config.fields()
        settings = [
            f"{name} {earlier} (now {now[name]})"
            for name, earlier in self.config.fields().items()
            if earlier != now[name]
        ]
        if settings:
            return "other settings: " + ", ".join(settings[:4])
        names = ("picture_hash", "label_hash", "weights", "device")
        files = [name for name in names if getattr(self, name) != getattr(wanted, name)]
        return "other input: " + ", ".join(name.removesuffix("_hash") for name in files[:2])


class CurvePoint(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Measures of one validation, with the mean losses since the one before."""

    iteration: int
    reconstruction: float
    gamma: float
    beta: float
    accuracy: float
    coherence: float
    losses: dict[str, float]


class TrainingStatus(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Progress of a training: ``status.json``."""

    format: int = TRAINING_FORMAT
    state: TrainingState
    iteration: int
    total: int
    measures: CurvePoint | None


class Curves(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """All validations so far, and sums of the losses since the last one."""

    points: list[CurvePoint] = []
    sums: dict[str, float] = {}
    counts: dict[str, int] = {}

    def add(self, result: IterationResult) -> None:
        """Add the losses of one iteration."""
        for name, value in result.losses.items():
            self.sums[name] = self.sums.get(name, 0.0) + value
            self.counts[name] = self.counts.get(name, 0) + 1

    def close(self, measures: Measures) -> CurvePoint:
        """Turn the sums into means, and add them with the measures of a validation."""
        losses = {name: total / self.counts[name] for name, total in sorted(self.sums.items())}
        point = CurvePoint(**dataclasses.asdict(measures), losses=losses)
        self.points.append(point)
        self.sums, self.counts = {}, {}
        return point


class Checkpoint(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """Values of a checkpoint besides its tensors."""

    trainer: TrainerState
    curves: Curves


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

    def read_manifest(self) -> TrainingManifest | None:
        """Read ``run.json``; None if no training was begun here.

        Raises:
            PlanChangedError: another command or version made the folder.
            UsageError: the file is damaged.
        """
        values = read_json(self.manifest, remedy=_REMEDY)
        if values is not None and values.get("command") != SEMANTIC:
            raise PlanChangedError(f"{self.folder} is not a training folder; {_OTHER_FOLDER}")
        return _read(self.manifest, TrainingManifest)

    def read_status(self) -> TrainingStatus | None:
        """Read ``status.json``; None if there is no status.

        Raises:
            PlanChangedError: another version wrote it.
            UsageError: the file is damaged.
        """
        return _read(self.status, TrainingStatus)

    def write(self, path: Path, values: msgspec.Struct | Mapping[str, Any]) -> None:
        """Write one of the JSON files.

        Raises:
            OutputDiskError: the disk is full or may not be written to.
        """
        write_json(path, to_plain(values))

    def _own_files(self) -> Sequence[Path]:
        return self.status, self.model, self.curves

    def _own_folders(self) -> Sequence[Path]:
        return self.state, self.last_preview.parent


_OTHER_FOLDER = "name another folder with --model, or start over with --overwrite"


def _read(path: Path, kind: type[T]) -> T | None:
    return read_struct(
        path,
        lambda data: from_plain(json.loads(data), kind),
        version=TRAINING_FORMAT,
        remedy=_REMEDY,
    )
