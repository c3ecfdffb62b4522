"""Colour transforms in a bilateral grid, applied to a picture of any resolution.

A cell of the grid stands for a position *and* a brightness, so transforms do not leak across strong
edges: dark hair and the sky right beside it have different ones. Brightness is read from a guide
that is smooth inside textures and keeps edges. A texture is therefore not spread over several
cells, whose differences would change its contrast. ``reference`` defines the result, ``cpu`` is
fast.

Source: Chen, Adams, Wadhwa, Hasinoff 2016 (bilateral guided upsampling), with the guide of
He et al. 2013 (guided filter) applied at full resolution as in He and Sun 2015; docs/method.md,
"Colour transforms instead of WLS".
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from batch_analogy.analogy.refine.bilateral_grid import reference
from batch_analogy.analogy.refine.matrix_fields import box, luma

_GUIDE_RADIUS_SHARE = 0.01  # of the picture's mean side
_GUIDE_EDGE = 0.03  # standard deviation of brightness: below it is texture, above it an edge


@dataclass(frozen=True)
class ColourTransforms:
    """Affine colour transforms over position and brightness."""

    grid: Tensor  # (1, 12, D, h, w) float32: a 3×3 matrix row by row, then an offset
    cells: tuple[float, float]  # height and width of the picture in cells


def edge_guide(picture: Tensor) -> Tensor:
    """Compute gain and offset that smooth a picture's brightness, at any resolution.

    Args:
        picture: (1, 3, h, w) float32, at matching size.

    Returns:
        (1, 2, h, w) float32: gain, near 1 at edges and near 0 inside textures, and offset.
    """
    brightness = luma(picture)
    side = math.sqrt(brightness.shape[2] * brightness.shape[3])
    radius = max(1, round(_GUIDE_RADIUS_SHARE * side))
    mean = box(brightness, radius)
    variance = (box(brightness.square(), radius) - mean.square()).clamp_min(0.0)
    gain = variance / (variance + _GUIDE_EDGE**2)
    return box(torch.cat([gain, mean - gain * mean], dim=1), radius)


def apply_transforms(
    picture: Tensor,
    transforms: ColourTransforms,
    guide: Tensor,
    bounds: tuple[float, float] = (0.0, 1.0),
) -> Tensor:
    """Apply colour transforms to a picture of any resolution.

    Args:
        picture: (1, 3, H, W) float32.
        transforms: interpolated between cells, in position and brightness.
        guide: (1, 2, h, w), ``edge_guide`` of the same picture at any size.
        bounds: range to which the result is clamped.

    Returns:
        (1, 3, H, W) float32.
    """
    if picture.device.type == "cpu":
        from batch_analogy.analogy.refine.bilateral_grid import cpu  # Numba is slow to import

        return cpu.apply_transforms(picture, transforms.grid, transforms.cells, guide, bounds)
    return reference.apply_transforms(picture, transforms.grid, transforms.cells, guide, bounds)
