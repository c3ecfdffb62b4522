"""Search and vote for upscaling in plain PyTorch: the readable version that defines the answer.

A search improves the field of one window of a picture. Every pixel tries the matches of its
neighbours at a few distances, shifted back, then random positions around its own match. A match
costs the squared difference of the patches, and a penalty for each neighbour that does not continue
it, so that whole pieces are copied, with the seams between them where they are least visible.

Source: Kwatra et al. 2005 (texture optimisation), Wexler et al. 2007, Barnes et al. 2009.
"""

from __future__ import annotations

import torch
from torch import Tensor

from batch_analogy.analogy.correspondence.patchmatch.reference import OFFSETS, grid
from batch_analogy.analogy.correspondence.patchmatch.rng import MASK, hash_cells, random_cells
from batch_analogy.analogy.rendering.upscale.spec import JUMPS, REACH, UpscaleSpec


def search(source: Tensor, target: Tensor, nnf: Tensor, spec: UpscaleSpec) -> Tensor:
    """Improve the field of one window.

    Args:
        source: (h, w, 3) uint8, the window.
        target: (H', W', 3) uint8, the other picture.
        nnf: (2, h, w) int32, absolute (y, x) in the target, inside it.
        spec: iterations, radii, penalty and position of the window.

    Returns:
        (2, h, w) int32.
    """
    field = nnf.long()
    cost = _difference(source, target, field)
    for iteration in range(spec.iterations):
        for jump in JUMPS:
            offers = [_shifted(field, dy * jump, dx * jump, target) for dy, dx in OFFSETS]
            field, cost = _best_of(source, target, field, cost, offers, spec.penalty)
        for k, radius in enumerate(spec.radii):
            draw = iteration * len(spec.radii) + k
            offer = _random(field, radius, draw, spec, target)
            everywhere = torch.ones_like(cost, dtype=torch.bool)
            field, cost = _best_of(source, target, field, cost, [(offer, everywhere)], spec.penalty)
    return field.to(torch.int32)


def _best_of(
    source: Tensor,
    target: Tensor,
    field: Tensor,
    cost: Tensor,
    offers: list[tuple[Tensor, Tensor]],
    penalty: int,
) -> tuple[Tensor, Tensor]:
    """Choose each pixel's best match; all pixels see the field before the pass.

    Returns:
        The field and the difference of its patches, without penalties.
    """
    chosen, best = field, cost + penalty * _discontinuities(field, field)
    for offer, allowed in offers:
        difference = _difference(source, target, offer)
        total = difference + penalty * _discontinuities(field, offer)
        better = allowed & (total < best)
        chosen = torch.where(better, offer, chosen)
        cost = torch.where(better, difference, cost)
        best = torch.where(better, total, best)
    return chosen, cost


def _difference(source: Tensor, target: Tensor, field: Tensor) -> Tensor:
    """Sum of squared differences of the patches, edges replicated, (h, w) int64."""
    height, width, _ = source.shape
    ys, xs = grid(height, width, source.device)
    total = torch.zeros((height, width), dtype=torch.int64, device=source.device)
    for dy in range(-REACH, REACH + 1):
        for dx in range(-REACH, REACH + 1):
            s = source[(ys + dy).clamp(0, height - 1), (xs + dx).clamp(0, width - 1)]
            qy = (field[0] + dy).clamp(0, target.shape[0] - 1)
            qx = (field[1] + dx).clamp(0, target.shape[1] - 1)
            total += (s.int() - target[qy, qx].int()).square().sum(dim=-1)
    return total


def _discontinuities(field: Tensor, match: Tensor) -> Tensor:
    """Count the neighbours, of four, whose matches do not continue this one, (h, w) int64."""
    count = torch.zeros(field.shape[1:], dtype=torch.int64, device=field.device)
    for dy, dx in OFFSETS:
        neighbour, inside = neighbours(field, dy, dx)
        count += inside & ((neighbour[0] != match[0] + dy) | (neighbour[1] != match[1] + dx))
    return count


def _shifted(field: Tensor, dy: int, dx: int, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return the neighbour's match shifted back, and where a neighbour exists."""
    neighbour, inside = neighbours(field, dy, dx)
    qy = (neighbour[0] - dy).clamp(0, target.shape[0] - 1)
    qx = (neighbour[1] - dx).clamp(0, target.shape[1] - 1)
    return torch.stack([qy, qx]), inside


def neighbours(values: Tensor, dy: int, dx: int) -> tuple[Tensor, Tensor]:
    """Return each pixel's neighbour at (dy, dx) in (C, h, w), and where one exists."""
    _, height, width = values.shape
    ys, xs = grid(height, width, values.device)
    inside = (ys + dy >= 0) & (ys + dy < height) & (xs + dx >= 0) & (xs + dx < width)
    return values[:, (ys + dy).clamp(0, height - 1), (xs + dx).clamp(0, width - 1)], inside


def _random(field: Tensor, radius: int, draw: int, spec: UpscaleSpec, target: Tensor) -> Tensor:
    """Draw a uniform position per match from the clipped square window around it."""
    _, height, width = field.shape
    ys, xs = grid(height, width, field.device)
    cells = (spec.top + ys) * spec.width + spec.left + xs
    cell_hash = hash_cells((cells & MASK) ^ spec.seed)
    target_size = (int(target.shape[0]), int(target.shape[1]))
    return random_cells(field, cell_hash, radius, draw, target_size)


def vote(values: Tensor, nnf: Tensor, reach: int) -> Tensor:
    """Average the values that neighbours' matches contribute, weighted by nearness.

    Args:
        values: (H', W', C) float32 or uint8.
        nnf: (2, h, w) int32, inside ``values``.
        reach: pixels from a patch's centre to its edge.

    Returns:
        (h, w, C) float32.
    """
    total = torch.zeros((*nnf.shape[1:], values.shape[2]), device=nnf.device)
    weights = torch.zeros((*nnf.shape[1:], 1), device=nnf.device)
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            neighbour, valid = neighbours(nnf, dy, dx)
            qy, qx = (neighbour[0] - dy).long(), (neighbour[1] - dx).long()
            valid = valid & (qy >= 0) & (qy < values.shape[0])
            valid = valid & (qx >= 0) & (qx < values.shape[1])
            weight = ((reach + 1 - abs(dy)) * (reach + 1 - abs(dx)) * valid)[..., None].float()
            at = qy.clamp(0, values.shape[0] - 1), qx.clamp(0, values.shape[1] - 1)
            total += weight * values[at].float()
            weights += weight
    return total / weights
