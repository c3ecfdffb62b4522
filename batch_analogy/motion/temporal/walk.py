"""Walk through a span, frame after frame, from one anchor towards the next."""

from __future__ import annotations

import dataclasses
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Protocol

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from batch_analogy.analogy.features.pictures import matching_size, resize
from batch_analogy.analogy.nnf import sides
from batch_analogy.config.matching import AnalogyConfig
from batch_analogy.motion.flow.optical_flow import Motion
from batch_analogy.motion.flow.sampling import Luma
from batch_analogy.motion.temporal.interpolated import (
    FromAnchor,
    Interpolated,
    State,
    count_changes,
    interpolate,
    motions_from_end,
)

MOTION_AREA_PX = 250_000
"""Area at which motion is estimated: more gains little, and a span's flow must fit in memory."""


@dataclass(frozen=True)
class Rendered:
    """Outputs of a frame, and the misfit of a painted one."""

    pictures: dict[str, Tensor]  # output → (1, 3, H, W) float32 in [0, 1]
    misfit: float | None = None  # of a painted frame: from 0 (all as painted) to 1 (nothing fits)


class TemporalMethod(Protocol[State]):
    """Steps by which frames follow each other; see ``TemporalMatcher`` and ``KeyframePainter``.

    A *state* is the data that a finished frame passes on to others: its matches, or its paint.
    """

    def motion_luma(self, a: Tensor) -> Luma:
        """Return the luma of a frame at the size at which motion is estimated."""

    def clean_motion(self, anchor: FromAnchor[State], a: Tensor) -> FromAnchor[State]:
        """Correct the motion from a matched frame to ``a`` before anything is carried along it."""

    def anchor(self, before: State, motions: Sequence[Motion], a: Tensor) -> State:
        """Make an anchor from the one before or after it, along the motions that lead to it."""

    def follow(
        self, frame: Interpolated[State], a: Tensor, *, age: int
    ) -> State | Interpolated[State]:
        """Keep a frame as interpolated, or match it where too little of it can be carried."""

    def render(self, a: Tensor, frame: State | Interpolated[State]) -> Rendered:
        """Render the outputs of a frame, (1, C, H, W) float32."""


@dataclass(frozen=True)
class MatchedFrame(Generic[State]):
    """A matched frame of a span; a walk can be resumed from it as from the anchor."""

    number: int  # motions from the span's first frame to it
    state: State


class Walk(Generic[State]):
    """A walk through the frames of one span, in order.

    Args:
        method: matches or paints the frames.
        first: the anchor that the span begins with.
        last: the anchor after the span; None at the end of a shot.
        motions: from each frame to the next; the last one leads to ``last`` if that exists.
        reanchor: whether a frame that is matched on the way replaces the first anchor for the
            frames after it; otherwise it only fills in what the anchors lack.
    """

    def __init__(
        self,
        method: TemporalMethod[State],
        first: State,
        last: State | None,
        motions: Sequence[Motion],
        *,
        reanchor: bool = True,
    ) -> None:
        self._method = method
        self._reanchor = reanchor
        self._last = last
        self._motions = motions
        self._from_last = motions_from_end(motions) if last is not None else []
        self.matched = MatchedFrame(0, first)
        self._from_matched: Motion | None = None  # to the frame reached
        self._reached = 0

    def resume_from(self, matched: MatchedFrame[State]) -> None:
        """Start at a frame that was matched on an earlier walk through the same span."""
        self.matched = matched
        self._from_matched, self._reached = None, matched.number

    def step(self, number: int, a: Tensor) -> State | Interpolated[State]:
        """Step to a frame of the span.

        Call this for every frame in order, because the next frames follow the last matched one.
        If a step fails, the frame is skipped as if it did not exist.

        Args:
            number: number of motions from the span's first frame, at least 1 and above that of the
                last step. a: the frame, (1, 3, H, W) float32.
        """
        while self._reached < number:
            motion = self._motions[self._reached]
            known = self._from_matched
            self._from_matched = motion if known is None else known.then(motion)
            self._reached += 1
        assert self._from_matched is not None
        later = None
        if self._last is not None:
            from_last = FromAnchor(self._last, self._from_last[number - 1])
            later = self._method.clean_motion(from_last, a)
        begun = self.matched.number if self._reanchor else 0
        ages = count_changes(self._motions[begun:number]), count_changes(self._motions[number:])
        from_matched = FromAnchor(self.matched.state, self._from_matched)
        earlier = self._method.clean_motion(from_matched, a)
        frame = self._method.follow(interpolate(earlier, later, ages), a, age=ages[0])
        if not isinstance(frame, Interpolated):
            self.matched, self._from_matched = MatchedFrame(number, frame), None
        return frame


def digest(a: Tensor) -> str:
    """Hash the pixels of a frame, to recognise equal frames."""
    return hashlib.blake2b(a.cpu().contiguous().numpy().tobytes(), digest_size=16).hexdigest()


def motion_picture(a: Tensor, config: AnalogyConfig) -> NDArray[np.float32]:
    """Reduce a frame to the size at which motion is estimated, whatever the ratio of matching.

    Args:
        a: (1, C, H, W) float32; its first three channels are RGB. config: of the run.

    Returns:
        (h, w, 3) float32 RGB.
    """
    area_px = min(config.max_area_px, MOTION_AREA_PX)
    unscaled = dataclasses.replace(config.unscaled, max_area_px=area_px)
    small = resize(a[:, :3].cpu(), matching_size(*sides(a), unscaled))
    return np.ascontiguousarray(small[0].permute(1, 2, 0).numpy())
