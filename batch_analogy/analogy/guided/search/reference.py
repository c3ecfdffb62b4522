"""Guided search and vote in plain PyTorch: the readable version that defines the answer.

A match costs the squared difference of the patches in all channels, times 1 + κ · (the share of the
four neighbours that do not continue it), plus the price of the source patch's crowd: how often it
is used, against its fair share. Crowds and neighbours are those before the pass (propagation at one
distance, or all random tries of an iteration), so the answer does not depend on any order of work.

Source: Barnes et al. 2009 (PatchMatch); Fišer et al. 2016 and the EbSynth library (guides,
uniformity), double-buffered instead of in scan order; Hertzmann et al. 2001 (κ).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from batch_analogy.analogy.correspondence.patchmatch.reference import SIDES, grid
from batch_analogy.analogy.correspondence.patchmatch.rng import hash_cells, random_places
from batch_analogy.analogy.guided.spec import GuidedSearchSpec
from batch_analogy.analogy.nnf import Size
from batch_analogy.analogy.rendering.upscale.reference import neighbours

JUMPS = (4, 2, 1)
TOLERANCE = 0.1  # votes this far from the mean (values 0…1, root of the squares' sum) count half


def search(
    source: Tensor,
    target: Tensor,
    nnf: Tensor,
    usable: Tensor,
    active: Tensor,
    spec: GuidedSearchSpec,
) -> tuple[Tensor, Tensor]:
    """Improve the field of those pixels that are active.

    Args:
        source: (H', W', C) int16, A' and its guides in whole steps. target: (H, W, C), B''s.
        nnf: (2, H, W) int32, absolute (y, x) in the source, at usable pixels.
        usable: (H', W') bool, the source pixels that may be matched.
        active: (H, W) int8: 2 is searched; 1 keeps its match, which is offered to others and
            counted; 0 is none of the picture's.
        spec: patch, iterations, radii, prices and seed.

    Returns:
        The field (2, H, W) int32, and the patches' squared differences (H, W) int32, 0 where
        ``active`` is 0.
    """
    job = _Job(source, target, usable, active, spec)
    field = nnf.long()
    difference = job.difference(field)
    for iteration in range(spec.iterations):
        for jump in JUMPS:
            offers = [job.shifted(field, dy * jump, dx * jump) for dy, dx in SIDES]
            field, difference = _improved(job, field, difference, offers)
        field, difference = _tried(job, field, difference, iteration)
    return field.to(torch.int32), (difference * (active > 0)).to(torch.int32)


@dataclass(frozen=True)
class _Job:
    """One search's maps."""

    source: Tensor
    target: Tensor
    usable: Tensor
    active: Tensor
    spec: GuidedSearchSpec

    @property
    def size(self) -> tuple[int, int]:
        """Of the source."""
        return int(self.source.shape[0]), int(self.source.shape[1])

    def difference(self, field: Tensor) -> Tensor:
        """Sum of squared differences of the patches, edges held, (H, W) int64."""
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
        """The neighbour's match moved back, and where there is one that may be taken."""
        neighbour, inside = neighbours(field, dy, dx)
        there, _ = neighbours(self.active[None], dy, dx)
        qy = (neighbour[0] - dy).clamp(0, self.size[0] - 1)
        qx = (neighbour[1] - dx).clamp(0, self.size[1] - 1)
        return torch.stack([qy, qx]), inside & (there[0] > 0) & self.usable[qy, qx]

    def random(self, field: Tensor, draw: int) -> tuple[Tensor, Tensor]:
        """One uniform place per match from the clipped square window around it."""
        height, width = self.active.shape
        cells = torch.arange(height * width, device=field.device).view(height, width)
        radius = self.spec.radii[draw % len(self.spec.radii)]
        place = random_places(field, hash_cells(cells ^ self.spec.seed), radius, draw, self.size)
        return place, self.usable[place[0], place[1]]


@dataclass(frozen=True)
class _Before:
    """The field before a pass, and what it makes matches cost."""

    job: _Job
    field: Tensor
    used: Tensor | None  # (H', W') int64: matches in each source patch; None: at no price
    share: float  # of the source's pixels in the target's

    def total(self, difference: Tensor, match: Tensor) -> Tensor:
        """What matches cost in all, (H, W) float64."""
        spec = self.job.spec
        total = difference.double()
        if spec.coherence > 0:
            total = total * (1.0 + spec.coherence * 0.25 * self._alone(match).double())
        if self.used is not None:
            total = total + self._crowd(match)
        return total

    def _alone(self, match: Tensor) -> Tensor:
        """How many of the four neighbours' matches do not continue this one, (H, W) int64."""
        count = torch.zeros(match.shape[1:], dtype=torch.int64, device=match.device)
        for dy, dx in SIDES:
            neighbour, inside = neighbours(self.field, dy, dx)
            count += inside & ((neighbour[0] != match[0] + dy) | (neighbour[1] != match[1] + dx))
        return count

    def _crowd(self, match: Tensor) -> Tensor:
        """The price of a patch by how often others use its pixels, against a fair share."""
        assert self.used is not None
        reach, (height, width) = self.job.spec.reach, self.job.size
        own = ((match - self.field).abs() <= reach).all(dim=0) & (self.job.active > 0)
        cells = _covered(match[0], height, reach) * _covered(match[1], width, reach)
        others = (self.used[match[0], match[1]] - own.long()).double()
        return others * (self.job.spec.occurrence_cost / self.share) / cells.double()


def _before(job: _Job, field: Tensor) -> _Before:
    made = job.active > 0
    share = int(made.sum()) / max(1, int(job.usable.sum()))
    if job.spec.occurrence_cost == 0 or share == 0:
        return _Before(job, field, None, 1.0)
    return _Before(
        job, field, patch_occurrences(field, job.active, job.size, job.spec.reach), share
    )


def patch_occurrences(field: Tensor, active: Tensor, size: Size, reach: int) -> Tensor:
    """How many matches lie in the patch around each pixel of the source, (H', W') int64.

    Args:
        field: (2, H, W). active: (H, W); those above 0 count. size: of the source.
    """
    places = (field[0].long() * size[1] + field[1])[active > 0]
    count = torch.bincount(places, minlength=size[0] * size[1]).view(size)
    return _boxed(count, reach)


def _boxed(count: Tensor, reach: int) -> Tensor:
    """Sums over the patches that lie around each pixel, as far as they are inside, (H, W)."""
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


def _covered(place: Tensor, count: int, reach: int) -> Tensor:
    """How many of a patch's rows (or columns) lie inside."""
    return (place + reach).clamp_max(count - 1) - (place - reach).clamp_min(0) + 1


def _improved(
    job: _Job, field: Tensor, difference: Tensor, offers: list[tuple[Tensor, Tensor]]
) -> tuple[Tensor, Tensor]:
    """Each active pixel's best match among its own and those offered."""
    before = _before(job, field)
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


def _tried(job: _Job, field: Tensor, difference: Tensor, iteration: int) -> tuple[Tensor, Tensor]:
    """Each active pixel's best match after one random try at every radius around it."""
    before = _before(job, field)
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


def vote(values: Tensor, nnf: Tensor, usable: Tensor, active: Tensor, reach: int) -> Tensor:
    """Mean of what the neighbours' matches say of each pixel; the nearer, the more they weigh.

    Where votes disagree, those prevail that are nearest to their plain mean (a step of mean shift,
    as in Wexler et al. 2007): textures keep more of their contrast than by the mean itself.

    Args:
        values: (H', W', C) float32. nnf: (2, H, W) int32, at usable pixels of ``values``.
        usable: (H', W') bool. active: (H, W) int8; those above 0 vote and are made.
        reach: pixels from a voting patch's centre to its edge.

    Returns:
        (H, W, C) float32; 0 where nothing is made.
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
    """What the neighbours at (dy, dx) say, (H, W, C), and its weight, (H, W, 1)."""
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
    """How much a vote counts by its distance from the mean, (H, W, 1)."""
    away = torch.zeros_like(value[..., :1])
    for channel in range(value.shape[-1]):
        step = value[..., channel : channel + 1] - mean[..., channel : channel + 1]
        away = away + step * step
    near = 1.0 / (1.0 + away * (1.0 / TOLERANCE**2))
    return near * near
