"""Count the finished segments of a plan."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable

from batch_analogy.jobs.plan.run_plan import Plan


class SegmentCounter:
    """Counter of the segments in which no wanted frame is left.

    Args:
        plan: the plan of the run.
        closed: indices of frames that are done or given up already.
    """

    def __init__(self, plan: Plan, closed: Iterable[int] = ()) -> None:
        self._starts = [segment.start for segment in plan.segments]
        self._stops = [segment.stop for segment in plan.segments]
        self._left = [segment.stop - segment.start for segment in plan.segments]
        self._closed: set[int] = set()
        self.total = len(self._starts)
        self.done = 0
        for index in plan.leave_out | {frame.index for frame in plan.broken}:
            self.close_frame(index)
        for index in closed:
            self.close_frame(index)

    def close_frame(self, index: int) -> None:
        """Count a frame as done or given up; repeating this has no effect."""
        if index in self._closed:
            return
        self._closed.add(index)
        place = bisect_right(self._starts, index) - 1
        if place >= 0 and index < self._stops[place]:
            self._left[place] -= 1
            self.done += self._left[place] == 0
