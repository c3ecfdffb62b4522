"""Smoothness prior: expect matches of plain areas where the confident matches around them point.

In plain areas (sky, a wall, a cartoon's flat body) all matches are about equally good and scatter,
as the method's authors warn. The confident matches around them are better evidence: a wall moves
with its window. After each level the displacements on which both directions agree are spread over
the other cells, and the next level pays a little for leaving them. That penalty is far below the
difference between matches wherever there is texture, so it decides only in plain areas. Where the
surrounding displacements disagree (one leaf matched here, the next one there) the penalty falls.

Source: docs/method.md, "Smoothness prior".
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from batch_analogy.analogy.correspondence.patchmatch import Prior
from batch_analogy.analogy.deterministic import resize_bilinear
from batch_analogy.analogy.nnf import Size, match_confidence, sides

_AGREEMENT_CELLS = 2.0  # forward-backward error at which half the weight is left
_PULL = 0.1  # weight of the coarser mean; a fully confident cell has weight 1
_DISTINCT_SHARE = 1 / 16  # of the map's longer side
_MIN_DISTINCT_CELLS = 4.0


def smoothness_prior(
    nnf: Tensor,
    back: Tensor,
    cost: Tensor,
    positions: tuple[Tensor, Tensor],
    target_size: Size,
    smoothness: float,
) -> Prior | None:
    """Derive expected matches for a finer level from the confident matches of this one.

    Args:
        nnf: (B, 2, h, w) int32, field of this level. back: (B, 2, h', w'), of the other direction.
        cost: (B, 1, h, w) float32, costs of the field's matches.
        positions: (1, 2, h, w) and (1, 2, H, W) float32, ``EncodedPicture.positions_in`` of this
            level and of the finer one; displacements are relative to them.
        target_size: (H', W') of the other map at the finer level.
        smoothness: penalty of a match far from the expected one, in patch cost.

    Returns:
        The prior, or None if ``smoothness`` is 0.
    """
    if smoothness == 0:
        return None
    target_coarse = sides(back)
    displacement = nnf - positions[0]
    size = sides(positions[1])
    mean, agreement = _mean_and_agreement(
        displacement,
        match_confidence(nnf, back, cost, _AGREEMENT_CELLS),
        distinct_distance(target_coarse),
    )
    finer = resize_bilinear(mean, size)
    ratio = [t / c for t, c in zip(target_size, target_coarse, strict=True)]
    return Prior(
        expected=positions[1] + finer * finer.new_tensor(ratio).view(1, 2, 1, 1),
        weight=smoothness * resize_bilinear(agreement, size),
        radius=distinct_distance(target_size),
    )


def _mean_and_agreement(
    displacement: Tensor, confidence: Tensor, distinct: float
) -> tuple[Tensor, Tensor]:
    """Compute the mean displacement around each cell, and its agreement in [0, 1]."""
    squares = displacement.square().sum(dim=1, keepdim=True)
    spread = pull_push(torch.cat([displacement, squares], dim=1), confidence)
    mean, mean_square = spread[:, :2], spread[:, 2:]
    variance = (mean_square - mean.square().sum(dim=1, keepdim=True)).clamp_min(0.0)
    return mean, 1.0 / (1.0 + variance / distinct**2)


def pull_push(values: Tensor, confidence: Tensor) -> Tensor:
    """Fill cells of low confidence from the confident cells nearest to them.

    A pyramid of weighted means is built, then evaluated from its top down: each cell mixes its own
    mean, in proportion to its confidence, with that of the coarser cells around it.

    Args:
        values: (B, C, H, W) float32. confidence: (B, 1, H, W) float32 in [0, 1].

    Returns:
        (B, C, H, W) float32.

    Source: pull–push of Gortler et al. 1996 (The Lumigraph).
    """
    totals, weights = [values * confidence], [confidence]
    while max(weights[-1].shape[2:]) > 1:
        totals.append(_halve(totals[-1]))
        weights.append(_halve(weights[-1]))
    known = totals[-1] / weights[-1].clamp_min(1e-6)
    for total, weight in zip(totals[-2::-1], weights[-2::-1], strict=True):
        wider = resize_bilinear(known, sides(total))
        known = (total + _PULL * wider) / (weight + _PULL)
    return known


def distinct_distance(size: Size) -> float:
    """Return the distance in cells beyond which two matches in a map of this size differ."""
    return max(_MIN_DISTINCT_CELLS, _DISTINCT_SHARE * max(size))


def _halve(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 2, ceil_mode=True, count_include_pad=False)
