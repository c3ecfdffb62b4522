"""How many segments of a plan are through."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from batch_analogy.jobs.plan.run_plan import Plan


class SegmentCounter:
    """Counts the segments in which no wanted frame is left, frame by frame."""

    def __init__(self, plan: Plan, settled: Iterable[int] = ()) -> None:
        self._starts = [segment.start for segment in plan.segments]
        self._stops = [segment.stop for segment in plan.segments]
        self._left = [segment.stop - segment.start for segment in plan.segments]
        self._settled: set[int] = set()
        self.total = len(self._starts)
        self.done = 0
        for index in plan.leave_out | {frame.index for frame in plan.broken}:
            self.settle(index)
        for index in settled:
            self.settle(index)

    def settle(self, index: int) -> None:
        """A frame is done or given up; one that was so before counts once."""
        if index in self._settled:
            return
        self._settled.add(index)
        place = bisect_right(self._starts, index) - 1
        if place >= 0 and index < self._stops[place]:
            self._left[place] -= 1
            self.done += self._left[place] == 0
