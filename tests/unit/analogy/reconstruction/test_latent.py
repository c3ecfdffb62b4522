"""Latent features: batches equal single pictures, and own structure is kept where it responds."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from batch_analogy.analogy.features.pictures import EncodedPicture, encode_picture
from batch_analogy.analogy.features.vgg import Vgg19
from batch_analogy.analogy.reconstruction.latent import WeightedField, blend, reconstruct_latent
from batch_analogy.config.matching import AnalogyConfig

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


@pytest.mark.parametrize("level", [5, 4, 3], ids=["solved", "solved finer", "warped"])
@pytest.mark.parametrize("shared", ["other", "own"])
def test_batched_fields_equal_single_ones(
    network: Vgg19,
    pictures: list[EncodedPicture],
    generator: torch.Generator,
    level: int,
    shared: str,
) -> None:
    """Results are equal bit for bit: A' of three A with one B', and B of one B' with three A."""
    *many, one = pictures
    nnf = fields(level, generator)
    own, other = (together(many), one) if shared == "other" else (one, together(many))
    found = reconstruct_latent(network, own, other, WeightedField(nnf), level, CONFIG)
    assert found.shape == (3, *one.features[level - 1].shape[1:])
    for i, picture in enumerate(many):
        own, other = (picture, one) if shared == "other" else (one, picture)
        alone = reconstruct_latent(
            network, own, other, WeightedField(nnf[i : i + 1]), level, CONFIG
        )
        assert torch.equal(found[i : i + 1], alone)


def test_keeps_own_structure_only_where_it_responds() -> None:
    own = torch.tensor([[[[0.0, 1.0, 10.0]]]])  # responses 0, 0.01 and 1
    rebuilt = torch.full((2, 1, 1, 3), 4.0)
    assert blend(own, rebuilt, 0.5)[1].flatten().tolist() == [4.0, 4.0, 7.0]
