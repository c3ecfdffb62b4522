"""Write and read ``status.json``: the progress, pace and outcome of a run."""

from __future__ import annotations

import json
import socket
import statistics
import time
from collections import deque
from collections.abc import Collection
from pathlib import Path
from typing import Any, Literal

import msgspec

from batch_analogy.errors import PlanChangedError
from batch_analogy.jobs.folder.journal import read_history
from batch_analogy.jobs.folder.manifest import read_manifest
from batch_analogy.jobs.folder.run_folder import no_run_error
from batch_analogy.jobs.folder.segment_counter import SegmentCounter
from batch_analogy.jobs.folder.worker_states import WorkerState
from batch_analogy.jobs.plan.plan_file import read_plan
from batch_analogy.jobs.plan.run_plan import Plan
from batch_analogy.jobs.store import RunStore
from batch_analogy.json_files import from_plain, read_struct, to_plain, write_long_json

STATUS_FORMAT = 3

RunState = Literal[
    "planning",
    "planned",
    "running",
    "encoding",
    "finished",
    "partial",
    "interrupted",
    "failed",
    "stopped",
]

ACTIVE_STATES = ("planning", "running", "encoding")

RECENT_FRAMES = 24
RECENT_SPANS = 4
STALE_SECONDS = 600.0  # a status this old, written by another machine, may be of a dead driver
LIVENESS_SECONDS = 3.0  # a driver that is alive writes its status every second


class FailedFrame(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A frame that was given up."""

    index: int
    name: str
    message: str


class RunStatus(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """The content of ``status.json``: a run at one moment.

    ``stopped`` means that its driver was killed; the same command continues it. While a run is
    being planned, its number of frames is not known yet.
    """

    format: int = STATUS_FORMAT
    state: RunState
    command: str
    source: str
    output: str
    run_dir: str
    total: int = 0
    done: int = 0
    left: int = 0
    failed: tuple[FailedFrame, ...] = ()
    shots: int = 0
    segments: int = 0
    segments_done: int = 0  # in which no frame is left
    workers: int = 0
    rate: float | None = None  # frames a second, from recent new frames
    eta_seconds: float | None = None
    worker_states: tuple[WorkerState, ...] = ()  # while it runs
    dashboard_url: str | None = None
    token_hint: str | None = None  # how to log in there
    films: tuple[str, ...] = ()
    message: str = ""  # why it failed, or how far planning is
    pid: int = 0
    host: str = ""
    started_at: float = 0.0  # seconds since 1970
    updated_at: float = 0.0

    def to_json(self) -> dict[str, Any]:
        """Return the status as plain JSON values."""
        values: dict[str, Any] = to_plain(self)
        return values


class Pace:
    """The rate at which frames are made, from recent new frames; skipped ones do not count.

    Args:
        span: number of frames that are made together. If 1, the pace is the median time, so that a
            slow first frame has no effect. In a coherent film, one frame of a span takes nearly all
            of the time, so the pace is the mean.
    """

    def __init__(self, span: int = 1) -> None:
        self._span = span
        recent = RECENT_FRAMES if span == 1 else RECENT_SPANS * span
        self._seconds: deque[float] = deque(maxlen=recent)
        self._typical_seconds = 0.0

    def add(self, seconds: float) -> None:
        """Add the seconds that a worker took for a new frame."""
        self._seconds.append(seconds)
        self._typical_seconds = typical_seconds(self._seconds, self._span)

    def rate(self, workers: int) -> float | None:
        """Return the frames per second of this number of workers; None if unknown."""
        if not self._seconds or workers < 1:
            return None
        return workers / max(self._typical_seconds, 1e-6)

    def eta_seconds(self, left: int, workers: int) -> float | None:
        """Return the seconds that the ``left`` frames will take; None if unknown."""
        rate = self.rate(min(workers, max(-(-left // self._span), 1)))
        return None if rate is None else left / rate


def typical_seconds(seconds: Collection[float], span: int) -> float:
    """Return the typical seconds per frame: the median, or the mean for spans of frames."""
    return statistics.median(seconds) if span == 1 else statistics.fmean(seconds)


def write_status(store: RunStore, status: RunStatus) -> None:
    """Write ``status.json``; it shows progress and is soon written again, so there is no patience.

    Raises:
        OutputDiskError: the disk is full or may not be written to.
    """
    write_long_json(store.status, msgspec.structs.asdict(status), patience_seconds=0.0)


def written_status(store: RunStore) -> RunStatus | None:
    """Read ``status.json`` as it was last written; return None if it does not exist.

    Raises:
        UsageError: it is damaged.
    """
    return read_struct(
        store.status,
        lambda data: from_plain(json.loads(data), RunStatus),
        version=STATUS_FORMAT,
        remedy="delete it: the run writes it anew",
    )


def read_status(run_dir: Path) -> RunStatus:
    """Return the status of the run in a folder, which may be going on or have ended.

    Counts come from the journal, which is always up to date; the rest from ``status.json``. No
    lock is taken, so this may be called while the run is going on.

    Raises:
        UsageError: there is no run in the folder.
    """
    store = RunStore(run_dir)
    written, alive = latest_status(store)
    if written is not None and written.state == "planning" and alive:
        return msgspec.structs.replace(written, run_dir=str(run_dir))
    if written is not None and written.state in ACTIVE_STATES and not alive:
        message = "" if written.state == "planning" else written.message
        written = msgspec.structs.replace(written, state="stopped", message=message)
    manifest, plan = read_manifest(store.manifest), read_plan(store.plan)
    if manifest is None or plan is None:
        if written is not None:  # it was killed while it planned for the first time
            return msgspec.structs.replace(written, run_dir=str(run_dir))
        raise no_run_error(run_dir)
    config = manifest.config
    if written is None:
        written = RunStatus(state="stopped", command="", source="", output="", run_dir="")
    if written.state not in ACTIVE_STATES:
        written = at_rest(written)
    history = read_history(store.journal)
    failed = failed_frames(plan, {k: v.message for k, v in history.failed.items()})
    done = len(history.done.keys() - plan.leave_out)
    counter = SegmentCounter(plan, [*history.done, *(frame.index for frame in failed)])
    return msgspec.structs.replace(
        written,
        command=config.command,
        source=config.source,
        output=str(config.output),
        run_dir=str(run_dir),
        total=plan.total,
        done=done,
        left=max(0, plan.total - done - len(failed)),
        failed=failed,
        shots=len(plan.shots),
        segments=counter.total,
        segments_done=counter.done,
    )


def at_rest(status: RunStatus) -> RunStatus:
    """Return the status without the fields that only a running run has."""
    return msgspec.structs.replace(
        status,
        workers=0,
        rate=None,
        eta_seconds=None,
        worker_states=(),
        dashboard_url=None,
        token_hint=None,
    )


def failed_frames(plan: Plan, given_up: dict[int, str]) -> tuple[FailedFrame, ...]:
    """Return the frames that planning or a worker has given up, in order."""
    messages = {frame.index: str(frame.error) for frame in plan.broken}
    messages.update({k: message for k, message in given_up.items() if k not in plan.leave_out})
    return tuple(
        FailedFrame(index, plan.frames[index].name, messages[index]) for index in sorted(messages)
    )


def latest_status(store: RunStore) -> tuple[RunStatus | None, bool]:
    """Read ``status.json``, and find out whether the driver that wrote it is still at work.

    It is read until it no longer changes: a driver may end just after it was read, and then writes
    how it ended.
    """
    try:
        written = written_status(store)
    except PlanChangedError:  # of another version, and only of use while that one runs
        if store.has_driver():
            raise
        return None, False
    while written and written.state in ACTIVE_STATES and not _driver_is_alive(store, written):
        again = written_status(store)
        if again == written:
            return written, False
        written = again
    return written, True


def _driver_is_alive(store: RunStore, written: RunStatus) -> bool:
    """Return True if the driver that wrote a status is still at work.

    The lock shows it, unless the driver is on another machine and the shared disk has no common
    locks. Then a recent status is enough. If its age is too high or negative, the status must
    change: the clocks of the two machines may differ by any amount.
    """
    if store.has_driver():
        return True
    if written.host == socket.gethostname():
        return False
    if abs(time.time() - written.updated_at) < STALE_SECONDS:
        return True
    deadline = time.monotonic() + LIVENESS_SECONDS
    while time.monotonic() < deadline:
        time.sleep(LIVENESS_SECONDS / 10)
        now = written_status(store)
        if now is None or now.updated_at != written.updated_at:
            return True
    return False
