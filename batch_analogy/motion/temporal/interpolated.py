"""A frame between matched ones: which of them each pixel is followed to, and what it takes over.

A pixel that can be followed to one matched frame alone goes with that one. Where both will do, the
earlier one prevails in the first half and the later one in the second, faded over a few frames
around the middle. Equal frames count as one, so that they come out equal.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

import cv2
import numpy as np
import torch
from torch import Tensor

from batch_analogy.analogy.correspondence.temporal_prior import TemporalPrior
from batch_analogy.analogy.nnf import Size
from batch_analogy.motion.flow.optical_flow import Motion
from batch_analogy.motion.flow.sampling import Luma
from batch_analogy.motion.temporal.carry import (
    SOFT_CELLS,
    carry_domain,
    carry_grid,
    carry_range,
    local_mean,
    map_to_tensor,
    resize_map,
    sample_bilinear,
    taper_confidence,
)

FADED_FRAMES = 6.0  # from the earlier matched frame to the later, around the middle
_RARELY = 0.05  # weight of the farther one while it is not its turn
_UNSURE = 0.01  # weight of what cannot be followed
_UNKNOWN = 1e-3  # the same of a cell of colour transforms
_BLUR_PX = 5

FieldRole = Literal["domain", "range"]
"""Whether a field is over the frame or leads into it."""

State = TypeVar("State")


@dataclass(frozen=True)
class FromAnchor(Generic[State]):
    """A matched frame and the motion from it to this one."""

    state: State
    motion: Motion


@dataclass(frozen=True)
class Interpolated(Generic[State]):
    """A frame that follows one matched frame, and may lead to another."""

    earlier: FromAnchor[State]
    later: FromAnchor[State] | None = None
    share: Luma | None = None  # of the later one at each pixel, at the size of the motion
    position: float = 0.0  # between the earlier (0) and the later one (1)
    turn: float = 0.0  # the same, but all of the change lies around the middle

    @property
    def sides(self) -> list[FromAnchor[State]]:
        """The matched frames."""
        return [self.earlier] if self.later is None else [self.earlier, self.later]

    def both(
        self, fields: tuple[Tensor, Tensor | None], way: FieldRole, size: Size
    ) -> tuple[TemporalPrior, TemporalPrior | None, Tensor | None]:
        """Fields of both matched frames as they are here, and the share of the later one.

        Args:
            fields: of the earlier and the later one, (1, 2, H, W) float32.
            way: how they belong to the frame. size: of the frame in the units of the fields.

        Returns:
            The two, and (1, 1, H, W) float32; nothing of a later one that there is not.
        """
        earlier = _carry(fields[0], self.earlier.motion, way, size)
        if self.later is None or self.share is None or fields[1] is None:
            return earlier, None, None
        later = _carry(fields[1], self.later.motion, way, size)
        share = map_to_tensor(resize_map(self.share, size), earlier.confidence.device)
        if way == "range":
            share = sample_bilinear(share, earlier.expected)
        return earlier, later, share

    def chosen(
        self, fields: tuple[Tensor, Tensor | None], way: FieldRole, size: Size
    ) -> TemporalPrior:
        """``both`` as one: each pixel's match from the matched frame that has the larger share."""
        earlier, later, share = self.both(fields, way, size)
        if later is None or share is None:
            return earlier
        takes = share > 0.5
        return TemporalPrior(
            torch.where(takes, later.expected, earlier.expected),
            torch.where(takes, later.confidence, earlier.confidence),
        )

    def grid(
        self,
        grids: tuple[Tensor, Tensor | None],
        cells: tuple[float, float],
        way: FieldRole,
        size: Size,
    ) -> tuple[Tensor, Tensor]:
        """Grids of colour transforms, carried and mixed: steadily over the whole of a span.

        Args:
            grids: of the earlier and the later one, (1, C, D, h, w) float32.
            cells: the picture's height and width in cells. way: a grid leads nowhere, so
                ``"range"`` means that it belongs to the picture that stands still, and is followed
                as far as the whole frame is, whose look it has.
            size: of the frame, in whole cells but for the last ones.

        Returns:
            The grid, and how far each of its cells could be followed, (1, 1, h, w) in [0, 1].
        """
        earlier, confidence = _moved(grids[0], cells, way, self.earlier.motion, size)
        if self.later is None or grids[1] is None:
            return earlier, confidence
        later, later_sure = _moved(grids[1], cells, way, self.later.motion, size)
        # What can be followed to neither is mixed as its surroundings are …
        seen, later_seen = (
            taper_confidence(confidence, SOFT_CELLS),
            taper_confidence(later_sure, SOFT_CELLS),
        )
        weight = local_mean(self.position * (later_seen + _UNKNOWN), SOFT_CELLS)
        other = local_mean((1.0 - self.position) * (seen + _UNKNOWN), SOFT_CELLS)
        share = weight / (weight + other)
        for _ in range(2):  # … and where one of them sees no further no border may be seen
            share = local_mean(share, SOFT_CELLS)
        mixed = earlier + share[:, :, None] * (later - earlier)
        return mixed, confidence + share * (later_sure - confidence)


def _carry(field: Tensor, motion: Motion, way: FieldRole, size: Size) -> TemporalPrior:
    return carry_domain(field, motion) if way == "domain" else carry_range(field, motion, size)


def _moved(
    grid: Tensor, cells: tuple[float, float], way: FieldRole, motion: Motion, size: Size
) -> tuple[Tensor, Tensor]:
    if way == "range":
        return grid, torch.full_like(
            grid[:, 0, :1], float(motion.confidence.mean(dtype=np.float64))
        )
    return carry_grid(grid, cells, motion, size)


def between(
    earlier: FromAnchor[State], later: FromAnchor[State] | None, ages: tuple[int, int]
) -> Interpolated[State]:
    """A frame so many changes after one matched frame and before another."""
    if later is None:
        return Interpolated(earlier)
    position = ages[0] / max(1, sum(ages))
    turn = (ages[0] - ages[1]) / 2 / FADED_FRAMES + 0.5
    turn = min(max(turn, 0.0), 1.0)
    share = _share(earlier.motion.confidence, later.motion.confidence, turn)
    return Interpolated(earlier, later, share, position, turn)


def _share(confidence: Luma, later_sure: Luma, turn: float) -> Luma:
    """How much of the later matched frame each pixel takes: 0 … 1."""
    near = np.float32(_RARELY + (1 - 2 * _RARELY) * turn)
    weight = near * (later_sure + np.float32(_UNSURE))
    share = weight / (weight + (1 - near) * (confidence + np.float32(_UNSURE)))
    # The seam lies where the nearer one cannot be followed, else it would be seen to come closer.
    share = (cv2.dilate if turn > 0.5 else cv2.erode)(share, np.ones((_BLUR_PX, _BLUR_PX)))
    share = cv2.blur(share, (_BLUR_PX, _BLUR_PX), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(((share - 0.2) / 0.6).clip(0.0, 1.0), np.float32)


def backwards(motions: Sequence[Motion]) -> list[Motion]:
    """From the frame that the motions end in back to each frame before it, the first left out."""
    found: list[Motion] = []
    for motion in reversed(motions[1:]):
        back = motion.reversed()
        found.append(found[-1].then(back) if found else back)
    return found[::-1]


def changes(motions: Sequence[Motion]) -> int:
    """How many of these motions lead to another picture."""
    return sum(not motion.still for motion in motions)
