"""Refinement: exactness, contrast, and WLS against its defining equations."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import Tensor

from batch_analogy.analogy.features import resize
from batch_analogy.analogy.refine import refine, wls_smooth


@pytest.fixture
def photo() -> Tensor:
    """A real photograph, reduced: skimage's coffee cup."""
    import skimage.data

    pixels = skimage.data.coffee()[::4, ::4].astype(np.float32) / 255.0
    return torch.from_numpy(pixels).permute(2, 0, 1)[None].contiguous()


def psnr(x: Tensor, y: Tensor) -> float:
    return float(-10 * torch.log10((x - y).square().mean().clamp_min(1e-12)))


@pytest.mark.parametrize("method", ["none", "wls", "affine"])
def test_an_unchanged_picture_comes_back(photo: Tensor, method: str) -> None:
    assert psnr(refine(photo, photo, method), photo) >= 45


@pytest.mark.parametrize("method", ["wls", "affine"])
def test_a_global_regrade_is_kept(photo: Tensor, method: str) -> None:
    gains = torch.tensor([0.9, 0.7, 0.5]).view(1, 3, 1, 1)
    styled = photo * gains + 0.05
    assert psnr(refine(photo, styled, method), styled) >= 27


def local_contrast(x: Tensor) -> float:
    grey = x.mean(dim=1, keepdim=True)
    return float((grey - torch.nn.functional.avg_pool2d(grey, 5, 1, 2)).abs().mean())


def test_affine_keeps_the_contrast_that_a_flat_vote_lost(photo: Tensor) -> None:
    flat = torch.nn.functional.avg_pool2d(photo, 31, 1, 15, count_include_pad=False)
    refined = refine(photo, flat, "affine")
    assert local_contrast(refined) > 0.7 * local_contrast(photo)
    assert local_contrast(flat) < 0.3 * local_contrast(photo)


@pytest.mark.parametrize("method", ["wls", "affine"])
def test_full_resolution_detail_survives_a_small_working_size(photo: Tensor, method: str) -> None:
    styled = (photo * 0.5 + 0.4).clamp(0, 1)
    refined = refine(photo, resize(styled, (33, 50)), method)
    assert local_contrast(refined) > 0.45 * local_contrast(photo)
    assert abs(float(refined.mean() - styled.mean())) < 0.02


def test_wls_solves_its_equations(generator: torch.Generator) -> None:
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


def test_wls_leaves_a_constant_alone(generator: torch.Generator) -> None:
    guide = torch.rand(1, 3, 9, 8, generator=generator)
    smooth = wls_smooth(torch.full((1, 1, 9, 8), 0.3), guide)
    torch.testing.assert_close(smooth, torch.full((1, 1, 9, 8), 0.3), atol=1e-5, rtol=0)
