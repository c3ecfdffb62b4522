"""Features: shapes, ranges, precision, and independence of threads."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch

from batch_analogy.analogy.features.pictures import (
    encode_picture,
    matching_size,
    resolve_precision,
    response,
    unit_features,
)
from batch_analogy.analogy.features.vgg import Vgg19
from batch_analogy.config.matching import AnalogyConfig
from batch_analogy.errors import ConfigError

SMALL = AnalogyConfig(min_side_px=32)
EXACT = dataclasses.replace(SMALL, precision="float32")


def test_sizes_follow_ceil_pooling(network: Vgg19) -> None:
    encoded = encode_picture(network, torch.rand(1, 3, 75, 50), SMALL)
    assert [encoded.size(level) for level in (1, 2, 3, 4, 5)] == [
        (75, 50), (38, 25), (19, 13), (10, 7), (5, 4)
    ]  # fmt: skip
    assert [encoded.features[level].shape[1] for level in (1, 2, 3, 4, 5)] == [
        64, 128, 256, 512, 512
    ]  # fmt: skip
    assert all(float(f.min()) >= 0 for f in encoded.features.values())  # post-ReLU
    assert all(float(f.max()) > 1 for f in encoded.features.values())  # VGG's own range


def test_first_layer_is_the_published_preprocessing(network: Vgg19) -> None:
    """conv1_1 of a uniform picture, worked by hand from BGR 0…255 minus the mean."""
    rgb = torch.tensor([0.2, 0.5, 0.9])
    encoded = encode_picture(network, rgb.view(1, 3, 1, 1).expand(1, 3, 40, 40), EXACT)
    bgr = rgb.flip(0) * 255 - torch.tensor([103.939, 116.779, 123.68])
    weights = network._tensors
    expected = (weights["conv1_1.weight"].sum(dim=(2, 3)) @ bgr + weights["conv1_1.bias"]).relu()
    torch.testing.assert_close(encoded.features[1][0, :, 20, 20], expected, atol=1e-3, rtol=1e-4)


def test_features_do_not_depend_on_the_number_of_threads(
    network: Vgg19, restore_threads: None
) -> None:
    picture = torch.rand(1, 3, 90, 121, generator=torch.Generator().manual_seed(1))
    found = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        found.append(encode_picture(network, picture, SMALL))
    for level in range(1, 6):
        assert torch.equal(found[0].features[level], found[1].features[level])


@pytest.mark.parametrize(("quality", "exact"), [("draft", False), ("paper", True)])
def test_bfloat16_encodes_nearly_the_same_except_in_paper_quality(
    network: Vgg19, quality: str, exact: bool
) -> None:
    picture = torch.rand(1, 3, 90, 121, generator=torch.Generator().manual_seed(2))
    full, half = (
        encode_picture(network, picture, dataclasses.replace(SMALL, quality=quality, precision=p))
        for p in ("float32", "bfloat16")
    )
    for level in range(1, 6):
        apart = float((full.features[level] - half.features[level]).norm())
        share = apart / float(full.features[level].norm())
        assert half.features[level].dtype == torch.float32
        assert share == 0 if exact else 1e-4 < share < 0.03


def test_forward_in_steps_equals_forward_at_once(network: Vgg19) -> None:
    encoded = encode_picture(network, torch.rand(1, 3, 64, 64), EXACT)
    again = network.forward(encoded.features[2], start=2, stop=4)
    torch.testing.assert_close(again, encoded.features[4])


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((448, 448), (448, 448)),
        ((1080, 1920), (530, 943)),  # 500,000 px
        ((100, 150), (200, 300)),  # enlarged to 200
        ((1000, 20000), (102, 2048)),  # panorama: the longer side decides
        ((16, 16), (200, 200)),
    ],
)
def test_matching_size_respects_the_limits(
    size: tuple[int, int], expected: tuple[int, int]
) -> None:
    assert matching_size(*size, AnalogyConfig()) == expected


def test_ratio_scales_what_the_network_sees() -> None:
    assert matching_size(400, 600, AnalogyConfig(ratio=0.5)) == (200, 300)


def test_all_zero_cells_have_zero_unit_features() -> None:
    features = torch.zeros(1, 4, 2, 2)
    features[0, :, 0, 0] = 3.0
    unit = unit_features(features)
    assert float(unit[0, :, 0, 0].norm()) == pytest.approx(1.0)
    assert torch.equal(unit[0, :, 1, 1], torch.zeros(4))


def test_response_spans_zero_to_one_and_survives_a_flat_map() -> None:
    assert response(torch.rand(1, 8, 5, 5)).aminmax() == (0.0, 1.0)
    assert torch.equal(response(torch.ones(1, 8, 5, 5)), torch.zeros(1, 1, 5, 5))


@pytest.mark.parametrize(
    "picture",
    [torch.rand(3, 8, 8), torch.rand(1, 4, 8, 8), torch.zeros(1, 3, 8, 8, dtype=torch.uint8)],
    ids=["no batch", "four channels", "uint8"],
)
def test_rejects_pictures_of_wrong_shape_or_type(network: Vgg19, picture: torch.Tensor) -> None:
    with pytest.raises(ConfigError, match=r"picture must (be|have)"):
        encode_picture(network, picture, SMALL)


def test_precision_is_resolved_once() -> None:
    resolved = resolve_precision(AnalogyConfig(), "cpu")
    assert resolved.precision in {"float32", "bfloat16"}
    assert resolve_precision(resolved, "cpu") is resolved


def test_weights_separate_real_pictures(network: Vgg19) -> None:
    """Real weights, not noise: a cat is nearer to its mirror image than to a cup at conv5_1."""
    import skimage.data

    def encode(pixels: np.ndarray) -> torch.Tensor:
        x = torch.from_numpy(pixels[:300, :300].astype(np.float32) / 255).permute(2, 0, 1)[None]
        pooled = encode_picture(network, x.contiguous(), SMALL).features[5].mean(dim=(2, 3))[0]
        return pooled / pooled.norm()

    cat, cup = skimage.data.chelsea(), skimage.data.coffee()
    mirrored = encode(np.ascontiguousarray(cat[:, :300][:, ::-1]))
    assert float(encode(cat) @ mirrored) > 0.9
    assert float(encode(cat) @ encode(cup)) < 0.75


def test_the_ratio_leaves_a_side_of_64_pixels() -> None:
    half = AnalogyConfig(ratio=0.5, min_side_px=16)
    assert matching_size(80, 200, half) == (64, 160)
    assert matching_size(40, 50, half) == (40, 50)  # but enlarges nothing
    assert matching_size(300, 200, half) == (150, 100)
