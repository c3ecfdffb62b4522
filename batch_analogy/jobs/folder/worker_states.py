"""State of each worker, collected from the driver's events."""

from __future__ import annotations

import time
from collections.abc import Callable

import msgspec

from batch_analogy.jobs.events import FrameDone, FrameFailed, RunEvent, WorkerLost, WorkersReady

KEPT_LOST = 20


class WorkerState(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """State of one worker, as status.json shows it."""

    name: str
    node: str
    device: str
    done: int = 0
    failed: int = 0  # attempts
    last_frame: int | None = None
    last_seconds: float | None = None  # how long its last finished frame took
    heard_at: float = 0.0  # seconds since 1970, when it last reported
    lost: str | None = None  # why it is gone


class WorkerStates:
    """States of the workers of one execution."""

    def __init__(self, clock: Callable[[], float] = time.time) -> None:
        self._clock = clock
        self._states: dict[str, WorkerState] = {}

    def observe(self, event: RunEvent) -> None:
        """Take an event into account; most are not about workers."""
        if isinstance(event, WorkersReady):
            self._states.setdefault(
                event.worker, WorkerState(event.worker, event.node, event.device)
            )
            self._change(event.worker, node=event.node, lost=None)
        elif isinstance(event, FrameDone):
            self._change(
                event.worker,
                done=self._of(event.worker).done + 1,
                last_frame=event.index,
                last_seconds=round(event.seconds, 3),
            )
        elif isinstance(event, FrameFailed):
            self._change(event.worker, failed=self._of(event.worker).failed + 1)
        elif isinstance(event, WorkerLost):
            self._change(event.worker, lost=event.message)
            self._forget_long_lost()

    def states(self) -> tuple[WorkerState, ...]:
        """Return the workers in the order of their start, with only the latest lost ones."""
        return tuple(self._states.values())

    def _of(self, name: str) -> WorkerState:
        return self._states.get(name, WorkerState(name, "", ""))

    def _change(self, name: str, **fields: int | float | str | None) -> None:
        heard_at = round(self._clock(), 1)
        changed = msgspec.structs.replace(self._of(name), heard_at=heard_at, **fields)
        self._states[name] = changed

    def _forget_long_lost(self) -> None:
        lost = [name for name, state in self._states.items() if state.lost is not None]
        for name in lost[:-KEPT_LOST]:
            del self._states[name]
