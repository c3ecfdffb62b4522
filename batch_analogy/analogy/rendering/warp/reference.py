"""Warping through a field in plain PyTorch: the readable version that defines the answer."""

from __future__ import annotations

import torch
from torch import Tensor

from batch_analogy.analogy.deterministic import exp
from batch_analogy.analogy.rendering.upscale.reference import neighbours
from batch_analogy.analogy.rendering.warp.spec import SAME_PX, SHARPNESS, SPLINE_POLE

_REACH = 1
_TAPS = 16  # on each side, of the filter that yields coefficients; the pole's power is then 1e-9


def warp_picture(picture: Tensor, field: Tensor, *, moved: bool = True) -> Tensor:
    """Rebuild all pixels of a picture from another through a field.

    Arguments and result are those of ``warp_picture`` of the package.
    """
    values = _coefficients(picture[0].permute(1, 2, 0))
    limits = field.new_tensor(values.shape[:2]).view(2, 1, 1) - 0.5
    votes, weights = [], []
    for dy in range(-_REACH, _REACH + 1):
        for dx in range(-_REACH, _REACH + 1):
            neighbour, valid = neighbours(field[0], dy, dx)
            offset = neighbour.new_tensor([dy, dx]).view(2, 1, 1)
            at = neighbour - offset
            weight = _REACH + 1 - offset.abs() + 2 * offset * _fraction(neighbour) * moved
            same = (at - field[0]).abs().amax(dim=0) < SAME_PX
            at = torch.where(same, field[0], at)
            valid = same | (valid & ((at > -0.5) & (at < limits)).all(dim=0))
            weights.append(weight[0] * weight[1] * valid.float())
            votes.append(_cubic(values, at))
    warped = _sharp_mean(torch.stack(votes), torch.stack(weights)[..., None])
    return warped.clamp_(0.0, 1.0).permute(2, 0, 1)[None]


def _fraction(at: Tensor) -> Tensor:
    """Offset of positions from the nearest whole pixel."""
    return at - (at + 0.5).floor()


def _sharp_mean(votes: Tensor, weights: Tensor) -> Tensor:
    """Average votes (9, H, W, C), with more weight for those near their mean."""
    mean = (weights * votes).sum(dim=0) / weights.sum(dim=0)
    distance = (votes - mean).square().sum(dim=3, keepdim=True)
    distance = torch.where(weights > 0, distance, torch.inf)
    weights = weights * exp((distance.amin(dim=0) - distance).clamp_min(-1e3) * SHARPNESS)
    return (weights * votes).sum(dim=0) / weights.sum(dim=0)


def _coefficients(values: Tensor) -> Tensor:
    """Compute the coefficients of a cubic spline through all pixels (H, W, C), edges mirrored."""
    gain = -6.0 * SPLINE_POLE / (1.0 - SPLINE_POLE**2)
    for axis in range(2):
        own = torch.arange(values.shape[axis], device=values.device)
        total = torch.zeros_like(values)
        for k in range(-_TAPS, _TAPS + 1):
            there = _mirrored(own + k, values.shape[axis])
            total += gain * SPLINE_POLE ** abs(k) * values.index_select(axis, there)
        values = total
    return values


def _cubic(values: Tensor, at: Tensor) -> Tensor:
    """Evaluate a spline of coefficients (H', W', C) at (2, H, W), mirrored at the edges.

    A match carried beyond the other picture's edge reads its mirror image: replicated edges would
    show as streaks.
    """
    low = at.floor()
    near = at - low
    total = torch.zeros((*at.shape[1:], values.shape[2]), device=at.device)
    for i, row_weight in enumerate(_weights(near[0])):
        row = _mirrored(low[0].long() + i - 1, values.shape[0])
        for j, column_weight in enumerate(_weights(near[1])):
            column = _mirrored(low[1].long() + j - 1, values.shape[1])
            total += (row_weight * column_weight)[..., None] * values[row, column]
    return total


def _mirrored(index: Tensor, count: int) -> Tensor:
    index = index.remainder(2 * count)
    return torch.where(index < count, index, 2 * count - 1 - index)


def _weights(t: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Weights of the coefficients at −1, 0, 1 and 2, for a position between 0 and 1."""
    left = 1.0 - t
    return (
        left**3 / 6.0,
        2.0 / 3.0 - t * t * (2.0 - t) * 0.5,
        2.0 / 3.0 - left * left * (2.0 - left) * 0.5,
        t**3 / 6.0,
    )
