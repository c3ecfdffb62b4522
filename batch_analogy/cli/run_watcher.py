"""Progress of a run: a bar on a terminal, otherwise lines with a count about every 30 s."""

from __future__ import annotations

import dataclasses
import functools
import re
import time
from collections.abc import Callable
from typing import TYPE_CHECKING

from batch_analogy.cli.console import Console
from batch_analogy.cli.watcher import Watcher
from batch_analogy.jobs import events

if TYPE_CHECKING:
    from rich.progress import Progress, TaskID

QUIET_SECONDS = 30.0
"""Interval between printed counts without a terminal, so that job logs stay readable."""

JSON_COUNT_SECONDS = 1.0
"""Interval between JSON lines while planning and encoding, which take little time per frame."""


class RunWatcher(Watcher):
    """Shows the events of a run."""

    def __init__(
        self,
        console: Console,
        *,
        terminal: bool | None = None,
        clock: Callable[[], float] = time.monotonic,
        also: events.OnEvent = events.ignore,
    ) -> None:
        super().__init__(console, terminal=terminal, clock=clock)
        self._also = also
        self._last_count_seconds: float | None = None
        self._last_json_seconds: float | None = None
        self.pool: events.PoolStarted | None = None  # None until the workers start
        self._task: TaskID | None = None

    def __call__(self, event: events.RunEvent) -> None:
        """Show one event, and pass it to the other listener."""
        self._also(event)
        if isinstance(event, events.PoolStarted):
            self.pool = event
        counts = isinstance(event, events.PlanProgress | events.FrameDone | events.FilmProgress)
        if not isinstance(event, events.PlanProgress | events.FilmProgress) or self._json_is_due():
            self._console.event(event_name(event), **dataclasses.asdict(event))
        if self._progress is not None:
            self._move_bar(self._progress, event)
            if not counts:
                self._progress.console.print(describe(event), markup=False, highlight=False)
        elif not counts or self._count_is_due(event):
            self._console.note(describe(event))

    def _make_bars(self) -> Progress:
        from rich.console import Console as RichConsole
        from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn

        return Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            MofNCompleteColumn(),
            TextColumn("{task.fields[pace]}"),
            console=RichConsole(stderr=True),
        )

    def _json_is_due(self) -> bool:
        """Return whether to write a count of planning or encoding as JSON now."""
        now, last = self._clock(), self._last_json_seconds
        if last is not None and now - last < JSON_COUNT_SECONDS:
            return False
        self._last_json_seconds = now
        return True

    def _count_is_due(self, event: events.RunEvent) -> bool:
        """Return whether to print a count now: the first, the last, and one every 30 s."""
        now = self._clock()
        last = isinstance(event, events.FrameDone) and event.done + event.failed >= event.total
        waited = self._last_count_seconds
        if last or waited is None or now - waited >= QUIET_SECONDS:
            self._last_count_seconds = now
            return True
        return False

    def _move_bar(self, progress: Progress, event: events.RunEvent) -> None:
        match event:
            case events.PlanProgress(step=step, done=done, total=total):
                self._set_bar(progress, f"{step} frames", done, total, "")
            case events.RunOpened(total=total, done=done, failed=failed):
                self._set_bar(progress, "frames", done + failed, total, "")
            case events.FrameDone(done=done, failed=failed, total=total):
                self._set_bar(progress, "frames", done + failed, total, _pace(event))
            case events.FilmProgress(path=path, done=done, total=total):
                self._set_bar(progress, f"film {path.name}", done, total, "")
            case _:
                pass

    def _set_bar(
        self, progress: Progress, title: str, done: int, total: int | None, pace: str
    ) -> None:
        if self._task is None:
            self._task = progress.add_task(title, total=total, pace=pace)
        progress.update(self._task, description=title, completed=done, total=total, pace=pace)


def event_name(event: events.RunEvent) -> str:
    """Return an event's name in JSON lines.

    >>> event_name(events.Stopping(in_hand=1))
    'stopping'
    """
    return re.sub(r"(?<!^)(?=[A-Z])", "-", type(event).__name__).lower()


@functools.singledispatch
def describe(event: events.RunEvent) -> str:
    """Describe an event in one line or a few, for people."""
    raise TypeError(f"{type(event).__name__} has no description")


@describe.register
def _(event: events.PlanProgress) -> str:
    return f"{event.step} frames: {event.done}" + (f" of {event.total}" if event.total else "")


@describe.register
def _(event: events.InputGrew) -> str:
    again = f", {event.again} are made again, as their neighbours have changed"
    return (
        f"there were {event.before} frames, there are {event.now}: {event.kept} finished frames "
        f"stay{again if event.again else ''}"
    )


@describe.register
def _(event: events.RunOpened) -> str:
    parts = [f"{event.total} frames, {event.segments} segments to do"]
    if event.done:
        found = f" ({event.adopted} found on disk)" if event.adopted else ""
        parts.append(f"{event.done} frames done before{found}")
    if event.failed:
        parts.append(f"{event.failed} have failed")
    return ", ".join(parts) + f"; run folder {event.run_dir}"


@describe.register
def _(event: events.PoolStarted) -> str:
    if event.kind == "inline":
        return "working in this process, without Ray"
    lines = [f"starting {event.workers} workers on Ray"]
    if event.dashboard_url:
        lines.append(f"dashboard: {event.dashboard_url}")
    if event.token_hint:
        lines.append(f"dashboard login: {event.token_hint}")
    return "\n".join(lines)


@describe.register
def _(event: events.WorkersReady) -> str:
    where = f"{event.node} ({event.device})"
    return f"{event.worker} is ready on {where}, {event.ready} of {event.wanted}"


@describe.register
def _(event: events.FrameDone) -> str:
    pace = _pace(event)
    return f"{event.done} of {event.total} frames done" + (f", {pace}" if pace else "")


@describe.register
def _(event: events.FrameFailed) -> str:
    then = "trying again" if event.will_retry else "given up"
    return f"frame {event.index} ({event.name}) failed, {then}: {event.message}"


@describe.register
def _(event: events.WorkerLost) -> str:
    then = f"{event.replacement} replaces it" if event.replacement else "it is not replaced"
    return f"{event.worker} was lost ({event.message}); {then}"


@describe.register
def _(event: events.NodeBlocked) -> str:
    return f"node {event.node} is on the blocklist: {event.message}"


@describe.register
def _(event: events.WorkersMissing) -> str:
    return f"{event.ready} of {event.wanted} workers have started; {event.message}"


@describe.register
def _(event: events.Stopping) -> str:
    workers = "1 worker is" if event.in_hand == 1 else f"{event.in_hand} workers are"
    return f"stopping: {workers} finishing the frames in progress; Ctrl-C again aborts"


@describe.register
def _(event: events.FilmProgress) -> str:
    return f"encoding {event.path}: {event.done} of {event.total} frames"


@describe.register
def _(event: events.FilmWritten) -> str:
    missing = f", {len(event.missing)} frames missing" if event.missing else ""
    return (
        f"film {event.path}: {event.width}x{event.height}, {event.frames} frames, "
        f"{event.duration_seconds:.1f} s{missing}"
    )


def _pace(event: events.FrameDone) -> str:
    """Return the number of failures, the pace and the time left, as far as they are known."""
    parts = [f"{event.failed} failed"] if event.failed else []
    if event.rate:
        slow = event.rate < 1
        parts.append(f"{1 / event.rate:.1f} s per frame" if slow else f"{event.rate:.1f} frames/s")
    if event.eta_seconds is not None:
        parts.append(f"{duration(event.eta_seconds)} left")
    return ", ".join(parts)


def duration(seconds: float) -> str:
    """Format a duration.

    >>> duration(42), duration(192), duration(7380)
    ('42 s', '3 min 12 s', '2 h 3 min')
    """
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"
