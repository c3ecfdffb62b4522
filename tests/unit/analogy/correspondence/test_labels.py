"""Masks: areas of one colour in A match areas of that colour in B'."""

from __future__ import annotations

import pytest
import skimage.data
import torch
from torch import Tensor

from batch_analogy import AnalogyConfig, deep_image_analogy
from batch_analogy.analogy.correspondence.labels import label_maps
from batch_analogy.analogy.features.vgg import Vgg19
from batch_analogy.errors import ConfigError

RED, BLUE, GREEN = (1.0, 0.0, 0.0), (0.0, 0.0, 1.0), (0.0, 1.0, 0.0)


def halves(left: tuple, right: tuple, height: int = 24, width: int = 32) -> Tensor:
    mask = torch.empty(1, 3, height, width)
    mask[..., : width // 2] = torch.tensor(left).view(1, 3, 1, 1)
    mask[..., width // 2 :] = torch.tensor(right).view(1, 3, 1, 1)
    return mask


def test_labels_are_flat_colours_and_edges_join_the_nearest() -> None:
    a, bp = halves(RED, BLUE), halves(BLUE, RED, 20, 40)
    a[0, :, 3, 15] = torch.tensor([0.7, 0.0, 0.3])  # an antialiased edge pixel
    map_a, map_bp = label_maps(a, bp)
    assert map_a.shape == (1, 2, 24, 32)
    assert map_bp.shape == (1, 2, 20, 40)
    assert torch.equal(map_a[0, :, 0, 0], map_bp[0, :, 0, -1])
    assert torch.equal(map_a[0, :, 3, 15], map_a[0, :, 0, 0])
    assert map_a.sum(dim=1).eq(1).all()


def test_rejects_masks_without_a_common_colour() -> None:
    with pytest.raises(ConfigError, match=r"#ff0000.*#00ff00"):
        label_maps(halves(RED, RED), halves(GREEN, GREEN))


def test_rejects_a_photograph_as_a_mask() -> None:
    noise = torch.rand(1, 3, 40, 40, generator=torch.Generator().manual_seed(0))
    steps = (noise * 3).round() / 3  # 64 flat colours
    with pytest.raises(ConfigError, match="at most 16"):
        label_maps(steps, halves(RED, BLUE))


@pytest.mark.parametrize("mirror", [False, True])
def test_matches_stay_within_their_label(network: Vgg19, mirror: bool) -> None:
    pixels = torch.from_numpy(skimage.data.chelsea()[20:240:2, 60:360:2] / 255.0).float()
    cat = pixels.permute(2, 0, 1)[None].contiguous()
    height, width = cat.shape[2:]
    options = AnalogyConfig(quality="draft", min_side_px=64, mirror=mirror)
    # Crosswise: the left half of A may only match the right half of B', however unlike they are.
    masks = halves(RED, BLUE, height, width), halves(BLUE, RED, height, width)
    result = deep_image_analogy(cat, cat, config=options, network=network, masks=masks)
    own_left = torch.arange(width).view(1, -1).expand(height, width) < width // 2
    match_left = result.nnf_ab[0, 1] < width // 2
    assert float((own_left != match_left).float().mean()) > 0.95
    free = deep_image_analogy(cat, cat, config=options, network=network)
    assert float((own_left == (free.nnf_ab[0, 1] < width // 2)).float().mean()) > 0.95
