"""Events that a run reports to its listener: one small class each, without formatted text."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Literal


@dataclass(frozen=True)
class PlanProgress:
    """The input is being read: ``done`` of ``total`` frames."""

    step: Literal["checking", "extracting", "scanning"]
    done: int
    total: int


@dataclass(frozen=True)
class InputGrew:
    """The folder has other pictures than before; finished frames were kept where possible."""

    before: int  # frames in the earlier plan
    now: int
    kept: int  # finished frames that stay
    again: int  # finished frames that are made again, as they depend on their new neighbours


@dataclass(frozen=True)
class RunOpened:
    """The plan is complete. Sent once, before any work."""

    run_dir: Path
    total: int
    done: int  # finished by earlier runs, including the adopted ones
    failed: int  # given up by earlier runs and not tried again
    adopted: int  # found finished on the disk though not journaled
    segments: int


@dataclass(frozen=True)
class PoolStarted:
    """Workers are being started."""

    kind: Literal["inline", "ray"]
    workers: int
    threads_per_worker: int | None
    dashboard_url: str | None
    token_hint: str | None  # how to log in to the dashboard, if it asks for a token


@dataclass(frozen=True)
class WorkersReady:
    """One more worker has loaded its model."""

    worker: str
    ready: int
    wanted: int
    node: str
    device: str


@dataclass(frozen=True)
class FrameDone:
    """A frame is finished, on the disk and journaled."""

    index: int
    name: str
    worker: str
    seconds: float  # the worker's time for this frame
    done: int
    failed: int
    total: int
    rate: float | None  # frames a second, from recent new frames
    eta_seconds: float | None


@dataclass(frozen=True)
class FrameFailed:
    """An attempt at a frame failed; ``will_retry`` is False when it is given up."""

    index: int
    name: str
    worker: str
    message: str
    attempt: int
    will_retry: bool


LossCause = Literal[
    "died", "broke", "unreachable", "node lost", "memory", "stalled", "retired", "blocked"
]
"""Reason for the loss of a worker, in this order: its process ended; its own code raised an error
before or between frames; it did not answer; its node is gone; it was ended because its machine's
memory ran short; it was silent for too long; it failed frames that others can make; its node was
put on the blocklist."""


@dataclass(frozen=True)
class WorkerLost:
    """A worker died or was taken out; its unfinished frames go to others."""

    worker: str
    message: str
    deaths: int
    replacement: str | None
    cause: LossCause = "died"


@dataclass(frozen=True)
class NodeBlocked:
    """A node is on the blocklist: no worker is started there any more."""

    node: str
    message: str


@dataclass(frozen=True)
class WorkersMissing:
    """Some workers did not start in time; the run continues without them. Sent once."""

    ready: int
    wanted: int
    message: str


@dataclass(frozen=True)
class Stopping:
    """The first Ctrl-C was received; workers finish the frames that they are making."""

    in_hand: int  # workers that are making frames


@dataclass(frozen=True)
class FilmProgress:
    """A film is being encoded."""

    path: Path
    done: int
    total: int


@dataclass(frozen=True)
class FilmWritten:
    """A film is complete and verified."""

    path: Path
    frames: int
    height: int  # px
    width: int  # px
    duration_seconds: float
    missing: tuple[int, ...]  # frames that were held or skipped


RunEvent = (
    PlanProgress
    | InputGrew
    | RunOpened
    | PoolStarted
    | WorkersReady
    | FrameDone
    | FrameFailed
    | WorkerLost
    | NodeBlocked
    | WorkersMissing
    | Stopping
    | FilmProgress
    | FilmWritten
)

OnEvent = Callable[[RunEvent], None]


def ignore(event: RunEvent) -> None:
    """Do nothing with an event."""
