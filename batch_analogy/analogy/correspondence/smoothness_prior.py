"""What the surroundings say of a match: a prior for plain areas.

Where a picture is plain (sky, a wall, a cartoon's flat body) all matches are about equally good
and scatter, as the method's authors warn. Their confident surroundings know better: a wall moves
with its window. After each level the displacements of cells on which both directions agree are
spread over the rest, and the next level pays a little for leaving what they say. The price is far
below what matches differ by where there is anything to see, so it decides only in plain areas.
Where the surroundings disagree among themselves (one leaf matched here, the next one there) they
say nothing, and the price falls.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from batch_analogy.analogy.correspondence.patchmatch import Prior
from batch_analogy.analogy.deterministic import resize_bilinear
from batch_analogy.analogy.nnf import Size, match_confidence, sides

_AGREEMENT_CELLS = 2.0  # both directions this far apart: half the weight
_PULL = 0.1  # confident cells' worth of say that wider surroundings have everywhere
_REACH_SHARE = 1 / 16  # of the map's longer side
_LEAST_REACH_CELLS = 4.0


def smoothness_prior(
    nnf: Tensor,
    back: Tensor,
    cost: Tensor,
    positions: tuple[Tensor, Tensor],
    target_size: Size,
    smoothness: float,
) -> Prior | None:
    """Where a finer level's matches should lie, by the confident matches of this one.

    Args:
        nnf: (1, 2, h, w) int32 field of this level. back: (1, 2, h', w') of the other direction.
        cost: (1, 1, h, w) float32, what the field's matches cost.
        positions: (1, 2, h, w) and (1, 2, H, W) float32, where this level's and the finer one's
            cells lie in the other map when both cover the same; displacements count from there.
        target_size: (H', W') of the other map at the finer level.
        smoothness: the price of a match out of reach of the expected one, in patch cost.

    Returns:
        The prior, or None where smoothness is 0.
    """
    if smoothness == 0:
        return None
    target_coarse = sides(back)
    displacement = nnf - positions[0]
    size = sides(positions[1])
    mean, agreed = _mean_and_agreement(
        displacement, match_confidence(nnf, back, cost, _AGREEMENT_CELLS), reach_of(target_coarse)
    )
    finer = resize_bilinear(mean, size)
    ratio = [t / c for t, c in zip(target_size, target_coarse, strict=True)]
    return Prior(
        expected=positions[1] + finer * finer.new_tensor(ratio).view(1, 2, 1, 1),
        weight=smoothness * resize_bilinear(agreed, size),
        radius=reach_of(target_size),
    )


def _mean_and_agreement(
    displacement: Tensor, confidence: Tensor, reach: float
) -> tuple[Tensor, Tensor]:
    """The surroundings' mean displacement, and in [0, 1] how far they are of one mind."""
    squares = displacement.square().sum(dim=1, keepdim=True)
    spread = pull_push(torch.cat([displacement, squares], dim=1), confidence)
    mean, mean_square = spread[:, :2], spread[:, 2:]
    variance = (mean_square - mean.square().sum(dim=1, keepdim=True)).clamp_min(0.0)
    return mean, 1.0 / (1.0 + variance / reach**2)


def pull_push(values: Tensor, confidence: Tensor) -> Tensor:
    """Fill in what is unsure from what is sure around it, the nearest first.

    A pyramid of weighted means is built up and then read back from its top: each place takes its
    own mean as far as it is sure of it, else that of the coarser place it lies in (pull–push of
    Gortler et al. 1996).

    Args:
        values: (1, C, H, W) float32. confidence: (1, 1, H, W) float32 in [0, 1].

    Returns:
        (1, C, H, W) float32.
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


def reach_of(size: Size) -> float:
    """The distance in cells from which another place is another place."""
    return max(_LEAST_REACH_CELLS, _REACH_SHARE * max(size))


def _halve(x: Tensor) -> Tensor:
    return F.avg_pool2d(x, 2, ceil_mode=True, count_include_pad=False)
