"""Reduce the channels that the search compares, by principal component analysis of both maps.

The channels of a fine level depend on each other: at conv1_1, 32 of the 128 directions of the
two-term maps hold 99.5 % of the energy. PatchMatch only needs dot products, and reading the maps
limits its speed, so at fine levels it gets both maps projected on the principal directions of the
pair. A projection never lengthens a vector, so 1 − s·t stays in its range; it grows at most by the
energy left out.

Nothing here depends on the number of threads: the directions are found in a serial loop from a
fixed sample of cells, and a 1×1 convolution projects (docs/method.md, "Thread count on a CPU").

Source: docs/method.md, "Fewer channels in the search".
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from batch_analogy.analogy.correspondence.channel_pca import reference
from batch_analogy.analogy.features.pictures import cell_norms

_SAMPLED_CELLS = 512  # of each term of each map


def two_terms(first: Tensor, second: Tensor) -> Tensor:
    """Join two feature maps into one whose cosine is the mean of the two cosines.

    Args:
        first: (B, C, H, W) float32. second: likewise, or ``first`` itself.

    Returns:
        (B, 2C, H, W) float32, each cell of length 1 (0 where both terms are 0); (B, C, H, W)
        where both terms are one tensor.

    Source: Deep Image Analogy, equation 4; docs/method.md, "Feature distance".
    """
    if first is second:
        return first / cell_norms(first)
    half = 0.5**0.5
    pair = torch.cat([first * (half / cell_norms(first)), second * (half / cell_norms(second))], 1)
    return pair.contiguous(memory_format=torch.channels_last)


def project_terms(
    a: tuple[Tensor, Tensor], b: tuple[Tensor, Tensor], channels: int | None
) -> tuple[Tensor, Tensor]:
    """Project the two-term maps of both sides on their common principal directions.

    Args:
        a: A's two terms, (B, C, H, W) float32 each. b: B's, (B, C, H', W').
        channels: number of directions kept; None, or at least 2C, keeps all channels.

    Returns:
        (B, channels, H, W) and (B, channels, H', W') float32, channels-last. Each pair of a batch
        is projected on its own directions, independently of the others.
    """
    count = a[0].shape[1]
    if channels is None or channels >= 2 * count:
        return two_terms(*a), two_terms(*b)
    basis = principal_directions(torch.cat([_sample(a), _sample(b)], dim=1), channels)
    return _project(a, basis), _project(b, basis)


def _sample(terms: tuple[Tensor, Tensor]) -> Tensor:
    """Take evenly spaced cells of a two-term map, (B, cells, 2C) float64."""
    parts = []
    for term in terms:
        chosen = sample_cells(term, _SAMPLED_CELLS)
        parts.append(chosen / cell_norms(chosen.transpose(1, 2)).transpose(1, 2))
    return torch.cat(parts, dim=2).double().mul_(0.5**0.5)


def sample_cells(maps: Tensor, count: int) -> Tensor:
    """Take at most ``count`` evenly spaced cells of maps (B, C, H, W), as (B, cells, C)."""
    cells = maps.permute(0, 2, 3, 1).flatten(1, 2)
    step = max(1, cells.shape[1] // count)
    return cells[:, ::step][:, :count]


def principal_directions(samples: Tensor, count: int) -> Tensor:
    """Find the principal directions of each sample (B, cells, C), as (B, count, C) float32."""
    if samples.device.type == "cpu":
        from batch_analogy.analogy.correspondence.channel_pca import cpu  # Numba: slow to import

        return torch.stack([cpu.principal_directions(sample, count) for sample in samples])
    return torch.stack([reference.principal_directions(sample, count) for sample in samples])


def _project(terms: tuple[Tensor, Tensor], basis: Tensor) -> Tensor:
    half = 0.5**0.5
    total: Tensor | None = None
    for term, part in zip(terms, basis.chunk(2, dim=2), strict=True):
        projected = _times(term, part).mul_(half / cell_norms(term))
        total = projected if total is None else total.add_(projected)
    assert total is not None
    return total.contiguous(memory_format=torch.channels_last)


def _times(maps: Tensor, basis: Tensor) -> Tensor:
    """Multiply every cell (B, C, H, W) by its item's directions (B, count, C), item by item."""
    product = _convolved if maps.device.type == "cpu" else _multiplied
    return torch.cat([product(maps[i : i + 1], basis[i]) for i in range(len(maps))])


def _convolved(term: Tensor, part: Tensor) -> Tensor:
    return F.conv2d(term, part[..., None, None].contiguous(memory_format=torch.channels_last))


def _multiplied(term: Tensor, part: Tensor) -> Tensor:
    cells = term[0].permute(1, 2, 0).flatten(0, 1) @ part.T
    return cells.view(1, *term.shape[2:], -1).permute(0, 3, 1, 2)
