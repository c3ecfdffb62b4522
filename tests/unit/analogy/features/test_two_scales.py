"""VGG-19 at two scales: which layers its levels are, and what a pair at two scales gives."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch import Tensor

from batch_analogy import AnalogyConfig, deep_image_analogy
from batch_analogy.analogy.features import PIXELS
from batch_analogy.analogy.features.pictures import (
    encode_picture,
    encode_reference,
    extractor_for,
    resize,
)
from batch_analogy.analogy.features.vgg import Vgg19
from batch_analogy.errors import ConfigError
from tests.support.tiny_extractor import tiny_extractor

CONFIG = AnalogyConfig(ratio=0.5, two_scales=True, min_side_px=96, precision="float32")


@pytest.fixture
def picture() -> Tensor:
    noise = torch.rand(1, 3, 24, 33, generator=torch.Generator().manual_seed(5))
    return resize(noise, (96, 130)).contiguous()


def test_fine_levels_are_deeper_layers_of_the_whole_picture(
    network: Vgg19, picture: Tensor
) -> None:
    found = network.two_scales.pyramid(picture, (PIXELS, 1, 2, 3))
    whole = network.pyramid(picture, (PIXELS, 2, 3, 4))
    assert torch.equal(found[PIXELS], whole[PIXELS])
    for level in (1, 2, 3):
        assert torch.equal(found[level], whole[level + 1])


def test_coarse_levels_see_half_the_size(network: Vgg19, picture: Tensor) -> None:
    found = network.two_scales.pyramid(picture, (4, 5))
    half = network.pyramid(resize(picture, (48, 65)), (4, 5))
    assert found.keys() == {4, 5}
    for level in (4, 5):
        assert torch.equal(found[level], half[level])


@pytest.mark.parametrize("size", [(96, 130), (95, 131), (64, 64)])
def test_maps_have_the_sizes_given_by_the_strides(network: Vgg19, size: tuple[int, int]) -> None:
    both = network.two_scales
    for level, features in both.pyramid(torch.rand(1, 3, *size), both.levels).items():
        stride = both.stride(level)
        assert features.shape[2:] == (-(-size[0] // stride), -(-size[1] // stride))


def test_a_step_leads_from_one_fine_level_to_the_next(network: Vgg19, picture: Tensor) -> None:
    both = network.two_scales
    found = both.pyramid(picture, (PIXELS, 1, 2, 3))
    for start, stop in ((PIXELS, 1), (1, 2), (2, 3)):
        step = both.step(start, stop)
        assert step is not None
        assert torch.equal(step(found[start]), found[stop])
    assert both.step(2, 4) is None  # level 4 sees another size


@pytest.mark.parametrize("two", [True, False])
def test_the_configuration_decides(network: Vgg19, two: bool) -> None:
    config = dataclasses.replace(CONFIG, two_scales=two)
    assert extractor_for(network, config) is (network.two_scales if two else network)
    assert extractor_for(network.two_scales, config) is network.two_scales


@pytest.mark.parametrize(
    ("changes", "says"),
    [({"ratio": 0.6}, "at most 0.5"), ({"quality": "paper"}, "published method")],
)
def test_what_has_no_second_scale_is_refused(changes: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        dataclasses.replace(CONFIG, **changes)


def test_an_extractor_of_one_scale_refuses_two() -> None:
    tiny = tiny_extractor()
    assert extractor_for(tiny, dataclasses.replace(CONFIG, two_scales=False)) is tiny
    with pytest.raises(ConfigError, match="tiny cannot see pictures at two scales"):
        extractor_for(tiny, CONFIG)


def test_fields_have_the_size_that_they_have_at_one_scale(network: Vgg19, picture: Tensor) -> None:
    one = encode_picture(network, picture, dataclasses.replace(CONFIG, two_scales=False))
    two = encode_picture(network, picture, CONFIG)
    assert [two.size(level) for level in (1, 2, 3, 4, 5)] == [
        one.size(level) for level in (1, 2, 3, 4, 5)
    ]
    assert two.input_size == (2 * one.input_size[0], 2 * one.input_size[1])


def test_copies_of_a_reference_are_seen_at_two_scales(network: Vgg19, picture: Tensor) -> None:
    mirrored = dataclasses.replace(CONFIG, mirror=True)
    base, copy = encode_reference(network, picture, mirrored).copies
    assert copy.input_size == base.input_size
    assert copy.strides == base.strides == {1: 2, 2: 4, 3: 8, 4: 16, 5: 32}
    result = deep_image_analogy(picture, picture.flip(3), config=mirrored, network=network)
    assert float((result.a_prime - picture).abs().mean()) < 0.02
