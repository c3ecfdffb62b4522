"""Refinement: exactness, contrast, edges, wrong matches, and WLS against its equations."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from batch_analogy.analogy.features.pictures import resize
from batch_analogy.analogy.refine import refine
from batch_analogy.analogy.refine.bilateral_grid import apply_transforms, edge_guide, reference
from batch_analogy.analogy.refine.colour_fit import fit_transforms
from batch_analogy.analogy.refine.contrast import isotonic_regression
from batch_analogy.analogy.refine.wls import wls_smooth


@pytest.fixture
def photo() -> Tensor:
    """Return a real photograph, reduced: skimage's coffee cup."""
    import skimage.data

    pixels = skimage.data.coffee()[::4, ::4].astype(np.float32) / 255.0
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].contiguous()


def sunset(picture: Tensor) -> Tensor:
    """Grade a picture darker and warmer, not linearly."""
    gains = torch.tensor([1.0, 0.75, 0.5]).view(1, 3, 1, 1)
    return (picture**1.2 * gains + 0.03).clamp(0.0, 1.0)


def psnr(x: Tensor, y: Tensor) -> float:
    return float(-10 * torch.log10((x - y).square().mean().clamp_min(1e-12)))


@pytest.mark.parametrize("method", ["none", "wls", "affine"])
def test_an_unchanged_picture_stays_unchanged(photo: Tensor, method: str) -> None:
    assert psnr(refine(photo, photo, method), photo) >= 60


@pytest.mark.parametrize("picture", ["photo", "noise", "one colour and a spot"])
def test_an_exact_fit_leaves_every_value_as_it_is(photo: Tensor, picture: str) -> None:
    if picture == "noise":
        photo = torch.rand(photo.shape, generator=torch.Generator().manual_seed(0))
    elif picture != "photo":
        photo = torch.full_like(photo, 0.25)
        photo[..., 20:24, 30:34] = 0.999
    nearly = photo + 1e-6 * torch.randn(photo.shape, generator=torch.Generator().manual_seed(1))
    refined = refine(photo, nearly, "affine", exact=True)
    torch.testing.assert_close(refined, photo, rtol=3e-7, atol=1e-9)


def test_an_exact_fit_styles_like_the_usual_one(photo: Tensor) -> None:
    usual = refine(photo, sunset(photo), "affine")
    assert psnr(refine(photo, sunset(photo), "affine", exact=True), usual) >= 40


@pytest.mark.parametrize("method", ["wls", "affine"])
def test_keeps_a_change_of_grade(photo: Tensor, method: str) -> None:
    assert psnr(refine(photo, sunset(photo), method), sunset(photo)) >= 27


def local_contrast(x: Tensor) -> float:
    grey = x.mean(dim=1, keepdim=True)
    return float((grey - F.avg_pool2d(grey, 5, 1, 2)).abs().mean())


def test_affine_restores_the_contrast_that_a_flat_vote_lost(photo: Tensor) -> None:
    flat = F.avg_pool2d(photo, 31, 1, 15, count_include_pad=False)
    refined = refine(photo, flat, "affine", torch.full_like(photo[:, :1], 0.05))
    assert local_contrast(refined) > 0.65 * local_contrast(photo)
    assert local_contrast(flat) < 0.3 * local_contrast(photo)


def test_affine_lowers_contrast_where_a_confident_vote_has_less(photo: Tensor) -> None:
    styled = photo * 0.5 + 0.2
    refined = refine(photo, styled, "affine", torch.ones_like(photo[:, :1]))
    assert psnr(refined, styled) > 34
    assert local_contrast(refined) < 0.6 * local_contrast(photo)


@pytest.mark.parametrize("method", ["wls", "affine"])
def test_keeps_full_size_detail_from_a_small_vote(photo: Tensor, method: str) -> None:
    styled = (photo * 0.5 + 0.4).clamp(0, 1)
    refined = refine(photo, resize(styled, (33, 50)), method)
    assert refined.shape == photo.shape
    assert local_contrast(refined) > 0.45 * local_contrast(photo)
    assert abs(float(refined.mean() - styled.mean())) < 0.02


def patched(styled: Tensor) -> tuple[Tensor, Tensor]:
    """Return a vote with a wrong patch in the middle, and a confidence that is 0 there."""
    wrong = styled.clone()
    height, width = styled.shape[2:]
    middle = (..., slice(height // 4, height // 2), slice(width // 4, width // 2))
    wrong[middle] = torch.tensor([0.1, 0.9, 0.2]).view(1, 3, 1, 1)
    confidence = torch.ones_like(styled[:, :1])
    confidence[middle] = 0.0
    return wrong, confidence


def test_areas_of_low_confidence_take_the_colours_around_them(photo: Tensor) -> None:
    wrong, confidence = patched(sunset(photo))
    told = psnr(refine(photo, wrong, "affine", confidence), sunset(photo))
    untold = psnr(refine(photo, wrong, "affine"), sunset(photo))
    assert psnr(wrong, sunset(photo)) < 18
    assert told > untold + 3
    assert told > 25


def test_a_vote_without_confidence_gives_one_grade_everywhere(photo: Tensor) -> None:
    wrong, _ = patched(photo)
    sure = refine(photo, wrong, "affine") - photo
    unsure = refine(photo, wrong, "affine", torch.zeros_like(photo[:, :1])) - photo
    assert float(unsure.std()) < 0.6 * float(sure.std())


def disc_on_sky() -> tuple[Tensor, Tensor]:
    """Return a dark disc on a bright plain, and a vote: darker plain, disc's edge 4 px off."""
    y, x = torch.meshgrid(torch.arange(160.0), torch.arange(200.0), indexing="ij")
    texture = 0.02 * torch.sin(x * 1.7) * torch.sin(y * 1.3)
    away = ((y - 80) ** 2 + (x - 100) ** 2).sqrt()
    disc, voted = (torch.sigmoid((45 - d) / 0.7) for d in (away, away - 4))
    picture = (0.9 + 0.05 * y / 160 + texture) * (1 - disc) + (0.15 + texture) * disc
    styled = (0.6 + 0.05 * y / 160 + texture) * (1 - voted) + (0.2 + texture) * voted
    tint = torch.tensor([1.0, 0.95, 0.9]).view(3, 1, 1)
    return (picture * tint)[None], (styled * tint)[None]


def test_leaves_no_halo_around_a_silhouette() -> None:
    picture, styled = disc_on_sky()
    refined = refine(picture, styled, "affine")
    y, x = torch.meshgrid(torch.arange(160.0), torch.arange(200.0), indexing="ij")
    away = ((y - 80) ** 2 + (x - 100) ** 2).sqrt()
    beyond = (refined - picture)[0].mean(dim=0) - 0.95 * (styled - picture)[0, :, 0, 0].mean()
    near, far = beyond[(away > 49) & (away < 60)], beyond[(away > 80) & (away < 90)]
    assert abs(float(near.mean() - far.mean())) < 0.02


def test_cpu_kernel_agrees_with_the_reference(photo: Tensor, generator: torch.Generator) -> None:
    styled = torch.rand(photo.shape, generator=generator)
    guide = edge_guide(photo)
    transforms = fit_transforms(photo, styled, guide)
    large = F.interpolate(photo, size=(211, 333), mode="bicubic").clamp(0, 1)
    for picture in (photo, large, photo[:, :, :1], photo[..., :1]):
        grid, cells = transforms.grid, transforms.cells
        expected = reference.apply_transforms(picture, grid, cells, guide, (0.0, 1.0))
        torch.testing.assert_close(
            apply_transforms(picture, transforms, guide), expected, atol=2e-5, rtol=0
        )


@pytest.mark.parametrize("size", [(1, 1), (2, 300), (61, 83), (256, 256)])
def test_accepts_any_size(size: tuple[int, int], generator: torch.Generator) -> None:
    picture = torch.rand(1, 3, *size, generator=generator)
    styled = torch.rand(1, 3, *size, generator=generator)
    confidence = torch.rand(1, 1, *size, generator=generator)
    refined = refine(picture, styled, "affine", confidence)
    assert refined.shape == picture.shape
    assert bool(((refined >= 0) & (refined <= 1)).all())  # and no NaN


@pytest.mark.parametrize("level", [0.0, 1.0])
def test_accepts_a_black_or_white_picture(level: float) -> None:
    plain = torch.full((1, 3, 40, 50), level)
    refined = refine(plain, torch.full_like(plain, 0.4), "affine")
    torch.testing.assert_close(refined, torch.full_like(plain, 0.4), atol=0.02, rtol=0)


def test_result_does_not_depend_on_thread_count(photo: Tensor, restore_threads: None) -> None:
    wrong, confidence = patched(sunset(photo))
    results = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        results.append(refine(photo, wrong, "affine", confidence))
    assert torch.equal(*results)


def test_a_smooth_gradient_keeps_all_its_levels() -> None:
    ramp = torch.linspace(0.05, 0.95, 4096).view(1, 1, 1, -1).expand(1, 3, 64, -1).contiguous()
    small = resize(ramp, (16, 700))
    refined = refine(ramp, sunset(small), "affine")
    steps = refined[0, 1, 32].diff()
    assert float(steps.min()) > 0  # no step is lost, no tone reversed
    assert len((refined[0, 1, 32] * 65535).round().unique()) > 4000


def test_isotonic_regression_finds_the_nearest_rising_sequence(generator: torch.Generator) -> None:
    values = torch.rand(6, 50, generator=generator)
    weight = torch.rand(6, 50, generator=generator) + 0.1
    found = isotonic_regression(values, weight)
    assert bool((found.diff(dim=0) >= -1e-6).all())
    error = (weight * (found - values).square()).sum(dim=0)
    for _ in range(200):  # no rising sequence near by is nearer
        other = (found + 0.05 * torch.randn(found.shape, generator=generator)).cummax(dim=0).values
        assert bool(((weight * (other - values).square()).sum(dim=0) >= error - 1e-6).all())
    already = values.sort(dim=0).values
    torch.testing.assert_close(isotonic_regression(already, weight), already)


def test_wls_solves_its_linear_system(generator: torch.Generator) -> None:
    guide = torch.rand(1, 3, 6, 7, generator=generator)
    values = torch.rand(1, 2, 6, 7, generator=generator)
    smooth = wls_smooth(values, guide).double()
    grey = (guide * torch.tensor([0.299, 0.587, 0.114]).view(1, 3, 1, 1)).sum(dim=1)[0].double()
    residual = smooth - values.double()
    for y in range(6):
        for x in range(7):
            for ny, nx in ((y, x + 1), (y + 1, x)):
                if ny < 6 and nx < 7:
                    weight = 0.8 / (abs(float(grey[y, x] - grey[ny, nx])) + 1e-4)
                    pull = weight * (smooth[0, :, y, x] - smooth[0, :, ny, nx])
                    residual[0, :, y, x] += pull
                    residual[0, :, ny, nx] -= pull
    assert float(residual.abs().max()) < 1e-2  # weights reach 8000


def test_wls_keeps_a_constant(generator: torch.Generator) -> None:
    guide = torch.rand(1, 3, 9, 8, generator=generator)
    smooth = wls_smooth(torch.full((1, 1, 9, 8), 0.3), guide)
    torch.testing.assert_close(smooth, torch.full((1, 1, 9, 8), 0.3), atol=1e-5, rtol=0)
