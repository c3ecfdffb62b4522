"""Match the coarse levels as a whole: every cell against every cell, then made to hold together.

PatchMatch decides for each cell alone. At coarse levels a picture has so few cells that all pairs
can be compared, and all cells of a picture decide together, in three steps:

1. *Scores*: the cosine of every pair of cells, averaged over levels and 3×3 patches.
2. *Transport*: cells that resemble everything lose score, those with few partners gain, so that
   the matches spread over the other picture.
3. *Belief propagation*: neighbours should have neighbouring matches. Certain cells decide for
   uncertain ones, so a plain area moves with what it surrounds. Both directions exchange their
   beliefs on the way: a match counts for more if it is a good one from the other side too.

Scores fall a little with the difference in height: skies are above, and heads are too.

``match_globally`` is the public function. The kernels follow the tensors' device: Numba on the
CPU, PyTorch elsewhere. Nothing depends on the batch or the number of threads.

Source: docs/method.md, "Global match of the coarse levels". A departure from Deep Image Analogy.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from types import ModuleType

import torch
import torch.nn.functional as F
from torch import Tensor

from batch_analogy.analogy.correspondence.global_match import reference
from batch_analogy.analogy.correspondence.global_match.reference import ROUNDS
from batch_analogy.analogy.features.pictures import unit_features
from batch_analogy.analogy.nnf import Size, sides
from batch_analogy.errors import ConfigError

__all__ = ["MAX_CELLS", "GlobalMatches", "grid_size", "match_globally", "products"]

MAX_CELLS = 900
"""Most cells of a grid.

Time and memory grow with the cells of A times those of B, and finer grids match worse
(docs/method.md, "Global match of the coarse levels").
"""

_REACH = 1  # 3×3 patches

_HEIGHT_COST = 0.1
"""Score that a match loses from the very top of one picture to the very bottom of the other."""

_EXCHANGE = 0.5
"""Weight of the other direction's belief in the data cost."""

_EXCHANGE_LIMIT = 0.15
"""Most that the other direction can hold against a match: it may be used more than once."""


@dataclass(frozen=True)
class GlobalMatches:
    """The fields of both directions and the costs of their matches."""

    ab: Tensor  # (B, 2, h, w) int32: absolute (y, x) in B's cells
    ba: Tensor  # (B, 2, h', w') int32: absolute (y, x) in A's cells
    cost_ab: Tensor  # (B, 1, h, w) float32: 1 − score of the match, at least 0
    cost_ba: Tensor  # (B, 1, h', w') float32


def grid_size(size: Size) -> Size:
    """Return the grid for a map of this size: the size itself, or one of fewer cells, same aspect.

    >>> grid_size((20, 42)), grid_size((80, 80)), grid_size((1, 5000))
    ((20, 42), (30, 30), (1, 900))
    """
    height, width = size
    if height * width <= MAX_CELLS:
        return size
    scale = math.sqrt(MAX_CELLS / (height * width)) + 1e-9  # the root may be rounded down
    rows, columns = max(1, math.floor(height * scale)), max(1, math.floor(width * scale))
    rows = min(rows, MAX_CELLS // columns) or 1
    return rows, min(columns, MAX_CELLS // rows)


def match_globally(
    a: Sequence[Tensor],
    b: Sequence[Tensor],
    size_a: Size,
    size_b: Size,
    labels: tuple[Tensor, Tensor] | None = None,
    label_weight: float = 1.0,
) -> GlobalMatches:
    """Match two pictures by their coarse features, in both directions.

    Args:
        a: A's feature maps at the compared levels, (B, C, h, w) float each; a batch of 1 stands for
            every item. Maps of other sizes than the grid are resized.
        b: B's, of the same levels.
        size_a: (h, w) of A's grid in cells. size_b: of B's. See ``grid_size``.
        labels: maps of A and of B, (1, K, h, w) float32, cells of length 1.
        label_weight: cost of a match across labels.

    Returns:
        The fields and costs. Each item is matched alone.

    Raises:
        ConfigError: the levels, channels or batches do not fit together.

    >>> generator = torch.Generator().manual_seed(0)
    >>> b = torch.rand(1, 8, 12, 12, generator=generator) - 0.5
    >>> a = b.roll(2, dims=3)  # everything shifted two cells to the right
    >>> match_globally([a], [b], (12, 12), (12, 12)).ab[0, :, 6, 8].tolist()
    [6, 6]
    """
    found = []
    for i in range(_check(a, b)):
        penalty: Tensor | float = 0.0
        if labels is not None:
            own, other = _item(labels[:1], i, size_a)[0], _item(labels[1:], i, size_b)[0]
            penalty = label_weight * (1.0 - products(own[0].flatten(1), other[0].flatten(1)))
        found.append(_match_pair(_item(a, i, size_a), _item(b, i, size_b), size_a, size_b, penalty))
    ab, ba, cost_ab, cost_ba = (torch.cat(parts) for parts in zip(*found, strict=True))
    return GlobalMatches(ab=ab, ba=ba, cost_ab=cost_ab, cost_ba=cost_ba)


def _check(a: Sequence[Tensor], b: Sequence[Tensor]) -> int:
    """Return the size of the batch."""
    if not a or [x.shape[1] for x in a] != [x.shape[1] for x in b]:
        raise ConfigError(
            "both pictures need the same levels, not maps of "
            f"{[tuple(x.shape) for x in a]} and {[tuple(x.shape) for x in b]}"
        )
    batches = {len(x) for x in (*a, *b)}
    if len(batches - {1}) > 1 or 0 in batches:
        raise ConfigError(f"the maps have batches of {sorted(batches)}; they must agree")
    return max(batches)


def _item(maps: Sequence[Tensor], index: int, size: Size) -> list[Tensor]:
    """Return one item's maps on the grid, cells of length 1 (or 0)."""
    chosen = [x[index : index + 1] if len(x) > 1 else x for x in maps]
    return [unit_features(_resized(x.float(), size)) for x in chosen]


def _resized(x: Tensor, size: Size) -> Tensor:
    if sides(x) == size:
        return x
    return F.interpolate(x, size=size, mode="bilinear", align_corners=False, antialias=True)


def _match_pair(
    a: list[Tensor],
    b: list[Tensor],
    size_a: Size,
    size_b: Size,
    penalty: Tensor | float,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Match one pair; score tables and penalties have B's cells in rows and A's in columns."""
    kernels = _kernels(a[0].device)
    total: Tensor | None = None
    for first, second in zip(a, b, strict=True):
        score = kernels.products(first[0].flatten(1), second[0].flatten(1))
        total = score if total is None else total.add_(score)
    assert total is not None
    score = _patch_mean(total.div_(len(a)), size_b, size_a) - penalty
    data_cost = -kernels.with_potentials(score - _height_costs(size_b, size_a, score.device))
    belief_ab, belief_ba = _beliefs(data_cost, size_a, size_b, kernels)
    ab, cost_ab = _best(belief_ab, score, size_a, size_b)
    ba, cost_ba = _best(belief_ba, score.T, size_b, size_a)
    return ab, ba, cost_ab, cost_ba


def _beliefs(
    data_cost: Tensor, size_a: Size, size_b: Size, kernels: ModuleType
) -> tuple[Tensor, Tensor]:
    """Propagate the beliefs of both directions, which hear of each other's now and then."""
    there = kernels.BeliefPropagation(size_a, size_b)
    back = kernels.BeliefPropagation(size_b, size_a)
    turned = data_cost.T.contiguous()
    belief_ab, belief_ba = there.run(data_cost, ROUNDS[0]), back.run(turned, ROUNDS[0])
    for rounds in ROUNDS[1:]:
        heard_ab, heard_ba = _excess(belief_ba), _excess(belief_ab)
        belief_ab = there.run(data_cost + heard_ab, rounds)
        belief_ba = back.run(turned + heard_ba, rounds)
    return belief_ab, belief_ba


def _excess(belief: Tensor) -> Tensor:
    """Return what each match costs the other direction more than its best one, (N, N')."""
    return (belief - belief.amin(dim=0)).clamp_max_(_EXCHANGE_LIMIT).mul_(_EXCHANGE).T


def _height_costs(rows: Size, columns: Size, device: torch.device) -> Tensor:
    """Return the cost of the difference in height of every pair of cells, relative heights."""
    first, second = (
        ((torch.arange(h, device=device) + 0.5) / h).repeat_interleave(w)
        for h, w in (rows, columns)
    )
    return _HEIGHT_COST * (first[:, None] - second[None]).abs()


def _patch_mean(score: Tensor, rows: Size, columns: Size) -> Tensor:
    """Average scores over the pairs at equal offsets, as far as both pictures reach."""
    table = score.view(*rows, *columns)
    for axis in range(2):
        first, second = table.shape[axis], table.shape[axis + 2]
        shape = [1, 1, 1, 1]
        shape[axis], shape[axis + 2] = first, second
        total, count = table.clone(), torch.ones(shape, device=score.device)
        for offset in range(1, min(_REACH, first - 1, second - 1) + 1):
            low = (slice(None),) * axis + (slice(None, -offset), slice(None), slice(None, -offset))
            high = (slice(None),) * axis + (slice(offset, None), slice(None), slice(offset, None))
            for here, there in ((low, high), (high, low)):
                total[here] += table[there]
                count[here] += 1
        table = total.div_(count)
    return table.reshape(score.shape)


def products(a: Tensor, b: Tensor) -> Tensor:
    """Compute the scalar products of all columns, (C, N) and (C, N'), as (N', N).

    The result does not depend on the number of threads.
    """
    result: Tensor = _kernels(a.device).products(a, b)
    return result


def _kernels(device: torch.device) -> ModuleType:
    """Choose Numba on the CPU, PyTorch elsewhere."""
    if device.type == "cpu":
        from batch_analogy.analogy.correspondence.global_match import cpu  # Numba: slow to import

        return cpu
    return reference


def _best(belief: Tensor, score: Tensor, size: Size, target: Size) -> tuple[Tensor, Tensor]:
    """Return the field (1, 2, h, w) of the cheapest matches, the first of equals, and its cost."""
    cells = torch.arange(len(belief), device=belief.device)[:, None]
    cheapest = belief == belief.amin(dim=0)
    index = torch.where(cheapest, cells, len(belief)).amin(dim=0)
    field = torch.stack([index // target[1], index % target[1]]).to(torch.int32)
    cost = (1.0 - score.gather(0, index[None])).clamp_min(0.0)
    return field.view(1, 2, *size), cost.view(1, 1, *size)
