"""Edges and sources of seams in PyTorch: the readable version, and the one for GPUs."""

from __future__ import annotations

from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from batch_analogy.analogy.nnf import Size, sides

NO_EDGE, EDGE = 0.06, 0.15
"""Differences (values 0…1) up to which there is no edge, and from which there is."""

CONTINUES_PX = 0.6  # a neighbour's match nearer than this to the expected place continues a piece
NEAR_PX = 2  # pixels on each side of a border in which the vote mixes both pieces
_ROWS_AT_ONCE = 256


def edge_strength(guide: Tensor, reach: int) -> Tensor:
    """Return where a picture has edges within ``reach`` pixels; see the package."""
    difference = (_highest(guide, reach) + _highest(-guide, reach)).amax(dim=1, keepdim=True)
    return ((difference - NO_EDGE) / (EDGE - NO_EDGE)).clamp_(0.0, 1.0)


def _highest(picture: Tensor, reach: int) -> Tensor:
    """Return the highest value within ``reach`` pixels on each axis."""
    along = F.max_pool2d(picture, (1, 2 * reach + 1), 1, (0, reach))
    return F.max_pool2d(along, (2 * reach + 1, 1), 1, (reach, 0))


def seam_sources(
    rendered: Tensor, read: Tensor, field: Tensor, edges: Tensor, read_edges: Tensor
) -> Tensor:
    """Compute the sources; arguments and result are those of the package."""
    sources = torch.zeros_like(rendered)
    flat = sources.view(3, -1)
    colours, values = rendered.view(3, -1), read.reshape(3, -1)
    matches, strength = field.view(2, -1), edges.view(-1)
    near = _near_seams(field).view(-1)
    size = sides(read)
    strength = torch.maximum(strength, _at(read_edges.view(1, -1), (matches + 0.5).long(), size)[0])
    for step, pixels in _neighbours(sides(rendered), rendered.device):
        onward = step[0] * rendered.shape[3] + step[1]
        blended = near[pixels] & near[pixels + onward]
        blended &= torch.maximum(strength[pixels], strength[pixels + onward]) < 1.0
        before = pixels[blended]
        after = before + onward
        share = 1.0 - torch.maximum(strength[before], strength[after])
        offset = torch.tensor(step, device=field.device)[:, None]
        here, there = matches[:, before], matches[:, after]
        goes_on = _at(values, here + offset, size) - _at(values, here, size)
        came = _at(values, there, size) - _at(values, there - offset, size)
        change = share * ((goes_on + came) * 0.5 - (colours[:, after] - colours[:, before]))
        flat[:, before] -= change
        flat[:, after] += change
    return sources


def _near_seams(field: Tensor) -> Tensor:
    """Return where a match within a few pixels is not continued by its neighbour, (1, 1, H, W)."""
    seam = torch.zeros_like(field[:, :1], dtype=torch.float32)
    for axis in range(2):
        count = field.shape[2 + axis] - 1
        first, second = (field.narrow(2 + axis, start, count) for start in (0, 1))
        moved = (second - first).float()
        moved[:, axis] -= 1.0
        apart = (moved.abs().amax(dim=1, keepdim=True) > CONTINUES_PX).float()
        for start in (0, 1):
            here = seam.narrow(2 + axis, start, count)
            torch.maximum(here, apart, out=here)
    return F.max_pool2d(seam, 2 * NEAR_PX + 1, 1, NEAR_PX) > 0


def _neighbours(size: Size, device: torch.device) -> Iterator[tuple[tuple[int, int], Tensor]]:
    """Yield steps (dy, dx) with the pixels that have a neighbour there, some rows at a time."""
    height, width = size
    for step in ((1, 0), (0, 1)):
        for top in range(0, height - step[0], _ROWS_AT_ONCE):
            rows = torch.arange(top, min(top + _ROWS_AT_ONCE, height - step[0]), device=device)
            columns = torch.arange(width - step[1], device=device)
            yield step, (rows[:, None] * width + columns[None]).view(-1)


def _at(values: Tensor, at: Tensor, size: Size) -> Tensor:
    """Read (3, H'·W') at positions (2, N), as (3, N); bilinear, with replicated edges."""
    height, width = size
    y, x = at[0].clamp(0, height - 1), at[1].clamp(0, width - 1)
    if not at.is_floating_point():
        return values[:, y.long() * width + x]
    top, left = y.floor(), x.floor()
    down, along = y - top, x - left
    top, left = top.long(), left.long()
    bottom, right = (top + 1).clamp_max(height - 1), (left + 1).clamp_max(width - 1)
    upper = _mixed(values, top * width + left, top * width + right, along)
    lower = _mixed(values, bottom * width + left, bottom * width + right, along)
    return upper * (1.0 - down) + lower * down


def _mixed(values: Tensor, first: Tensor, second: Tensor, share: Tensor) -> Tensor:
    return values[:, first] * (1.0 - share) + values[:, second] * share
