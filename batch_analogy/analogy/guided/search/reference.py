"""Guided search in plain PyTorch: the readable version that defines the answer.

The cost of a match is the squared difference of the two patches over all channels, times
1 + κ · (share of the four neighbours whose matches do not continue this one), plus a cost of
occurrence, which grows with the use of the source patch relative to its fair share. A pass is
propagation at one distance, or all random tries of one iteration. Occurrences and neighbours are
read from the field before the pass, so the result does not depend on the order of pixels.

Source: Barnes et al. 2009 (PatchMatch); Fišer et al. 2016 and the EbSynth library (guides,
uniformity), double-buffered instead of in scan order; Hertzmann et al. 2001 (κ); docs/method.md,
"Patch distance and uniformity", "Kappa".
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from batch_analogy.analogy.correspondence.patchmatch.reference import OFFSETS, grid
from batch_analogy.analogy.correspondence.patchmatch.rng import hash_cells, random_cells
from batch_analogy.analogy.guided.search.spec import GuidedSearchSpec
from batch_analogy.analogy.nnf import Size
from batch_analogy.analogy.rendering.upscale.reference import neighbours

JUMPS = (4, 2, 1)
"""Distances of propagation, pixels."""


def search(
    source: Tensor,
    target: Tensor,
    nnf: Tensor,
    usable: Tensor,
    active: Tensor,
    spec: GuidedSearchSpec,
) -> tuple[Tensor, Tensor]:
    """Improve the matches of the active pixels.

    Args:
        source: (H', W', C) int16, A' and the guides over A, quantised.
        target: (H, W, C) int16, B' and the guides over B, quantised.
        nnf: (2, H, W) int32, absolute (y, x) in the source; every match lies on a usable pixel.
        usable: (H', W') bool, the source pixels that may be matched.
        active: (H, W) int8. 2: the pixel is searched. 1: it keeps its match, which is offered to
            its neighbours and counted as an occurrence. 0: the pixel is not part of B'.
        spec: patch, iterations, radii, costs and seed.

    Returns:
        The field (2, H, W) int32, and the squared difference of each pair of patches (H, W) int32,
        0 where ``active`` is 0.
    """
    job = _Job(source, target, usable, active, spec)
    field = nnf.long()
    difference = job.difference(field)
    for iteration in range(spec.iterations):
        for jump in JUMPS:
            offers = [job.shifted(field, dy * jump, dx * jump) for dy, dx in OFFSETS]
            field, difference = _propagate(job, field, difference, offers)
        field, difference = _random_search(job, field, difference, iteration)
    return field.to(torch.int32), (difference * (active > 0)).to(torch.int32)


@dataclass(frozen=True)
class _Job:
    """Maps and parameters of one search."""

    source: Tensor
    target: Tensor
    usable: Tensor
    active: Tensor
    spec: GuidedSearchSpec

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the source."""
        return int(self.source.shape[0]), int(self.source.shape[1])

    def difference(self, field: Tensor) -> Tensor:
        """Sum the squared differences of the patches, edges replicated: (H, W) int64."""
        height, width, _ = self.target.shape
        ys, xs = grid(height, width, self.target.device)
        reach = self.spec.reach
        total = torch.zeros((height, width), dtype=torch.int64, device=field.device)
        for dy in range(-reach, reach + 1):
            for dx in range(-reach, reach + 1):
                t = self.target[(ys + dy).clamp(0, height - 1), (xs + dx).clamp(0, width - 1)]
                qy = (field[0] + dy).clamp(0, self.size[0] - 1)
                qx = (field[1] + dx).clamp(0, self.size[1] - 1)
                total += (t.int() - self.source[qy, qx].int()).square().sum(dim=-1)
        return total

    def shifted(self, field: Tensor, dy: int, dx: int) -> tuple[Tensor, Tensor]:
        """Return the neighbours' matches, shifted back by (dy, dx), and where they are allowed."""
        neighbour, inside = neighbours(field, dy, dx)
        there, _ = neighbours(self.active[None], dy, dx)
        qy = (neighbour[0] - dy).clamp(0, self.size[0] - 1)
        qx = (neighbour[1] - dx).clamp(0, self.size[1] - 1)
        return torch.stack([qy, qx]), inside & (there[0] > 0) & self.usable[qy, qx]

    def random(self, field: Tensor, draw: int) -> tuple[Tensor, Tensor]:
        """Draw a uniform position in the clipped square window around each match."""
        height, width = self.active.shape
        cells = torch.arange(height * width, device=field.device).view(height, width)
        radius = self.spec.radii[draw % len(self.spec.radii)]
        place = random_cells(field, hash_cells(cells ^ self.spec.seed), radius, draw, self.size)
        return place, self.usable[place[0], place[1]]


@dataclass(frozen=True)
class _FieldBefore:
    """The field before a pass, from which coherence and occurrences are read."""

    job: _Job
    field: Tensor
    used: Tensor | None  # (H', W') int64: matches in each source patch; None: their cost is 0
    share: float  # pixels to make, per usable pixel of the source

    def total(self, difference: Tensor, match: Tensor) -> Tensor:
        """Add coherence and occurrence to the differences: total costs, (H, W) float64."""
        spec = self.job.spec
        total = difference.double()
        if spec.coherence > 0:
            total = total * (1.0 + spec.coherence * 0.25 * self._count_breaks(match).double())
        if self.used is not None:
            total = total + self._occurrence(match)
        return total

    def _count_breaks(self, match: Tensor) -> Tensor:
        """Count the neighbours (of four) whose matches do not continue this one: (H, W) int64."""
        count = torch.zeros(match.shape[1:], dtype=torch.int64, device=match.device)
        for dy, dx in OFFSETS:
            neighbour, inside = neighbours(self.field, dy, dx)
            count += inside & ((neighbour[0] != match[0] + dy) | (neighbour[1] != match[1] + dx))
        return count

    def _occurrence(self, match: Tensor) -> Tensor:
        """Cost of a patch: the use of its pixels by other matches, relative to the fair share."""
        assert self.used is not None
        reach, (height, width) = self.job.spec.reach, self.job.size
        own = ((match - self.field).abs() <= reach).all(dim=0) & (self.job.active > 0)
        cells = _clipped_length(match[0], height, reach) * _clipped_length(match[1], width, reach)
        others = (self.used[match[0], match[1]] - own.long()).double()
        return others * (self.job.spec.occurrence_cost / self.share) / cells.double()


def _read_field(job: _Job, field: Tensor) -> _FieldBefore:
    made = job.active > 0
    share = int(made.sum()) / max(1, int(job.usable.sum()))
    if job.spec.occurrence_cost == 0 or share == 0:
        return _FieldBefore(job, field, None, 1.0)
    return _FieldBefore(
        job, field, patch_occurrences(field, job.active, job.size, job.spec.reach), share
    )


def patch_occurrences(field: Tensor, active: Tensor, size: Size, reach: int) -> Tensor:
    """Count the matches in the patch around each pixel of the source: (H', W') int64.

    Args:
        field: (2, H, W), matches.
        active: (H, W) int8; pixels above 0 count.
        size: height and width of the source.
        reach: distance from the centre of a patch to its edge, pixels.
    """
    places = (field[0].long() * size[1] + field[1])[active > 0]
    count = torch.bincount(places, minlength=size[0] * size[1]).view(size)
    return _box_sum(count, reach)


def _box_sum(count: Tensor, reach: int) -> Tensor:
    """Sum over the patch around each pixel, cut off at the borders: (H, W)."""
    for axis in range(2):
        total = torch.zeros_like(count)
        length = count.shape[axis]
        for d in range(-min(reach, length - 1), min(reach, length - 1) + 1):
            here = slice(max(0, -d), length - max(0, d))
            there = slice(max(0, d), length - max(0, -d))
            if axis == 0:
                total[here] += count[there]
            else:
                total[:, here] += count[:, there]
        count = total
    return count


def _clipped_length(place: Tensor, count: int, reach: int) -> Tensor:
    """Count the rows (or columns) of a patch that lie inside the source."""
    return (place + reach).clamp_max(count - 1) - (place - reach).clamp_min(0) + 1


def _propagate(
    job: _Job, field: Tensor, difference: Tensor, offers: list[tuple[Tensor, Tensor]]
) -> tuple[Tensor, Tensor]:
    """Take the best of each searched pixel's own match and the matches offered to it."""
    before = _read_field(job, field)
    best = before.total(difference, field)
    chosen = field
    for offer, allowed in offers:
        found = job.difference(offer)
        total = before.total(found, offer)
        better = allowed & (job.active == 2) & (total < best)
        chosen = torch.where(better, offer, chosen)
        difference = torch.where(better, found, difference)
        best = torch.where(better, total, best)
    return chosen, difference


def _random_search(
    job: _Job, field: Tensor, difference: Tensor, iteration: int
) -> tuple[Tensor, Tensor]:
    """Try one random position at every radius around each searched pixel's match."""
    before = _read_field(job, field)
    best = before.total(difference, field)
    for k in range(len(job.spec.radii)):
        offer, allowed = job.random(field, iteration * len(job.spec.radii) + k)
        found = job.difference(offer)
        total = before.total(found, offer)
        better = allowed & (job.active == 2) & (total < best)
        field = torch.where(better, offer, field)
        difference = torch.where(better, found, difference)
        best = torch.where(better, total, best)
    return field, difference
