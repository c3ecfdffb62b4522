"""Show in ``status.json`` that a run is being planned, not the end of the previous one."""

from __future__ import annotations

import contextlib
import os
import socket
import time
from collections.abc import Callable

from batch_analogy.config.run import RunConfig
from batch_analogy.errors import BatchAnalogyError, OutputDiskError, UsageError
from batch_analogy.jobs.events import OnEvent, PlanProgress, RunEvent
from batch_analogy.jobs.folder.run_status import RunStatus, write_status, written_status
from batch_analogy.jobs.store import RunStore
from batch_analogy.patience import passes

STATUS_SECONDS = 1.0


class PlanningStatus:
    """The status of a run that is being planned; its folder must be locked.

    Args:
        store: the run folder.
        config: the run.
        clock: returns the time in seconds, for the interval between writes.
    """

    def __init__(
        self, store: RunStore, config: RunConfig, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._store, self._config, self._clock = store, config, clock
        self._started_at = time.time()
        self._next = 0.0
        self.before = earlier_status(store)

    def write(self, message: str = "") -> None:
        """Write ``status.json`` now; ignore an error that may pass.

        Raises:
            OutputDiskError: the disk is full or read-only.
        """
        self._next = self._clock() + STATUS_SECONDS
        status = RunStatus(
            state="planning",
            command=self._config.command,
            source=self._config.source,
            output=str(self._config.output),
            run_dir=str(self._store.run_dir),
            message=message,
            pid=os.getpid(),
            host=socket.gethostname(),
            started_at=self._started_at,
            updated_at=time.time(),
        )
        try:
            write_status(self._store, status)
        except OutputDiskError as error:
            if not passes(error):  # a full disk is better found now than after the first frame
                raise

    def listen(self, on_event: OnEvent) -> OnEvent:
        """Return a listener that also writes the progress of planning at intervals."""

        def pass_on(event: RunEvent) -> None:
            if isinstance(event, PlanProgress) and self._clock() >= self._next:
                self.write(f"{event.step} {event.done} of {event.total} frames")
            on_event(event)

        return pass_on

    def begin_afresh(self) -> None:
        """Forget the earlier run, whose files have been deleted."""
        self.before = None
        self.write()

    def restore(self) -> None:
        """Restore the earlier content of ``status.json``; ignore errors of the disk."""
        restore_status(self._store, self.before)


def earlier_status(store: RunStore) -> RunStatus | None:
    """Read ``status.json``; return None if it does not exist or is damaged."""
    try:
        return written_status(store)
    except UsageError:
        return None


def restore_status(store: RunStore, status: RunStatus | None) -> None:
    """Write or delete ``status.json`` as it was before; ignore errors of the disk."""
    with contextlib.suppress(OSError, BatchAnalogyError):
        if status is None:
            store.status.unlink(missing_ok=True)
        else:
            write_status(store, status)
