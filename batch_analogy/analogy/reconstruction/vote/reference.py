"""Patch voting in plain PyTorch: the readable version that defines the answer."""

from __future__ import annotations

import torch
from torch import Tensor


def vote(values: Tensor, nnf: Tensor, patch: int, weight: Tensor | None = None) -> Tensor:
    """Average the values that overlapping patches contribute to each cell.

    Arguments and result are those of ``vote`` of the package.
    """
    channels, target_height, target_width = values.shape[1:]
    batch, _, height, width = nnf.shape
    cells = values.permute(0, 2, 3, 1).reshape(-1, channels)
    first = _first_cells(values, batch, nnf.device)
    weight = values.new_ones((batch, 1, height, width)) if weight is None else weight
    ys = torch.arange(height, device=nnf.device).view(-1, 1)
    xs = torch.arange(width, device=nnf.device).view(1, -1)
    total = values.new_zeros((batch, height, width, channels))
    weight_sum = values.new_zeros((batch, height, width, 1))
    reach = patch // 2
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            inside = (ys + dy >= 0) & (ys + dy < height) & (xs + dx >= 0) & (xs + dx < width)
            there_y, there_x = (ys + dy).clamp(0, height - 1), (xs + dx).clamp(0, width - 1)
            neighbour, counts = nnf[:, :, there_y, there_x], weight[:, 0, there_y, there_x]
            qy, qx = neighbour[:, 0] - dy, neighbour[:, 1] - dx
            inside = inside & (qy >= 0) & (qy < target_height) & (qx >= 0) & (qx < target_width)
            row = qy.clamp(0, target_height - 1).long() * target_width
            value = cells[first + row + qx.clamp(0, target_width - 1)]
            counts = torch.where(inside, counts, 0.0)[..., None]
            total += counts * value
            weight_sum += counts
    return (total / weight_sum).permute(0, 3, 1, 2)


def _first_cells(values: Tensor, batch: int, device: torch.device) -> Tensor:
    """Return the index of each item's first cell among all cells, (B, 1, 1); 0 for one map."""
    cells = values.shape[2] * values.shape[3] if len(values) > 1 else 0
    return (torch.arange(batch, device=device) * cells).view(-1, 1, 1)
