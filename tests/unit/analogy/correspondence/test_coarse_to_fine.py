"""The coarse-to-fine search: known motion, priors, batches and copies."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor

from batch_analogy.analogy.correspondence.atlas import AtlasPicture
from batch_analogy.analogy.correspondence.coarse_to_fine import (
    LevelDone,
    first_level,
    match,
    match_with_prior,
)
from batch_analogy.analogy.correspondence.temporal_prior import TemporalPrior
from batch_analogy.analogy.features import FeatureExtractor
from batch_analogy.analogy.features.pictures import (
    EncodedPicture,
    encode_picture,
    encode_reference,
    stack_pictures,
)
from batch_analogy.analogy.nnf import initial_nnf
from batch_analogy.config.matching import AnalogyConfig
from tests.support.tiny_extractor import layered_noise, tiny_extractor

CONFIG = AnalogyConfig(quality="draft", min_side_px=48, precision="float32")
SIZE = (72, 90)
SHIFT = (9, 18)  # of B' against A, pixels down and to the right: whole cells of every level
INSIDE = (slice(None), slice(None), slice(9, -18), slice(9, -27))
"""All cells but those near the edges, which have no match."""


@pytest.fixture
def network() -> FeatureExtractor:
    return tiny_extractor()


@pytest.fixture
def texture(generator: torch.Generator) -> Tensor:
    return layered_noise(SIZE, generator)


def shifted(nnf: Tensor, shift: tuple[int, int]) -> Tensor:
    """Move all matches of a field by (y, x)."""
    return nnf + torch.tensor(shift, dtype=nnf.dtype).view(1, 2, 1, 1)


def share_equal(found: Tensor, expected: Tensor) -> float:
    """Return the share of cells away from the edges whose match is the expected one."""
    return float((found == expected)[INSIDE].all(dim=1).float().mean())


def encoded(network: FeatureExtractor, *pictures: Tensor) -> list[EncodedPicture]:
    return [encode_picture(network, picture, CONFIG) for picture in pictures]


def test_finds_a_shift_in_both_directions(network: FeatureExtractor, texture: Tensor) -> None:
    a, bp = encoded(network, texture, texture.roll(SHIFT, dims=(2, 3)))
    fields, found = match(network, a, bp, CONFIG)
    identity = initial_nnf(SIZE, SIZE)
    assert found is bp
    assert share_equal(fields.ab, shifted(identity, SHIFT)) > 0.98
    back = fields.ba.flip(2, 3)  # so INSIDE leaves out the edges without a match
    assert share_equal(back, shifted(identity, (-SHIFT[0], -SHIFT[1])).flip(2, 3)) > 0.98
    assert float(fields.cost_ab[INSIDE].mean()) < 0.01


def test_fine_levels_find_a_shift_of_less_than_a_coarse_cell(
    network: FeatureExtractor, texture: Tensor
) -> None:
    a, bp = encoded(network, texture, texture.roll((3, 3), dims=(2, 3)))
    fields, _ = match(network, a, bp, CONFIG)
    assert share_equal(fields.ab, shifted(initial_nnf(SIZE, SIZE), (3, 3))) > 0.9


def test_finds_two_parts_that_move_apart(network: FeatureExtractor, texture: Tensor) -> None:
    moved = torch.cat(
        [texture[..., :45].roll(9, dims=2), texture[..., 45:].roll(-9, dims=2)], dim=3
    )
    a, bp = encoded(network, texture, moved)
    fields, _ = match(network, a, bp, CONFIG)
    rows = fields.ab[0, 0] - initial_nnf(SIZE, SIZE)[0, 0]
    assert float((rows[18:-18, 9:36] == 9).float().mean()) > 0.95
    assert float((rows[18:-18, 54:-9] == -9).float().mean()) > 0.95


def test_reports_every_level_once_from_coarse_to_fine(
    network: FeatureExtractor, texture: Tensor
) -> None:
    a, bp = encoded(network, texture, texture.roll(SHIFT, dims=(2, 3)))
    reports: list[LevelDone] = []
    fields, _ = match(network, a, bp, CONFIG, reports.append)
    assert [report.level for report in reports] == [3, 2, 1]
    assert reports[-1].cost_ab == pytest.approx(float(fields.cost_ab.mean()))


def test_a_batch_equals_single_pictures(network: FeatureExtractor, texture: Tensor) -> None:
    several = encoded(network, texture, texture.flip(3), texture.roll(7, dims=2))
    (bp,) = encoded(network, texture.roll(SHIFT, dims=(2, 3)))
    batch, _ = match(network, stack_pictures(several), bp, CONFIG)
    for index, a in enumerate(several):
        alone, _ = match(network, a, bp, CONFIG)
        item = batch.item(index)
        assert torch.equal(item.ab, alone.ab)
        assert torch.equal(item.ba, alone.ba)
        assert torch.equal(item.cost_ab, alone.cost_ab)


def test_a_mirrored_copy_is_chosen_for_a_mirrored_picture(
    network: FeatureExtractor, texture: Tensor
) -> None:
    config = dataclasses.replace(CONFIG, mirror=True)
    a = encode_picture(network, texture, config)
    bp = encode_reference(network, texture.flip(3), config)
    fields, found = match(network, a, bp, config)
    assert isinstance(found, AtlasPicture)
    assert [tile.transform.mirrored for tile in found.tiles] == [True]
    mirrored = initial_nnf(SIZE, SIZE)
    mirrored[:, 1] = SIZE[1] - 1 - mirrored[:, 1]
    assert share_equal(found.to_base(fields.ab), mirrored) > 0.98


def priors(shift: tuple[float, float], confidence: Tensor) -> tuple[TemporalPrior, TemporalPrior]:
    """Expect a shift for A→B and its opposite for B→A."""
    identity = initial_nnf(SIZE, SIZE).float()
    there = torch.tensor(shift).view(1, 2, 1, 1)
    return (
        TemporalPrior(identity + there, confidence),
        TemporalPrior(identity - there, confidence),
    )


@pytest.mark.parametrize("first", [3, 2], ids=["all levels", "fine levels"])
def test_a_correct_prior_keeps_its_fractional_positions(
    network: FeatureExtractor, texture: Tensor, first: int
) -> None:
    a, bp = encoded(network, texture, texture.roll(SHIFT, dims=(2, 3)))
    known = priors((SHIFT[0] + 0.25, SHIFT[1] - 0.25), torch.ones(1, 1, *SIZE))
    fields, (ab, _) = match_with_prior(network, a, bp, CONFIG, known, first=first)
    assert share_equal(fields.ab, shifted(initial_nnf(SIZE, SIZE), SHIFT)) > 0.98
    assert share_equal(ab, known[0].expected) > 0.98


def test_a_confident_prior_outweighs_the_features(
    network: FeatureExtractor, texture: Tensor
) -> None:
    a, bp = encoded(network, texture, texture.roll(SHIFT, dims=(2, 3)))
    wrong = (SHIFT[0], SHIFT[1] - 6)
    _, (ab, _) = match_with_prior(network, a, bp, CONFIG, priors(wrong, torch.ones(1, 1, *SIZE)))
    away = (ab - shifted(initial_nnf(SIZE, SIZE), wrong)).abs().amax(dim=1, keepdim=True)
    assert float((away[INSIDE] <= 3).float().mean()) > 0.98


def test_cells_without_a_prior_are_searched(network: FeatureExtractor, texture: Tensor) -> None:
    a, bp = encoded(network, texture, texture.roll(SHIFT, dims=(2, 3)))
    wrong = priors((SHIFT[0], SHIFT[1] - 6), torch.zeros(1, 1, *SIZE))
    fields, (ab, _) = match_with_prior(network, a, bp, CONFIG, wrong)
    assert share_equal(fields.ab, shifted(initial_nnf(SIZE, SIZE), SHIFT)) > 0.98
    assert torch.equal(ab, fields.ab.float())


def test_coarse_levels_are_searched_again_where_much_is_unknown(network: FeatureExtractor) -> None:
    confidence = torch.ones(1, 1, *SIZE)
    assert first_level(network, priors(SHIFT, confidence)[0]) == network.restart_level
    confidence[..., :9] = 0.0  # a tenth
    assert first_level(network, priors(SHIFT, confidence)[0]) == network.levels[0]
