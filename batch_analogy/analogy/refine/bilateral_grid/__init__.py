"""Colour transforms in a bilateral grid, and applying them to a picture of any resolution.

A cell of the grid stands for a place *and* a brightness, so a transform does not cross a strong
edge: sky beside dark hair has its own, however near. Brightness is read from a guide that is
smoothed inside textures and keeps edges; a texture then is not spread over several cells, whose
differences would change its contrast.

Source: Chen, Adams, Wadhwa, Hasinoff 2016 (bilateral guided upsampling), with the guide of
He et al. 2013 (guided filter) applied at full resolution as in He and Sun 2015.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from batch_analogy.analogy.refine.matrix_fields import apply_to, box, luma, matrices

_GUIDE_RADIUS_SHARE = 0.01  # of the picture's mean side
_GUIDE_EDGE = 0.03  # variation of brightness below this is texture, above it an edge
_ROWS_AT_ONCE_PX = 1 << 19


@dataclass(frozen=True)
class ColourTransforms:
    """Affine colour transforms over place and brightness."""

    grid: Tensor  # (1, 12, D, h, w) float32: a 3×3 matrix row by row, then an offset
    cells: tuple[float, float]  # the picture's height and width in cells; the last may reach beyond


def edge_guide(picture: Tensor) -> Tensor:
    """A picture's smoothed brightness, as gain and offset of its brightness at any resolution.

    Args:
        picture: (1, 3, h, w) float32, at matching size.

    Returns:
        (1, 2, h, w) float32. gain → 1 at edges, 0 inside textures.
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
    """Apply transforms to a picture of any resolution.

    Args:
        picture: (1, 3, H, W) float32.
        transforms: between cells they are interpolated in place and brightness.
        guide: (1, 2, h, w) as ``edge_guide`` of the same picture at any size.
        bounds: what the result is clamped to.

    Returns:
        (1, 3, H, W) float32.
    """
    if picture.device.type == "cpu":
        from batch_analogy.analogy.refine.bilateral_grid import cpu  # Numba is slow to import

        return cpu.apply_transforms(picture, transforms.grid, transforms.cells, guide, bounds)
    return apply_reference(picture, transforms, guide, bounds)


def apply_reference(
    picture: Tensor,
    transforms: ColourTransforms,
    guide: Tensor,
    bounds: tuple[float, float] = (0.0, 1.0),
) -> Tensor:
    """``apply_transforms`` in plain PyTorch: the readable version that defines the answer."""
    height, width = int(picture.shape[2]), int(picture.shape[3])
    rows = max(1, _ROWS_AT_ONCE_PX // width)
    result = torch.empty_like(picture)
    for top in range(0, height, rows):
        part = picture[:, :, top : top + rows]
        y = (torch.arange(top, top + part.shape[2], device=picture.device) + 0.5) / height
        x = (torch.arange(width, device=picture.device) + 0.5) / width
        gain, offset = _sample(guide[:, :, None], y, x, guide.shape[2:], None)[0]
        brightness = (gain * luma(part)[0] + offset).clamp(0.0, 1.0)
        here = _sample(transforms.grid, y, x, transforms.cells, brightness[0])[0, :, 0]
        colour = apply_to(matrices(here[:9]), part[0]) + here[9:]
        result[0, :, top : top + rows] = colour.clamp_(*bounds)
    return result


def _sample(
    volume: Tensor, y: Tensor, x: Tensor, cells: tuple[float, ...], z: Tensor | None
) -> Tensor:
    """Read (1, C, D, h, w) at rows y and columns x in [0, 1] of its picture: (1, C, 1, H, W).

    The picture spans ``cells`` of the volume; z in [0, 1] (H, W) runs from the first plane's
    middle to the last's.
    """
    depth, height, width = volume.shape[2:]
    at_y = y * cells[0] * 2 / height - 1
    at_x = x * cells[1] * 2 / width - 1
    grid_y, grid_x = torch.meshgrid(at_y, at_x, indexing="ij")
    grid_z = torch.zeros_like(grid_y) if z is None else (z * (depth - 1) + 0.5) * 2 / depth - 1
    at = torch.stack([grid_x, grid_y, grid_z], dim=-1)[None, None]
    return functional.grid_sample(
        volume, at, mode="bilinear", padding_mode="border", align_corners=False
    )
