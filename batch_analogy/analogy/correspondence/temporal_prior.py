"""Temporal prior: matches known from an earlier frame, carried along its motion.

A carried match has a fractional position, so that motion of less than a cell is not lost. The
search works on whole cells and pays a penalty for leaving the carried match, like a temporal term
in its cost. A result within about a cell of the carried match is replaced by that match itself.

Source: the propagation of nearest-neighbour fields along flow of Jamriška et al. 2019;
docs/method.md, "Temporal prior".
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from batch_analogy.analogy.correspondence.patchmatch import Prior
from batch_analogy.analogy.correspondence.patchmatch.spec import SLACK_CELLS
from batch_analogy.analogy.correspondence.smoothness_prior import distinct_distance, pull_push
from batch_analogy.analogy.nnf import Size, initial_position, sides

_KNOWN = 0.5  # confidence above which a cell pays for leaving its carried match
FIRM = 0.3  # penalty one cell beyond the slack; right and wrong matches differ by less
_SAME_CELLS = SLACK_CELLS + 0.75  # distance that the search may move at no cost, plus rounding


@dataclass(frozen=True)
class TemporalPrior:
    """Expected matches of one direction at one level."""

    expected: Tensor  # (1, 2, H, W) float32: absolute (y, x) in the other map's cells
    confidence: Tensor  # (1, 1, H, W) float32 [0, 1]; 0: nothing is known here
    penalty: float = FIRM  # of a match one cell beyond the slack, in patch cost

    @property
    def known(self) -> Tensor:
        """Cells that pay for leaving their expected match, (1, 1, H, W) bool."""
        return self.confidence > _KNOWN

    @property
    def unknown_share(self) -> float:
        """Share of the cells without an expected match."""
        return 1.0 - int(self.known.sum()) / self.known.numel()

    def at_level(self, size: Size, target_fine: Size, target_size: Size) -> TemporalPrior:
        """Sample the prior at the centres of a coarser level's cells.

        Args:
            size: (H, W) of this map at the coarser level. target_fine: (H', W') of the other map
                at the prior's own level. target_size: (H', W') at the coarser level.
        """
        if size == sides(self.expected):
            return self
        centre = initial_position(size, sides(self.expected), self.expected.device)
        cell = (centre + 0.5).floor().long()
        rows, columns = cell[0, 0, :, :1], cell[0, 1, :1]
        match = self.expected[:, :, rows, columns] + (centre - cell)
        ratio = match.new_tensor([t / f for t, f in zip(target_size, target_fine, strict=True)])
        return TemporalPrior(
            expected=(match + 0.5) * ratio.view(1, 2, 1, 1) - 0.5,
            confidence=self.confidence[:, :, rows, columns],
            penalty=self.penalty,
        )

    def fill(self, positions: Tensor, target_size: Size) -> Tensor:
        """Return a complete field to start from; unknown cells follow the known ones around them.

        Args:
            positions: (1, 2, H, W) float32, ``EncodedPicture.positions_in`` the other picture.
            target_size: (H', W') of the other map.

        Returns:
            (1, 2, H, W) int32 inside the other map.
        """
        moved = pull_push(self.expected - positions, self.known.float())
        whole = torch.where(self.known, self.expected, positions + moved)
        return _nearest_cells(whole, target_size)

    def prior(self, elsewhere: Prior | None, target_size: Size) -> Prior:
        """Return the prior of the known cells, joined with another one for the unknown cells.

        A ``Prior`` holds one expected match a cell, so in a known cell this one replaces the other.
        """
        radius = elsewhere.radius if elsewhere else distinct_distance(target_size)
        # The cost of a Prior grows with the square of the distance over its radius.
        at_radius = self.penalty * radius**2
        if elsewhere is None:
            expected, weight = self.expected, torch.zeros_like(self.confidence)
        else:
            expected, weight = elsewhere.expected, elsewhere.weight
        return Prior(
            expected=torch.where(self.known, self.expected, expected),
            weight=torch.where(self.known, at_radius * self.confidence, weight),
            radius=radius,
        )

    def snap(self, nnf: Tensor) -> Tensor:
        """Snap matches of a field (1, 2, H, W) that stayed near the expected match to it exactly.

        Returns:
            (1, 2, H, W) float32.
        """
        away = (nnf - self.expected).square().sum(dim=1, keepdim=True)
        stayed = self.known & (away <= _SAME_CELLS**2)
        return torch.where(stayed, self.expected, nnf.float())


def _nearest_cells(position: Tensor, target_size: Size) -> Tensor:
    """Round positions to cells inside the other map."""
    rounded = (position + 0.5).floor()
    axes = [rounded[:, axis].clamp(0, target_size[axis] - 1) for axis in range(2)]
    return torch.stack(axes, dim=1).to(torch.int32)
