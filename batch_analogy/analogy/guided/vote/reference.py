"""Vote in plain PyTorch: the readable version that defines the answer.

Source: Wexler et al. 2007 (vote and mean shift); docs/method.md, "Votes in the synthesis".
"""

from __future__ import annotations

import torch
from torch import Tensor

from batch_analogy.analogy.rendering.upscale.reference import neighbours

TOLERANCE = 0.1
"""A vote at this distance from the mean counts a quarter (Euclidean, values in [0, 1])."""


def vote(values: Tensor, nnf: Tensor, usable: Tensor, active: Tensor, reach: int) -> Tensor:
    """Average, at each pixel, the values that the patches around it propose.

    Nearer patches weigh more. Where votes disagree, those near the plain mean prevail (one step of
    mean shift, as in Wexler et al. 2007), so textures keep more of their contrast.

    Args:
        values: (H', W', C) float32, A'.
        nnf: (2, H, W) int32, matches at usable pixels of ``values``.
        usable: (H', W') bool, the pixels of ``values`` that may be used.
        active: (H, W) int8; pixels above 0 vote and receive a value.
        reach: distance from the centre of a voting patch to its edge, pixels.

    Returns:
        (H, W, C) float32; 0 at pixels without a value.
    """
    votes = [
        _votes(values, nnf, usable, active, dy, dx, reach)
        for dy in range(-reach, reach + 1)
        for dx in range(-reach, reach + 1)
    ]
    mean = _mean(votes)
    return _mean([(weight * _agreement(value, mean), value) for weight, value in votes])


def _votes(
    values: Tensor, nnf: Tensor, usable: Tensor, active: Tensor, dy: int, dx: int, reach: int
) -> tuple[Tensor, Tensor]:
    """Return the votes of the neighbours at (dy, dx): weights (H, W, 1) and values (H, W, C)."""
    neighbour, valid = neighbours(nnf, dy, dx)
    there, _ = neighbours(active[None], dy, dx)
    qy, qx = (neighbour[0] - dy).long(), (neighbour[1] - dx).long()
    height, width = usable.shape
    valid = valid & (there[0] > 0) & (active > 0)
    valid = valid & (qy >= 0) & (qy < height) & (qx >= 0) & (qx < width)
    qy, qx = qy.clamp(0, height - 1), qx.clamp(0, width - 1)
    valid = valid & usable[qy, qx]
    weight = (reach + 1 - abs(dy)) * (reach + 1 - abs(dx)) * valid
    return weight[..., None].float(), values[qy, qx]


def _mean(votes: list[tuple[Tensor, Tensor]]) -> Tensor:
    total, weights = torch.zeros_like(votes[0][1]), torch.zeros_like(votes[0][0])
    for weight, value in votes:
        total = total + weight * value
        weights = weights + weight
    return torch.where(weights > 0, total / weights, 0.0)


def _agreement(value: Tensor, mean: Tensor) -> Tensor:
    """Weight of a vote by its distance from the mean, (H, W, 1)."""
    away = torch.zeros_like(value[..., :1])
    for channel in range(value.shape[-1]):
        step = value[..., channel : channel + 1] - mean[..., channel : channel + 1]
        away = away + step * step
    near = 1.0 / (1.0 + away * (1.0 / TOLERANCE**2))
    return near * near
