"""What trainings and their use tell whoever is watching."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from batch_analogy.errors import BatchAnalogyError

Ending = Literal["finished", "nothing gained", "interrupted", "finished before"]


@dataclass(frozen=True)
class TrainingOpened:
    """A picture and its label map were read, and what an earlier training left."""

    name: str
    folder: Path
    colours: tuple[str, ...]  # the classes
    iteration: int  # how many were done before
    total: int


@dataclass(frozen=True)
class TrainingStep:
    """Some iterations are done."""

    name: str
    iteration: int
    total: int
    losses: Mapping[str, float]  # of the last of each kind
    seconds: float  # for each iteration
    measures: Mapping[str, Any] | None = None  # where they were taken


@dataclass(frozen=True)
class TrainingEnded:
    """The model is written, or a checkpoint to go on from."""

    name: str
    folder: Path
    iteration: int
    total: int
    ending: Ending
    measures: Mapping[str, Any] | None


@dataclass(frozen=True)
class TrainingFailed:
    """One picture could not be trained; others go on."""

    name: str
    folder: Path
    error: BatchAnalogyError


@dataclass(frozen=True)
class WorkersStarted:
    """Pictures are trained on Ray."""

    at_once: int
    dashboard_url: str | None


@dataclass(frozen=True)
class MapDone:
    """A target map has got its picture."""

    done: int
    total: int
    path: Path


SemanticEvent = (
    TrainingOpened | TrainingStep | TrainingEnded | TrainingFailed | WorkersStarted | MapDone
)
OnSemanticEvent = Callable[[SemanticEvent], None]


def ignore(event: SemanticEvent) -> None:
    """A listener that does nothing."""
