"""A worker's way through the stretches of a steady film.

It reads the frames of a stretch once for their motion and again, one by one, to make the pictures.
A frame that cannot be read is passed over as if it were not there; since every worker finds it so,
all of them get the same pictures.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Sequence

import torch
from torch import Tensor

from batch_analogy.errors import FrameError, InputError, JobError
from batch_analogy.jobs.anchors import Anchors
from batch_analogy.jobs.plan import FramePlan
from batch_analogy.jobs.stretches import Course, Stretch
from batch_analogy.motion.coherence import Frame, FrameState, Steady, digest
from batch_analogy.motion.flow import Grey, Motion, motion_between
from batch_analogy.motion.walk import Walk

log = logging.getLogger(__name__)

Read = Callable[[FramePlan], Tensor]


class SteadyFrames:
    """Pictures of frames, each by its course.

    Args:
        steady: what matches. anchors: what has been matched already.
        read: gives a frame, (1, 3, H, W) float32, or raises InputError.
    """

    def __init__(self, steady: Steady, anchors: Anchors, read: Read) -> None:
        self._steady = steady
        self._anchors = anchors
        self._read = read
        self._course: Course | None = None
        self._walk: Walk | None = None
        self._frames: list[FramePlan] = []  # of the stretch, those that can be read
        self._reached = 0

    def pictures(self, index: int, a: Tensor, course: Course) -> dict[str, Tensor]:
        """The outputs of a frame.

        Args:
            index: the frame. a: its pixels, (1, 3, H, W) float32. course: how one comes to it.

        Raises:
            InputError: the frame is not what it was a moment ago.
        """
        numbers = {frame.index: number for number, frame in enumerate(self._frames)}
        same = self._course is not None and self._course.own == course.own
        if index == course.own.frames[0].index:  # the anchor itself needs nothing that follows
            return self._steady.pictures(a, self._anchor(course))
        if not same or index not in numbers or numbers[index] <= self._reached:
            self._set_out(course, index)
            numbers = {frame.index: number for number, frame in enumerate(self._frames)}
        if index not in numbers:
            raise FrameError(f"frame {index} could not be read a moment ago; try again")
        number = numbers[index]
        if number == 0:  # those before it cannot be read
            return self._steady.pictures(a, self._anchor(course))
        self._pass_over(number)
        return self._steady.pictures(a, self._step(number, a))

    def _set_out(self, course: Course, index: int) -> None:
        """Find the anchors of a stretch and the motion in it, up to where its frames are wanted."""
        self._course = None
        first = self._anchor(course)
        seen = self._seen(course.own)
        greys = [grey for _, grey in seen]
        after = None if course.following is None else self._first_of(course.following)
        if after is not None:
            greys.append(after[1])
        motions = _motions(greys)
        last = None
        if after is not None and course.following is not None:
            last = self._later(course.following, first, motions, after[0])
        self._walk = Walk(self._steady, first, last, motions)
        self._frames, self._course = [frame for frame, _ in seen], course
        self._reached = 0
        walked = self._anchors.load_walked(course.own.start)
        known = walked is not None and walked.number < len(self._frames)
        if walked is not None and known and self._frames[walked.number].index < index:
            self._walk.go_on_from(walked)
            self._reached = walked.number

    def _pass_over(self, number: int) -> None:
        """Go by the frames before this one that others have done."""
        for between in range(max(1, self._reached + 1), number):
            a = self._read(self._frames[between])
            try:
                self._step(between, a)
            except torch.cuda.OutOfMemoryError:
                raise
            except RuntimeError:  # its own try reports it; the others go on without it
                log.exception("frame %d is passed over", self._frames[between].index)

    def _step(self, number: int, a: Tensor) -> Frame:
        assert self._walk is not None
        assert self._course is not None
        self._reached = number
        before = self._walk.matched
        frame = self._walk.step(number, a)
        if self._walk.matched is not before:
            self._anchors.save_walked(self._course.own.start, self._walk.matched)
        return frame

    def _anchor(self, course: Course) -> FrameState:
        """The anchor of the course's own stretch, with all those before it that are not known."""
        stretches = [*course.leading, course.own]
        state: FrameState | None = None
        greys: list[Grey] = []
        for stretch in stretches:
            opening = self._first_of(stretch)
            if opening is None:
                continue
            a, grey = opening
            if state is None:
                state = self._earliest(stretch, a, may_begin=stretches[0].begins)
            else:
                state = self._later(stretch, state, _motions([*greys, grey]), a)
                greys = []
            if stretch is not course.own:
                greys.extend(other for _, other in self._seen(stretch))
        if state is None:
            raise FrameError("no frame of this stretch can be read")
        return state

    def _earliest(self, stretch: Stretch, a: Tensor, *, may_begin: bool) -> FrameState:
        state = self._known(stretch, a)
        if state is None and not may_begin:
            raise JobError(
                f"the anchor at frame {stretch.start} is gone from the run folder; it is made "
                "again with the next try"
            )
        return state or self._begin(stretch, a)

    def _begin(self, stretch: Stretch, a: Tensor) -> FrameState:
        state = self._steady.begin(a)
        self._anchors.save(stretch.start, state)
        return state

    def _later(
        self, stretch: Stretch, before: FrameState, motions: Sequence[Motion], a: Tensor
    ) -> FrameState:
        """The anchor of a later stretch: remembered, or made from the one before."""
        state = self._known(stretch, a)
        if state is None and stretch.begins:
            return self._begin(stretch, a)
        if state is None:
            state = self._steady.anchor(before, motions, a)
            self._anchors.save(stretch.start, state)
        return state

    def _known(self, stretch: Stretch, a: Tensor) -> FrameState | None:
        state = self._anchors.load(stretch.start)
        if state is not None and state.digest != digest(a):  # of a frame that was replaced since
            self._anchors.forget(stretch.start)
            return None
        return state

    def _first_of(self, stretch: Stretch) -> tuple[Tensor, Grey] | None:
        """The first frame of a stretch that can be read, and its brightness."""
        for frame in stretch.frames:
            a = self._try_to_read(frame)
            if a is not None:
                return a, self._steady.grey(a)
        return None

    def _seen(self, stretch: Stretch) -> list[tuple[FramePlan, Grey]]:
        """The frames of a stretch that can be read, with their brightness."""
        seen = []
        for frame in stretch.frames:
            a = self._try_to_read(frame)
            if a is not None:
                seen.append((frame, self._steady.grey(a)))
        return seen

    def _try_to_read(self, frame: FramePlan) -> Tensor | None:
        try:
            return self._read(frame)
        except InputError as error:
            log.info("frame %d is passed over: %s", frame.index, error)
            return None


def _motions(greys: Sequence[Grey]) -> list[Motion]:
    return [motion_between(before, now) for before, now in itertools.pairwise(greys)]
