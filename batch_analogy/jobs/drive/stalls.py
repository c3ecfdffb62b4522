"""Detect workers that have become silent: pure rules; the driver passes the time."""

from __future__ import annotations

import itertools
import statistics
from collections import deque

FIRST_FRAME_SECONDS = 2 * 3600.0
"""Limit before any frame is done: at paper quality a CPU may take most of an hour for one."""

LEAST_SECONDS = 600.0
MEDIANS = 20.0
SILENT_SPANS = 3.0
RECENT_FRAMES = 24


class StallWatch:
    """Times at which each worker was last heard from, and the limit of its silence.

    The limit is set by the configuration. By default it is 20 times the median of recent frames,
    at least ten minutes, and two hours before any frame is done. On a GPU the outcomes of a batch
    arrive together, so the limit must suffice for a batch, which has fewer than 20 frames. In a
    coherent film the first frame of a span takes nearly all of its time, so there the limit is
    3 spans.

    Args:
        timeout_seconds: the limit; None: the default.
        span: number of frames whose times belong together, 1 where frames are independent.

    >>> watch = StallWatch(None)
    >>> watch.heard("a", now=0.0)
    >>> watch.frame_took(50.0)
    >>> watch.limit_seconds, watch.overdue(now=1000.0), watch.overdue(now=1001.0)
    (1000.0, [], ['a'])
    """

    def __init__(self, timeout_seconds: float | None, span: int = 1) -> None:
        self._timeout = timeout_seconds
        self._span = span
        self._heard: dict[str, float] = {}  # worker that has work → time, longest ago first
        self._frames: deque[float] = deque(maxlen=max(RECENT_FRAMES, span))

    @property
    def limit_seconds(self) -> float:
        """Longest silence of a worker that has work."""
        if self._timeout is not None:
            return self._timeout
        if not self._frames:
            return FIRST_FRAME_SECONDS
        if self._span > 1:
            return max(LEAST_SECONDS, SILENT_SPANS * self._span * statistics.fmean(self._frames))
        return max(LEAST_SECONDS, MEDIANS * statistics.median(self._frames))

    def heard(self, worker: str, *, now: float) -> None:
        """Note that a worker was given work, or finished a frame; ``now`` never decreases."""
        self._heard.pop(worker, None)
        self._heard[worker] = now

    def frame_took(self, seconds: float) -> None:
        """Note the time that a frame took."""
        self._frames.append(seconds)

    def idle(self, worker: str) -> None:
        """Note that a worker has no work, or is gone."""
        self._heard.pop(worker, None)

    def overdue(self, *, now: float) -> list[str]:
        """Return the workers that have been silent for too long."""
        latest = now - self.limit_seconds
        silent = itertools.takewhile(lambda item: item[1] < latest, self._heard.items())
        return [worker for worker, _ in silent]
