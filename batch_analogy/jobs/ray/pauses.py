"""Wait before workers are replaced that Ray ended because a machine's memory ran short.

Ray ends workers within a second when memory is nearly used up, mostly by other programs. Workers
that were started at once would be ended again, until too many were lost.
"""

from __future__ import annotations

import time
from collections.abc import Callable

FIRST_SECONDS = 10.0
LONGEST_SECONDS = 120.0


class Pauses:
    """Names of workers that are started after a pause, which doubles each time it was too short.

    >>> now = [0.0]
    >>> pauses = Pauses(lambda: now[0])
    >>> pauses.memory_was_short(); pauses.hold_back("styler-2"), pauses.due()
    (True, [])
    >>> now[0] = 10.0
    >>> pauses.due(), pauses.hold_back("styler-3")
    (['styler-2'], False)
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._seconds = FIRST_SECONDS
        self._until = -float("inf")
        self._names: list[str] = []

    @property
    def over(self) -> bool:
        """True unless a pause is going on."""
        return self._clock() >= self._until

    def memory_was_short(self) -> None:
        """Begin a pause, unless one is going on: then all workers of a machine are ended."""
        now = self._clock()
        if now >= self._until:
            self._until = now + self._seconds
            self._seconds = min(2 * self._seconds, LONGEST_SECONDS)

    def frame_done(self) -> None:
        """Note that work goes on; the next pause is short again."""
        self._seconds = FIRST_SECONDS

    def hold_back(self, name: str) -> bool:
        """Keep a worker's name until the pause is over; return False if there is none."""
        if self.over:
            return False
        self._names.append(name)
        return True

    def due(self) -> list[str]:
        """Return the names whose pause is over, once."""
        if not self.over:
            return []
        names, self._names = self._names, []
        return names
