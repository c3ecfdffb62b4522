"""PatchMatch in plain PyTorch: the readable version that defines the answer.

Every cell keeps one match and its cost. An iteration tries the matches of the four neighbours at
distances 8, 4, 2 and 1, shifted back (propagation), then random cells around the best match at
halving radii (random search). Each step reads only the result of the step before, so the answer
does not depend on the order of execution.

Source: Barnes et al. 2009 (PatchMatch); docs/method.md, "PatchMatch patches, radii and iterations"
for jumps and radii, which are the published program's. Double buffering is a departure from it.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from batch_analogy.analogy.correspondence.patchmatch.rng import hash_cells, random_cells
from batch_analogy.analogy.correspondence.patchmatch.spec import Prior, SearchSpec

JUMPS = (8, 4, 2, 1)
OFFSETS = ((0, -1), (0, 1), (-1, 0), (1, 0))  # left, right, up, down, as (dy, dx)


def search(
    source: Tensor, target: Tensor, initial: Tensor, spec: SearchSpec, prior: Prior | None = None
) -> tuple[Tensor, Tensor]:
    """Improve a nearest-neighbour field from source cells to target cells.

    Args:
        source: (B, C, H, W) float32, each cell of length at most 1 over channels.
        target: (B, C, H', W') float32, likewise.
        initial: (B, 2, H, W) int32, absolute (y, x) in target cells, inside the target.
        spec: patch, radius, iterations and seed.
        prior: expected matches; they are tried first.

    Returns:
        The field (B, 2, H, W) int32, and its cost (B, 1, H, W) float32: the mean of 1 − s·t over
        those patch cells that lie inside both maps, without the prior's cost.
    """
    results = [
        _search_one(
            _Pair(source[i], target[i], spec.reach, prior and prior.item(i)),
            initial[i].long(),
            spec,
            seed,
        )
        for i, seed in enumerate(spec.seeds(len(source)))
    ]
    nnf = torch.stack([field for field, _ in results]).to(torch.int32)
    return nnf, torch.stack([cost for _, cost in results])[:, None]


@dataclass(frozen=True)
class _Pair:
    """One picture of the batch: its maps, and the cost of a field between them."""

    source: Tensor
    target: Tensor
    reach: int
    prior: Prior | None  # of this picture

    def cost(self, nnf: Tensor) -> Tensor:
        """Compute patch cost plus prior cost, (H, W)."""
        return patch_cost(self.source, self.target, nnf, self.reach) + self.prior_cost(nnf)

    def prior_cost(self, nnf: Tensor) -> Tensor:
        """Compute the prior's cost, (H, W); 0 without a prior."""
        if self.prior is None:
            return nnf.new_zeros(nnf.shape[1:], dtype=torch.float32)
        return self.prior.cost(nnf[None])[0, 0]

    def expected(self) -> Tensor | None:
        """Return the prior's matches as candidates, (2, H, W)."""
        if self.prior is None:
            return None
        _, height, width = self.target.shape
        return self.prior.candidates((height, width))[0].long()


def _search_one(pair: _Pair, nnf: Tensor, spec: SearchSpec, seed: int) -> tuple[Tensor, Tensor]:
    radii = spec.radii
    cost = pair.cost(nnf)
    everywhere = torch.ones_like(cost, dtype=torch.bool)
    expected = pair.expected()
    if expected is not None:
        nnf, cost = _keep_better(pair, nnf, cost, expected, everywhere)
    for iteration in range(spec.iterations):
        for jump in JUMPS:
            offers = [
                _shifted_matches(nnf, dy * jump, dx * jump, pair.target) for dy, dx in OFFSETS
            ]
            for candidate, inside in offers:
                nnf, cost = _keep_better(pair, nnf, cost, candidate, inside)
        for k, r in enumerate(radii):
            draw = iteration * len(radii) + k
            candidate = _random_matches(nnf, r, draw, seed, pair.target)
            nnf, cost = _keep_better(pair, nnf, cost, candidate, everywhere)
    return nnf, cost - pair.prior_cost(nnf)


def patch_cost(source: Tensor, target: Tensor, nnf: Tensor, reach: int) -> Tensor:
    """Compute the mean of 1 − s·t over the patch cells valid in both maps, for every source cell.

    Args:
        source: (C, H, W). target: (C, H', W'). nnf: (2, H, W) int64. reach: patch // 2, cells.

    Returns:
        (H, W) float32.
    """
    _, height, width = source.shape
    _, target_height, target_width = target.shape
    ys, xs = grid(height, width, source.device)
    total = torch.zeros((height, width), device=source.device)
    count = torch.zeros_like(total)
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            py, px, qy, qx = ys + dy, xs + dx, nnf[0] + dy, nnf[1] + dx
            valid = _inside(py, px, height, width) & _inside(qy, qx, target_height, target_width)
            s = source[:, py.clamp(0, height - 1), px.clamp(0, width - 1)]
            t = target[:, qy.clamp(0, target_height - 1), qx.clamp(0, target_width - 1)]
            total += torch.where(valid, 1.0 - (s * t).sum(dim=0), 0.0)
            count += valid
    return total / count


def _keep_better(
    pair: _Pair, nnf: Tensor, cost: Tensor, candidate: Tensor, allowed: Tensor
) -> tuple[Tensor, Tensor]:
    found = pair.cost(candidate)
    better = allowed & (found < cost)
    return torch.where(better, candidate, nnf), torch.where(better, found, cost)


def _shifted_matches(nnf: Tensor, dy: int, dx: int, target: Tensor) -> tuple[Tensor, Tensor]:
    """Return the neighbour's match shifted back by the jump, and where a neighbour exists."""
    _, height, width = nnf.shape
    ys, xs = grid(height, width, nnf.device)
    inside = _inside(ys + dy, xs + dx, height, width)
    neighbour = nnf[:, (ys + dy).clamp(0, height - 1), (xs + dx).clamp(0, width - 1)]
    qy = (neighbour[0] - dy).clamp(0, target.shape[1] - 1)
    qx = (neighbour[1] - dx).clamp(0, target.shape[2] - 1)
    return torch.stack([qy, qx]), inside


def _random_matches(nnf: Tensor, radius: int, draw: int, seed: int, target: Tensor) -> Tensor:
    """Draw a uniform cell per match from the clipped square window around it."""
    _, height, width = nnf.shape
    cells = torch.arange(height * width, device=nnf.device).view(height, width)
    cell_hash = hash_cells(cells ^ seed)
    target_size = (int(target.shape[1]), int(target.shape[2]))
    return random_cells(nnf, cell_hash, radius, draw, target_size)


def grid(height: int, width: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return the row and the column of every cell, (H, W) each."""
    ys = torch.arange(height, device=device).view(-1, 1).expand(height, width)
    xs = torch.arange(width, device=device).view(1, -1).expand(height, width)
    return ys, xs


def _inside(y: Tensor, x: Tensor, height: int, width: int) -> Tensor:
    return (y >= 0) & (y < height) & (x >= 0) & (x < width)
