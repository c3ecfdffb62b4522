"""A worker's way through the spans of a steady film, with one reference.

It reads the frames of a span once for their motion and again, one by one, to make the pictures.
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
from batch_analogy.jobs.plan.dependencies import AnchorSpan, SpanContext
from batch_analogy.jobs.plan.run_plan import FramePlan
from batch_analogy.jobs.work.anchor_cache import Anchor, AnchorCache
from batch_analogy.motion.flow.optical_flow import Motion, estimate_motion
from batch_analogy.motion.flow.sampling import Luma
from batch_analogy.motion.temporal.interpolated import Interpolated
from batch_analogy.motion.temporal.matcher import digest
from batch_analogy.motion.temporal.walk import Rendered, TemporalMethod, Walk

log = logging.getLogger(__name__)

Read = Callable[[FramePlan], Tensor]
Begin = Callable[[AnchorSpan, FramePlan, Tensor], Anchor]
"""Makes the anchor of a span that begins by itself: of its first frame that can be read."""


@dataclass(frozen=True)
class Opening:
    """A frame whose state is a span's anchor."""

    frame: FramePlan
    a: Tensor  # (1, C, H, W) float32
    grey: Luma


class AnchoredFrames(Generic[Anchor]):
    """What becomes of frames, each by its context.

    Args:
        steady: what matches or paints. begin: makes the anchors that are made from no other.
        anchors: what has been made already.
        read: gives a frame, (1, C, H, W) float32, or raises InputError.
        reanchor: as for ``Walk``.
    """

    def __init__(
        self,
        steady: TemporalMethod[Anchor],
        begin: Begin[Anchor],
        anchors: AnchorCache[Anchor],
        read: Read,
        *,
        reanchor: bool = True,
    ) -> None:
        self._steady = steady
        self._renewed = reanchor
        self._begin_by_itself = begin
        self._anchors = anchors
        self._read = read
        self._course: SpanContext | None = None
        self._walk: Walk[Anchor] | None = None
        self._frames: list[FramePlan] = []  # of the span, those that can be read
        self._reached = 0

    def render(self, index: int, a: Tensor, context: SpanContext) -> Rendered:
        """Render the outputs of a frame; as ``frame``."""
        return self._steady.render(a, self.frame(index, a, context))

    def frame(self, index: int, a: Tensor, context: SpanContext) -> Anchor | Interpolated[Anchor]:
        """What becomes of a frame.

        Args:
            index: the frame. a: its pixels, (1, 3, H, W) float32. context: how one comes to it.

        Raises:
            InputError: the frame is not what it was a moment ago.
        """
        numbers = {frame.index: number for number, frame in enumerate(self._frames)}
        same = self._course is not None and self._course.own == context.own
        if index == context.own.frames[0].index:  # the anchor itself needs nothing that follows
            return self._anchor(context.spans, len(context.leading))
        if not same or index not in numbers or numbers[index] <= self._reached:
            self._set_out(context, index)
            numbers = {frame.index: number for number, frame in enumerate(self._frames)}
        if index not in numbers:
            raise FrameError(f"frame {index} could not be read a moment ago; try again")
        number = numbers[index]
        if number == 0:  # those before it cannot be read
            return self._anchor(context.spans, len(context.leading))
        self._pass_over(number)
        return self._step(number, a)

    def _set_out(self, context: SpanContext, index: int) -> None:
        """Find the anchors of a span and the motion in it, up to where its frames are wanted."""
        self._course = None
        seen = self._seen(context.own)
        greys = [grey for _, grey in seen]
        after = None if context.following is None else self._first_of(context.following)
        if after is not None:
            greys.append(after.grey)
        motions = _motions(greys)
        places, own = context.spans, len(context.leading)
        last = None
        if after is not None and places[own + 1].backward:
            last = self._anchor(places, own + 1)
            first = self._anchor(places, own, known={own + 1: last}, motions=_reversed(motions))
        else:
            first = self._anchor(places, own)
            if after is not None:
                last = self._anchor(places, own + 1, known={own: first}, motions=motions)
        self._walk = Walk(self._steady, first, last, motions, reanchor=self._renewed)
        self._frames, self._course = [frame for frame, _ in seen], context
        self._reached = 0
        last_matched = self._anchors.load_last_matched(context.own.start)
        known = last_matched is not None and last_matched.number < len(self._frames)
        if last_matched is not None and known and self._frames[last_matched.number].index < index:
            self._walk.resume_from(last_matched)
            self._reached = last_matched.number

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

    def _step(self, number: int, a: Tensor) -> Anchor | Interpolated[Anchor]:
        assert self._walk is not None
        assert self._course is not None
        self._reached = number
        before = self._walk.matched
        frame = self._walk.step(number, a)
        if self._walk.matched is not before:
            self._anchors.save_last_matched(self._course.own.start, self._walk.matched)
        return frame

    def _anchor(
        self,
        spans: Sequence[AnchorSpan],
        place: int,
        *,
        known: Mapping[int, Anchor] | None = None,
        motions: Sequence[Motion] | None = None,
    ) -> Anchor:
        """The anchor of a span, with all those that it is made from and that are not known.

        Args:
            spans: a context's. place: which of them.
            known: anchors that need not be looked for, by place.
            motions: those that lead to this anchor from one of these, if that makes it.
        """
        opening = self._first_of(spans[place])
        if opening is None:
            raise FrameError("no frame of this span can be read")
        state = self._known(spans[place], opening.a)
        if state is not None:
            return state
        if spans[place].begins:
            return self._begin(spans[place], opening)
        source = self._source(spans, place)
        if source is None:
            return self._orphan(spans, place, opening)
        if known is None or source not in known or motions is None:
            motions = self._motions(spans, source, place)
        state = (known or {}).get(source) or self._anchor(spans, source)
        state = self._steady.anchor(state, motions, opening.a)
        self._anchors.save(spans[place].start, state)
        return state

    def _source(self, spans: Sequence[AnchorSpan], place: int) -> int | None:
        """The span whose anchor makes another's: the next one of which a frame can be read."""
        step = 1 if spans[place].backward else -1
        place += step
        while 0 <= place < len(spans):
            if self._first_of(spans[place]) is not None:
                return place
            place += step
        return None

    def _motions(self, spans: Sequence[AnchorSpan], source: int, place: int) -> list[Motion]:
        """Frame by frame from one span's anchor to that of another, before or after it."""
        low, high = sorted((source, place))
        greys = [grey for span in spans[low:high] for _, grey in self._seen(span)]
        last = self._first_of(spans[high])
        assert last is not None
        greys.append(last.grey)
        return _motions(greys if source < place else greys[::-1])

    def _orphan(self, spans: Sequence[AnchorSpan], place: int, opening: Opening) -> Anchor:
        """An anchor where none can be read of those that it comes from, back to the beginning."""
        span = spans[place]
        if not spans[-1 if span.backward else 0].begins:
            raise JobError(
                f"the anchor at frame {span.start} is gone from the run folder; it is made "
                "again with the next try"
            )
        return self._begin(span, opening)

    def _begin(self, span: AnchorSpan, opening: Opening) -> Anchor:
        state = self._begin_by_itself(span, opening.frame, opening.a)
        self._anchors.save(span.start, state)
        return state

    def _known(self, span: AnchorSpan, a: Tensor) -> Anchor | None:
        state = self._anchors.load(span.start)
        if state is not None and state.digest != digest(a):  # of a frame that was replaced since
            self._anchors.forget(span.start)
            return None
        return state

    def _first_of(self, span: AnchorSpan) -> Opening | None:
        """The first frame of a span that can be read."""
        for frame in span.frames:
            a = self._try_to_read(frame)
            if a is not None:
                return Opening(frame, a, self._steady.motion_luma(a))
        return None

    def _seen(self, span: AnchorSpan) -> list[tuple[FramePlan, Luma]]:
        """The frames of a span that can be read, with their brightness."""
        seen = []
        for frame in span.frames:
            a = self._try_to_read(frame)
            if a is not None:
                seen.append((frame, self._steady.motion_luma(a)))
        return seen

    def _try_to_read(self, frame: FramePlan) -> Tensor | None:
        try:
            return self._read(frame)
        except InputError as error:
            log.info("frame %d is passed over: %s", frame.index, error)
            return None


def _motions(greys: Sequence[Luma]) -> list[Motion]:
    return [estimate_motion(before, now) for before, now in itertools.pairwise(greys)]


def _reversed(motions: Sequence[Motion]) -> list[Motion]:
    """The same way back."""
    return [motion.reversed() for motion in reversed(motions)]
