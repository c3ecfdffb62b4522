"""The temporal prior: known matches are kept, unknown cells are filled."""

from __future__ import annotations

import torch

from batch_analogy.analogy.correspondence.temporal_prior import TemporalPrior
from batch_analogy.analogy.nnf import initial_position


def test_results_near_a_known_match_snap_to_it() -> None:
    expected = initial_position((6, 8), (6, 8)) + 0.25
    confidence = torch.ones(1, 1, 6, 8)
    confidence[..., 4:] = 0.2
    carried = TemporalPrior(expected, confidence)
    assert carried.unknown_share == 0.5
    found = initial_position((6, 8), (6, 8)).to(torch.int32)
    kept = carried.snap(found)
    assert (kept[..., :4] == expected[..., :4]).all()
    assert (kept[..., 4:] == found[..., 4:]).all()
    found[:, 1] += 5
    assert (carried.snap(found) == found).all()  # the search went elsewhere


def test_leaving_a_known_match_costs_more_than_a_wrong_match() -> None:
    expected = initial_position((6, 8), (64, 64))
    prior = TemporalPrior(expected, torch.ones(1, 1, 6, 8)).prior(None, (64, 64))
    assert prior.cost(expected).max() == 0.0
    away = expected + torch.tensor([0.0, 2.5]).view(1, 2, 1, 1)
    torch.testing.assert_close(prior.cost(away), torch.full((1, 1, 6, 8), 0.3))
    assert prior.cost(expected + 5.0).min() > 1.0


def test_unknown_cells_are_filled_from_their_surroundings() -> None:
    positions = initial_position((8, 8), (8, 24))
    expected = positions + torch.tensor([0.0, 6.0]).view(1, 2, 1, 1)
    confidence = torch.ones(1, 1, 8, 8)
    confidence[..., 3:5, 3:5] = 0.0
    broken = torch.where(confidence > 0, expected, torch.zeros(()))
    filled = TemporalPrior(broken, confidence).fill(positions, (8, 24))
    assert (filled[0, 1] - positions[0, 1])[:, :6].sub(6).abs().max() <= 1.0


def test_a_coarser_level_keeps_the_positions() -> None:
    carried = TemporalPrior(initial_position((16, 16), (32, 32)), torch.ones(1, 1, 16, 16))
    coarse = carried.at_level((4, 4), (32, 32), (8, 8))
    torch.testing.assert_close(coarse.expected, initial_position((4, 4), (8, 8)), atol=0.13, rtol=0)
