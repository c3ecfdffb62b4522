"""Render a picture at its full resolution through a field, by patch voting."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from batch_analogy.analogy.deterministic import exp
from batch_analogy.analogy.nnf import Size

_TOLERANCE = 0.05  # votes that differ by this much more than the nearest lose weight (values 0…1)
_NO_VOTE = 1e6  # difference assigned to a vote that does not count
_MIN_WEIGHT = 1e-12
_PIXELS_AT_ONCE = 1 << 20  # output pixels voted together: bounds memory at any resolution


def vote_picture(
    picture: Tensor,
    nnf: Tensor,
    target_cells: Size,
    size: Size,
    patch: int = 3,
    *,
    sharp: bool = False,
) -> Tensor:
    """Rebuild a picture at full resolution from another, through a field of any resolution.

    Every pixel averages the votes of the patches around it. They read the other picture at its own
    full resolution, between pixels where a cell covers several. At scale 1 this is the published
    final vote; above it, a cell's weight falls off at its patch's edge so that no cell borders
    are visible.

    Args:
        picture: (B, 3, H', W') float32, the picture that is read, at its full resolution, or one
            (1, 3, H', W') for all.
        nnf: (B, 2, h, w) int32, at matching resolution.
        target_cells: (h', w'), the size at which ``picture`` was matched.
        size: (H, W) of the result in pixels.
        patch: odd side, cells.
        sharp: whether votes near the mean outweigh those that differ from it.

    Returns:
        (B, 3, H, W) float32.

    Source: docs/method.md, "Final vote".
    """
    height, width = size
    rows = max(1, _PIXELS_AT_ONCE // (width * len(nnf)))
    picture = picture.expand(len(nnf), -1, -1, -1)
    window = _window(height, int(nnf.shape[2])) if sharp else 0
    pieces = []
    for top in range(0, height, rows):
        bottom = min(top + rows, height)
        first, last = max(0, top - window), min(height, bottom + window)
        piece = _vote_rows(picture, nnf, target_cells, size, (first, last), patch // 2, window)
        pieces.append(piece[:, :, top - first : piece.shape[2] - (last - bottom)])
    return torch.cat(pieces, dim=2)


def _window(pixels: int, cells: int) -> int:
    """Return the odd side, in pixels, of a window as large as one cell; at least 3."""
    return max(3, 2 * round(pixels / cells / 2) + 1)


def _vote_rows(
    picture: Tensor,
    nnf: Tensor,
    target_cells: Size,
    size: Size,
    rows: tuple[int, int],
    reach: int,
    window: int,
) -> Tensor:
    """Vote for some rows of the result; ``window`` 0 takes the plain mean."""
    cells = (int(nnf.shape[2]), int(nnf.shape[3]))
    device = nnf.device
    parent_y, inside_y = _cells_of(torch.arange(*rows, device=device), size[0], cells[0])
    parent_x, inside_x = _cells_of(torch.arange(size[1], device=device), size[1], cells[1])
    votes: list[tuple[Tensor, Tensor]] = []
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            y, x = parent_y + dy, parent_x + dx
            field = nnf[:, :, y.clamp(0, cells[0] - 1)][..., x.clamp(0, cells[1] - 1)].float()
            at_y = field[:, 0] - dy + inside_y[:, None]
            at_x = field[:, 1] - dx + inside_x[None, :]
            weight = _falloff(inside_y - dy, reach)[:, None]
            weight = weight * _falloff(inside_x - dx, reach)[None, :]
            valid = ((y >= 0) & (y < cells[0]))[:, None] & ((x >= 0) & (x < cells[1]))[None, :]
            valid = valid & _within(at_y, target_cells[0]) & _within(at_x, target_cells[1])
            votes.append(((weight * valid)[:, None], _sample(picture, at_y, at_x, target_cells)))
    mean = _weighted_mean(votes)
    return _weighted_mean(_sharpened(votes, mean, window)) if window else mean


def _weighted_mean(votes: list[tuple[Tensor, Tensor]]) -> Tensor:
    """Compute Σ w·v / Σ w; 0 without any vote, as outside a copy's own part of an atlas."""
    total, weight_sum = votes[0][0] * votes[0][1], votes[0][0].clone()
    for weight, value in votes[1:]:
        total += weight * value
        weight_sum += weight
    return total / weight_sum.clamp_min(_MIN_WEIGHT)


def _sharpened(
    votes: list[tuple[Tensor, Tensor]], mean: Tensor, window: int
) -> list[tuple[Tensor, Tensor]]:
    """Weigh the votes by their distance from the mean in a window around each pixel.

    Where votes agree nothing changes. Where they do not, the mean would show them all at once, as
    blur or ghosts; the nearest ones then prevail (one step of mean shift, as in Wexler et al.
    2007).
    """
    reach = window // 2
    distances = []
    for weight, value in votes:
        difference = (value - mean).square().mean(dim=1, keepdim=True)
        near = F.avg_pool2d(difference, window, 1, reach, count_include_pad=False)
        distances.append(torch.where(weight > 0, near, _NO_VOTE))
    least = torch.stack(distances).amin(dim=0)
    return [
        (weight * exp((least - distance) / _TOLERANCE**2), value)
        for distance, (weight, value) in zip(distances, votes, strict=True)
    ]


def _cells_of(pixels: Tensor, count: int, cells: int) -> tuple[Tensor, Tensor]:
    """Return each pixel's cell, and its offset from the cell's centre, in cells (−0.5 … 0.5)."""
    centres = (pixels.double() + 0.5) * cells / count
    parents = centres.floor().clamp(0, cells - 1)
    return parents.long(), (centres - parents - 0.5).float()


def _falloff(distance: Tensor, reach: int) -> Tensor:
    """Compute weights: 1 up to ``reach`` cells from a patch's centre, 0 from half a cell beyond."""
    return ((reach + 0.5 - distance.abs()) * 2.0).clamp(0.0, 1.0)


def _within(position: Tensor, cells: int) -> Tensor:
    return (position >= -0.5) & (position <= cells - 0.5)


def _sample(picture: Tensor, at_y: Tensor, at_x: Tensor, target_cells: Size) -> Tensor:
    """Read a picture at positions in matching cells; bilinear, with replicated edges."""
    grid = torch.stack(
        [(at_x + 0.5) * 2 / target_cells[1] - 1, (at_y + 0.5) * 2 / target_cells[0] - 1], dim=-1
    )
    return F.grid_sample(picture, grid, mode="bilinear", padding_mode="border", align_corners=False)
