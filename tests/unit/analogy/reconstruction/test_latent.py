"""Latent features: batches equal single pictures, and own structure is kept where it responds."""

from __future__ import annotations

import copy
import dataclasses

import pytest
import torch
from torch import Tensor

from batch_analogy.analogy.features.pictures import EncodedPicture, encode_picture
from batch_analogy.analogy.features.vgg import Vgg19
from batch_analogy.analogy.nnf import initial_nnf
from batch_analogy.analogy.reconstruction.latent import WeightedField, blend, reconstruct_latent
from batch_analogy.config.matching import AnalogyConfig, Quality

CONFIG = AnalogyConfig(min_side_px=64, precision="float32")
SIDE = 64


@pytest.fixture
def pictures(network: Vgg19, generator: torch.Generator) -> list[EncodedPicture]:
    """Encode four smooth random pictures: three A and one B'."""
    coarse = torch.rand(4, 3, 9, 9, generator=generator)
    fine = torch.nn.functional.interpolate(coarse, size=SIDE, mode="bilinear")
    return [encode_picture(network, item, CONFIG) for item in fine.split(1)]


def together(pictures: list[EncodedPicture]) -> EncodedPicture:
    """Stack pictures of one size into one batch."""
    return EncodedPicture(
        image=torch.cat([p.image for p in pictures]),
        network_input=torch.cat([p.network_input for p in pictures]),
        strides=pictures[0].strides,
        features={
            level: torch.cat([p.features[level] for p in pictures])
            for level in pictures[0].features
        },
    )


def fields(level: int, generator: torch.Generator) -> Tensor:
    cells = SIDE // 2 ** (level - 1)
    return torch.randint(0, cells, (3, 2, cells, cells), generator=generator).int()


@pytest.fixture
def quick_network(network: Vgg19) -> Vgg19:
    """Return the network with two iterations of the solve at paper quality."""
    quick = copy.copy(network)
    quick.specs = {
        level: dataclasses.replace(spec, solve_iterations={"standard": 0, "paper": 2})
        for level, spec in network.specs.items()
    }
    return quick


@pytest.mark.parametrize("level", [5, 3])
@pytest.mark.parametrize("quality", ["draft", "standard", "paper"])  # voted, encoded again, solved
@pytest.mark.parametrize("shared", ["other", "own"])
def test_batched_fields_equal_single_ones(
    quick_network: Vgg19,
    pictures: list[EncodedPicture],
    generator: torch.Generator,
    level: int,
    quality: Quality,
    shared: str,
) -> None:
    """Results are equal bit for bit: A' of three A with one B', and B of one B' with three A."""
    network, config = quick_network, dataclasses.replace(CONFIG, quality=quality)
    *many, one = pictures
    nnf = fields(level, generator)
    own, other = (together(many), one) if shared == "other" else (one, together(many))
    found = reconstruct_latent(network, own, other, WeightedField(nnf), level, config)
    assert found.shape == (3, *one.features[level - 1].shape[1:])
    for i, picture in enumerate(many):
        own, other = (picture, one) if shared == "other" else (one, picture)
        alone = reconstruct_latent(
            network, own, other, WeightedField(nnf[i : i + 1]), level, config
        )
        assert torch.equal(found[i : i + 1], alone)


def test_keeps_own_structure_only_where_it_responds() -> None:
    own = torch.tensor([[[[0.0, 1.0, 10.0]]]])  # responses 0, 0.01 and 1
    rebuilt = torch.full((2, 1, 1, 3), 4.0)
    assert blend(own, rebuilt, 0.5)[1].flatten().tolist() == [4.0, 4.0, 7.0]


def test_encoding_again_shows_the_seam_that_voting_averages(
    quick_network: Vgg19, pictures: list[EncodedPicture]
) -> None:
    """Where two pieces meet, the features are those of the picture put together."""
    a, bp = pictures[0], pictures[3]
    size = a.size(3)
    nnf = initial_nnf(size, size)
    nnf[:, 1, :, size[1] // 2 :] = nnf[:, 1, :, : size[1] - size[1] // 2]  # the left half, twice
    pieces = torch.cat([bp.network_input[..., : SIDE // 2]] * 2, dim=3)
    seen = quick_network.forward(pieces, start=0, stop=2)
    errors = {}
    for quality in ("draft", "standard"):
        config = dataclasses.replace(CONFIG, quality=quality, blend_weight=1)
        found = reconstruct_latent(quick_network, a, bp, WeightedField(nnf), 3, config)
        rebuilt = (found - 0.5 * a.features[2]) / 0.5  # own structure has a share of 0.5
        seam = slice(size[1] - 2, size[1] + 2)  # level 2 has twice the cells
        errors[quality] = float((rebuilt - seen)[..., 4:-4, seam].square().mean())
    assert errors["standard"] < 0.5 * errors["draft"]
