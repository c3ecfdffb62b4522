"""Interpolate frames between matched ones, by choosing a matched frame for each pixel.

A pixel that can be followed to only one matched frame takes its match from that one. If both are
possible, the earlier one prevails in the first half of the span and the later one in the second,
with a cross-fade over a few frames around the middle. Equal frames count as one, so that their
results are equal.

Source: docs/method.md, "Temporal scheme"; docs/method.md, "Colours over time".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Generic, Literal, TypeVar

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from batch_analogy.analogy.correspondence.temporal_prior import TemporalPrior
from batch_analogy.analogy.nnf import Size
from batch_analogy.motion.flow.optical_flow import Motion
from batch_analogy.motion.flow.sampling import ConfidenceMap
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

FADE_FRAMES = 6.0  # length of the cross-fade around the middle of a span
_MIN_WEIGHT = 0.05  # of the farther matched frame
_UNTRUSTED_WEIGHT = 0.01  # added to the confidence of a pixel
_UNKNOWN_WEIGHT = 1e-3  # added to the confidence of a cell of colour transforms
_BLUR_PX = 5

FieldRole = Literal["domain", "range"]
"""Role of a frame in a field: ``"domain"`` if matches lead from it, ``"range"`` if to it."""

State = TypeVar("State")


@dataclass(frozen=True)
class FromAnchor(Generic[State]):
    """A matched frame and the motion from it to an interpolated one."""

    state: State
    motion: Motion


@dataclass(frozen=True)
class Interpolated(Generic[State]):
    """A frame interpolated from an earlier matched frame and, if there is one, a later one."""

    earlier: FromAnchor[State]
    later: FromAnchor[State] | None = None
    share: NDArray[np.float32] | None = None  # (H, W) of the later one, at the size of the motion
    position: float = 0.0  # from 0 at the earlier matched frame to 1 at the later one
    fade: float = 0.0  # like position, but changing only around the middle of the span

    @property
    def anchors(self) -> list[FromAnchor[State]]:
        """The matched frames."""
        return [self.earlier] if self.later is None else [self.earlier, self.later]

    def carry_both(
        self, fields: tuple[Tensor, Tensor | None], role: FieldRole, size: Size
    ) -> tuple[TemporalPrior, TemporalPrior | None, Tensor | None]:
        """Carry the fields of both matched frames to this one.

        Args:
            fields: of the earlier and the later one, (1, 2, H, W) float32.
            role: of the frame in the fields. size: of the frame in the units of the fields.

        Returns:
            Both fields, and the share of the later one, (1, 1, H, W) float32; the last two are None
            if there is no later frame.
        """
        earlier = _carry_field(fields[0], self.earlier.motion, role, size)
        if self.later is None or self.share is None or fields[1] is None:
            return earlier, None, None
        later = _carry_field(fields[1], self.later.motion, role, size)
        share = map_to_tensor(resize_map(self.share, size), earlier.confidence.device)
        if role == "range":
            share = sample_bilinear(share, earlier.expected)
        return earlier, later, share

    def carry_selected(
        self, fields: tuple[Tensor, Tensor | None], role: FieldRole, size: Size
    ) -> TemporalPrior:
        """Carry fields like ``carry_both``; each pixel takes its match from the larger share."""
        earlier, later, share = self.carry_both(fields, role, size)
        if later is None or share is None:
            return earlier
        use_later = share > 0.5
        return TemporalPrior(
            torch.where(use_later, later.expected, earlier.expected),
            torch.where(use_later, later.confidence, earlier.confidence),
        )

    def carry_mixed_grid(
        self,
        grids: tuple[Tensor, Tensor | None],
        cells: tuple[float, float],
        role: FieldRole,
        size: Size,
    ) -> tuple[Tensor, Tensor]:
        """Carry grids of colour transforms and mix them, linearly over the whole span.

        Args:
            grids: of the earlier and the later matched frame, (1, C, D, h, w) float32.
            cells: height and width of the picture in cells.
            role: of the frame. ``"range"`` means that the grid belongs to the reference, which
                does not move: its confidence is the frame's mean confidence.
            size: of the frame in pixels; a cell covers a whole number of them, the last ones fewer.

        Returns:
            The grid, and the confidence of each cell, (1, 1, h, w) in [0, 1].
        """
        earlier, confidence = _carry_grid(grids[0], cells, role, self.earlier.motion, size)
        if self.later is None or grids[1] is None:
            return earlier, confidence
        later, later_confidence = _carry_grid(grids[1], cells, role, self.later.motion, size)
        # Cells that neither shows are mixed like those around them …
        inside = taper_confidence(confidence, SOFT_CELLS)
        later_inside = taper_confidence(later_confidence, SOFT_CELLS)
        weight = local_mean(self.position * (later_inside + _UNKNOWN_WEIGHT), SOFT_CELLS)
        other = local_mean((1.0 - self.position) * (inside + _UNKNOWN_WEIGHT), SOFT_CELLS)
        share = weight / (weight + other)
        for _ in range(2):  # … and no seam may be visible where one of them ends.
            share = local_mean(share, SOFT_CELLS)
        mixed = earlier + share[:, :, None] * (later - earlier)
        return mixed, confidence + share * (later_confidence - confidence)


def _carry_field(field: Tensor, motion: Motion, role: FieldRole, size: Size) -> TemporalPrior:
    return carry_domain(field, motion) if role == "domain" else carry_range(field, motion, size)


def _carry_grid(
    grid: Tensor, cells: tuple[float, float], role: FieldRole, motion: Motion, size: Size
) -> tuple[Tensor, Tensor]:
    if role == "range":
        mean = float(motion.confidence.mean(dtype=np.float64))
        return grid, torch.full_like(grid[:, 0, :1], mean)
    return carry_grid(grid, cells, motion, size)


def interpolate(
    earlier: FromAnchor[State], later: FromAnchor[State] | None, ages: tuple[int, int]
) -> Interpolated[State]:
    """Interpolate a frame between two matched ones.

    Args:
        earlier: the matched frame before it. later: the one after it, if there is one.
        ages: number of picture changes since the earlier one, and until the later one.
    """
    if later is None:
        return Interpolated(earlier)
    position = ages[0] / max(1, sum(ages))
    fade = (ages[0] - ages[1]) / 2 / FADE_FRAMES + 0.5
    fade = min(max(fade, 0.0), 1.0)
    share = _share(earlier.motion.confidence, later.motion.confidence, fade)
    return Interpolated(earlier, later, share, position, fade)


def _share(
    confidence: ConfidenceMap, later_confidence: ConfidenceMap, fade: float
) -> NDArray[np.float32]:
    """Compute the share of the later matched frame in each pixel, (H, W) in [0, 1]."""
    near = np.float32(_MIN_WEIGHT + (1 - 2 * _MIN_WEIGHT) * fade)
    weight = near * (later_confidence + np.float32(_UNTRUSTED_WEIGHT))
    share = weight / (weight + (1 - near) * (confidence + np.float32(_UNTRUSTED_WEIGHT)))
    # The seam must lie where the nearer frame cannot be followed; elsewhere it would seem to move.
    share = (cv2.dilate if fade > 0.5 else cv2.erode)(share, np.ones((_BLUR_PX, _BLUR_PX)))
    share = cv2.blur(share, (_BLUR_PX, _BLUR_PX), borderType=cv2.BORDER_REPLICATE)
    return np.asarray(((share - 0.2) / 0.6).clip(0.0, 1.0), np.float32)


def motions_from_end(motions: Sequence[Motion]) -> list[Motion]:
    """Compose the motions from the last frame back to each earlier one, except the first."""
    found: list[Motion] = []
    for motion in reversed(motions[1:]):
        step = motion.reversed()
        found.append(found[-1].then(step) if found else step)
    return found[::-1]


def count_changes(motions: Sequence[Motion]) -> int:
    """Count the motions that lead to a different picture."""
    return sum(not motion.still for motion in motions)
