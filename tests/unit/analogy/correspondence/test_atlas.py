"""Scaled and mirrored copies of B' matched as one picture."""

from __future__ import annotations

import pytest
import skimage.data
import torch
from torch import Tensor

from batch_analogy import AnalogyConfig, deep_image_analogy
from batch_analogy.analogy.correspondence.atlas import (
    AtlasPicture,
    Candidate,
    choose_copies,
    make_atlas,
)
from batch_analogy.analogy.features.pictures import EncodedPicture, encode_reference
from batch_analogy.analogy.features.vgg import Vgg19
from batch_analogy.config.matching import Transform
from batch_analogy.errors import ConfigError


@pytest.fixture(scope="module")
def cat() -> Tensor:
    pixels = torch.from_numpy(skimage.data.chelsea()[20:240:2, 60:360:2] / 255.0).float()
    return pixels.permute(2, 0, 1)[None].contiguous()


def config(**options: object) -> AnalogyConfig:
    return AnalogyConfig(quality="draft", min_side_px=64, **options)


@pytest.fixture(scope="module")
def atlas(cat: Tensor, network: Vgg19) -> AtlasPicture:
    base = encode_reference(network, cat, config(scales=(0.7, 1.4), mirror=True))
    return make_atlas(base, base.copies)


def test_transforms_begin_with_the_unchanged_picture() -> None:
    assert config().transforms == (Transform(),)
    assert config(scales=(1.4, 0.7), mirror=True).transforms == (
        Transform(), Transform(0.7), Transform(1.4),
        Transform(1.0, True), Transform(0.7, True), Transform(1.4, True),
    )  # fmt: skip
    with pytest.raises(ConfigError, match=r"0\.25 and 4"):
        config(scales=(9.0,))


def test_tiles_begin_on_whole_cells_at_every_level(atlas: AtlasPicture) -> None:
    assert len(atlas.tiles) == 6
    for level, step in atlas.strides.items():
        assert all(left % step == 0 for left in atlas.lefts)
        assert atlas.size(level) == tuple(side // step for side in atlas.size(1))
        for tile, left in zip(atlas.tiles, atlas.lefts, strict=True):
            height, width = tile.size(level)
            laid = atlas.features[level][:, :, :height, left // step : left // step + width]
            assert torch.equal(laid, tile.features[level])


def test_matches_are_converted_to_the_pictures_own_frame(atlas: AtlasPicture) -> None:
    height, width = atlas.base.size(1)
    for index, tile in enumerate(atlas.tiles):
        tile_height, tile_width = tile.size(1)
        y, x = tile_height // 3, tile_width // 4
        nnf = torch.tensor([y, x + atlas.lefts[index]], dtype=torch.int32).view(1, 2, 1, 1)
        assert int(atlas.tile_of(nnf)) == index
        column = tile_width - 1 - x if tile.transform.mirrored else x
        expected = [(y + 0.5) * height / tile_height, (column + 0.5) * width / tile_width]
        assert atlas.to_base(nnf).flatten().tolist() == [int(value) for value in expected]


def test_each_cell_chooses_the_copy_whose_neighbourhood_fits(atlas: AtlasPicture) -> None:
    def candidate(copy: EncodedPicture, left_cost: float, right_cost: float) -> Candidate:
        cost = torch.full((1, 1, 10, 20), left_cost)
        cost[..., 10:] = right_cost
        nothing = torch.zeros(1, 2, 10, 20, dtype=torch.int32)
        return Candidate(copy, nothing, nothing, cost, cost)

    tiles = atlas.tiles
    offered = [candidate(tiles[0], 0.3, 0.1), candidate(tiles[1], 0.1, 0.4),
               candidate(tiles[2], 0.35, 0.35)]  # fmt: skip
    used, chosen = choose_copies(offered)
    assert [c.copy for c in used] == [tiles[0], tiles[1]]
    assert chosen[0, 0, :, :7].eq(1).all()
    assert chosen[0, 0, :, -7:].eq(0).all()
    level = [candidate(tiles[0], 0.2, 0.2), candidate(tiles[1], 0.195, 0.195)]
    assert choose_copies(level)[0][0].copy is tiles[0]  # less better than the penalty


@pytest.mark.parametrize("refine", ["none", "affine"])
def test_finds_a_mirrored_picture_and_returns_it_unmirrored(
    cat: Tensor, network: Vgg19, refine: str
) -> None:
    mirrored = cat.flip(3).contiguous()
    options = config(mirror=True, refine=refine)
    result = deep_image_analogy(cat, mirrored, config=options, network=network)
    assert float((result.a_prime - cat).square().mean()) < 1e-3
    assert float((result.b - mirrored).square().mean()) < 1e-3
    flow = result.flow_ab()[20:-20, 20:-20, 0]
    own = torch.arange(20, cat.shape[3] - 20).float()
    error = torch.from_numpy(flow) - (cat.shape[3] - 1 - 2 * own)
    assert float((error.abs() < 2).float().mean()) > 0.95
    assert result.nnf_ba.shape == result.confidence_b.expand(-1, 2, -1, -1).shape


def test_two_parts_may_use_two_copies(cat: Tensor, network: Vgg19) -> None:
    face, eye = cat[..., :100], cat[..., 50:]
    a = torch.cat([face, eye.flip(3)], dim=3).contiguous()
    with_mirror = deep_image_analogy(a, cat, config=config(mirror=True), network=network)
    without = deep_image_analogy(a, cat, config=config(), network=network)
    half = (..., slice(100, None))
    errors = [float((r.a_prime - a)[half].square().mean()) for r in (with_mirror, without)]
    assert errors[0] < 0.8 * errors[1]
    assert float((with_mirror.a_prime - a)[..., :90].square().mean()) < 2e-3
