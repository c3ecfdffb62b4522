"""Noticing a worker that says nothing any more: pure rules, told the time by the driver."""

from __future__ import annotations

import itertools
import statistics
from collections import deque

FIRST_FRAME_SECONDS = 2 * 3600.0
"""Patience while no frame is known: at paper quality a CPU may take most of an hour for one."""

LEAST_SECONDS = 600.0
MEDIANS = 20.0
SILENT_SPANS = 3.0
RECENT_FRAMES = 24


class StallWatch:
    """When each worker was last heard of, and how long that may be ago.

    The limit is what the settings say; by default 20 times the median of recent frames, at least
    ten minutes, and two hours before any frame is done. On a GPU the outcomes of a batch arrive
    together, so the limit must hold for a batch: a batch has fewer than 20 frames. In a steady film
    the first frame of a span takes nearly all of its time, so there the limit is 3 spans.

    >>> watch = StallWatch(None)
    >>> watch.heard("a", now=0.0)
    >>> watch.frame_took(50.0)
    >>> watch.limit_seconds, watch.overdue(now=1000.0), watch.overdue(now=1001.0)
    (1000.0, [], ['a'])
    """

    def __init__(self, timeout_seconds: float | None, span: int = 1) -> None:
        self._timeout = timeout_seconds
        self._span = span
        self._heard: dict[str, float] = {}  # worker with work in hand → time, longest ago first
        self._frames: deque[float] = deque(maxlen=max(RECENT_FRAMES, span))

    @property
    def limit_seconds(self) -> float:
        """How long a worker with work in hand may be silent."""
        if self._timeout is not None:
            return self._timeout
        if not self._frames:
            return FIRST_FRAME_SECONDS
        if self._span > 1:
            return max(LEAST_SECONDS, SILENT_SPANS * self._span * statistics.fmean(self._frames))
        return max(LEAST_SECONDS, MEDIANS * statistics.median(self._frames))

    def heard(self, worker: str, *, now: float) -> None:
        """A worker was given work, or finished a frame of it; ``now`` never goes back."""
        self._heard.pop(worker, None)
        self._heard[worker] = now

    def frame_took(self, seconds: float) -> None:
        """A frame was done in so much time."""
        self._frames.append(seconds)

    def idle(self, worker: str) -> None:
        """A worker has nothing in hand, or is gone."""
        self._heard.pop(worker, None)

    def overdue(self, *, now: float) -> list[str]:
        """Workers that have been silent for too long."""
        latest = now - self.limit_seconds
        silent = itertools.takewhile(lambda item: item[1] < latest, self._heard.items())
        return [worker for worker, _ in silent]
