"""Create, upsample and compare nearest-neighbour fields (NNF), and convert them to flow.

A field, (B, 2, H, W) int32, holds the match of each cell of one map: its absolute (y, x), in cells
of the other map at the same level.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from batch_analogy.analogy.deterministic import exp2

Size = tuple[int, int]
"""(height, width), in cells or pixels."""


def initial_nnf(size: Size, target_size: Size, device: torch.device | str = "cpu") -> Tensor:
    """Return the identity scaled to the other map: each cell at the same relative position.

    The published program starts from the unscaled identity, which never gives a valid match to
    cells beyond the edge of a smaller map.

    Returns:
        (1, 2, H, W) int32.

    Source: docs/method.md, "Start of the coarsest level".

    >>> initial_nnf((1, 4), (1, 2))[0, 1].tolist()
    [[0, 0, 1, 1]]
    """
    position = initial_position(size, target_size, device)
    return (position + 0.5).floor().to(torch.int32)


def initial_position(
    size: Size, target_size: tuple[float, float], device: torch.device | str = "cpu"
) -> Tensor:
    """Compute each cell's position in the other map, assuming that both maps show the same area.

    Returns:
        (1, 2, H, W) float32: absolute (y, x) of the cell's centre; whole numbers are the centres of
        target cells.
    """
    axes = []
    for count, target_count in zip(size, target_size, strict=True):
        cells = torch.arange(count, device=device, dtype=torch.float64)
        axes.append(((cells + 0.5) * target_count / count - 0.5).float())
    return torch.stack(torch.meshgrid(*axes, indexing="ij"))[None]


def upsample_nnf(nnf: Tensor, target_size: Size, size: Size, finer_target_size: Size) -> Tensor:
    """Upsample a field to a finer level, keeping each child's position inside its parent.

    Args:
        nnf: (B, 2, h, w) int32 field at the coarser level.
        target_size: the other map's size at the coarser level, cells.
        size: this map's size at the finer level, cells.
        finer_target_size: the other map's size at the finer level, cells.

    Returns:
        (B, 2, H, W) int32, inside the finer target.

    Source: docs/method.md, "Upsampling a field"; each map is scaled by its own ratio.
    """
    coarse = (int(nnf.shape[2]), int(nnf.shape[3]))
    parents, fractions = zip(
        *(_parents(n, c, nnf.device) for n, c in zip(size, coarse, strict=True)), strict=True
    )
    matches = nnf[:, :, parents[0]][:, :, :, parents[1]].to(torch.float64)
    children = []
    for axis in range(2):
        scale = finer_target_size[axis] / target_size[axis]
        inside = fractions[axis].view((-1, 1) if axis == 0 else (1, -1))
        position = (matches[:, axis] + 0.5 + inside) * scale - 0.5
        # Halves round up; 1e-6 absorbs the division's error.
        child = (position + 0.5 + 1e-6).floor()
        children.append(child.clamp(0, finer_target_size[axis] - 1))
    return torch.stack(children, dim=1).to(torch.int32)


def _parents(count: int, coarse_count: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """Return each fine cell's parent, and its offset from the parent's centre, in parent cells."""
    centres = (torch.arange(count, device=device, dtype=torch.float64) + 0.5) * coarse_count / count
    parents = centres.floor().clamp(0, coarse_count - 1)
    return parents.long(), centres - parents - 0.5


def consistency(nnf: Tensor, back: Tensor) -> Tensor:
    """Compute the forward-backward error: each cell's distance to its match's match, in cells.

    Args:
        nnf: (B, 2, H, W) field from this map. back: (B, 2, H', W') field of the other map.

    Returns:
        (B, 1, H, W) float32; 0 where both directions agree.
    """
    width = back.shape[3]
    cells = (nnf[:, :1].long() * width + nnf[:, 1:]).flatten(2).expand(-1, 2, -1)
    returned = back.flatten(2).gather(2, cells).view_as(nnf).float()
    own = torch.stack(
        torch.meshgrid(
            torch.arange(nnf.shape[2], device=nnf.device),
            torch.arange(nnf.shape[3], device=nnf.device),
            indexing="ij",
        )
    ).float()
    return (returned - own).square().sum(dim=1, keepdim=True).sqrt()


HALF_CONFIDENCE_CELLS = 4.0
"""Forward-backward error at which half the confidence is left."""


def match_confidence(nnf: Tensor, back: Tensor, cost: Tensor, half_cells: float) -> Tensor:
    """Compute the matches' confidence: their similarity, lower where the directions disagree.

    Args:
        nnf: (B, 2, H, W) field from this map. back: (B, 2, H', W') field of the other map.
        cost: (B, 1, H, W) float32, costs of the matches.
        half_cells: forward-backward error at which half the confidence is left, in cells.

    Returns:
        (B, 1, H, W) float32 in [0, 1].
    """
    agreement = exp2(-consistency(nnf, back) / half_cells)
    return (1.0 - cost).clamp(0.0, 1.0) * agreement


def sides(x: Tensor) -> Size:
    """Return (height, width) of a map (B, C, H, W)."""
    return int(x.shape[2]), int(x.shape[3])


def nnf_to_flow(
    nnf: Tensor, target_cells: Size, full_size: Size, full_target_size: Size
) -> NDArray[np.float32]:
    """Convert a field to displacements at full resolution.

    Args:
        nnf: (1, 2, h, w) int32 field. target_cells: the other map's size in cells.
        full_size: (H, W) of this picture in pixels. full_target_size: of the other picture.

    Returns:
        (H, W, 2) float32: (dx, dy), match − self; each position in pixels of its own picture.
    """
    cells = (int(nnf.shape[2]), int(nnf.shape[3]))
    position = []
    for axis in range(2):
        parents, fractions = _parents(full_size[axis], cells[axis], nnf.device)
        other, _ = _parents(full_size[1 - axis], cells[1 - axis], nnf.device)
        rows, columns = (parents, other) if axis == 0 else (other, parents)
        match = nnf[0, axis][rows][:, columns].to(torch.float64)
        inside = fractions.view((-1, 1) if axis == 0 else (1, -1))
        scale = full_target_size[axis] / target_cells[axis]
        own = torch.arange(full_size[axis], device=nnf.device, dtype=torch.float64)
        own = own.view((-1, 1) if axis == 0 else (1, -1))
        position.append((match + 0.5 + inside) * scale - 0.5 - own)
    return torch.stack([position[1], position[0]], dim=-1).to(torch.float32).cpu().numpy()
