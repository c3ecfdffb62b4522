"""Carrying what one frame was given along the motion to the next: fields, and colour transforms.

A field A→B moves in its domain: a pixel takes the match of where it was. A field B→A moves in its
range: a match goes where its pixel goes. Both stay between cells, so that a motion of a third of a
pixel a frame is one pixel after three frames.

Source: video-and-timelapse facts §1, step 2.
"""

from __future__ import annotations

import cv2
import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from batch_analogy.analogy.correspondence.smoothness_prior import pull_push
from batch_analogy.analogy.correspondence.temporal_prior import TemporalPrior
from batch_analogy.analogy.nnf import Size, initial_position, sides
from batch_analogy.motion.flow.optical_flow import Motion
from batch_analogy.motion.flow.sampling import Flow, Luma

SOFT_CELLS = 9  # over which colour transforms go over into others
_KNOWN_FROM = 0.5  # a cell of them moves as most of it does, so it is known if so much is


def carry_domain(field: Tensor, motion: Motion) -> TemporalPrior:
    """A frame's field A→B for the frame after it.

    A field is born in whole pixels, so what it has between them is how far it has been carried
    beyond its cells. Without that, the borders between its pieces would move by whole cells each
    time, and stay behind: by 1 px after four times 7.2.

    Args:
        field: (1, C, H, W) float32: (y, x), and what else belongs to a match and goes with it.
        motion: of the frames, at any size.
    """
    size = sides(field)
    backward = map_to_tensor(_scaled_flow(motion.backward, size), field.device)
    rows = torch.arange(size[0], device=field.device, dtype=torch.float32).view(-1, 1)
    columns = torch.arange(size[1], device=field.device, dtype=torch.float32).view(1, -1)
    was = torch.stack([backward[0, 0] + rows, backward[0, 1] + columns])[None]
    cell = _cells_at(was, size)
    ahead = field[:, :2, cell[0], cell[1]]
    cell = _cells_at(was + (ahead - (ahead + 0.5).floor()), size)
    match = field[:, :, cell[0], cell[1]]
    match[:, :2] += was - cell
    return TemporalPrior(match, map_to_tensor(resize_map(motion.confidence, size), field.device))


def carry_range(field: Tensor, motion: Motion, size: Size) -> TemporalPrior:
    """A frame's field B→A for the frame after it.

    Args:
        field: (1, 2, H', W') float32, places in the frame. motion: of the frames, at any size.
        size: of the frame in the units of the field.
    """
    forward = map_to_tensor(_scaled_flow(motion.forward, size), field.device)
    cell = _cells_at(field, size)
    confidence = map_to_tensor(resize_map(motion.confidence_before, size), field.device)
    return TemporalPrior(
        field + sample_bilinear(forward, field), confidence[:, :, cell[0], cell[1]]
    )


def carry_map(values: Tensor, motion: Motion) -> Tensor:
    """Values of a frame's pixels, for those of the frame after it.

    Args:
        values: (1, C, H, W) float32. motion: of the frames, at any size.
    """
    size = sides(values)
    backward = map_to_tensor(_scaled_flow(motion.backward, size), values.device)
    cell = _cells_at(initial_position(size, size, values.device) + backward, size)
    return values[:, :, cell[0], cell[1]]


def carry_grid(
    grid: Tensor, cells: tuple[float, float], motion: Motion, size: Size
) -> tuple[Tensor, Tensor]:
    """A frame's grid of colour transforms, for the frame after it.

    Args:
        grid: (1, C, D, h, w) float32 over place. cells: the frame's height and width in them.
        motion: of the frames, at any size. size: of the frame, in which cells are whole.

    Returns:
        The grid, moved as most of each cell moves; and how confidence that is, (1, 1, h, w) in
        [0, 1].
    """
    confidence = map_to_tensor(resize_map(motion.confidence, size), grid.device)
    flow = map_to_tensor(_scaled_flow(motion.backward, size), grid.device)
    shape = int(grid.shape[3]), int(grid.shape[4])
    cell = round(size[0] / cells[0])
    total = _cell_means(confidence, cell, shape).clamp(0.0, 1.0)
    moved = _cell_means(flow * confidence, cell, shape) / total.clamp_min(1e-3)
    moved = pull_push(moved, total)  # what cannot be followed moves as what is around it
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
    values: Luma, grid: Tensor, cells: tuple[float, float], size: Size
) -> Tensor:
    """Values of a frame's pixels, as means over the cells of a grid: (1, 1, h, w).

    Args:
        values: (H, W) float32 at any size.
        grid, cells, size: as in ``carry_grid``.
    """
    pixels = map_to_tensor(resize_map(values, size), grid.device)
    return _cell_means(pixels, round(size[0] / cells[0]), sides(grid[:, :, 0]))


def extend_transforms(carried: Tensor, new: Tensor, confidence: Tensor) -> Tensor:
    """TemporalPrior colour transforms, and where there are none new ones, bent to meet them.

    New ones are of another fit, so beside carried ones their border would be seen. Fading across it
    would change what is known as well, and again with the next anchor: what they differ by at the
    border goes on beyond it instead, less and less.

    Args:
        carried: (1, C, D, h, w) float32. new: likewise.
        confidence: (1, 1, h, w) in [0, 1], how much of each cell could be followed.
    """
    known = (confidence / _KNOWN_FROM).clamp_max(1.0)
    apart = carried - new
    around = pull_push(apart.flatten(1, 2), known).view_as(apart)
    near = (2.0 * local_mean(known, SOFT_CELLS)).clamp_max(1.0)  # 1 at a straight border
    known, near = known[:, :, None], near[:, :, None]
    return new + known * apart + (1.0 - known) * near * around


def taper_confidence(confidence: Tensor, reach: int) -> Tensor:
    """Trust (1, 1, H, W) that falls to nothing towards what is not believed, so many cells away."""
    return confidence * (2.0 * local_mean(confidence, reach) - 1.0).clamp_min(0.0)


def local_mean(values: Tensor, reach: int) -> Tensor:
    """Means of (1, C, H, W) over the cells so many away, fewer at the edges."""
    return functional.avg_pool2d(values, 2 * reach + 1, 1, reach, count_include_pad=False)


def _cell_means(values: Tensor, cell: int, size: Size) -> Tensor:
    """Means over square cells of pixels, those at the lower and right edge smaller."""
    means = functional.avg_pool2d(values, cell, ceil_mode=True, count_include_pad=False)
    return means[:, :, : size[0], : size[1]]


def _cells_at(places: Tensor, size: Size) -> Tensor:
    """The nearest cells, (2, H, W) int64, inside a map."""
    rounded = (places[0] + 0.5).floor()
    axes = [rounded[axis].clamp(0, size[axis] - 1) for axis in range(2)]
    return torch.stack(axes).long()


def sample_bilinear(values: Tensor, places: Tensor) -> Tensor:
    """A map (1, C, H, W) read at (1, 2, h, w) places (y, x); bilinear, edges held."""
    height, width = sides(values)
    at_y = (places[:, 0] + 0.5) * 2 / height - 1
    at_x = (places[:, 1] + 0.5) * 2 / width - 1
    at = torch.stack([at_x, at_y], dim=-1)
    return functional.grid_sample(
        values, at, mode="bilinear", padding_mode="border", align_corners=False
    )


def map_to_tensor(values: Luma | Flow, device: torch.device) -> Tensor:
    """(H, W) float32 → (1, 1, H, W); a flow's (dx, dy) → (1, 2, H, W), as fields: (dy, dx)."""
    if values.ndim == 2:
        return torch.from_numpy(values)[None, None].to(device)
    return (
        torch.from_numpy(np.ascontiguousarray(values[..., ::-1])).permute(2, 0, 1)[None].to(device)
    )


def _scaled_flow(flow: Flow, size: Size) -> Flow:
    if flow.shape[:2] == size:
        return flow
    ratio = np.array([size[1] / flow.shape[1], size[0] / flow.shape[0]], np.float32)
    return np.asarray(resize_map(flow, size) * ratio, np.float32)


def resize_map(values: Luma | Flow, size: Size) -> Luma:
    """A map (H, W[, C]) at another size; bilinear."""
    if values.shape[:2] == size:
        return values
    resized = cv2.resize(values, (size[1], size[0]), interpolation=cv2.INTER_LINEAR)
    return np.asarray(resized, np.float32)
