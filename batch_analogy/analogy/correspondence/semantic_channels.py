"""Semantic channels: what the coarse levels know, compared at the finer levels too.

Fine features tell a stroke from a plain area, but not skin from sky. A search at a fine level would
therefore undo what the coarse levels have decided: a patch of forehead moves to a background of the
same grey. So the features of the coarse levels, reduced to a few channels, are enlarged and
appended to the channels that a finer level compares.

Source: hypercolumns (Hariharan et al. 2015), a departure from the published method;
docs/method.md, "Semantic channels".
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from batch_analogy.analogy.correspondence.channel_pca import principal_directions, sample_cells
from batch_analogy.analogy.correspondence.global_match import products
from batch_analogy.analogy.deterministic import mean_of_rows, resize_bilinear
from batch_analogy.analogy.features.pictures import EncodedPicture, unit_features

CHANNELS = 32
_SAMPLED_CELLS = 192  # of each picture


def semantic_maps(
    a: EncodedPicture, bp: EncodedPicture, levels: Sequence[int]
) -> tuple[Tensor, Tensor] | None:
    """Reduce the coarse features of a pair to a few channels, common to both pictures.

    The mean over both pictures is subtracted first: it is what all cells have in common.

    Args:
        a: A, or a batch of several. bp: B'.
        levels: the coarse levels; the maps have the size of the last.

    Returns:
        (B, K, h, w) and (B, K, h', w') float32, each cell of length 1, or None if a level was not
        encoded. Each pair of a batch is reduced independently of the others.
    """
    if not levels or any(level not in picture.features for picture in (a, bp) for level in levels):
        return None
    own, other = _columns(a, levels), _columns(bp, levels)
    pairs = [_reduced(own[i : i + 1], other) for i in range(len(own))]
    maps_a, maps_bp = zip(*pairs, strict=True)
    return torch.cat(maps_a), torch.cat(maps_bp)


def with_semantics(features: Tensor, maps: Tensor, share: float) -> Tensor:
    """Append semantic channels to the search channels (B, C, H, W), for a share of the cost."""
    size = int(features.shape[2]), int(features.shape[3])
    enlarged = resize_bilinear(maps, size)
    joined = torch.cat([features * (1.0 - share) ** 0.5, enlarged * share**0.5], dim=1)
    return joined.contiguous(memory_format=torch.channels_last)


def _columns(picture: EncodedPicture, levels: Sequence[int]) -> Tensor:
    """Stack the unit features of all levels at the size of the last, (B, ΣC, h, w)."""
    size = picture.size(levels[-1])
    share = len(levels) ** -0.5
    return torch.cat(
        [resize_bilinear(unit_features(picture.features[n]), size) * share for n in levels], dim=1
    )


def _reduced(a: Tensor, bp: Tensor) -> tuple[Tensor, Tensor]:
    cells = torch.cat([sample_cells(a, _SAMPLED_CELLS), sample_cells(bp, _SAMPLED_CELLS)], dim=1)
    mean = mean_of_rows(cells[0].double())
    basis = principal_directions(cells.double() - mean, CHANNELS)
    offset = mean.float().view(1, -1, 1, 1)
    return _projected(a - offset, basis[0]), _projected(bp - offset, basis[0])


def _projected(maps: Tensor, basis: Tensor) -> Tensor:
    """Project maps (1, C, h, w) on directions (K, C); each cell of the result has length 1."""
    found = products(maps[0].flatten(1), basis.T)
    cells = found.view(1, len(basis), *maps.shape[2:])
    return unit_features(
        cells.contiguous(memory_format=torch.channels_last)
    )  # as all sums of cells
