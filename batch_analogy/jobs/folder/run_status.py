"""status.json: how a run is going, for whoever looks into the folder; and the pace behind it."""

from __future__ import annotations

import socket
import statistics
import time
from collections import deque
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from batch_analogy.errors import UsageError
from batch_analogy.jobs.folder.journal import read_history
from batch_analogy.jobs.folder.segment_counter import SegmentCounter
from batch_analogy.jobs.folder.worker_states import WorkerState, WorkerStates
from batch_analogy.jobs.plan.plan_file import read_plan
from batch_analogy.jobs.plan.run_plan import Plan
from batch_analogy.jobs.store import RunStore
from batch_analogy.json_files import read_json, write_long_json

RunState = Literal[
    "planned", "running", "encoding", "finished", "partial", "interrupted", "failed", "stopped"
]

ACTIVE_STATES = ("running", "encoding")

RECENT_FRAMES = 24
RECENT_SPANS = 4
STALE_SECONDS = 600.0  # a driver on another machine that says nothing for so long is gone
LIVENESS_SECONDS = 3.0  # or has another clock; the status of one that works changes every second


@dataclass(frozen=True)
class FailedFrame:
    """A frame that was given up."""

    index: int
    name: str
    message: str


@dataclass(frozen=True)
class RunStatus:
    """A run at one moment. ``stopped``: its driver was killed; the same command continues it."""

    state: RunState
    command: str
    source: str
    output: str
    run_dir: str
    total: int
    done: int
    left: int
    failed: tuple[FailedFrame, ...]
    shots: int
    segments: int
    segments_done: int  # no frame is left in them
    workers: int
    rate: float | None  # frames a second, from recent new frames
    eta_seconds: float | None
    worker_states: tuple[WorkerState, ...]  # while it runs
    dashboard_url: str | None
    token_hint: str | None  # how to log in there
    films: tuple[str, ...]
    message: str  # why it failed, if it did
    pid: int
    host: str
    started_at: float  # seconds since 1970
    updated_at: float

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            **vars(self),
            "failed": [vars(frame) for frame in self.failed],
            "worker_states": [vars(state) for state in self.worker_states],
            "films": list(self.films),
        }


class Pace:
    """How fast frames get done, from the recent new ones alone: skipped ones never count.

    Args:
        span: frames that are done in order and whose times belong together: in a steady film one
            of them takes nearly all of the time, so it is their mean that counts. 1: each frame
            stands alone, and the median does, so that a slow first one does not count.
    """

    def __init__(self, span: int = 1) -> None:
        self._span = span
        recent = RECENT_FRAMES if span == 1 else RECENT_SPANS * span
        self._seconds: deque[float] = deque(maxlen=recent)
        self._usual = 0.0

    def add(self, seconds: float) -> None:
        """A new frame took a worker so long."""
        self._seconds.append(seconds)
        self._usual = typical_seconds(self._seconds, self._span)

    def rate(self, workers: int) -> float | None:
        """Frames a second of so many workers; None while nothing is known."""
        if not self._seconds or workers < 1:
            return None
        return workers / max(self._usual, 1e-6)

    def eta_seconds(self, left: int, workers: int) -> float | None:
        """Seconds until so many frames are done; None while nothing is known."""
        rate = self.rate(min(workers, max(-(-left // self._span), 1)))
        return None if rate is None else left / rate


def typical_seconds(seconds: Collection[float], span: int) -> float:
    """What a frame takes: the median, or the mean where frames are done by spans."""
    return statistics.median(seconds) if span == 1 else statistics.fmean(seconds)


def write_status(
    store: RunStore, status: RunStatus, worker_states: WorkerStates | None = None
) -> None:
    """Write status.json.

    Args:
        store: the run folder.
        status: what it says.
        worker_states: the workers whose states are in it, if it has them as JSON.

    Raises:
        OutputDiskError: the disk is full or may not be written to.
    """
    values = status.to_json()
    if worker_states is not None and status.worker_states:
        values["worker_states"] = worker_states.as_json()
    write_long_json(store.status, values)


def read_status(run_dir: Path) -> RunStatus:
    """How the run in a folder is going, or how it ended.

    Counts come from the journal, which is always up to date; the rest from status.json. It takes
    no lock, so it may be called while the run is going on.

    Raises:
        UsageError: the folder holds no run.
    """
    store = RunStore(run_dir)
    manifest, plan = read_json(store.manifest), read_plan(store.plan)
    if manifest is None or plan is None:
        raise UsageError(f"{run_dir} holds no run; give the run folder of a timelapse or stylize")
    written, lives = _last_words(store)
    history = read_history(store.journal)
    failed = failed_frames(plan, {k: v.message for k, v in history.failed.items()})
    done = len(history.done.keys() - plan.leave_out)
    left = plan.total - done - len(failed)
    state: RunState = written.get("state", "stopped")
    tally = SegmentCounter(plan, [*history.done, *(frame.index for frame in failed)])
    running = state in ACTIVE_STATES
    if running and not lives:
        state, running = "stopped", False
    config = manifest.get("config", {})
    return RunStatus(
        state=state,
        command=str(config.get("command", "")),
        source=str(config.get("source", "")),
        output=str(config.get("output", "")),
        run_dir=str(run_dir),
        total=plan.total,
        done=done,
        left=max(0, left),
        failed=failed,
        shots=len(plan.shots),
        segments=tally.total,
        segments_done=tally.done,
        workers=int(written.get("workers", 0)) if running else 0,
        rate=written.get("rate") if running else None,
        eta_seconds=written.get("eta_seconds") if running else None,
        worker_states=_worker_states(written) if running else (),
        dashboard_url=written.get("dashboard_url") if running else None,
        token_hint=written.get("token_hint") if running else None,
        films=tuple(written.get("films", ())),
        message=str(written.get("message", "")),
        pid=int(written.get("pid", 0)),
        host=str(written.get("host", "")),
        started_at=float(written.get("started_at", 0.0)),
        updated_at=float(written.get("updated_at", 0.0)),
    )


def failed_frames(plan: Plan, given_up: dict[int, str]) -> tuple[FailedFrame, ...]:
    """The frames that planning or working has given up, in order."""
    messages = {frame.index: str(frame.error) for frame in plan.broken}
    messages.update({k: message for k, message in given_up.items() if k not in plan.leave_out})
    return tuple(
        FailedFrame(index, plan.frames[index].name, messages[index]) for index in sorted(messages)
    )


def _worker_states(written: dict[str, Any]) -> tuple[WorkerState, ...]:
    try:
        return tuple(WorkerState(**state) for state in written.get("worker_states", ()))
    except TypeError:
        return ()  # written by another version: it tells less


def _last_words(store: RunStore) -> tuple[dict[str, Any], bool]:
    """status.json, and whether the driver that wrote it is still at work.

    One that ends between the two looks has said more by then: it is read until nothing new is said.
    """
    written = _written(store)
    while written.get("state") in ACTIVE_STATES and not _driver_lives(store, written):
        again = _written(store)
        if again == written:
            return written, False
        written = again
    return written, True


def _driver_lives(store: RunStore, written: dict[str, Any]) -> bool:
    """Whether the driver that wrote a status is still at work.

    Its lock tells, unless the driver is on another machine and the shared disk's locks do not reach
    that far. Then its status does: by its age, and where that is too high or below 0, by whether it
    changes, for the two machines' clocks may differ by any amount.
    """
    if store.has_driver():
        return True
    if written.get("host") == socket.gethostname():
        return False
    if abs(time.time() - float(written.get("updated_at", 0.0))) < STALE_SECONDS:
        return True
    deadline = time.monotonic() + LIVENESS_SECONDS
    while time.monotonic() < deadline:
        time.sleep(LIVENESS_SECONDS / 10)
        if _written(store).get("updated_at") != written.get("updated_at"):
            return True
    return False


def _written(store: RunStore) -> dict[str, Any]:
    return read_json(store.status, remedy="delete it: the run writes it anew") or {}
