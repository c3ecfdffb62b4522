"""Notify a person when a run ends, fails or stalls."""

from __future__ import annotations

import statistics
import threading
import time
from collections import deque
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING

from batch_analogy.cli.console import Console, OutputClosedError
from batch_analogy.cli.notification import Happening, Notification, UnsentError, check_target, send
from batch_analogy.jobs import events
from batch_analogy.jobs.drive.stalls import FIRST_FRAME_SECONDS, LEAST_SECONDS, MEDIANS

if TYPE_CHECKING:
    from batch_analogy.api import RunResult

_LONGEST = 3.0  # times the longest pause so far: one frame of a span takes most of its time
_LOOKS = 20  # at the clock within the limit
_RECENT_PAUSES = 100


class Notifier:
    """Listens to a run, and sends a notification when it ends, fails or stalls.

    A run has stalled when a worker was ended for its silence, or when nothing was done for longer
    than ``stall_seconds``. By default the limit follows from the pauses between frames: 20 times
    their median, three times the longest one, at least ten minutes, and two hours before any.

    Args:
        target: as for ``notification.check_target``; None: nothing is sent.
        console: for a warning if a notification does not arrive.
        run_dir: of the run.
        stall_seconds: the limit.

    Raises:
        UsageError: nothing can be sent to the target.
    """

    def __init__(
        self, target: str | None, console: Console, run_dir: Path, stall_seconds: float | None
    ) -> None:
        if target is not None:
            check_target(target)
        self._target = target
        self._console = console
        self._run_dir = run_dir
        self._stall_seconds = stall_seconds
        self._started = time.monotonic()
        self._lock = threading.Lock()
        self._last = self._started
        self._pauses: deque[float] = deque(maxlen=_RECENT_PAUSES)
        self._longest = 0.0
        self._stalled = False
        self._counts = (0, 0, 0)  # done, total, failed
        self._ended = threading.Event()
        self._watch = threading.Thread(target=self._look, daemon=True)

    def __enter__(self) -> Notifier:
        if self._target is not None:
            self._watch.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._end_watch()
        if error is None or isinstance(error, OutputClosedError):
            return
        if isinstance(error, KeyboardInterrupt):
            self._send("interrupted", "was interrupted")
        else:
            self._send("failed", f"failed: {error or type(error).__name__}")

    def heard(self, event: events.RunEvent) -> None:
        """Note an event of the run."""
        with self._lock:
            now = time.monotonic()
            if isinstance(event, events.FrameDone):
                self._counts = (event.done, event.total, event.failed)
                self._pauses.append(now - self._last)
                self._longest = max(self._longest, now - self._last)
            elif isinstance(event, events.RunOpened):
                self._counts = (event.done, event.total, event.failed)
            silent = isinstance(event, events.WorkerLost) and event.cause == "stalled"
            told = self._stalled
            if isinstance(event, events.FrameDone | events.FilmProgress):
                self._stalled = False
            elif silent:
                self._stalled = True
            self._last = now
        if silent and not told and isinstance(event, events.WorkerLost):
            self._send("stalled", f"has stalled: {event.worker} was lost ({event.message})")

    def tell_result(self, result: RunResult, how_long: str) -> None:
        """Send how the run ended."""
        self._end_watch()
        with self._lock:
            self._counts = (result.done, result.total, len(result.failed))
        count = f"{result.done} of {result.total} frames done in {how_long}"
        films = tuple(map(str, result.films))
        if result.interrupted:
            self._send("interrupted", f"was interrupted: {count}")
        elif result.done == result.total:
            self._send("finished", f"is finished: {count}", films)
        elif result.done:
            self._send("partial", f"lacks frames: {count}", films)
        else:
            self._send("failed", "failed: no frame could be made")

    def _limit_seconds(self) -> float:
        if self._stall_seconds is not None:
            return self._stall_seconds
        if not self._pauses:
            return FIRST_FRAME_SECONDS
        usual = MEDIANS * statistics.median(self._pauses)
        return max(LEAST_SECONDS, usual, _LONGEST * self._longest)

    def _look(self) -> None:
        """Notice that nothing happens; runs in a thread of its own."""
        while True:
            with self._lock:
                limit = self._limit_seconds()
            if self._ended.wait(limit / _LOOKS):
                return
            with self._lock:
                silent = time.monotonic() - self._last
                stalled = silent > self._limit_seconds() and not self._stalled
                self._stalled = self._stalled or stalled
            if stalled:
                self._send("stalled", f"has stalled: nothing was done for {silent:.0f} s")

    def _end_watch(self) -> None:
        self._ended.set()
        if self._watch.is_alive():
            self._watch.join()

    def _send(self, event: Happening, text: str, films: tuple[str, ...] = ()) -> None:
        if self._target is None:
            return
        done, total, failed = self._counts
        notification = Notification(
            event=event,
            text=f"batch-analogy: {self._run_dir.name} {text}",
            run_dir=str(self._run_dir),
            films=films,
            done=done,
            total=total,
            failed=failed,
            seconds=round(time.monotonic() - self._started, 1),
        )
        try:
            send(self._target, notification)
        except UnsentError as error:
            self._console.note(f"WARNING: no notification of {event!r} was sent: {error}")
