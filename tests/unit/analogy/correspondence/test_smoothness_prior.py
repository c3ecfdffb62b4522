"""The smoothness prior: plain areas follow their confident surroundings."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor

from batch_analogy import AnalogyConfig
from batch_analogy.analogy.correspondence.smoothness_prior import pull_push, smoothness_prior
from batch_analogy.analogy.features.vgg import Vgg19
from batch_analogy.analogy.nnf import initial_nnf, initial_position
from benchmarks.known import evaluate, plain_pairs

SIZE = (24, 32)


def shifted(dy: int, dx: int) -> tuple[Tensor, Tensor, Tensor]:
    """Return a field that moves by (dy, dx), its inverse, and costs of 0; clamped at the border."""
    move = torch.tensor([dy, dx]).view(1, 2, 1, 1)
    limit = torch.tensor(SIZE).view(1, 2, 1, 1) - 1
    there, back = (
        (initial_nnf(SIZE, SIZE) + m).clamp_min(0).minimum(limit).int() for m in (move, -move)
    )
    return there, back, torch.zeros(1, 1, *SIZE)


def positions(size: tuple[int, int], target: tuple[int, int]) -> tuple[Tensor, Tensor]:
    """Compute the positions of this level's and a finer level's cells in the other map."""
    return initial_position(SIZE, SIZE), initial_position(size, target)


def scattered(field: Tensor, top: int, left: int, side: int) -> Tensor:
    """Return the field with random matches in a square."""
    field = field.clone()
    generator = torch.Generator().manual_seed(3)
    for axis in range(2):
        part = torch.randint(SIZE[axis], (side, side), generator=generator, dtype=torch.int32)
        field[0, axis, top : top + side, left : left + side] = part
    return field


def test_scattered_matches_are_expected_to_follow_confident_surroundings() -> None:
    there, back, cost = shifted(2, -3)
    prior = smoothness_prior(
        scattered(there, 8, 10, 8), back, cost, positions(SIZE, SIZE), SIZE, 0.1
    )
    assert prior is not None
    error = (prior.expected - there).square().sum(dim=1).sqrt()[0, 6:18, 8:20]
    assert float(error.mean()) < 1.0
    assert float(prior.weight[0, 0, 6:18, 8:20].mean()) > 0.06


def test_expected_matches_are_scaled_to_a_finer_level_of_another_size() -> None:
    there, back, cost = shifted(0, 0)
    prior = smoothness_prior(there, back, cost, positions((48, 64), (72, 80)), (72, 80), 0.1)
    assert prior is not None
    own = (torch.arange(48) + 0.5) * 72 / 48 - 0.5
    torch.testing.assert_close(prior.expected[0, 0, :, 5], own)
    assert prior.weight.shape == (1, 1, 48, 64)
    assert float(prior.weight.max()) == pytest.approx(0.1, rel=0.01)
    assert prior.radius == 80 / 16


def test_disagreeing_surroundings_have_little_weight() -> None:
    there, back, cost = shifted(2, -3)
    torn = there.clone()
    torn[0, 1, :, ::2] = (torn[0, 1, :, ::2] + 16) % SIZE[1]
    agreed = smoothness_prior(there, back, cost, positions(SIZE, SIZE), SIZE, 0.1)
    at_odds = smoothness_prior(torn, torn, cost, positions(SIZE, SIZE), SIZE, 0.1)
    assert agreed is not None
    assert at_odds is not None
    assert float(at_odds.weight.mean()) < 0.5 * float(agreed.weight.mean())


def test_zero_smoothness_yields_no_prior() -> None:
    assert smoothness_prior(*shifted(0, 0), positions(SIZE, SIZE), SIZE, 0.0) is None


def test_pull_push_keeps_confident_values_and_fills_the_rest_from_nearby() -> None:
    values = torch.zeros(1, 1, 8, 64)
    values[..., 32:] = 10.0
    confidence = torch.zeros(1, 1, 8, 64)
    confidence[..., :4] = confidence[..., -4:] = 1.0
    spread = pull_push(values * confidence, confidence)[0, 0, 4]
    assert float(spread[0]) < 1.0
    assert float(spread[-1]) > 9.0
    assert float(spread[16]) < float(spread[48])
    assert spread.isfinite().all()
    assert pull_push(values, torch.zeros_like(confidence)).isfinite().all()


def test_prior_improves_matches_of_plain_areas(network: Vgg19) -> None:
    pairs = [pair for pair in plain_pairs(160) if pair.name == "rocket-duotone"]
    config = AnalogyConfig(quality="draft", min_side_px=64)
    with_it = evaluate(config, pairs, network)["rocket-duotone"]
    without = evaluate(dataclasses.replace(config, smoothness=0.0), pairs, network)[
        "rocket-duotone"
    ]
    assert with_it["share_within_5_percent"] > without["share_within_5_percent"] + 0.2
