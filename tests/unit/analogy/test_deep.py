"""Deep Image Analogy as a whole, on small real pictures."""

from __future__ import annotations

import copy
import dataclasses

import numpy as np
import pytest
import skimage.data
import torch
from torch import Tensor

from batch_analogy import AnalogyConfig, deep_image_analogies, deep_image_analogy
from batch_analogy.analogy.deep import LevelDone
from batch_analogy.analogy.features.pictures import encode_picture
from batch_analogy.analogy.features.vgg import Vgg19
from batch_analogy.errors import ConfigError


def small(pixels: np.ndarray, step: int, height: int, width: int) -> Tensor:
    cut = pixels[::step, ::step][:height, :width].astype(np.float32) / 255.0
    assert cut.shape == (height, width, 3)
    return torch.from_numpy(cut).permute(2, 0, 1)[None].contiguous()


@pytest.fixture(scope="module")
def cat() -> Tensor:
    return small(skimage.data.chelsea(), 3, 96, 128)


@pytest.fixture(scope="module")
def astronaut() -> Tensor:
    return small(skimage.data.astronaut(), 4, 120, 80)


def config(quality: str = "draft", **options: object) -> AnalogyConfig:
    return AnalogyConfig(quality=quality, min_side_px=64, **options)


def psnr(x: Tensor, y: Tensor) -> float:
    return float(-10 * torch.log10((x - y).square().mean().clamp_min(1e-12)))


@pytest.mark.parametrize("quality", ["draft", "standard"])
@pytest.mark.parametrize("ratio", [1.0, 0.5])
def test_identity_pair_returns_the_picture(
    cat: Tensor, network: Vgg19, quality: str, ratio: float
) -> None:
    result = deep_image_analogy(cat, cat, config=config(quality, ratio=ratio), network=network)
    assert psnr(result.a_prime, cat) >= 40
    assert psnr(result.b, cat) >= 40
    assert float(result.confidence_a.mean()) > 0.95


@pytest.mark.parametrize("quality", ["draft", "standard"])
def test_unequal_sizes_leave_no_stuck_border(
    cat: Tensor, astronaut: Tensor, network: Vgg19, quality: str
) -> None:
    result = deep_image_analogy(cat, astronaut, config=config(quality), network=network)
    assert result.a_prime.shape == cat.shape
    assert result.b.shape == astronaut.shape
    assert tuple(result.nnf_ab.shape[2:]) == (96, 128)
    assert tuple(result.nnf_ba.shape[2:]) == (120, 80)
    for nnf, limit in ((result.nnf_ab, (120, 80)), (result.nnf_ba, (96, 128))):
        for axis in range(2):
            assert int(nnf[0, axis].min()) >= 0
            assert int(nnf[0, axis].max()) < limit[axis]
    for picture in (result.a_prime, result.b):
        assert bool(picture.isfinite().all())
        # A stuck border repeats one line; a matched one varies along and across.
        assert float((picture[..., -1, :] - picture[..., -12, :]).abs().mean()) > 1e-3
        assert float((picture[..., -1] - picture[..., -12]).abs().mean()) > 1e-3
        assert float(picture[..., -1].std()) > 1e-2


def test_result_does_not_depend_on_the_number_of_threads(
    cat: Tensor, astronaut: Tensor, network: Vgg19, restore_threads: None
) -> None:
    results = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        results.append(
            deep_image_analogy(
                cat, astronaut, config=config("standard", refine="affine"), network=network
            )
        )
    assert torch.equal(results[0].a_prime, results[1].a_prime)
    assert torch.equal(results[0].b, results[1].b)
    assert torch.equal(results[0].nnf_ab, results[1].nnf_ab)


def test_encoded_reference_changes_nothing(cat: Tensor, astronaut: Tensor, network: Vgg19) -> None:
    options = config()
    reference = encode_picture(network, astronaut, options)
    once = deep_image_analogy(cat, astronaut, config=options, network=network)
    held = deep_image_analogy(cat, astronaut, config=options, network=network, reference=reference)
    assert torch.equal(once.a_prime, held.a_prime)
    assert torch.equal(once.b, held.b)


@pytest.mark.parametrize("quality", ["draft", "standard"])
@pytest.mark.parametrize("options", [{}, {"mirror": True, "refine": "affine"}])
def test_batched_pictures_equal_single_ones(
    cat: Tensor,
    astronaut: Tensor,
    network: Vgg19,
    quality: str,
    options: dict[str, object],
) -> None:
    cat, other = cat[..., 16:80, 24:104], astronaut[..., :80, 8:72]
    frames = [each.contiguous() for each in (cat, cat.flip(3), cat.roll(17, dims=2))]
    astronaut = other.contiguous()
    chosen = config(quality, **options)
    batch = deep_image_analogies(frames, astronaut, config=chosen, network=network)
    assert len(batch) == 3
    for frame, result in zip(frames, batch, strict=True):
        alone = deep_image_analogy(frame, astronaut, config=chosen, network=network)
        for name in ("a_prime", "b", "nnf_ab", "nnf_ba", "confidence_a", "confidence_b"):
            assert torch.equal(getattr(result, name), getattr(alone, name)), name


def test_rejects_a_batch_of_two_sizes_and_accepts_an_empty_one(
    cat: Tensor, astronaut: Tensor, network: Vgg19
) -> None:
    with pytest.raises(ConfigError, match="the same size"):
        deep_image_analogies([cat, astronaut], cat, config=config(), network=network)
    assert deep_image_analogies([], cat, config=config(), network=network) == []


def test_finds_the_flow_of_a_shifted_picture(network: Vgg19) -> None:
    wide = small(skimage.data.coffee(), 3, 128, 150)
    a, bp = wide[..., :138], wide[..., 12:]  # B' shows the scene 12 px further right
    result = deep_image_analogy(a.contiguous(), bp.contiguous(), config=config(), network=network)
    flow = result.flow_ab()[8:-8, 24:-8]
    assert np.median(flow[..., 0]) == pytest.approx(-12, abs=0.1)
    assert (np.hypot(flow[..., 0] + 12, flow[..., 1]) < 2).mean() > 0.95


def test_output_keeps_full_resolution_above_matching_size(network: Vgg19) -> None:
    cat_large = small(skimage.data.chelsea(), 1, 300, 420)
    options = config(max_area_px=10_000)
    result = deep_image_analogy(cat_large, cat_large, config=options, network=network)
    assert result.a_prime.shape == cat_large.shape
    assert result.nnf_ab.shape[2] * result.nnf_ab.shape[3] <= 10_100
    assert psnr(result.a_prime, cat_large) >= 40  # detail is read from the full picture


def test_levels_are_reported_coarse_to_fine(cat: Tensor, network: Vgg19) -> None:
    seen: list[LevelDone] = []
    deep_image_analogy(cat, cat.flip(3), config=config(), network=network, on_level=seen.append)
    assert [event.level for event in seen] == [4, 3, 2, 1]  # level 4: 5 and 4 together
    assert all(0 <= event.cost_ab <= 1 and 0 <= event.cost_ba <= 1 for event in seen)


def test_paper_quality_solves_at_every_level(network: Vgg19) -> None:
    assert [network.specs[level].solve_iterations["paper"] for level in (5, 4, 3, 2)] == [100] * 4
    network = copy.copy(network)
    network.specs = {  # fewer iterations save minutes
        level: dataclasses.replace(spec, solve_iterations={"paper": 8})
        for level, spec in network.specs.items()
    }
    tiny = small(skimage.data.chelsea(), 6, 48, 64)
    mirrored = tiny.flip(3).contiguous()
    paper = AnalogyConfig(quality="paper", min_side_px=32, smoothness=0.0)
    result = deep_image_analogy(tiny, mirrored, config=paper, network=network)
    assert bool(result.a_prime.isfinite().all())
    assert psnr(result.a_prime, tiny) > psnr(mirrored, tiny) + 2  # A's structure, not B''s


def test_a_flat_picture_gives_no_nan(cat: Tensor, network: Vgg19) -> None:
    flat = torch.zeros(1, 3, 64, 64)
    result = deep_image_analogy(cat, flat, config=config("standard"), network=network)
    assert bool(result.a_prime.isfinite().all())
    assert bool(result.b.isfinite().all())
    assert float(result.a_prime.abs().max()) < 1e-3  # all of B' is black
