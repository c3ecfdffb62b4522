"""Semantic channels: coarse knowledge that finer levels compare."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor

from batch_analogy.analogy.correspondence.semantic_channels import (
    CHANNELS,
    enlarge,
    semantic_maps,
    with_semantics,
)
from batch_analogy.analogy.features.pictures import EncodedPicture, cell_norms

LEVELS = (5, 4)


def encoded(left: Tensor, right: Tensor, sizes: tuple[int, int] = (6, 12)) -> EncodedPicture:
    """Return a picture whose left half has one coarse feature and whose right half another."""
    features = {}
    for level, side in zip(LEVELS, sizes, strict=True):
        half = side // 2
        columns = [left.view(1, -1, 1, 1).expand(-1, -1, side, half)]
        columns.append(right.view(1, -1, 1, 1).expand(-1, -1, side, half))
        features[level] = torch.cat(columns, dim=3)
    pixels = torch.zeros(1, 3, 12 * 8, 12 * 8)
    return EncodedPicture(pixels, pixels, features, {5: 16, 4: 8})


@pytest.fixture
def kinds(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    return torch.rand(64, generator=generator), torch.rand(64, generator=generator)


def test_cells_of_one_kind_agree_across_pictures(kinds: tuple[Tensor, Tensor]) -> None:
    one, other = kinds
    found = semantic_maps(encoded(one, other), encoded(other, one), LEVELS)
    assert found is not None
    a, bp = found
    assert a.shape == (1, CHANNELS, 12, 12)
    torch.testing.assert_close(cell_norms(a), torch.ones(1, 1, 12, 12))
    same = float((a[0, :, 0, 0] * bp[0, :, 0, -1]).sum())
    different = float((a[0, :, 0, 0] * bp[0, :, 0, 0]).sum())
    assert same > 0.99
    assert different < 0  # what all cells have in common was subtracted


def test_items_of_a_batch_are_reduced_alone(kinds: tuple[Tensor, Tensor]) -> None:
    one, other = kinds
    first, second = encoded(one, other), encoded(other, (one + other) / 2)
    both = dataclasses.replace(
        first,
        features={n: torch.cat([first.features[n], second.features[n]]) for n in LEVELS},
    )
    bp = encoded(one, one.flip(0))
    together = semantic_maps(both, bp, LEVELS)
    assert together is not None
    for index, picture in enumerate((first, second)):
        alone = semantic_maps(picture, bp, LEVELS)
        assert alone is not None
        for maps, batch in zip(alone, together, strict=True):
            assert torch.equal(maps[0], batch[index])


def test_there_are_none_without_coarse_levels(kinds: tuple[Tensor, Tensor]) -> None:
    picture = encoded(*kinds)
    fine = dataclasses.replace(picture, features={4: picture.features[4]})
    assert semantic_maps(picture, picture, ()) is None
    assert semantic_maps(fine, picture, LEVELS) is None


def test_a_share_of_the_cost_compares_them(generator: torch.Generator) -> None:
    features = torch.rand(1, 8, 10, 10, generator=generator)
    features /= cell_norms(features)
    maps = torch.rand(1, 4, 5, 5, generator=generator)
    maps /= cell_norms(maps)
    joined = with_semantics(features, maps, 2, 0.3)
    torch.testing.assert_close(joined[:, :8].square().sum(), torch.tensor(70.0))
    own = float((joined[0, :, 0, 0] * joined[0, :, 0, 0]).sum())
    assert own == pytest.approx(1.0, abs=1e-5)  # the corner of an enlarged map is its corner cell


def test_enlarged_cells_keep_their_place() -> None:
    """A level of 3 cells over 5 finer ones reaches half a cell beyond the picture."""
    ramp = torch.arange(3.0).view(1, 1, 1, 3).expand(1, 1, 3, 3)
    found = enlarge(ramp, 2, (5, 5))
    assert found.shape == (1, 1, 5, 5)
    assert found[0, 0, 0].tolist() == [0.0, 0.25, 0.75, 1.25, 1.75]
