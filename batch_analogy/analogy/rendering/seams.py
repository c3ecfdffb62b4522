"""Blend the seams between the pieces of a rendered picture, where all is plain.

A' is put together from pieces of B'. In a sky or on a cheek two pieces may meet that differ in
colour, and their border shows as the outline of a blotch. Here the step at such a border is
replaced by the change with which the pieces themselves would go on, and the picture is solved from
its changes: colours then run into each other over a distance. Borders along edges of A stay, and so
do those along edges of B': a stroke that ends at a seam would otherwise run out into the paper.

Source: gradient-domain blending (Pérez et al. 2003; Darabi et al. 2012, Image Melding), as a
screened Poisson equation (Bhat et al. 2008). A departure from the published method;
docs/method.md, "Seams".
"""

from __future__ import annotations

import math
from collections.abc import Iterator

import torch
import torch.nn.functional as F
from torch import Tensor

from batch_analogy.analogy.nnf import Size, sides

_BLEND_SHARE = 0.06
"""Distance over which colours run into each other, as a share of the longer side."""

_NO_EDGE, _EDGE = 0.06, 0.15
"""Differences (values 0…1) up to which there is no edge in the guide, and from which there is."""

_CONTINUES_PX = 0.6  # a neighbour's match nearer than this to the expected place continues a piece
_NEAR_PX = 2  # pixels on each side of a border in which the vote mixes both pieces
_ROWS_AT_ONCE = 256


def edge_strength(guide: Tensor, cells: Size) -> Tensor:
    """Return where a picture has edges: 0 (none) … 1.

    Args:
        guide: (1, 3, H, W) float32 in [0, 1]. cells: (h, w), the size at which it was matched: an
            edge is looked for within a cell.

    Returns:
        (1, 1, H, W) float32.
    """
    reach = max(1, round(guide.shape[3] / cells[1]))
    side = 2 * reach + 1
    highest = F.max_pool2d(guide, side, 1, reach)
    difference = (highest + F.max_pool2d(-guide, side, 1, reach)).amax(dim=1, keepdim=True)
    return ((difference - _NO_EDGE) / (_EDGE - _NO_EDGE)).clamp_(0.0, 1.0)


def seam_sources(
    rendered: Tensor, read: Tensor, field: Tensor, edges: Tensor, read_edges: Tensor
) -> Tensor:
    """Compute by how much the changes between neighbours should differ, as a divergence.

    Args:
        rendered: (1, 3, H, W) float32. read: (1, 3, H', W') float32, the picture that was read.
        field: (1, 2, H, W) int32 or float32, (y, x) in ``read``.
        edges: (1, 1, H, W) float32, ``edge_strength`` of the guide.
        read_edges: (1, 1, H', W') float32, that of ``read``.

    Returns:
        (1, 3, H, W) float32 for ``blend_seams``; 0 away from seams.
    """
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


def blend_seams(rendered: Tensor, sources: Tensor) -> Tensor:
    """Solve a picture whose changes are those of ``rendered``, but for the sources.

    Args:
        rendered: (1, 3, H, W) float32 in [0, 1]. sources: (1, 3, H, W) float32.

    Returns:
        (1, 3, H, W) float32 in [0, 1].
    """
    height, width = sides(rendered)
    screening = 1.0 / (_BLEND_SHARE * max(height, width)) ** 2
    response = [
        2.0 - 2.0 * torch.cos(torch.arange(n, dtype=torch.float64) * (math.pi / n))
        for n in (height, width)
    ]
    divisor = (screening + response[0][:, None] + response[1][None]).float().to(rendered.device)
    solved = [_filtered(channel, divisor) for channel in sources[0]]
    return (rendered + torch.stack(solved)[None]).clamp_(0.0, 1.0)


def _filtered(channel: Tensor, divisor: Tensor) -> Tensor:
    """Divide the cosine transform of (H, W) by ``divisor``."""
    if channel.device.type == "cpu":
        from scipy import fft  # loads in 0.2 s

        transformed = fft.dctn(channel.numpy(), norm="ortho") / divisor.numpy()
        return torch.from_numpy(fft.idctn(transformed, norm="ortho", overwrite_x=True))
    return filtered_by_fourier(channel, divisor)


def filtered_by_fourier(channel: Tensor, divisor: Tensor) -> Tensor:
    """Divide the cosine transform of (H, W) by ``divisor``, by Fourier transforms of its mirror.

    PyTorch has no cosine transform. The mirrored picture has a real one but for a phase, which
    cancels.
    """
    height, width = channel.shape
    mirrored = torch.cat([channel, channel.flip(0)])
    mirrored = torch.cat([mirrored, mirrored.flip(1)], dim=1)
    transformed = torch.fft.rfft2(mirrored)
    rows = torch.cat([divisor, divisor.new_ones(1, width), divisor[1:].flip(0)])
    whole = torch.cat([rows, rows.new_ones(2 * height, 1)], dim=1)
    solved: Tensor = torch.fft.irfft2(transformed / whole, s=mirrored.shape)
    return solved[:height, :width]


def _near_seams(field: Tensor) -> Tensor:
    """Return where a match within a few pixels is not continued by its neighbour, (1, 1, H, W)."""
    seam = torch.zeros_like(field[:, :1], dtype=torch.float32)
    for axis in range(2):
        count = field.shape[2 + axis] - 1
        first, second = (field.narrow(2 + axis, start, count) for start in (0, 1))
        moved = (second - first).float()
        moved[:, axis] -= 1.0
        apart = (moved.abs().amax(dim=1, keepdim=True) > _CONTINUES_PX).float()
        for start in (0, 1):
            here = seam.narrow(2 + axis, start, count)
            torch.maximum(here, apart, out=here)
    return F.max_pool2d(seam, 2 * _NEAR_PX + 1, 1, _NEAR_PX) > 0


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
