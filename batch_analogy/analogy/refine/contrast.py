"""Keep A's contrast where a fit would flatten it, so that a photograph does not become hazy.

A fit to wrong matches is too flat, but the style may also have less contrast than A. The spread of
brightness in both pictures tells the two apart, as it does not depend on how pixels are matched. It
counts where confidence is high; elsewhere A's own contrast does.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from batch_analogy.analogy.refine.matrix_fields import (
    apply_to,
    luma,
    luma_gain,
    luma_matrix,
    luma_of,
    matrices,
)
from batch_analogy.analogy.refine.moments import Moments, smooth_cells

_WINDOW = 8  # cells
_OWN_WINDOW = 4  # cells, as the narrowest fit
_NEARLY_EMPTY = 1e-3  # share of a window's pixels below which a plane's grey serves as its colour
_GAIN_SHARE = 0.9  # share of the measured gain that detail must keep, within …
_LOWEST, _HIGHEST = 0.3, 0.8  # … these limits
_EVEN_RIDGE = 0.01  # variance below which a window says little about contrast
_HALF_CONFIDENCE = 0.1  # confidence at which half of the measured change (in stops) is taken


def minimum_gain(
    picture: Tensor, styled: Tensor, confidence: Tensor, weight: Tensor, cell: int
) -> Tensor:
    """Compute the least gain of brightness that the transforms must have at each position.

    Args:
        picture: A, (1, 3, h, w) float32.
        styled: A' as voted, (1, 3, h, w) float32.
        confidence: (1, 1, h, w) in [0, 1].
        weight: (1, 1, h, w), weight of each pixel.
        cell: side of a grid cell, pixels.

    Returns:
        (1, rows, columns), one value for each column of grid cells.
    """
    x, y = luma(picture), luma(styled)
    sums = torch.cat([weight, weight * x, weight * y, weight * x * x, weight * y * y], dim=1)
    sums = functional.avg_pool2d(torch.cat([sums, confidence], dim=1), cell, ceil_mode=True)
    var_x, var_y, local = _spreads(smooth_cells(sums.transpose(0, 1), _WINDOW))
    all_x, all_y, whole = _spreads(sums.transpose(0, 1).mean(3, keepdim=True).mean(2, keepdim=True))
    overall = all_y / all_x.clamp_min(1e-6)
    squared = (var_y + _EVEN_RIDGE * overall) / (var_x + _EVEN_RIDGE)
    trust = 0.5 * (local + whole)
    gain = squared.clamp_min(1e-6) ** (0.5 * trust / (trust + _HALF_CONFIDENCE))
    return (_GAIN_SHARE * gain).clamp(_LOWEST, _HIGHEST)


def keep_contrast(grid: Tensor, moments: Moments, least: Tensor) -> Tensor:
    """Raise the gains of transforms to ``least``, within a cell and from one plane to the next.

    Args:
        grid: (12, D, h, w), transforms.
        moments: sums that they were fitted to.
        least: (1, h, w) from ``minimum_gain``.

    Returns:
        (12, D, h, w). The mean colours of cells stay, except where planes are pulled apart.
    """
    window = moments.window(_OWN_WINDOW, 1)
    planes = torch.linspace(0.0, 1.0, grid.shape[1], device=grid.device).view(-1, 1, 1)
    filled = window.count / (window.count + _NEARLY_EMPTY)
    colour = filled * window.mean_x + (1.0 - filled) * planes
    matrix = matrices(grid[:9])
    lacking = (least - luma_gain(matrix)).clamp_min(0.0)
    offset = grid[9:] - lacking * luma_of(colour)
    matrix = matrix + lacking * luma_matrix(matrix)
    nominal = colour + (planes - luma_of(colour))  # the same colour, as bright as the plane says
    bright = luma_of(apply_to(matrix, nominal) + offset)
    ramp = least * planes
    # Weights of a wide window: with those of a narrow one, the same sky would change more beside a
    # roof than far from it, which shows as a halo.
    weight = smooth_cells(moments.count[None], _WINDOW)[0] + 1e-4
    raised = isotonic_regression(bright - ramp, weight) + ramp - bright
    return torch.cat([matrix.flatten(0, 1), offset + smooth_cells(raised[None], 2)])


def isotonic_regression(values: Tensor, weight: Tensor) -> Tensor:
    """Find the nearest non-decreasing sequence along dimension 0, by weighted least squares.

    Source: the min-max formula of isotonic regression (Robertson, Wright, Dykstra 1988).

    >>> isotonic_regression(torch.tensor([1.0, 3.0, 2.0]), torch.ones(3)).tolist()
    [1.0, 2.5, 2.5]
    """
    count = values.shape[0]
    zero = torch.zeros_like(values[:1])
    weights = torch.cat([zero, weight.cumsum(dim=0)])
    totals = torch.cat([zero, (weight * values).cumsum(dim=0)])
    result = torch.full_like(values, -torch.inf)
    for first in range(count):
        means = (totals[first + 1 :] - totals[first]) / (weights[first + 1 :] - weights[first])
        least = means.flip(0).cummin(dim=0).values.flip(0)  # over all ends at or after each start
        result[first:] = torch.maximum(result[first:], least)
    return result


def _spreads(sums: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Compute the variances of both brightnesses and the mean confidence."""
    weight, x, y, xx, yy, confidence = sums
    weight = weight.clamp_min(1e-9)
    x, y = x / weight, y / weight
    return (xx / weight - x * x).clamp_min(0.0), (yy / weight - y * y).clamp_min(0.0), confidence
