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
from batch_analogy.analogy.nnf import Size

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


def with_semantics(features: Tensor, maps: Tensor, factor: int, share: float) -> Tensor:
    """Append semantic channels to the search channels of a finer level.

    Args:
        features: (B, C, H, W) float32. maps: (B, K, h, w), of the coarse level.
        factor: cells of the finer level for each coarse cell, on each axis.
        share: of the cost.
    """
    enlarged = enlarge(maps, factor, (int(features.shape[2]), int(features.shape[3])))
    joined = torch.cat([features * (1.0 - share) ** 0.5, enlarged * share**0.5], dim=1)
    return joined.contiguous(memory_format=torch.channels_last)


def enlarge(maps: Tensor, factor: int, size: Size) -> Tensor:
    """Enlarge maps to a finer level, each coarse cell over the cells that it covers.

    The last row and column of a coarse level may reach beyond the picture; that part is cut off.
    """
    if factor == 1:
        return maps
    whole = resize_bilinear(maps, (maps.shape[2] * factor, maps.shape[3] * factor))
    return whole[:, :, : size[0], : size[1]]


def coarse_maps(picture: EncodedPicture, levels: Sequence[int]) -> list[Tensor]:
    """Return the features of all coarse levels at the size of the last."""
    last = levels[-1]
    size, stride = picture.size(last), picture.strides[last]
    return [enlarge(picture.features[n], picture.strides[n] // stride, size) for n in levels]


def _columns(picture: EncodedPicture, levels: Sequence[int]) -> Tensor:
    """Stack the unit features of all levels at the size of the last, (B, ΣC, h, w)."""
    share = len(levels) ** -0.5
    units = [unit_features(maps) * share for maps in coarse_maps(picture, levels)]
    return torch.cat(units, dim=1)


def _reduced(a: Tensor, bp: Tensor) -> tuple[Tensor, Tensor]:
    cells = torch.cat([sample_cells(a, _SAMPLED_CELLS), sample_cells(bp, _SAMPLED_CELLS)], dim=1)
    mean = mean_of_rows(cells[0].double())
    basis = principal_directions(cells.double() - mean, CHANNELS)
    offset = mean.float().view(1, -1, 1, 1)
    return _projected(a - offset, basis[0]), _projected(bp - offset, basis[0])


def _projected(maps: Tensor, basis: Tensor) -> Tensor:
    """Project maps (1, C, h, w) on directions (K, C); each cell of the result has length 1."""
    found = products(maps[0].flatten(1), basis.T)
    return unit_features(found.view(1, len(basis), *maps.shape[2:]))
