"""Events and results of trainings and of applying their models."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from batch_analogy.errors import BatchAnalogyError

Ending = Literal["finished", "stopped early", "interrupted", "finished before"]


@dataclass(frozen=True)
class TrainingOpened:
    """A training begins or continues."""

    name: str
    folder: Path
    colours: tuple[str, ...]  # of the classes
    iteration: int  # iterations done before
    total: int


@dataclass(frozen=True)
class TrainingStep:
    """Some iterations are done."""

    name: str
    iteration: int
    total: int
    losses: Mapping[str, float]  # of the last iteration
    seconds: float  # per iteration
    measures: Mapping[str, Any] | None = None  # of a validation after this iteration


@dataclass(frozen=True)
class TrainingEnded:
    """A training has ended; its model is written, and a checkpoint if it was interrupted."""

    name: str
    folder: Path
    iteration: int
    total: int
    ending: Ending
    measures: Mapping[str, Any] | None


@dataclass(frozen=True)
class TrainingFailed:
    """The training on one picture failed; the others continue."""

    name: str
    folder: Path
    error: BatchAnalogyError


@dataclass(frozen=True)
class WorkersStarted:
    """Trainings run on Ray."""

    at_once: int  # number of trainings
    dashboard_url: str | None


@dataclass(frozen=True)
class MapDone:
    """The picture of a target map is written."""

    done: int
    total: int
    path: Path


SemanticEvent = (
    TrainingOpened | TrainingStep | TrainingEnded | TrainingFailed | WorkersStarted | MapDone
)
OnSemanticEvent = Callable[[SemanticEvent], None]


def ignore(event: SemanticEvent) -> None:
    """Ignore an event."""


@dataclass(frozen=True)
class TrainingResults:
    """Endings of all trainings of a command."""

    ended: tuple[TrainingEnded, ...]
    failed: tuple[TrainingFailed, ...]

    @property
    def interrupted(self) -> bool:
        """True if some trainings can be continued."""
        return any(one.ending == "interrupted" for one in self.ended)
