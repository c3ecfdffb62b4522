"""Rebuilding one map from another through a nearest-neighbour field, by patch voting.

A cell is covered by the patches of all its neighbours; each says which value of the other map
belongs here, and the cell takes their mean. ``vote`` does it cell for cell on feature maps;
``vote_picture`` does it once at the end, at a picture's full resolution.
"""

from __future__ import annotations

import importlib.util

import torch
import torch.nn.functional as F
from torch import Tensor

from batch_analogy.analogy.deterministic import exp
from batch_analogy.analogy.nnf import Size

_TOLERANCE = 0.05  # votes that differ by this much more than the nearest lose weight (values 0…1)
_NO_VOTE = 1e6  # difference of a vote that does not count
_LEAST_WEIGHT = 1e-12
_ROWS_AT_ONCE_PX = 1 << 20  # output pixels voted together: bounds memory at any resolution


def vote(values: Tensor, nnf: Tensor, patch: int, say: Tensor | None = None) -> Tensor:
    """Mean of what the neighbours' patches say of each cell.

    Args:
        values: (B, C, H', W') float32, the map that is read, or (1, C, H', W'): one for all.
        nnf: (B, 2, H, W) int32, matches in ``values``.
        patch: odd side, cells.
        say: (B, 1, H, W) float32 above 0, how much each neighbour's vote counts; all alike by
            default, as published.

    Returns:
        (B, C, H, W) float32. Neighbours outside this map, and matches that fall outside the
        other once shifted back, do not vote.

    Source: paper §4.2 (warp), facts §3 and §4.
    """
    if values.device.type == "cpu":
        from batch_analogy.analogy.reconstruction.vote import cpu  # Numba is slow to import

        return cpu.vote(values, nnf, patch, say)
    if values.device.type == "cuda" and importlib.util.find_spec("triton") is not None:
        from batch_analogy.analogy.reconstruction.vote import cuda

        return cuda.vote(values, nnf, patch, say)
    return vote_reference(values, nnf, patch, say)


def vote_reference(values: Tensor, nnf: Tensor, patch: int, say: Tensor | None = None) -> Tensor:
    """``vote`` in plain PyTorch: the readable version that defines the answer."""
    channels, target_height, target_width = values.shape[1:]
    batch, _, height, width = nnf.shape
    cells = values.permute(0, 2, 3, 1).reshape(-1, channels)
    first = _first_cells(values, batch, nnf.device)
    say = values.new_ones((batch, 1, height, width)) if say is None else say
    ys = torch.arange(height, device=nnf.device).view(-1, 1)
    xs = torch.arange(width, device=nnf.device).view(1, -1)
    total = values.new_zeros((batch, height, width, channels))
    count = values.new_zeros((batch, height, width, 1))
    reach = patch // 2
    for dy in range(-reach, reach + 1):
        for dx in range(-reach, reach + 1):
            inside = (ys + dy >= 0) & (ys + dy < height) & (xs + dx >= 0) & (xs + dx < width)
            there_y, there_x = (ys + dy).clamp(0, height - 1), (xs + dx).clamp(0, width - 1)
            neighbour, counts = nnf[:, :, there_y, there_x], say[:, 0, there_y, there_x]
            qy, qx = neighbour[:, 0] - dy, neighbour[:, 1] - dx
            inside = inside & (qy >= 0) & (qy < target_height) & (qx >= 0) & (qx < target_width)
            row = qy.clamp(0, target_height - 1).long() * target_width
            value = cells[first + row + qx.clamp(0, target_width - 1)]
            counts = torch.where(inside, counts, 0.0)[..., None]
            total += counts * value
            count += counts
    return (total / count).permute(0, 3, 1, 2)


def _first_cells(values: Tensor, batch: int, device: torch.device) -> Tensor:
    """Where each item's map begins among the cells of all, (B, 1, 1); at 0 if there is one map."""
    cells = values.shape[2] * values.shape[3] if len(values) > 1 else 0
    return (torch.arange(batch, device=device) * cells).view(-1, 1, 1)


def vote_picture(
    picture: Tensor,
    nnf: Tensor,
    target_cells: Size,
    size: Size,
    patch: int = 3,
    *,
    sharp: bool = False,
) -> Tensor:
    """Rebuild a picture at full resolution out of another, through a field of any resolution.

    Every pixel averages what the patches of the cells around it say, reading the other picture
    at its own full resolution between pixels where a cell covers several. At scale 1 this is the
    official final vote (facts §4); above it, a cell's say fades out at its patch's edge so that
    no cell borders show.

    Args:
        picture: (B, 3, H', W') float32, the picture that is read, at its full resolution, or one
            (1, 3, H', W') for all.
        nnf: (B, 2, h, w) int32, at matching resolution.
        target_cells: (h', w'), the size at which ``picture`` was matched.
        size: (H, W) of the result in pixels.
        patch: odd side, cells.
        sharp: where the patches disagree, let those prevail that are nearest to their mean.

    Returns:
        (B, 3, H, W) float32.
    """
    height, width = size
    rows = max(1, _ROWS_AT_ONCE_PX // (width * len(nnf)))
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
    """The odd side in pixels of about a cell, at least 3."""
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
            weight = _fade(inside_y - dy, reach)[:, None] * _fade(inside_x - dx, reach)[None, :]
            valid = ((y >= 0) & (y < cells[0]))[:, None] & ((x >= 0) & (x < cells[1]))[None, :]
            valid = valid & _within(at_y, target_cells[0]) & _within(at_x, target_cells[1])
            votes.append(((weight * valid)[:, None], _sample(picture, at_y, at_x, target_cells)))
    mean = _weighted_mean(votes)
    return _weighted_mean(_agreeing(votes, mean, window)) if window else mean


def _weighted_mean(votes: list[tuple[Tensor, Tensor]]) -> Tensor:
    """Σ w·v / Σ w; 0 where nobody votes, as happens outside a copy's own part of an atlas."""
    total, weight_sum = votes[0][0] * votes[0][1], votes[0][0].clone()
    for weight, value in votes[1:]:
        total += weight * value
        weight_sum += weight
    return total / weight_sum.clamp_min(_LEAST_WEIGHT)


def _agreeing(
    votes: list[tuple[Tensor, Tensor]], mean: Tensor, window: int
) -> list[tuple[Tensor, Tensor]]:
    """The votes weighted by how near they come to their mean in a window around each pixel.

    Where they agree nothing changes. Where they do not, the mean shows them all at once, as blur
    or ghosts; those nearest to it then prevail (one step of mean shift, as in Wexler et al. 2007).
    """
    reach = window // 2
    away = []
    for weight, value in votes:
        difference = (value - mean).square().mean(dim=1, keepdim=True)
        near = F.avg_pool2d(difference, window, 1, reach, count_include_pad=False)
        away.append(torch.where(weight > 0, near, _NO_VOTE))
    least = torch.stack(away).amin(dim=0)
    return [
        (weight * exp((least - near) / _TOLERANCE**2), value)
        for near, (weight, value) in zip(away, votes, strict=True)
    ]


def _cells_of(pixels: Tensor, count: int, cells: int) -> tuple[Tensor, Tensor]:
    """Each pixel's cell, and its place from the cell's centre, in cells (−0.5 … 0.5)."""
    centres = (pixels.double() + 0.5) * cells / count
    parents = centres.floor().clamp(0, cells - 1)
    return parents.long(), (centres - parents - 0.5).float()


def _fade(distance: Tensor, reach: int) -> Tensor:
    """1 up to ``reach`` cells from a patch's centre, falling to 0 at its edge half a cell on."""
    return ((reach + 0.5 - distance.abs()) * 2.0).clamp(0.0, 1.0)


def _within(position: Tensor, cells: int) -> Tensor:
    return (position >= -0.5) & (position <= cells - 0.5)


def _sample(picture: Tensor, at_y: Tensor, at_x: Tensor, target_cells: Size) -> Tensor:
    """Read a picture at positions given in matching cells; bilinear, edges held."""
    grid = torch.stack(
        [(at_x + 0.5) * 2 / target_cells[1] - 1, (at_y + 0.5) * 2 / target_cells[0] - 1], dim=-1
    )
    return F.grid_sample(picture, grid, mode="bilinear", padding_mode="border", align_corners=False)
