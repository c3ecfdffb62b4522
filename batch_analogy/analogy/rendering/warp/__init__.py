"""Drawing a picture through a field that lies between pixels and has the picture's own size.

In a film what was found in one frame is carried to the next, by parts of a pixel. Rounded to whole
pixels the texture would stick to the screen and then jump, so it is read between them, by the cubic
spline through all pixels: at whole positions that is the plain vote of ``fine``, and half-way it is
not as soft as cubics of four pixels are.

Where neighbours' patches disagree, those nearest to their mean prevail (a step of mean shift, as
in Wexler et al. 2007).

Source: Unser 1999 (Splines: a perfect fit for signal and image processing); the vote as in
``fine_reference.vote``.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from batch_analogy.analogy.deterministic import exp
from batch_analogy.analogy.nnf import Size, initial_position, sides
from batch_analogy.analogy.rendering.upscale import at_scale, full_size_field, needs_search
from batch_analogy.analogy.rendering.upscale.reference import neighbours

SAME_PX = 0.25  # neighbours that differ by less continue each other
SHARPNESS = 1 / (3 * 0.05**2)  # three channels 0.05 further from the mean: e⁻¹ of the weight
SPLINE_POLE = math.sqrt(3.0) - 2.0
_REACH = 1
_TAPS = 16  # on each side, of the filter that gives coefficients; the pole's power is then 1e-9


def warp_field(
    picture: Tensor, nnf: Tensor, target_cells: Size, size: Size, *, seed: int = 0
) -> Tensor:
    """Bring a field to the size of the picture that is drawn through it.

    Args:
        picture: (1, 3, H', W') float32, the picture that is read, at its own size.
        nnf: (1, 2, h, w) int32 at matching resolution. target_cells: the other map's size there.
        size: (H, W) of the result in pixels.
        seed: of the search where the result is much larger than the field.

    Returns:
        (1, 2, H, W) float32: (y, x) in the picture ``at_scale``, whole pixels, which are sharp.
    """
    if needs_search(nnf, size):
        return full_size_field(picture, nnf, target_cells, size, seed=seed).float()
    target = sides(at_scale(picture, target_cells, sides(nnf), size))
    centre = initial_position(size, sides(nnf), nnf.device)
    cell = (centre + 0.5).floor().long()
    rows, columns = cell[0, 0, :, :1], cell[0, 1, :1]
    match = nnf[:, :, rows, columns].float() + (centre - cell)
    ratio = match.new_tensor([t / c for t, c in zip(target, target_cells, strict=True)])
    return ((match + 0.5) * ratio.view(1, 2, 1, 1)).floor()


def draw(
    picture: Tensor, field: Tensor, wanted: Tensor | None = None, *, moved: bool = True
) -> Tensor:
    """Rebuild a picture out of another through a field of its own size.

    Args:
        picture: (1, 3, H', W') float32, ``at_scale``. field: (1, 2, H, W) float32.
        wanted: (1, 1, H, W) bool, the pixels that are drawn; all by default.
        moved: whether matches lie between pixels because the field was moved over its own picture,
            and not because they were moved over the other one.

    Returns:
        (1, 3, H, W) float32 in [0, 1]; 0 where nothing was wanted.
    """
    if picture.device.type == "cpu":
        from batch_analogy.analogy.rendering.warp import cpu  # Numba is slow to import

        return cpu.draw(picture, field, wanted, moved=moved)
    drawn = draw_reference(picture, field, moved=moved)
    return drawn if wanted is None else drawn * wanted


def draw_reference(picture: Tensor, field: Tensor, *, moved: bool = True) -> Tensor:
    """``draw`` of all pixels in plain PyTorch: the readable version that defines the answer."""
    values = _coefficients(picture[0].permute(1, 2, 0))
    limits = field.new_tensor(values.shape[:2]).view(2, 1, 1) - 0.5
    votes, weights = [], []
    for dy in range(-_REACH, _REACH + 1):
        for dx in range(-_REACH, _REACH + 1):
            neighbour, valid = neighbours(field[0], dy, dx)
            away = neighbour.new_tensor([dy, dx]).view(2, 1, 1)
            at = neighbour - away
            says = _REACH + 1 - away.abs() + 2 * away * _beside(neighbour) * moved
            same = (at - field[0]).abs().amax(dim=0) < SAME_PX
            at = torch.where(same, field[0], at)
            valid = same | (valid & ((at > -0.5) & (at < limits)).all(dim=0))
            weights.append(says[0] * says[1] * valid.float())
            votes.append(_cubic(values, at))
    drawn = _agreed(torch.stack(votes), torch.stack(weights)[..., None])
    return drawn.clamp_(0.0, 1.0).permute(2, 0, 1)[None]


def _beside(at: Tensor) -> Tensor:
    """How far places lie from whole pixels."""
    return at - (at + 0.5).floor()


def _agreed(votes: Tensor, weights: Tensor) -> Tensor:
    """The mean of votes (9, H, W, C), those that come nearest to it prevailing."""
    mean = (weights * votes).sum(dim=0) / weights.sum(dim=0)
    away = (votes - mean).square().sum(dim=3, keepdim=True)
    away = torch.where(weights > 0, away, torch.inf)
    weights = weights * exp((away.amin(dim=0) - away).clamp_min(-1e3) * SHARPNESS)
    return (weights * votes).sum(dim=0) / weights.sum(dim=0)


def _coefficients(values: Tensor) -> Tensor:
    """What a cubic spline through all pixels (H, W, C) is made of, the picture mirrored."""
    gain = -6.0 * SPLINE_POLE / (1.0 - SPLINE_POLE**2)
    for axis in range(2):
        own = torch.arange(values.shape[axis], device=values.device)
        total = torch.zeros_like(values)
        for k in range(-_TAPS, _TAPS + 1):
            there = _mirrored(own + k, values.shape[axis])
            total += gain * SPLINE_POLE ** abs(k) * values.index_select(axis, there)
        values = total
    return values


def _cubic(values: Tensor, at: Tensor) -> Tensor:
    """A spline of coefficients (H', W', C) read at (2, H, W), mirrored at the edges.

    A match that is followed out of the other picture goes on in its mirror image: an edge that is
    held would be drawn out into streaks.
    """
    low = at.floor()
    near = at - low
    total = torch.zeros((*at.shape[1:], values.shape[2]), device=at.device)
    for i, row_weight in enumerate(_weights(near[0])):
        row = _mirrored(low[0].long() + i - 1, values.shape[0])
        for j, column_weight in enumerate(_weights(near[1])):
            column = _mirrored(low[1].long() + j - 1, values.shape[1])
            total += (row_weight * column_weight)[..., None] * values[row, column]
    return total


def _mirrored(index: Tensor, count: int) -> Tensor:
    index = index.remainder(2 * count)
    return torch.where(index < count, index, 2 * count - 1 - index)


def _weights(t: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Of the coefficients at −1, 0, 1 and 2, for a place between 0 and 1."""
    left = 1.0 - t
    return (
        left**3 / 6.0,
        2.0 / 3.0 - t * t * (2.0 - t) * 0.5,
        2.0 / 3.0 - left * left * (2.0 - left) * 0.5,
        t**3 / 6.0,
    )
