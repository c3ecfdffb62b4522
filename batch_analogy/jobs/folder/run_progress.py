"""Count finished work, and show it in ``status.json`` and the preview folder."""

from __future__ import annotations

import contextlib
import functools
import logging
import os
import socket
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

from batch_analogy.config.run import RunConfig
from batch_analogy.errors import BatchAnalogyError
from batch_analogy.jobs.folder.preview_pictures import (
    SHEET_CELLS,
    PreviewWriter,
    evenly_spaced,
    write_last,
    write_sheet,
)
from batch_analogy.jobs.folder.run_status import (
    Pace,
    RunState,
    RunStatus,
    failed_frames,
    write_status,
)
from batch_analogy.jobs.folder.segment_counter import SegmentCounter
from batch_analogy.jobs.folder.worker_states import WorkerStates
from batch_analogy.jobs.plan.run_plan import Plan
from batch_analogy.jobs.store import RunStore, outputs_of

STATUS_SECONDS = 1.0
LAST_SECONDS = 5.0
SHEET_SECONDS = 60.0

_log = logging.getLogger(__name__)


class RunProgress:
    """Counts of one execution, which writes ``status.json`` and the previews at intervals."""

    def __init__(
        self,
        config: RunConfig,
        store: RunStore,
        plan: Plan,
        *,
        done: Iterable[int],
        given_up: dict[int, str],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.done = set(done)
        self.given_up = given_up  # index → message, without frames unusable when planned
        self.pace = Pace(plan.span_frames)
        self.worker_states = WorkerStates()
        self.dashboard_url: str | None = None
        self.token_hint: str | None = None
        self._config, self._store, self._plan = config, store, plan
        self._segments = SegmentCounter(plan, [*self.done, *given_up])
        self._workers = 0
        self._clock = clock
        self._previews = PreviewWriter()
        self._latest: int | None = None
        self._started_at = time.time()
        self._next_status = self._next_last = 0.0
        self._next_sheet = self._clock() + SHEET_SECONDS
        self._told: set[Path] = set()  # files of which an error was logged

    def frame_done(self, index: int, seconds: float) -> None:
        """Count a new finished frame."""
        self.done.add(index)
        self.given_up.pop(index, None)
        self._segments.close_frame(index)
        self.pace.add(seconds)
        self._latest = index

    def frame_given_up(self, index: int, message: str) -> None:
        """Count a frame that is not tried again in this execution."""
        self._segments.close_frame(index)
        self.given_up[index] = message

    def refresh(self, *, workers: int) -> None:
        """Write the status and begin the previews that are due."""
        self._workers = workers
        now = self._clock()
        if now >= self._next_status:
            self.write("running")
            self._next_status = now + STATUS_SECONDS
        if self._latest is not None and now >= self._next_last:
            self._begin_last(self._latest)
        if now >= self._next_sheet:
            self._begin_sheet()

    def _begin_last(self, index: int) -> None:
        path = self._store.last_preview
        write = functools.partial(write_last, path, self._picture(index))
        with self._never_ending_a_run(path):
            if self._previews.begin(path, write):
                self._latest = None
                self._next_last = self._clock() + LAST_SECONDS

    def _begin_sheet(self) -> None:
        path = self._store.sheet_preview
        write = functools.partial(write_sheet, path, self._spread())
        with self._never_ending_a_run(path):
            if self.done and self._previews.begin(path, write):
                self._next_sheet = self._clock() + SHEET_SECONDS

    def refresh_encoding(self) -> None:
        """Write ``status.json`` if due: it tells other machines that this one is at work."""
        if self._clock() >= self._next_status:
            self.write("encoding")
            self._next_status = self._clock() + STATUS_SECONDS

    def rest(self) -> None:
        """Wait until the previews that are being written are finished."""
        self._previews.wait()

    def finish_previews(self) -> None:
        """Bring both previews up to date."""
        self.rest()
        if not self.done:
            return
        with self._never_ending_a_run(self._store.last_preview):
            write_last(self._store.last_preview, self._picture(max(self.done)))
        with self._never_ending_a_run(self._store.sheet_preview):
            write_sheet(self._store.sheet_preview, self._spread())

    @contextlib.contextmanager
    def _never_ending_a_run(self, path: Path) -> Iterator[None]:
        """Log an error of writing what only shows progress; frames and journal report their own."""
        try:
            yield
        except (OSError, BatchAnalogyError) as error:
            if path not in self._told:
                self._told.add(path)
                _log.warning("%s; the run goes on without it", error)

    def _spread(self) -> list[Path]:
        """Return finished frames, evenly spaced."""
        return [self._picture(index) for index in evenly_spaced(sorted(self.done), SHEET_CELLS)]

    def write(self, state: RunState, *, films: Iterable[Path] = (), message: str = "") -> None:
        """Write ``status.json`` now; an error of the disk is only logged."""
        with self._never_ending_a_run(self._store.status):
            write_status(self._store, self._status(state, films=films, message=message))

    def _status(self, state: RunState, *, films: Iterable[Path], message: str) -> RunStatus:
        failed = failed_frames(self._plan, self.given_up)
        left = self._plan.total - len(self.done) - len(failed)
        running = state == "running"
        return RunStatus(
            state=state,
            command=self._config.command,
            source=self._config.source,
            output=str(self._config.output),
            run_dir=str(self._store.run_dir),
            total=self._plan.total,
            done=len(self.done),
            left=left,
            failed=failed,
            shots=len(self._plan.shots),
            segments=self._segments.total,
            segments_done=self._segments.done,
            workers=self._workers if running else 0,
            rate=self.pace.rate(self._workers) if running else None,
            eta_seconds=self.pace.eta_seconds(left, self._workers) if running else None,
            worker_states=self.worker_states.states() if running else (),
            dashboard_url=self.dashboard_url if running else None,
            token_hint=self.token_hint if running else None,
            films=tuple(str(path) for path in films),
            message=message,
            pid=os.getpid(),
            host=socket.gethostname(),
            started_at=self._started_at,
            updated_at=time.time(),
        )

    def _picture(self, index: int) -> Path:
        return self._store.frame(outputs_of(self._config)[0], index)
