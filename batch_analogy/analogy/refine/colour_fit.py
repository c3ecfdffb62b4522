"""Fit colour transforms that turn A into a vote, robustly, as votes are partly wrong.

At each position and brightness, a 3×3 matrix and an offset are fitted by weighted ridge regression.
Fits go from the whole picture down to small windows. Each is pulled towards the fit of the wider
window, and more strongly the less its own window can be trusted: if its matches have low confidence
or contradict each other, or if it contains hardly any pixels. Pulling towards zero instead (a plain
guided filter) would erase the texture of flat and mismatched windows.

Source: the locally affine transforms of Shih et al. 2013 and Laffont et al. 2014, in the bilateral
grid of Chen et al. 2016; Cauchy's robust weights; docs/method.md, "Colour transforms instead of
WLS".
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from batch_analogy.analogy.refine.bilateral_grid import ColourTransforms, apply_transforms
from batch_analogy.analogy.refine.contrast import keep_contrast, minimum_gain
from batch_analogy.analogy.refine.matrix_fields import (
    apply_to,
    box,
    identity,
    luma,
    luma_matrix,
    matrices,
    matrix_product,
    ridge_fit,
)
from batch_analogy.analogy.refine.moments import CellPixels, Moments, smooth_cells

_GRAIN_SHARE = 0.0034  # of the mean side: radius within which the grain of textures may differ
_PLANES = 12  # of brightness
_CELLS_A_SIDE = 74  # of a square picture
_WINDOWS = (24, 12, 6, 4)  # radii, cells
_PLANES_UP_AND_DOWN = (2, 2, 1, 1)  # neighbouring planes of brightness in a window
_RIDGES = (3e-3, 3e-3, 6e-3, 1e-2)  # in units of the variance of [0, 1] values
_RIDGE_OF_ALL = 1e-4  # for the whole picture
_CHROMA_OF_DETAIL = 0.5  # share of A's colour variation that a fit without evidence keeps
_LEAST_CONFIDENCE = 0.12  # plain areas match anywhere and yet give the right colour
_DOUBT = 0.4  # certainty at which a window's fit lies half-way to that of the wider window
_SCATTER = 0.1  # standard deviation about the fit that halves a window's certainty
_OUTLIER = 0.1  # distance from the fit at which a pixel's weight is halved
_REWEIGHTINGS = 2
_NOISE = 2e-3  # of a coefficient, half a level of 255; matches of repeated patterns make that much


def fit_transforms(
    picture: Tensor, styled: Tensor, guide: Tensor, confidence: Tensor | None = None
) -> ColourTransforms:
    """Fit colour transforms that turn one picture into another and keep its contrast.

    Args:
        picture: A, (1, 3, h, w) float32.
        styled: A' as voted, (1, 3, h, w) float32.
        guide: (1, 2, h, w), ``edge_guide`` of ``picture``.
        confidence: (1, 1, h, w) in [0, 1], confidence in ``styled``; 1 by default.

    Returns:
        Transforms to apply to ``picture`` or to a larger version of it.
    """
    height, width = int(picture.shape[2]), int(picture.shape[3])
    cell = max(1, round(math.sqrt(height * width) / _CELLS_A_SIDE))
    brightness = (guide[:, :1] * luma(picture) + guide[:, 1:]).clamp(0.0, 1.0)
    if confidence is None:
        confidence = torch.ones_like(brightness)
    trust = _LEAST_CONFIDENCE + (1.0 - _LEAST_CONFIDENCE) * confidence
    pixels = CellPixels.sort(
        *_without_grain(picture, styled, trust), trust, brightness, cell=cell, depth=_PLANES
    )
    weight = trust
    for last in [False] * _REWEIGHTINGS + [True]:
        moments = pixels.moments(weight)
        grid = _fit_all(moments)
        if last:
            break
        fitted = _as_transforms(grid, height / cell, width / cell)
        error = (apply_transforms(picture, fitted, guide) - styled).square().sum(1, keepdim=True)
        weight = trust / (1.0 + error / _OUTLIER**2)
    gain = minimum_gain(picture, styled, confidence, trust, cell)
    return _as_transforms(keep_contrast(grid, moments, gain), height / cell, width / cell)


def fit_exactly(
    picture: Tensor, styled: Tensor, guide: Tensor, confidence: Tensor | None = None
) -> ColourTransforms:
    """Fit colour transforms that leave exactly as it is what is not styled.

    A fit is biased: even where both pictures are equal, it changes colours by some thousandths, and
    rare ones by more. In highlights of a scene that would be many times as much. So the fit of the
    picture to itself is subtracted, and coefficients that are noise are dropped.

    Arguments are those of ``fit_transforms``.
    """
    fitted = fit_transforms(picture, styled, guide, confidence)
    own = fit_transforms(picture, picture, guide, confidence)
    change = fitted.grid - own.grid
    change = change.sign() * (change.abs() - _NOISE).clamp_min(0.0)
    unit = torch.cat([torch.eye(3).flatten(), torch.zeros(3)]).view(1, 12, 1, 1, 1)
    return ColourTransforms(change + unit.to(change), fitted.cells)


def _without_grain(picture: Tensor, styled: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Smooth both pictures equally.

    The hairs of matched fur do not lie exactly as those of A. To a regression this is noise: it
    flattens the fit, and makes a correct match look wrong.
    """
    radius = max(1, round(_GRAIN_SHARE * math.sqrt(picture.shape[2] * picture.shape[3])))
    total = box(weight, radius)
    return box(weight * picture, radius) / total, box(weight * styled, radius) / total


def _as_transforms(grid: Tensor, rows: float, columns: float) -> ColourTransforms:
    return ColourTransforms(grid[None], (rows, columns))


def _fit_all(moments: Moments) -> Tensor:
    """Fit transforms (12, D, h, w), from the whole picture down to small windows."""
    whole = moments.whole_picture()
    unit = identity(moments.sums.new_empty((3, 3, 1, 1, 1)))
    matrix = _CHROMA_OF_DETAIL * unit + (1.0 - _CHROMA_OF_DETAIL) * luma_matrix(unit)
    offset = whole.mean_y - apply_to(matrix, whole.mean_x)
    grid = _fit(whole, _RIDGE_OF_ALL, torch.cat([matrix.flatten(0, 1), offset]))
    grid = grid.expand(-1, *moments.count.shape)
    for radius, planes, ridge in zip(_WINDOWS, _PLANES_UP_AND_DOWN, _RIDGES, strict=True):
        grid = _fit(moments.window(radius, planes), ridge, grid)
        grid = smooth_cells(grid, radius // 2)
    return grid


def _fit(window: Moments, ridge: float, prior: Tensor) -> Tensor:
    """Fit transforms (12, D, h, w) at one window size, pulled towards the wider ``prior``."""
    prior_matrix, prior_offset = matrices(prior[:9]), prior[9:]
    cov_xx, cov_yx, var_y = window.covariances()
    free = ridge_fit(cov_yx, cov_xx, ridge, prior_matrix)
    explained = 2.0 * (free * cov_yx).sum(dim=(0, 1)) - (free * matrix_product(free, cov_xx)).sum(
        dim=(0, 1)
    )
    scatter = (var_y - explained).clamp_min(0.0)
    certainty = window.certainty / (1.0 + scatter / _SCATTER**2)
    pull = (ridge * (1.0 + _DOUBT / certainty.clamp_min(1e-6))).clamp_max(1e3)
    matrix = ridge_fit(cov_yx, cov_xx, pull, prior_matrix)
    trust = certainty / (certainty + _DOUBT)
    expected = apply_to(prior_matrix, window.mean_x) + prior_offset
    mean = trust * window.mean_y + (1.0 - trust) * expected
    offset = mean - apply_to(matrix, window.mean_x)
    return torch.cat([matrix.flatten(0, 1), offset])
