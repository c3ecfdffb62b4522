"""Carry fields and colour transforms of one frame along the motion to another.

A field A→B moves in its domain: a pixel takes the match from its earlier position. A field B→A
moves in its range: a match moves along with the pixel that it points to. Both keep fractions of a
cell, so that a motion of a third of a pixel per frame is one pixel after three frames.

Source: docs/method.md, "Fields between cells"; docs/method.md, "Colours over time".
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from batch_analogy.analogy.correspondence.smoothness_prior import pull_push
from batch_analogy.analogy.correspondence.temporal_prior import TemporalPrior
from batch_analogy.analogy.nnf import Size, initial_position, sides
from batch_analogy.motion.flow.optical_flow import Motion
from batch_analogy.motion.flow.sampling import Flow

SOFT_CELLS = 9  # width of the transition between two sets of colour transforms
_KNOWN_FROM = 0.5  # confidence from which a cell counts as fully known: it moves as most of it does


def carry_domain(field: Tensor, motion: Motion) -> TemporalPrior:
    """Carry a field A→B to the next frame.

    Fields start on whole pixels, so the fraction of a match is the distance it was carried beyond
    its cell. If that were ignored, borders between pieces would move by whole cells and lag behind:
    by 1 px after four steps of 7.2 px.

    Args:
        field: (1, C, H, W) float32: (y, x), and further channels that belong to a match.
        motion: between the frames, at any size.
    """
    size = sides(field)
    backward = map_to_tensor(_scale_flow(motion.backward, size), field.device)
    rows = torch.arange(size[0], device=field.device, dtype=torch.float32).view(-1, 1)
    columns = torch.arange(size[1], device=field.device, dtype=torch.float32).view(1, -1)
    was = torch.stack([backward[0, 0] + rows, backward[0, 1] + columns])[None]
    cell = _nearest_cells(was, size)
    ahead = field[:, :2, cell[0], cell[1]]
    cell = _nearest_cells(was + (ahead - (ahead + 0.5).floor()), size)
    match = field[:, :, cell[0], cell[1]]
    match[:, :2] += was - cell
    return TemporalPrior(match, map_to_tensor(resize_map(motion.confidence, size), field.device))


def carry_range(field: Tensor, motion: Motion, size: Size) -> TemporalPrior:
    """Carry a field B→A to the next frame.

    Args:
        field: (1, 2, H', W') float32, positions in the frame. motion: between the frames, at any
            size. size: of the frame in the units of the field.
    """
    forward = map_to_tensor(_scale_flow(motion.forward, size), field.device)
    cell = _nearest_cells(field, size)
    confidence = map_to_tensor(resize_map(motion.confidence_before, size), field.device)
    moved = field + sample_bilinear(forward, field)
    return TemporalPrior(moved, confidence[:, :, cell[0], cell[1]])


def carry_map(values: Tensor, motion: Motion) -> Tensor:
    """Carry a map over a frame's pixels to the next frame.

    Args:
        values: (1, C, H, W) float32. motion: between the frames, at any size.
    """
    size = sides(values)
    backward = map_to_tensor(_scale_flow(motion.backward, size), values.device)
    cell = _nearest_cells(initial_position(size, size, values.device) + backward, size)
    return values[:, :, cell[0], cell[1]]


def carry_grid(
    grid: Tensor, cells: tuple[float, float], motion: Motion, size: Size
) -> tuple[Tensor, Tensor]:
    """Carry a frame's grid of colour transforms to the next frame.

    Args:
        grid: (1, C, D, h, w) float32 over the frame. cells: height and width of the frame in cells.
        motion: between the frames, at any size.
        size: of the frame, such that each cell is a whole number of pixels.

    Returns:
        The grid, each cell moved by its mean motion, and its confidence, (1, 1, h, w) in [0, 1].
    """
    confidence = map_to_tensor(resize_map(motion.confidence, size), grid.device)
    flow = map_to_tensor(_scale_flow(motion.backward, size), grid.device)
    shape = int(grid.shape[3]), int(grid.shape[4])
    cell = round(size[0] / cells[0])
    total = _cell_means(confidence, cell, shape).clamp(0.0, 1.0)
    moved = _cell_means(flow * confidence, cell, shape) / total.clamp_min(1e-3)
    moved = pull_push(moved, total)  # unknown cells move like those around them
    rows = torch.arange(shape[0], device=grid.device).view(-1, 1)
    columns = torch.arange(shape[1], device=grid.device).view(1, -1)
    at_y = (rows + moved[0, 0] / cell + 0.5) * 2 / shape[0] - 1
    at_x = (columns + moved[0, 1] / cell + 0.5) * 2 / shape[1] - 1
    at = torch.stack([at_x, at_y], dim=-1)[None]
    flat = functional.grid_sample(
        grid.flatten(1, 2), at, mode="bilinear", padding_mode="border", align_corners=False
    )
    return flat.view_as(grid), total


def average_over_cells(
    values: NDArray[np.float32], grid: Tensor, cells: tuple[float, float], size: Size
) -> Tensor:
    """Average a map over a frame's pixels within the cells of a grid, (1, 1, h, w).

    Args:
        values: (H, W) float32 at any size.
        grid, cells, size: as in ``carry_grid``.
    """
    pixels = map_to_tensor(resize_map(values, size), grid.device)
    return _cell_means(pixels, round(size[0] / cells[0]), sides(grid[:, :, 0]))


def extend_transforms(carried: Tensor, new: Tensor, confidence: Tensor) -> Tensor:
    """Extend carried colour transforms by new ones, adjusted so that both meet without a seam.

    New transforms come from another fit, so their border with carried ones would be visible.
    Fading across it would change known cells too, and again at the next anchor. Instead, the
    difference at the border continues beyond it and fades out.

    Args:
        carried: (1, C, D, h, w) float32. new: likewise.
        confidence: of the carried transforms, (1, 1, h, w) in [0, 1].
    """
    known = (confidence / _KNOWN_FROM).clamp_max(1.0)
    apart = carried - new
    around = pull_push(apart.flatten(1, 2), known).view_as(apart)
    near = (2.0 * local_mean(known, SOFT_CELLS)).clamp_max(1.0)  # 1 at a straight border
    known, near = known[:, :, None], near[:, :, None]
    return new + known * apart + (1.0 - known) * near * around


def taper_confidence(confidence: Tensor, reach: int) -> Tensor:
    """Lower a confidence, (1, 1, H, W), to 0 within ``reach`` cells of untrusted cells."""
    return confidence * (2.0 * local_mean(confidence, reach) - 1.0).clamp_min(0.0)


def local_mean(values: Tensor, reach: int) -> Tensor:
    """Average (1, C, H, W) over the cells within ``reach``, fewer at the edges."""
    return functional.avg_pool2d(values, 2 * reach + 1, 1, reach, count_include_pad=False)


def _cell_means(values: Tensor, cell: int, size: Size) -> Tensor:
    """Average over square cells of pixels; those at the lower and right edge are smaller."""
    means = functional.avg_pool2d(values, cell, ceil_mode=True, count_include_pad=False)
    return means[:, :, : size[0], : size[1]]


def _nearest_cells(positions: Tensor, size: Size) -> Tensor:
    """Return the nearest cells inside a map, (2, H, W) int64."""
    rounded = (positions[0] + 0.5).floor()
    axes = [rounded[axis].clamp(0, size[axis] - 1) for axis in range(2)]
    return torch.stack(axes).long()


def sample_bilinear(values: Tensor, positions: Tensor) -> Tensor:
    """Read a map (1, C, H, W) at (1, 2, h, w) positions (y, x): bilinear, edges replicated."""
    height, width = sides(values)
    at_y = (positions[:, 0] + 0.5) * 2 / height - 1
    at_x = (positions[:, 1] + 0.5) * 2 / width - 1
    at = torch.stack([at_x, at_y], dim=-1)
    return functional.grid_sample(
        values, at, mode="bilinear", padding_mode="border", align_corners=False
    )


def map_to_tensor(values: NDArray[np.float32], device: torch.device) -> Tensor:
    """Convert (H, W) to (1, 1, H, W), and a flow's (dx, dy) to (1, 2, H, W) as (dy, dx)."""
    if values.ndim == 2:
        return torch.from_numpy(values)[None, None].to(device)
    return (
        torch.from_numpy(np.ascontiguousarray(values[..., ::-1])).permute(2, 0, 1)[None].to(device)
    )


def _scale_flow(flow: Flow, size: Size) -> Flow:
    """Resize a flow, with its vectors."""
    if flow.shape[:2] == size:
        return flow
    ratio = np.array([size[1] / flow.shape[1], size[0] / flow.shape[0]], np.float32)
    return np.asarray(resize_map(flow, size) * ratio, np.float32)


def resize_map(values: NDArray[np.float32], size: Size) -> NDArray[np.float32]:
    """Resize a map (H, W[, C]) by bilinear interpolation."""
    if values.shape[:2] == size:
        return values
    resized = cv2.resize(values, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(resized, np.float32)
