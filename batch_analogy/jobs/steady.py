"""A worker's way through the stretches of a steady film, with one reference.

It reads the frames of a stretch once for their motion and again, one by one, to make the pictures.
A frame that cannot be read is passed over as if it were not there; since every worker finds it so,
all of them get the same pictures.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic

import torch
from torch import Tensor

from batch_analogy.errors import FrameError, InputError, JobError
from batch_analogy.jobs.anchors import Anchor, Anchors
from batch_analogy.jobs.plan import FramePlan
from batch_analogy.jobs.stretches import Course, Stretch
from batch_analogy.motion.between import Between
from batch_analogy.motion.coherence import digest
from batch_analogy.motion.flow import Grey, Motion, motion_between
from batch_analogy.motion.walk import Steadies, Walk

log = logging.getLogger(__name__)

Read = Callable[[FramePlan], Tensor]
Begin = Callable[[Stretch, FramePlan, Tensor], Anchor]
"""Makes the anchor of a stretch that begins by itself: of its first frame that can be read."""


@dataclass(frozen=True)
class Opening:
    """A frame whose state is a stretch's anchor."""

    frame: FramePlan
    a: Tensor  # (1, C, H, W) float32
    grey: Grey


class SteadyFrames(Generic[Anchor]):
    """What becomes of frames, each by its course.

    Args:
        steady: what matches or paints. begin: makes the anchors that are made from no other.
        anchors: what has been made already.
        read: gives a frame, (1, C, H, W) float32, or raises InputError.
        renewed: as for ``Walk``.
    """

    def __init__(
        self,
        steady: Steadies[Anchor],
        begin: Begin[Anchor],
        anchors: Anchors[Anchor],
        read: Read,
        *,
        renewed: bool = True,
    ) -> None:
        self._steady = steady
        self._renewed = renewed
        self._begin_by_itself = begin
        self._anchors = anchors
        self._read = read
        self._course: Course | None = None
        self._walk: Walk[Anchor] | None = None
        self._frames: list[FramePlan] = []  # of the stretch, those that can be read
        self._reached = 0

    def pictures(self, index: int, a: Tensor, course: Course) -> dict[str, Tensor]:
        """The outputs of a frame; as ``frame``."""
        return self._steady.pictures(a, self.frame(index, a, course))

    def frame(self, index: int, a: Tensor, course: Course) -> Anchor | Between[Anchor]:
        """What becomes of a frame.

        Args:
            index: the frame. a: its pixels, (1, 3, H, W) float32. course: how one comes to it.

        Raises:
            InputError: the frame is not what it was a moment ago.
        """
        numbers = {frame.index: number for number, frame in enumerate(self._frames)}
        same = self._course is not None and self._course.own == course.own
        if index == course.own.frames[0].index:  # the anchor itself needs nothing that follows
            return self._anchor(course.stretches, len(course.leading))
        if not same or index not in numbers or numbers[index] <= self._reached:
            self._set_out(course, index)
            numbers = {frame.index: number for number, frame in enumerate(self._frames)}
        if index not in numbers:
            raise FrameError(f"frame {index} could not be read a moment ago; try again")
        number = numbers[index]
        if number == 0:  # those before it cannot be read
            return self._anchor(course.stretches, len(course.leading))
        self._pass_over(number)
        return self._step(number, a)

    def _set_out(self, course: Course, index: int) -> None:
        """Find the anchors of a stretch and the motion in it, up to where its frames are wanted."""
        self._course = None
        seen = self._seen(course.own)
        greys = [grey for _, grey in seen]
        after = None if course.following is None else self._first_of(course.following)
        if after is not None:
            greys.append(after.grey)
        motions = _motions(greys)
        places, own = course.stretches, len(course.leading)
        last = None
        if after is not None and places[own + 1].backward:
            last = self._anchor(places, own + 1)
            first = self._anchor(places, own, known={own + 1: last}, motions=_reversed(motions))
        else:
            first = self._anchor(places, own)
            if after is not None:
                last = self._anchor(places, own + 1, known={own: first}, motions=motions)
        self._walk = Walk(self._steady, first, last, motions, renewed=self._renewed)
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

    def _step(self, number: int, a: Tensor) -> Anchor | Between[Anchor]:
        assert self._walk is not None
        assert self._course is not None
        self._reached = number
        before = self._walk.matched
        frame = self._walk.step(number, a)
        if self._walk.matched is not before:
            self._anchors.save_walked(self._course.own.start, self._walk.matched)
        return frame

    def _anchor(
        self,
        stretches: Sequence[Stretch],
        place: int,
        *,
        known: Mapping[int, Anchor] | None = None,
        motions: Sequence[Motion] | None = None,
    ) -> Anchor:
        """The anchor of a stretch, with all those that it is made from and that are not known.

        Args:
            stretches: a course's. place: which of them.
            known: anchors that need not be looked for, by place.
            motions: those that lead to this anchor from one of these, if that makes it.
        """
        opening = self._first_of(stretches[place])
        if opening is None:
            raise FrameError("no frame of this stretch can be read")
        state = self._known(stretches[place], opening.a)
        if state is not None:
            return state
        if stretches[place].begins:
            return self._begin(stretches[place], opening)
        source = self._source(stretches, place)
        if source is None:
            return self._orphan(stretches, place, opening)
        if known is None or source not in known or motions is None:
            motions = self._motions(stretches, source, place)
        state = (known or {}).get(source) or self._anchor(stretches, source)
        state = self._steady.anchor(state, motions, opening.a)
        self._anchors.save(stretches[place].start, state)
        return state

    def _source(self, stretches: Sequence[Stretch], place: int) -> int | None:
        """The stretch whose anchor makes another's: the next one of which a frame can be read."""
        step = 1 if stretches[place].backward else -1
        place += step
        while 0 <= place < len(stretches):
            if self._first_of(stretches[place]) is not None:
                return place
            place += step
        return None

    def _motions(self, stretches: Sequence[Stretch], source: int, place: int) -> list[Motion]:
        """Frame by frame from one stretch's anchor to that of another, before or after it."""
        low, high = sorted((source, place))
        greys = [grey for stretch in stretches[low:high] for _, grey in self._seen(stretch)]
        last = self._first_of(stretches[high])
        assert last is not None
        greys.append(last.grey)
        return _motions(greys if source < place else greys[::-1])

    def _orphan(self, stretches: Sequence[Stretch], place: int, opening: Opening) -> Anchor:
        """An anchor where none can be read of those that it comes from, back to the beginning."""
        stretch = stretches[place]
        if not stretches[-1 if stretch.backward else 0].begins:
            raise JobError(
                f"the anchor at frame {stretch.start} is gone from the run folder; it is made "
                "again with the next try"
            )
        return self._begin(stretch, opening)

    def _begin(self, stretch: Stretch, opening: Opening) -> Anchor:
        state = self._begin_by_itself(stretch, opening.frame, opening.a)
        self._anchors.save(stretch.start, state)
        return state

    def _known(self, stretch: Stretch, a: Tensor) -> Anchor | None:
        state = self._anchors.load(stretch.start)
        if state is not None and state.digest != digest(a):  # of a frame that was replaced since
            self._anchors.forget(stretch.start)
            return None
        return state

    def _first_of(self, stretch: Stretch) -> Opening | None:
        """The first frame of a stretch that can be read."""
        for frame in stretch.frames:
            a = self._try_to_read(frame)
            if a is not None:
                return Opening(frame, a, self._steady.grey(a))
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


def _reversed(motions: Sequence[Motion]) -> list[Motion]:
    """The same way back."""
    return [motion.reversed() for motion in reversed(motions)]
