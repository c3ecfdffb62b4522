"""Apply colour transforms in plain PyTorch: the readable version that defines the answer."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from batch_analogy.analogy.refine.matrix_fields import apply_to, luma, matrices

_ROWS_AT_ONCE_PX = 1 << 19


def apply_transforms(
    picture: Tensor,
    grid: Tensor,
    cells: tuple[float, float],
    guide: Tensor,
    bounds: tuple[float, float],
) -> Tensor:
    """Apply colour transforms to a picture of any resolution.

    Args:
        picture: (1, 3, H, W) float32.
        grid: (1, 12, D, h, w) float32, as in ``ColourTransforms``.
        cells: height and width of the picture in cells.
        guide: (1, 2, h', w') float32, ``edge_guide`` of the picture.
        bounds: range to which the result is clamped.

    Returns:
        (1, 3, H, W) float32.
    """
    height, width = int(picture.shape[2]), int(picture.shape[3])
    rows = max(1, _ROWS_AT_ONCE_PX // width)
    result = torch.empty_like(picture)
    for top in range(0, height, rows):
        part = picture[:, :, top : top + rows]
        y = (torch.arange(top, top + part.shape[2], device=picture.device) + 0.5) / height
        x = (torch.arange(width, device=picture.device) + 0.5) / width
        gain, offset = _sample(guide[:, :, None], y, x, guide.shape[2:], None)[0]
        brightness = (gain * luma(part)[0] + offset).clamp(0.0, 1.0)
        here = _sample(grid, y, x, cells, brightness[0])[0, :, 0]
        colour = apply_to(matrices(here[:9]), part[0]) + here[9:]
        result[0, :, top : top + rows] = colour.clamp_(*bounds)
    return result


def _sample(
    volume: Tensor, y: Tensor, x: Tensor, cells: tuple[float, ...], z: Tensor | None
) -> Tensor:
    """Read (1, C, D, h, w) at rows y and columns x in [0, 1] of its picture: (1, C, 1, H, W).

    The picture covers ``cells`` of the volume. z (H, W) in [0, 1] runs from the middle of the first
    plane to that of the last.
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
