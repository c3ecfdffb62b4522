"""What a frame of a steady film depends on: the stretch it lies in, its anchors, and their own.

Stretches are cut by frame index inside each shot, never by who does them. The driver tells a worker
with each frame which frames those are; the anchors themselves lie in the run folder's ``state/``,
where they are a memory and nothing more: whoever does not find one makes it, and makes the same.
"""

from __future__ import annotations

import bisect
from collections.abc import Callable, Sequence, Set
from dataclasses import dataclass

from batch_analogy.config import ERA_STRETCHES
from batch_analogy.jobs.plan import FramePlan, Plan, Shot


@dataclass(frozen=True)
class Stretch:
    """Frames from one anchor up to the next."""

    start: int  # index of its first frame: its name
    frames: tuple[FramePlan, ...]  # usable and of one size; at least one
    begins: bool  # whether its anchor is matched by itself, and not from the one before


@dataclass(frozen=True)
class Course:
    """How one comes to the frames of a stretch."""

    leading: tuple[Stretch, ...]  # before it: from one whose anchor is known, or which begins
    own: Stretch
    following: Stretch | None  # the one after it in the same shot


class Courses:
    """The courses of a plan's frames.

    Args:
        plan: the plan. anchor_frames: how many frames lie from one anchor to the next.
        known: whether the anchor of the stretch of this name has been made already.
    """

    def __init__(
        self, plan: Plan, anchor_frames: int, known: Callable[[int], bool] = lambda start: False
    ) -> None:
        self._plan = plan
        self._anchor_frames = anchor_frames
        self._known = known
        self._starts = [shot.start for shot in plan.shots]
        self._shots: dict[int, list[list[Stretch]]] = {}  # of the shot looked at last

    def of(self, index: int) -> Course:
        """The course of a usable frame."""
        chain, place = self._find(index)
        first = place
        while not chain[first].begins and not self._known(chain[first].start):
            first -= 1
        following = chain[place + 1] if place + 1 < len(chain) else None
        return Course(tuple(chain[first:place]), chain[place], following)

    def of_all(self, indices: Sequence[int]) -> list[Course]:
        """The courses of frames in order; those of one stretch share one, looked up once."""
        courses: list[Course] = []
        for index in indices:
            chain, place = self._find(index)
            same = bool(courses) and courses[-1].own is chain[place]
            courses.append(courses[-1] if same else self.of(index))
        return courses

    def turn(self, index: int) -> int:
        """How many stretches come before a frame's own since an anchor was matched by itself.

        Work is handed out by turns, so that workers need not wait for each other's anchors: a
        long film is begun at many places at once.
        """
        chain, place = self._find(index)
        since = 0
        while not chain[place - since].begins:
            since += 1
        return since

    def anchors(self) -> list[Stretch]:
        """All stretches of the film."""
        return [stretch for shot in self._plan.shots for c in self._cut(shot) for stretch in c]

    def unneeded(self, index: int, done: Set[int]) -> list[int]:
        """Names of anchors around a frame that nothing needs any more.

        An anchor serves its own stretch, the one before it, and the making of the next one.

        Args:
            index: a frame that has just been finished. done: all finished frames.
        """
        chain, place = self._find(index)
        names = []
        for at in range(max(0, place - 1), min(place + 2, len(chain) - 1)):
            served = chain[max(0, at - 1) : at + 1]
            finished = all(f.index in done for stretch in served for f in stretch.frames)
            if finished and self._known(chain[at + 1].start):
                names.append(chain[at].start)
        return names

    def _find(self, index: int) -> tuple[list[Stretch], int]:
        number = bisect.bisect_right(self._starts, index) - 1
        if number not in self._shots:
            self._shots = {number: self._cut(self._plan.shots[number])}
        for chain in self._shots[number]:
            if chain[-1].frames[-1].index >= index:
                return chain, bisect.bisect_right([s.start for s in chain], index) - 1
        raise ValueError(f"frame {index} is in no stretch; it cannot be used")

    def _cut(self, shot: Shot) -> list[list[Stretch]]:
        """The stretches of a shot; where frames change their size a new chain begins."""
        chains: list[list[Stretch]] = []
        size, first = (0, 0), 0
        held: list[FramePlan] = []

        def end_stretch() -> None:
            if held:
                begins = len(chains[-1]) % ERA_STRETCHES == 0
                chains[-1].append(Stretch(held[0].index, tuple(held), begins))
                held.clear()

        for frame in self._plan.frames[shot.start : shot.stop]:
            if frame.error is not None:
                continue
            if (frame.height, frame.width) != size:
                end_stretch()
                size, first = (frame.height, frame.width), frame.index
                chains.append([])
            elif held and (frame.index - first) // self._anchor_frames != (
                (held[0].index - first) // self._anchor_frames
            ):
                end_stretch()
            held.append(frame)
        end_stretch()
        return chains
