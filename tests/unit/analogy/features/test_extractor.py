"""The interface of feature extractors: VGG-19 and a second one, which the method accepts."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor

from batch_analogy import AnalogyConfig, deep_image_analogy
from batch_analogy.analogy.features import PIXELS
from batch_analogy.analogy.features.pictures import encode_picture
from batch_analogy.analogy.features.vgg import Vgg19
from batch_analogy.analogy.reconstruction.latent import WeightedField, reconstruct_latent
from tests.support.tiny_extractor import layered_noise, tiny_extractor

CONFIG = AnalogyConfig(quality="draft", min_side_px=48, precision="float32")
STRIDES = [(9, 3, 1), (8, 4, 2)]
"""Strides whose finest level has cells of one pixel, and of two."""


@pytest.fixture
def texture(generator: torch.Generator) -> Tensor:
    """Return a random picture with detail at several scales."""
    return layered_noise((72, 90), generator)


def test_vgg19_pyramid_equals_its_steps(network: Vgg19) -> None:
    picture = torch.rand(1, 3, 45, 62, generator=torch.Generator().manual_seed(3))
    found = network.pyramid(picture, (PIXELS, 2, 4))
    assert found.keys() == {PIXELS, 2, 4}
    assert torch.equal(found[PIXELS], network.preprocess(picture))
    assert torch.equal(found[2], network.step(PIXELS, 2)(found[PIXELS]))
    assert torch.equal(found[4], network.step(2, 4)(found[2]))


def test_vgg19_maps_have_the_sizes_given_by_its_strides(network: Vgg19) -> None:
    found = network.pyramid(torch.rand(1, 3, 45, 62), network.levels)
    assert network.levels == (5, 4, 3, 2, 1)
    for level, features in found.items():
        stride = network.stride(level)
        assert features.shape[2:] == (-(-45 // stride), -(-62 // stride))


def test_vgg19_pyramid_is_differentiable(network: Vgg19) -> None:
    picture = torch.rand(1, 3, 24, 24, requires_grad=True)
    found = network.pyramid(picture, (1, 3))
    (gradient,) = torch.autograd.grad(found[3].sum() + found[1].sum(), picture)
    assert bool(gradient.isfinite().all())
    assert float(gradient.abs().max()) > 0


@pytest.mark.parametrize("strides", STRIDES)
def test_another_extractor_returns_an_identity_pair(
    texture: Tensor, strides: tuple[int, ...]
) -> None:
    result = deep_image_analogy(texture, texture, config=CONFIG, network=tiny_extractor(strides))
    assert result.a_prime.shape == texture.shape
    assert result.nnf_ab.shape[2:] == (-(-72 // strides[-1]), -(-90 // strides[-1]))
    assert float((result.a_prime - texture).abs().max()) < 0.02


@pytest.mark.parametrize("strides", STRIDES)
def test_another_extractor_finds_a_shift(texture: Tensor, strides: tuple[int, ...]) -> None:
    down, right = strides[0], 2 * strides[0]
    shifted = texture.roll((down, right), dims=(2, 3))
    result = deep_image_analogy(texture, shifted, config=CONFIG, network=tiny_extractor(strides))
    inside = result.flow_ab()[9:-18, 9:-27]
    assert (abs(inside - (right, down)).max(axis=-1) < 0.5).mean() > 0.95


@pytest.mark.parametrize("strides", STRIDES)
def test_another_extractor_matches_copies_and_masks(
    texture: Tensor, strides: tuple[int, ...]
) -> None:
    config = dataclasses.replace(CONFIG, mirror=True)
    masks = torch.zeros_like(texture)
    masks[..., 45:] = 1.0
    result = deep_image_analogy(
        texture,
        texture.flip(3),
        config=config,
        network=tiny_extractor(strides),
        masks=(masks, masks.flip(3)),
    )
    assert float((result.a_prime - texture).abs().mean()) < 0.02


def test_latent_features_are_voted_if_an_extractor_has_no_step(texture: Tensor) -> None:
    network = tiny_extractor()
    a, bp = (encode_picture(network, p, CONFIG) for p in (texture, texture.flip(2)))
    field = torch.zeros(1, 2, *a.size(3), dtype=torch.int32)
    solved, voted = (
        reconstruct_latent(
            network, a, bp, WeightedField(field), 3, dataclasses.replace(CONFIG, quality=quality)
        )
        for quality in ("paper", "draft")
    )
    assert torch.equal(solved, voted)
