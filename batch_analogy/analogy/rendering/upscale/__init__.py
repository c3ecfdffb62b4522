"""Rebuilding a picture much larger than it was matched at: the field is brought up and searched on.

A field of matching size says where blocks of pixels come from; enlarged as it is, its blocks show.
So it goes up in octaves. In each, the enlarged field is searched a little against the coarser
result, voted from B' at this size, searched again against that sharp vote, and voted again
(maximisation and expectation by turns). Work is done in overlapping tiles, so that memory beyond
the pictures themselves stays small; the tiles change no bit of the result.

Source: Kwatra et al. 2005 (Texture Optimization), Wexler et al. 2007, on PatchMatch's search.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from batch_analogy.analogy.correspondence.patchmatch.reference import SIDES
from batch_analogy.analogy.correspondence.patchmatch.rng import derive_seed
from batch_analogy.analogy.features.pictures import resize
from batch_analogy.analogy.nnf import Size, sides
from batch_analogy.analogy.rendering.picture_vote import vote_picture
from batch_analogy.analogy.rendering.upscale import reference
from batch_analogy.analogy.rendering.upscale.reference import CHANNELS, UpscaleSpec

_LEAST_SCALE = 1.3  # pixels per matching cell and side; up to it a plain vote shows no blocks
_SAME_SCALE = 0.02  # a picture this near the size it is wanted at is read as it is
_TILE_PX = 1024
_ROWS_AT_ONCE = 512
_FILLED_CELLS = 16  # beyond the matches that lead somewhere; more than a search can reach
_VOTE_REACH = 1
_PRICE = 2400  # of a neighbour that does not continue a match: a step of 6/255 all over a patch
_RADII = (2, 1)
_ITERATIONS = 2  # of each search on the way up
_LAST_ITERATIONS = 1  # at full size, where little is left to find and most of the time goes


@dataclass(frozen=True)
class _Octave:
    """One size on the way up."""

    size: Size  # of the result
    target: Tensor  # (H', W', 3) uint8: the picture that is read, at the same scale

    @property
    def target_size(self) -> Size:
        return int(self.target.shape[0]), int(self.target.shape[1])


@dataclass(frozen=True)
class _Window:
    """A tile of the result and what is around it; ranges are half-open."""

    rows: tuple[int, int]  # with the surroundings
    columns: tuple[int, int]
    tile: tuple[slice, slice]  # in the whole
    inner: tuple[slice, slice]  # the tile, inside the window


@dataclass(frozen=True)
class _Step:
    """From one octave to the next: searches and tiles."""

    below: _Octave
    octave: _Octave
    seeds: tuple[int, int]
    iterations: int
    tile_px: int

    def spec(self, search: int, rows: tuple[int, int], columns: tuple[int, int]) -> UpscaleSpec:
        return UpscaleSpec(
            iterations=self.iterations,
            radii=_RADII,
            price=_PRICE,
            seed=self.seeds[search],
            top=rows[0],
            left=columns[0],
            width=self.octave.size[1],
        )

    def windows(self) -> Iterator[_Window]:
        """The tiles, each with so much around it that nothing further away can change it."""
        halo = 2 * (self.spec(0, (0, 0), (0, 0)).reach + _VOTE_REACH)
        height, width = self.octave.size
        for top in range(0, height, self.tile_px):
            for left in range(0, width, self.tile_px):
                bottom, right = min(top + self.tile_px, height), min(left + self.tile_px, width)
                rows = max(0, top - halo), min(height, bottom + halo)
                columns = max(0, left - halo), min(width, right + halo)
                yield _Window(
                    rows=rows,
                    columns=columns,
                    tile=(slice(top, bottom), slice(left, right)),
                    inner=(
                        slice(top - rows[0], bottom - rows[0]),
                        slice(left - columns[0], right - columns[0]),
                    ),
                )


def render_full_size(
    picture: Tensor,
    nnf: Tensor,
    target_cells: Size,
    size: Size,
    *,
    seed: int = 0,
    tile_px: int = _TILE_PX,
) -> Tensor:
    """Rebuild a picture at full resolution out of another, sharply, through a coarse field.

    Up to 1.3 times the size of the field this is ``vote_picture``; above it the field is refined.

    Args:
        picture: (1, 3, H', W') float32 in [0, 1], the picture that is read, at its own size.
        nnf: (1, 2, h, w) int32, at matching resolution; matches that lie outside the other map
            are not used.
        target_cells: (h', w'), the size at which ``picture`` was matched.
        size: (H, W) of the result in pixels.
        seed: of the random search.
        tile_px: side of the tiles; memory and time depend on it, the result does not.

    Returns:
        (1, 3, H, W) float32, the same for any number of threads.
    """
    if not needs_search(nnf, size):
        return vote_picture(picture, nnf, target_cells, size, sharp=True)
    step, field, coarser, values = _climb(picture, nnf, target_cells, size, seed, tile_px)
    result = torch.empty((1, CHANNELS, *size), device=nnf.device)
    for window, found in _searched(step, field, coarser):
        voted = _vote(values[0].permute(1, 2, 0), found)
        result[(0, slice(None), *window.tile)] = voted[window.inner].permute(2, 0, 1)
    return result


def full_size_field(
    picture: Tensor,
    nnf: Tensor,
    target_cells: Size,
    size: Size,
    *,
    seed: int = 0,
    tile_px: int = _TILE_PX,
) -> Tensor:
    """The field that ``render_full_size`` votes through, for sizes that need it.

    Args:
        As for ``render_full_size``.

    Returns:
        (1, 2, H, W) int32, (y, x) in the picture ``at_scale``.
    """
    step, field, coarser, _ = _climb(picture, nnf, target_cells, size, seed, tile_px)
    finest = torch.empty((2, *size), dtype=torch.int32, device=nnf.device)
    for window, found in _searched(step, field, coarser):
        finest[(slice(None), *window.tile)] = found[(slice(None), *window.inner)]
    return finest[None]


def needs_search(nnf: Tensor, size: Size) -> bool:
    """Whether a picture of this size is so much larger than the field that its blocks show."""
    cells = sides(nnf)
    return max(size[0] / cells[0], size[1] / cells[1]) > _LEAST_SCALE


def _climb(
    picture: Tensor, nnf: Tensor, target_cells: Size, size: Size, seed: int, tile_px: int
) -> tuple[_Step, Tensor, Tensor, Tensor]:
    """All octaves but the last: its step, the field and result before it, and what it reads."""
    cells = sides(nnf)
    field = _filled(nnf[0], target_cells)
    below = _Octave(cells, _bytes(resize(picture, target_cells)))
    result = _rounded_bytes(_vote(below.target, field))
    *lower, _ = _sizes(size, cells)
    for number, octave_size in enumerate(lower):
        octave = _Octave(octave_size, _bytes(at_scale(picture, target_cells, cells, octave_size)))
        step = _Step(below, octave, _seeds(seed, number), _ITERATIONS, tile_px)
        field, result = _go_up(step, field, result)
        below = octave
    values = at_scale(picture, target_cells, cells, size)
    octave = _Octave(size, _bytes(values))
    step = _Step(below, octave, _seeds(seed, len(lower)), _LAST_ITERATIONS, tile_px)
    return step, field, result, values


def _seeds(seed: int, octave: int) -> tuple[int, int]:
    """The seeds of an octave's two searches."""
    return derive_seed("fine", seed, octave, 0), derive_seed("fine", seed, octave, 1)


def _sizes(size: Size, cells: Size) -> list[Size]:
    """The sizes on the way up: the result's, halved as often as they stay above the field's."""
    sizes = [size]
    while max(sizes[0][0] / cells[0], sizes[0][1] / cells[1]) > 2 * _LEAST_SCALE:
        sizes.insert(0, (-(-sizes[0][0] // 2), -(-sizes[0][1] // 2)))
    return sizes


def at_scale(picture: Tensor, target_cells: Size, cells: Size, size: Size) -> Tensor:
    """The picture that is read, at the scale of a result of this size.

    Args:
        picture: (1, 3, H', W') float32. target_cells: the size at which it was matched.
        cells: the size of the field. size: of the result.
    """
    wanted = size_at_scale(sides(picture), target_cells, cells, size)
    return picture if wanted == sides(picture) else resize(picture, wanted)


def size_at_scale(own: Size, target_cells: Size, cells: Size, size: Size) -> Size:
    """The size that ``at_scale`` gives a picture whose own size is ``own``."""
    height, width = (
        max(1, round(target * full / count))
        for target, full, count in zip(target_cells, size, cells, strict=True)
    )
    near = abs(height / own[0] - 1) < _SAME_SCALE and abs(width / own[1] - 1) < _SAME_SCALE
    return own if near else (height, width)


def _go_up(step: _Step, field: Tensor, coarser: Tensor) -> tuple[Tensor, Tensor]:
    """The field (2, H, W) int32 and the result (H, W, 3) uint8 of an octave."""
    height, width = step.octave.size
    finer = torch.empty((2, height, width), dtype=torch.int32, device=field.device)
    result = torch.empty((height, width, CHANNELS), dtype=torch.uint8, device=field.device)
    for window, found in _searched(step, field, coarser):
        finer[(slice(None), *window.tile)] = found[(slice(None), *window.inner)]
        result[window.tile] = _rounded_bytes(_vote(step.octave.target, found))[window.inner]
    return finer, result


def _searched(step: _Step, field: Tensor, coarser: Tensor) -> Iterator[tuple[_Window, Tensor]]:
    """Every window of an octave with its field, searched twice."""
    target = step.octave.target
    height, width = step.octave.target_size
    blurred = _enlarged(step.below.target, (height, width), (0, height), (0, width))
    for window in step.windows():
        rows, columns = window.rows, window.columns
        found = _enlarged_field(step, field, window)
        guide = _enlarged(coarser, step.octave.size, rows, columns)
        found = _search(guide, blurred, found, step.spec(0, rows, columns))
        guide = _rounded_bytes(_vote(target, found))
        yield window, _search(guide, target, found, step.spec(1, rows, columns))


def _enlarged_field(step: _Step, field: Tensor, window: _Window) -> Tensor:
    """The coarser field at a window of the finer size: displacements, scaled and rounded.

    Rounding displacements, not places, leaves children of equal parents with equal ones, so that
    they go on continuing each other.
    """
    children = [torch.arange(*r, device=field.device) for r in (window.rows, window.columns)]
    own, target = step.octave.size, step.octave.target_size
    coarse, coarse_target = step.below.size, step.below.target_size
    parents = [
        (2 * child + 1) * coarse[axis] // (2 * own[axis]) for axis, child in enumerate(children)
    ]
    matches = field[:, parents[0]][:, :, parents[1]].long()
    axes = []
    for axis in range(2):
        shape = (-1, 1) if axis == 0 else (1, -1)
        child, parent = children[axis].view(shape), parents[axis].view(shape)
        moved = _divided((matches[axis] - parent) * target[axis], coarse_target[axis])
        # Where the two pictures' scales differ a little, the parent itself moves a little.
        there = _divided((2 * parent + 1) * target[axis], 2 * coarse_target[axis])
        here = _divided((2 * parent + 1) * own[axis], 2 * coarse[axis])
        axes.append((child + moved + there - here).clamp(0, target[axis] - 1))
    return torch.stack(axes).to(torch.int32)


def _divided(numerator: Tensor, denominator: int) -> Tensor:
    """The nearest whole number; halves go up."""
    return (2 * numerator + denominator).div(2 * denominator, rounding_mode="floor")


def _enlarged(
    picture: Tensor, size: Size, rows: tuple[int, int], columns: tuple[int, int]
) -> Tensor:
    """A window of a picture (h, w, C) uint8 enlarged to a size: bilinear, in whole numbers."""
    top, bottom, down = _between(rows, int(picture.shape[0]), size[0], picture.device)
    left, right, along = _between(columns, int(picture.shape[1]), size[1], picture.device)
    along = along[None, :, None]
    pieces = []
    for start in range(0, len(top), _ROWS_AT_ONCE):
        here = slice(start, start + _ROWS_AT_ONCE)
        weight = down[here, None, None]
        row = picture[top[here]].int() * (256 - weight) + picture[bottom[here]].int() * weight
        piece = (row[:, left] * (256 - along) + row[:, right] * along + (1 << 15)) >> 16
        pieces.append(piece.to(torch.uint8))
    return torch.cat(pieces)


def _between(
    window: tuple[int, int], count: int, full: int, device: torch.device
) -> tuple[Tensor, Tensor, Tensor]:
    """For each pixel of an enlarged axis: the two it lies between, and how far in 1/256."""
    at = torch.arange(*window, device=device)
    place = ((2 * at + 1) * (128 * count)).div(full, rounding_mode="floor") - 128
    place = place.clamp(0, (count - 1) * 256)
    low = place >> 8
    return low, (low + 1).clamp_max(count - 1), (place & 255).int()


def _filled(nnf: Tensor, target_cells: Size) -> Tensor:
    """Let matches around those that lead nowhere go on into them; the rest are put inside.

    In an atlas of copies of B' a copy's own field leads nowhere where another copy prevails.
    """
    limits = torch.tensor(target_cells, device=nnf.device, dtype=nnf.dtype).view(2, 1, 1)
    known = ((nnf >= 0) & (nnf < limits)).all(dim=0, keepdim=True)
    field = torch.minimum(nnf.clamp_min(0), limits - 1)
    for _ in range(_FILLED_CELLS):
        if bool(known.all()):
            break
        for side in SIDES:
            offer, inside = reference.neighbours(field, *side)
            there = reference.neighbours(known, *side)[0] & inside
            offer = offer - torch.tensor(side, device=nnf.device, dtype=nnf.dtype).view(2, 1, 1)
            offer = torch.minimum(offer.clamp_min(0), limits - 1)
            field = torch.where(there & ~known, offer, field)
            known = known | there
    return field


def _bytes(picture: Tensor) -> Tensor:
    """(1, 3, H, W) float32 in [0, 1] → (H, W, 3) uint8."""
    pieces = [
        _rounded_bytes(picture[0, :, top : top + _ROWS_AT_ONCE].permute(1, 2, 0) * 255.0)
        for top in range(0, int(picture.shape[2]), _ROWS_AT_ONCE)
    ]
    return torch.cat(pieces)


def _rounded_bytes(values: Tensor) -> Tensor:
    return (values + 0.5).clamp_(0.0, 255.0).to(torch.uint8)


def _search(source: Tensor, target: Tensor, nnf: Tensor, spec: UpscaleSpec) -> Tensor:
    """``fine_reference.search`` by the fastest kernel there is for the tensors' device."""
    if source.device.type == "cpu":
        from batch_analogy.analogy.rendering.upscale import cpu  # Numba is slow to import

        return cpu.search(source, target, nnf, spec)
    return reference.search(source, target, nnf, spec)


def _vote(values: Tensor, nnf: Tensor) -> Tensor:
    """``fine_reference.vote`` likewise."""
    if values.device.type == "cpu":
        from batch_analogy.analogy.rendering.upscale import cpu

        return cpu.vote(values, nnf, _VOTE_REACH)
    return reference.vote(values, nnf, _VOTE_REACH)
