"""Fitting colour transforms that turn A into a vote that is wrong in places.

At each place and brightness a 3×3 matrix and an offset are fitted by weighted ridge regression.
Fits follow each other from the whole picture to small windows, and each is pulled towards the one
before, the more so the less its window can be believed: where matches are unsure, or disagree
among themselves, or hardly any pixel is there. Pulling towards zero instead (a plain guided
filter) would erase the texture of flat and mismatched windows.

Source: the locally affine idea of Shih et al. 2013 and Laffont et al. 2014, in the bilateral grid
of Chen et al. 2016; robust weights after Cauchy.
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
    ridge_fit,
    times,
)
from batch_analogy.analogy.refine.moments import CellPixels, Moments, smooth_place

_GRAIN_SHARE = 0.0034  # of the mean side: radius within which textures need not lie alike
_PLANES = 12  # of brightness
_CELLS_A_SIDE = 74  # of a square picture
_WINDOWS = (24, 12, 6, 4)  # radii, cells
_PLANES_UP_AND_DOWN = (2, 2, 1, 1)  # what a window takes in of neighbouring brightnesses
_RIDGES = (3e-3, 3e-3, 6e-3, 1e-2)  # units of variance of [0, 1] values
_RIDGE_OF_ALL = 1e-4
_CHROMA_OF_DETAIL = 0.5  # how much of A's colour variation an uninformed fit keeps
_LEAST_CONFIDENCE = 0.12  # plain areas match anywhere and yet give the right colour
_DOUBT = 0.4  # a window of this certainty goes half with the wider one
_SCATTER = 0.1  # colours scattered this far about their fit halve a window's certainty
_OUTLIER = 0.1  # a pixel this far from the fit has half its say
_REWEIGHTINGS = 2


def fit_transforms(
    picture: Tensor, styled: Tensor, guide: Tensor, confidence: Tensor | None = None
) -> ColourTransforms:
    """Colour transforms that turn one picture into another, contrast kept.

    Args:
        picture: (1, 3, h, w) float32. styled: likewise.
        guide: (1, 2, h, w), ``edge_guide`` of ``picture``.
        confidence: (1, 1, h, w) in [0, 1], how far ``styled`` can be believed; 1 by default.

    Returns:
        Transforms to apply to ``picture`` or to a larger version of it.
    """
    height, width = int(picture.shape[2]), int(picture.shape[3])
    cell = max(1, round(math.sqrt(height * width) / _CELLS_A_SIDE))
    brightness = (guide[:, :1] * luma(picture) + guide[:, 1:]).clamp(0.0, 1.0)
    if confidence is None:
        confidence = torch.ones_like(brightness)
    believed = _LEAST_CONFIDENCE + (1.0 - _LEAST_CONFIDENCE) * confidence
    pixels = CellPixels.sort(
        *_without_grain(picture, styled, believed), believed, brightness, cell=cell, depth=_PLANES
    )
    weight = believed
    for last in [False] * _REWEIGHTINGS + [True]:
        moments = pixels.moments(weight)
        grid = _fit_all(moments)
        if last:
            break
        fitted = _placed(grid, height / cell, width / cell)
        error = (apply_transforms(picture, fitted, guide) - styled).square().sum(1, keepdim=True)
        weight = believed / (1.0 + error / _OUTLIER**2)
    gain = minimum_gain(picture, styled, confidence, believed, cell)
    return _placed(keep_contrast(grid, moments, gain), height / cell, width / cell)


def _without_grain(picture: Tensor, styled: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Both pictures, smoothed alike.

    The hairs of a matched fur lie otherwise than A's. To a regression that is noise: it would make
    the fit flatter, and its scatter would speak against a match that is right.
    """
    radius = max(1, round(_GRAIN_SHARE * math.sqrt(picture.shape[2] * picture.shape[3])))
    total = box(weight, radius)
    return box(weight * picture, radius) / total, box(weight * styled, radius) / total


def _placed(grid: Tensor, rows: float, columns: float) -> ColourTransforms:
    return ColourTransforms(grid[None], (rows, columns))


def _fit_all(moments: Moments) -> Tensor:
    """Transforms (12, D, h, w), from the whole picture down to small windows."""
    whole = moments.everything()
    unit = identity(moments.sums.new_empty((3, 3, 1, 1, 1)))
    matrix = _CHROMA_OF_DETAIL * unit + (1.0 - _CHROMA_OF_DETAIL) * luma_matrix(unit)
    offset = whole.mean_y - apply_to(matrix, whole.mean_x)
    grid = _fit(whole, _RIDGE_OF_ALL, torch.cat([matrix.flatten(0, 1), offset]))
    grid = grid.expand(-1, *moments.count.shape)
    for radius, planes, ridge in zip(_WINDOWS, _PLANES_UP_AND_DOWN, _RIDGES, strict=True):
        grid = _fit(moments.window(radius, planes), ridge, grid)
        grid = smooth_place(grid, radius // 2)
    return grid


def _fit(window: Moments, ridge: float, prior: Tensor) -> Tensor:
    """Transforms (12, D, h, w) of one size of window, pulled towards wider ones' ``prior``."""
    prior_matrix, prior_offset = matrices(prior[:9]), prior[9:]
    cov_xx, cov_yx, var_y = window.covariances()
    free = ridge_fit(cov_yx, cov_xx, ridge, prior_matrix)
    explained = 2.0 * (free * cov_yx).sum(dim=(0, 1)) - (free * times(free, cov_xx)).sum(dim=(0, 1))
    scatter = (var_y - explained).clamp_min(0.0)
    certainty = window.certainty / (1.0 + scatter / _SCATTER**2)
    pull = (ridge * (1.0 + _DOUBT / certainty.clamp_min(1e-6))).clamp_max(1e3)
    matrix = ridge_fit(cov_yx, cov_xx, pull, prior_matrix)
    trust = certainty / (certainty + _DOUBT)
    expected = apply_to(prior_matrix, window.mean_x) + prior_offset
    mean = trust * window.mean_y + (1.0 - trust) * expected
    offset = mean - apply_to(matrix, window.mean_x)
    return torch.cat([matrix.flatten(0, 1), offset])
