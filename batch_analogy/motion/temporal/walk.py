"""Walking through a span: frame after frame from one anchor towards the next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol

from torch import Tensor

from batch_analogy.motion.flow.optical_flow import Motion
from batch_analogy.motion.flow.sampling import Luma
from batch_analogy.motion.temporal.interpolated import (
    FromAnchor,
    Interpolated,
    State,
    backwards,
    between,
    changes,
)


@dataclass(frozen=True)
class Rendered:
    """The outputs of a frame, and how badly a painted one fits."""

    pictures: dict[str, Tensor]  # output → (1, 3, H, W) float32 in [0, 1]
    misfit: float | None = None  # of a painted frame: 0, all as painted, to 1, nothing fits


class TemporalMethod(Protocol[State]):
    """What matches frames (``coherence``), or paints them (``keyframes``)."""

    def motion_luma(self, a: Tensor) -> Luma:
        """A frame's brightness at the size at which its motion is found."""

    def clean_motion(self, side: FromAnchor[State], a: Tensor) -> FromAnchor[State]:
        """A matched frame and the motion from it to a frame, as matches are to be carried."""

    def anchor(self, before: State, motions: Sequence[Motion], a: Tensor) -> State:
        """An anchor, made from one before or after it along the motions that lead here."""

    def follow(
        self, frame: Interpolated[State], a: Tensor, *, age: int
    ) -> State | Interpolated[State]:
        """A frame as it was carried, or made anew where too much of it cannot be followed."""

    def render(self, a: Tensor, frame: State | Interpolated[State]) -> Rendered:
        """Render the outputs of a frame, (1, C, H, W) float32."""


@dataclass(frozen=True)
class MatchedFrame(Generic[State]):
    """A frame of a span that was matched; one can go on from it as from the first."""

    number: int  # of motions from the span's first frame to it
    state: State


class Walk(Generic[State]):
    """One span. Frames that are not asked for are passed over, but must be if they failed.

    Args:
        steady: what matches or paints.
        first: the anchor that the span begins with.
        last: the anchor after it; None at the end of a shot.
        motions: from each frame to the next; the last leads to ``last`` if that is there.
        reanchor: whether a frame that is made anew on the way counts as an anchor from there on;
            else it only fills in what the first one lacks.
    """

    def __init__(
        self,
        steady: TemporalMethod[State],
        first: State,
        last: State | None,
        motions: Sequence[Motion],
        *,
        reanchor: bool = True,
    ) -> None:
        self._steady = steady
        self._renewed = reanchor
        self._last = last
        self._motions = motions
        self._ahead = backwards(motions) if last is not None else []
        self.matched = MatchedFrame(0, first)
        self._since: Motion | None = None
        self._reached = 0

    def resume_from(self, matched: MatchedFrame[State]) -> None:
        """Start at a frame that was matched on an earlier walk through the same span."""
        self.matched = matched
        self._since, self._reached = None, matched.number

    def step(self, number: int, a: Tensor) -> State | Interpolated[State]:
        """The frame so many motions after the first.

        Every frame of the span has to be stepped to, in order: one that is matched is what the
        next ones follow. If this fails, the frame is passed over as if it were not there.

        Args:
            number: 1 …, above that of the step before. a: the frame, (1, 3, H, W) float32.
        """
        while self._reached < number:
            motion = self._motions[self._reached]
            self._since = motion if self._since is None else self._since.then(motion)
            self._reached += 1
        assert self._since is not None
        later = None
        if self._last is not None:
            later = self._steady.clean_motion(FromAnchor(self._last, self._ahead[number - 1]), a)
        begun = self.matched.number if self._renewed else 0
        ages = changes(self._motions[begun:number]), changes(self._motions[number:])
        from_origin = self._steady.clean_motion(FromAnchor(self.matched.state, self._since), a)
        here = between(from_origin, later, ages)
        frame = self._steady.follow(here, a, age=ages[0])
        if not isinstance(frame, Interpolated):
            self.matched, self._since = MatchedFrame(number, frame), None
        return frame
