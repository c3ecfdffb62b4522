"""Matches that are known beforehand: those of the frame before, carried along its motion.

A carried match lies between cells, so that motion of less than a cell is not lost; the search
works on whole cells and pays for leaving what was carried (a temporal term in its distance). What
stays within a cell or so of it is taken to be the carried match itself.

Source: the propagation of nearest-neighbour fields along flow of Jamriška et al. 2019; the scheme
is of video-and-timelapse facts §1.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from batch_analogy.analogy.correspondence.patchmatch import Prior
from batch_analogy.analogy.correspondence.patchmatch.spec import SLACK_CELLS
from batch_analogy.analogy.correspondence.smoothness_prior import pull_push, reach_of
from batch_analogy.analogy.nnf import Size, initial_position, sides

_HELD = 0.5  # surer than this, a cell pays for leaving its carried match
FIRM = 0.3  # price of a match one cell beyond the slack: more than right and wrong ones differ by
_SAME_CELLS = SLACK_CELLS + 0.75  # as near as the search may come at no price, rounding included


@dataclass(frozen=True)
class TemporalPrior:
    """Where the matches of one direction are expected, at one level."""

    expected: Tensor  # (1, 2, H, W) float32: absolute (y, x) in the other map's cells
    confidence: Tensor  # (1, 1, H, W) float32 [0, 1]; 0: nothing is known here
    price: float = FIRM  # of a match one cell beyond the slack, in patch cost

    @property
    def held(self) -> Tensor:
        """(1, 1, H, W) bool: cells that pay for leaving their match."""
        return self.confidence > _HELD

    @property
    def unknown_share(self) -> float:
        """The share of the cells of which too little is known."""
        return 1.0 - int(self.held.sum()) / self.held.numel()

    def at_level(self, size: Size, target_fine: Size, target_size: Size) -> TemporalPrior:
        """The same at a coarser level, read at each coarse cell's centre.

        Args:
            size: of this map there. target_fine: of the other map here. target_size: there.
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
            price=self.price,
        )

    def filled(self, positions: Tensor, target_size: Size) -> Tensor:
        """A whole field to start from: what is not held goes on as its surroundings do.

        Args:
            positions: (1, 2, H, W) float32, where each cell lies in the other map when both cover
                the same. target_size: of the other map.

        Returns:
            (1, 2, H, W) int32 inside the other map.
        """
        moved = pull_push(self.expected - positions, self.held.float())
        whole = torch.where(self.held, self.expected, positions + moved)
        return _cells(whole, target_size)

    def prior(self, surroundings: Prior | None, target_size: Size) -> Prior:
        """The price of leaving carried matches; elsewhere, that of leaving the surroundings."""
        reach = surroundings.radius if surroundings else reach_of(target_size)
        price = self.price * reach**2  # as the price grows with the square of the distance over it
        if surroundings is None:
            expected, weight = self.expected, torch.zeros_like(self.confidence)
        else:
            expected, weight = surroundings.expected, surroundings.weight
        return Prior(
            expected=torch.where(self.held, self.expected, expected),
            weight=torch.where(self.held, price * self.confidence, weight),
            radius=reach,
        )

    def keep(self, nnf: Tensor) -> Tensor:
        """A found field, (1, 2, H, W), with the carried match wherever the search stayed at it.

        Returns:
            (1, 2, H, W) float32.
        """
        away = (nnf - self.expected).square().sum(dim=1, keepdim=True)
        stayed = self.held & (away <= _SAME_CELLS**2)
        return torch.where(stayed, self.expected, nnf.float())


def _cells(position: Tensor, target_size: Size) -> Tensor:
    """The nearest cells inside the other map."""
    rounded = (position + 0.5).floor()
    axes = [rounded[:, axis].clamp(0, target_size[axis] - 1) for axis in range(2)]
    return torch.stack(axes, dim=1).to(torch.int32)
