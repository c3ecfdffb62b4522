"""Make the frames of a coherent film along their motion, span by span.

The frames of a span are read once for their motion, and again, one by one, to make the pictures.
A frame that cannot be read is skipped as if it did not exist. Every worker skips the same frames,
so all of them make the same pictures.
"""

from __future__ import annotations

import itertools
import logging
from collections.abc import Callable, Iterator, Mapping, Sequence
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
from batch_analogy.motion.temporal.walk import Rendered, TemporalMethod, Walk, digest

log = logging.getLogger(__name__)

Read = Callable[[FramePlan], Tensor]
Begin = Callable[[AnchorSpan, FramePlan, Tensor], Anchor]
"""Makes the anchor of a span from its first readable frame alone."""


@dataclass(frozen=True)
class _Readable:
    """A frame of a span that can be read."""

    frame: FramePlan
    a: Tensor  # (1, C, H, W) float32
    luma: Luma  # at the size at which motion is found


class AnchoredFrames(Generic[Anchor]):
    """Frames that are anchors, or lie between two of them.

    Args:
        method: the method that matches or paints.
        begin: makes anchors that depend on no other.
        anchors: the cache of anchors.
        read: returns a frame, (1, C, H, W) float32, or raises InputError.
        reanchor: as for ``Walk``.
    """

    def __init__(
        self,
        method: TemporalMethod[Anchor],
        begin: Begin[Anchor],
        anchors: AnchorCache[Anchor],
        read: Read,
        *,
        reanchor: bool = True,
    ) -> None:
        self._method = method
        self._reanchor = reanchor
        self._begin_from_frame = begin
        self._anchors = anchors
        self._read = read
        self._context: SpanContext | None = None
        self._walk: Walk[Anchor] | None = None
        self._frames: list[FramePlan] = []  # of the span, the readable ones
        self._reached = 0

    def render(self, index: int, a: Tensor, context: SpanContext) -> Rendered:
        """Render the outputs of a frame; arguments as for ``frame``."""
        return self._method.render(a, self.frame(index, a, context))

    def frame(self, index: int, a: Tensor, context: SpanContext) -> Anchor | Interpolated[Anchor]:
        """Return the state of a frame: matched or painted, or interpolated between anchors.

        Args:
            index: index of the frame.
            a: its pixels, (1, C, H, W) float32.
            context: the spans that it depends on.

        Raises:
            FrameError: the frame could not be read when its span was begun.
            JobError: an anchor that it depends on is missing from the run folder.
        """
        numbers = {frame.index: number for number, frame in enumerate(self._frames)}
        same = self._context is not None and self._context.own == context.own
        if index == context.own.frames[0].index:  # the anchor itself needs nothing that follows
            return self._anchor(context.spans, len(context.leading))
        if not same or index not in numbers or numbers[index] <= self._reached:
            self._start_span(context, index)
            numbers = {frame.index: number for number, frame in enumerate(self._frames)}
        if index not in numbers:
            raise FrameError(f"frame {index} could not be read a moment ago; try again")
        number = numbers[index]
        if number == 0:  # the frames before it cannot be read
            return self._anchor(context.spans, len(context.leading))
        self._catch_up(number)
        return self._step(number, a)

    def _start_span(self, context: SpanContext, index: int) -> None:
        """Find the anchors of a span and its motion, and resume it before frame ``index``."""
        self._context = None
        readable = self._frames_and_lumas(context.own)
        lumas = [luma for _, luma in readable]
        after = None if context.following is None else self._first_readable(context.following)
        if after is not None:
            lumas.append(after.luma)
        motions = _motions(lumas)
        spans, own = context.spans, len(context.leading)
        last = None
        if after is not None and spans[own + 1].backward:
            last = self._anchor(spans, own + 1)
            first = self._anchor(spans, own, known={own + 1: last}, motions=_reversed(motions))
        else:
            first = self._anchor(spans, own)
            if after is not None:
                last = self._anchor(spans, own + 1, known={own: first}, motions=motions)
        self._walk = Walk(self._method, first, last, motions, reanchor=self._reanchor)
        self._frames, self._context = [frame for frame, _ in readable], context
        self._reached = 0
        last_matched = self._anchors.load_last_matched(context.own.start)
        known = last_matched is not None and last_matched.number < len(self._frames)
        if last_matched is not None and known and self._frames[last_matched.number].index < index:
            self._walk.resume_from(last_matched)
            self._reached = last_matched.number

    def _catch_up(self, number: int) -> None:
        """Step through the frames of the span before this one, without rendering them."""
        for between in range(max(1, self._reached + 1), number):
            a = self._read(self._frames[between])
            try:
                self._step(between, a)
            except torch.cuda.OutOfMemoryError:
                raise
            except RuntimeError:  # its own attempt reports this; other frames continue without it
                log.exception("frame %d is skipped", self._frames[between].index)

    def _step(self, number: int, a: Tensor) -> Anchor | Interpolated[Anchor]:
        assert self._walk is not None
        assert self._context is not None
        self._reached = number
        before = self._walk.matched
        frame = self._walk.step(number, a)
        if self._walk.matched is not before:
            self._anchors.save_last_matched(self._context.own.start, self._walk.matched)
        return frame

    def _anchor(
        self,
        spans: Sequence[AnchorSpan],
        at: int,
        *,
        known: Mapping[int, Anchor] | None = None,
        motions: Sequence[Motion] | None = None,
    ) -> Anchor:
        """Return the anchor of a span; make it, and those that it depends on, if it is missing.

        Args:
            spans: the spans of the context.
            at: position of the span among them.
            known: anchors that were found already, by position.
            motions: motion from one of these to this anchor, frame by frame.
        """
        opening = self._first_readable(spans[at])
        if opening is None:
            raise FrameError("no frame of this span can be read")
        state = self._known(spans[at], opening.a)
        if state is not None:
            return state
        if spans[at].independent:
            return self._begin(spans[at], opening)
        source = self._source(spans, at)
        if source is None:
            return self._begin_alone(spans, at, opening)
        if known is None or source not in known or motions is None:
            motions = self._motions(spans, source, at)
        state = (known or {}).get(source) or self._anchor(spans, source)
        state = self._method.anchor(state, motions, opening.a)
        self._anchors.save(spans[at].start, state)
        return state

    def _source(self, spans: Sequence[AnchorSpan], at: int) -> int | None:
        """Return the position of the nearest readable span that an anchor can be made from."""
        step = 1 if spans[at].backward else -1
        at += step
        while 0 <= at < len(spans):
            if self._first_readable(spans[at]) is not None:
                return at
            at += step
        return None

    def _motions(self, spans: Sequence[AnchorSpan], source: int, at: int) -> list[Motion]:
        """Estimate motion, frame by frame, from one span's anchor to another's."""
        low, high = sorted((source, at))
        lumas = [luma for span in spans[low:high] for _, luma in self._frames_and_lumas(span)]
        last = self._first_readable(spans[high])
        assert last is not None
        lumas.append(last.luma)
        return _motions(lumas if source < at else lumas[::-1])

    def _begin_alone(self, spans: Sequence[AnchorSpan], at: int, opening: _Readable) -> Anchor:
        """Make an anchor from its frame alone, as no frame that it depends on can be read."""
        span = spans[at]
        if not spans[-1 if span.backward else 0].independent:
            raise JobError(
                f"the anchor at frame {span.start} is missing from the run folder; the next "
                "attempt makes it again"
            )
        return self._begin(span, opening)

    def _begin(self, span: AnchorSpan, opening: _Readable) -> Anchor:
        state = self._begin_from_frame(span, opening.frame, opening.a)
        self._anchors.save(span.start, state)
        return state

    def _known(self, span: AnchorSpan, a: Tensor) -> Anchor | None:
        state = self._anchors.load(span.start)
        if state is not None and state.digest != digest(a):  # the frame has been replaced since
            self._anchors.forget(span.start)
            return None
        return state

    def _first_readable(self, span: AnchorSpan) -> _Readable | None:
        """Return the first readable frame of a span."""
        return next(self._each_readable(span), None)

    def _frames_and_lumas(self, span: AnchorSpan) -> list[tuple[FramePlan, Luma]]:
        """Return the readable frames of a span, without their pixels."""
        return [(one.frame, one.luma) for one in self._each_readable(span)]

    def _each_readable(self, span: AnchorSpan) -> Iterator[_Readable]:
        for frame in span.frames:
            a = self._try_to_read(frame)
            if a is not None:
                yield _Readable(frame, a, self._method.motion_luma(a))

    def _try_to_read(self, frame: FramePlan) -> Tensor | None:
        try:
            return self._read(frame)
        except InputError as error:
            log.info("frame %d is skipped: %s", frame.index, error)
            return None


def _motions(lumas: Sequence[Luma]) -> list[Motion]:
    return [estimate_motion(before, now) for before, now in itertools.pairwise(lumas)]


def _reversed(motions: Sequence[Motion]) -> list[Motion]:
    """Return the motions of the same frames in reverse order."""
    return [motion.reversed() for motion in reversed(motions)]
