"""Render a picture much larger than it was matched at, by enlarging and refining its field.

A field of matching size gives the origin of blocks of pixels. If it were simply enlarged, the
blocks would be visible. So it is enlarged octave by octave. In each octave the enlarged field is
refined by a short search against the coarser result, voted from B' at this size, refined again
against that sharp vote, and voted again (alternating maximisation and expectation). Pictures are
processed in overlapping tiles to bound memory; the tiles do not change the result.

Source: Kwatra et al. 2005 (Texture Optimization) and Wexler et al. 2007, on PatchMatch's search.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from batch_analogy.analogy.correspondence.patchmatch.reference import OFFSETS
from batch_analogy.analogy.correspondence.patchmatch.rng import derive_seed
from batch_analogy.analogy.features.pictures import resize
from batch_analogy.analogy.nnf import Size, initial_position, sides
from batch_analogy.analogy.rendering.picture_vote import vote_picture
from batch_analogy.analogy.rendering.upscale import reference
from batch_analogy.analogy.rendering.upscale.spec import CHANNELS, UpscaleSpec

_MIN_SCALE = 1.3  # pixels per cell on an axis, up to which a plain vote shows no blocks
_SAME_SCALE = 0.02  # relative; a picture this near the wanted size is not resized
_TILE_PX = 1024
_ROWS_AT_ONCE = 512
_FILLED_CELLS = 16  # around the valid matches; more than a search can reach
_VOTE_REACH = 1
_PENALTY = 2400  # of a neighbour that does not continue a match: about 6/255 over a whole patch
_RADII = (2, 1)
_ITERATIONS = 2  # of each search below full size
_LAST_ITERATIONS = 1  # at full size, where most of the time goes and little is left to find


@dataclass(frozen=True)
class FullSizeRendering:
    """A picture rendered at full resolution, and how each of its pixels came about."""

    picture: Tensor  # (1, 3, H, W) float32
    field: Tensor  # (1, 2, H, W) int32: (y, x) in ``read``
    read: Tensor  # (1, 3, H', W') float32: the picture that was read, ``at_scale``


@dataclass(frozen=True)
class _Octave:
    """One size between matching size and full size."""

    size: Size  # of the result
    target: Tensor  # (H', W', 3) uint8: the picture that is read, at this scale

    @property
    def target_size(self) -> Size:
        """Size of the picture that is read, (height, width)."""
        return int(self.target.shape[0]), int(self.target.shape[1])


@dataclass(frozen=True)
class _Window:
    """A tile of the result with its surroundings; ranges are half-open."""

    rows: tuple[int, int]  # surroundings included
    columns: tuple[int, int]
    tile: tuple[slice, slice]  # in the whole picture
    inner: tuple[slice, slice]  # in the window


@dataclass(frozen=True)
class _Step:
    """Step from one octave to the next: settings of its searches and tiles."""

    below: _Octave
    octave: _Octave
    seeds: tuple[int, int]
    iterations: int
    tile_px: int

    def spec(self, search: int, rows: tuple[int, int], columns: tuple[int, int]) -> UpscaleSpec:
        """Return the settings of the first (0) or second (1) search in a window."""
        return UpscaleSpec(
            iterations=self.iterations,
            radii=_RADII,
            penalty=_PENALTY,
            seed=self.seeds[search],
            top=rows[0],
            left=columns[0],
            width=self.octave.size[1],
        )

    def windows(self) -> Iterator[_Window]:
        """Yield the tiles, each with surroundings wide enough that nothing beyond can change it."""
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
) -> FullSizeRendering:
    """Rebuild a picture sharply at full resolution from another, through a coarse field.

    Up to 1.3 times the field's size this is ``vote_picture``; above it the field is refined.

    Args:
        picture: (1, 3, H', W') float32 in [0, 1], the picture that is read, at its own size.
        nnf: (1, 2, h, w) int32, at matching resolution; matches outside the other map are
            ignored.
        target_cells: (h', w'), the size at which ``picture`` was matched.
        size: (H, W) of the result in pixels.
        seed: of the random search.
        tile_px: side of the tiles; it changes memory and time, not the result.

    Returns:
        The picture and its field, the same for any number of threads.
    """
    if not needs_search(nnf, size):
        voted = vote_picture(picture, nnf, target_cells, size, sharp=True)
        read = at_scale(picture, target_cells, sides(nnf), size)
        return FullSizeRendering(voted, _enlarged_once(nnf, target_cells, size, sides(read)), read)
    step, field, coarser, values = _run_lower_octaves(
        picture, nnf, target_cells, size, seed, tile_px
    )
    result = torch.empty((1, CHANNELS, *size), device=nnf.device)
    finest = torch.empty((1, 2, *size), dtype=torch.int32, device=nnf.device)
    for window, found in _searched(step, field, coarser):
        voted = _vote(values[0].permute(1, 2, 0), found)
        result[(0, slice(None), *window.tile)] = voted[window.inner].permute(2, 0, 1)
        finest[(0, slice(None), *window.tile)] = found[(slice(None), *window.inner)]
    return FullSizeRendering(result, finest, values)


def full_size_field(
    picture: Tensor,
    nnf: Tensor,
    target_cells: Size,
    size: Size,
    *,
    seed: int = 0,
    tile_px: int = _TILE_PX,
) -> Tensor:
    """Return the field of ``render_full_size`` without rendering the picture.

    Arguments are those of ``render_full_size``.

    Returns:
        (1, 2, H, W) int32, (y, x) in the picture ``at_scale``.
    """
    if not needs_search(nnf, size):
        target = sides(at_scale(picture, target_cells, sides(nnf), size))
        return _enlarged_once(nnf, target_cells, size, target)
    step, field, coarser, _ = _run_lower_octaves(picture, nnf, target_cells, size, seed, tile_px)
    finest = torch.empty((2, *size), dtype=torch.int32, device=nnf.device)
    for window, found in _searched(step, field, coarser):
        finest[(slice(None), *window.tile)] = found[(slice(None), *window.inner)]
    return finest[None]


def needs_search(nnf: Tensor, size: Size) -> bool:
    """Return whether a picture is so much larger than its field that blocks would be visible."""
    cells = sides(nnf)
    return max(size[0] / cells[0], size[1] / cells[1]) > _MIN_SCALE


def _run_lower_octaves(
    picture: Tensor, nnf: Tensor, target_cells: Size, size: Size, seed: int, tile_px: int
) -> tuple[_Step, Tensor, Tensor, Tensor]:
    """Run all octaves but the last.

    Returns:
        The last step, the field and the result before it, and the picture that the step reads.
    """
    cells = sides(nnf)
    field = _filled(nnf[0], target_cells)
    below = _Octave(cells, _bytes(resize(picture, target_cells)))
    result = _rounded_bytes(_vote(below.target, field))
    *lower, _ = _sizes(size, cells)
    for number, octave_size in enumerate(lower):
        octave = _Octave(octave_size, _bytes(at_scale(picture, target_cells, cells, octave_size)))
        step = _Step(below, octave, _seeds(seed, number), _ITERATIONS, tile_px)
        field, result = _run_octave(step, field, result)
        below = octave
    values = at_scale(picture, target_cells, cells, size)
    octave = _Octave(size, _bytes(values))
    step = _Step(below, octave, _seeds(seed, len(lower)), _LAST_ITERATIONS, tile_px)
    return step, field, result, values


def _enlarged_once(nnf: Tensor, target_cells: Size, size: Size, target: Size) -> Tensor:
    """Enlarge a field to a size near its own: each pixel takes its cell's displacement."""
    centre = initial_position(size, sides(nnf), nnf.device)
    cell = (centre + 0.5).floor().long()
    rows, columns = cell[0, 0, :, :1], cell[0, 1, :1]
    match = nnf[:, :, rows, columns].float() + (centre - cell)
    ratio = match.new_tensor([t / c for t, c in zip(target, target_cells, strict=True)])
    return ((match + 0.5) * ratio.view(1, 2, 1, 1)).floor().to(torch.int32)


def _seeds(seed: int, octave: int) -> tuple[int, int]:
    """Derive the seeds of an octave's two searches."""
    return derive_seed("fine", seed, octave, 0), derive_seed("fine", seed, octave, 1)


def _sizes(size: Size, cells: Size) -> list[Size]:
    """List the octaves' sizes: the result's, halved while it stays well above the field's."""
    sizes = [size]
    while max(sizes[0][0] / cells[0], sizes[0][1] / cells[1]) > 2 * _MIN_SCALE:
        sizes.insert(0, (-(-sizes[0][0] // 2), -(-sizes[0][1] // 2)))
    return sizes


def at_scale(picture: Tensor, target_cells: Size, cells: Size, size: Size) -> Tensor:
    """Resize the picture that is read to the scale of a result.

    Args:
        picture: (1, 3, H', W') float32. target_cells: the size at which it was matched.
        cells: (h, w) of the field. size: (H, W) of the result.
    """
    wanted = size_at_scale(sides(picture), target_cells, cells, size)
    return picture if wanted == sides(picture) else resize(picture, wanted)


def size_at_scale(own: Size, target_cells: Size, cells: Size, size: Size) -> Size:
    """Return the size to which ``at_scale`` brings a picture of size ``own``."""
    height, width = (
        max(1, round(target * full / count))
        for target, full, count in zip(target_cells, size, cells, strict=True)
    )
    near = abs(height / own[0] - 1) < _SAME_SCALE and abs(width / own[1] - 1) < _SAME_SCALE
    return own if near else (height, width)


def _run_octave(step: _Step, field: Tensor, coarser: Tensor) -> tuple[Tensor, Tensor]:
    """Compute the field (2, H, W) int32 and the result (H, W, 3) uint8 of an octave."""
    height, width = step.octave.size
    finer = torch.empty((2, height, width), dtype=torch.int32, device=field.device)
    result = torch.empty((height, width, CHANNELS), dtype=torch.uint8, device=field.device)
    for window, found in _searched(step, field, coarser):
        finer[(slice(None), *window.tile)] = found[(slice(None), *window.inner)]
        result[window.tile] = _rounded_bytes(_vote(step.octave.target, found))[window.inner]
    return finer, result


def _searched(step: _Step, field: Tensor, coarser: Tensor) -> Iterator[tuple[_Window, Tensor]]:
    """Yield every window of an octave with its field, searched twice."""
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
    """Enlarge the coarser field at a window, by scaled and rounded displacements.

    Displacements are rounded instead of positions, so that children of parents with equal
    displacements have equal displacements too and still continue each other.
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
        # If the two pictures' scales differ slightly, the parent itself moves slightly.
        there = _divided((2 * parent + 1) * target[axis], 2 * coarse_target[axis])
        here = _divided((2 * parent + 1) * own[axis], 2 * coarse[axis])
        axes.append((child + moved + there - here).clamp(0, target[axis] - 1))
    return torch.stack(axes).to(torch.int32)


def _divided(numerator: Tensor, denominator: int) -> Tensor:
    """Divide and round to the nearest whole number; halves go up."""
    return (2 * numerator + denominator).div(2 * denominator, rounding_mode="floor")


def _enlarged(
    picture: Tensor, size: Size, rows: tuple[int, int], columns: tuple[int, int]
) -> Tensor:
    """Enlarge a picture (h, w, C) uint8 at a window: bilinear, in integer arithmetic."""
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
    """Locate each pixel of an enlarged axis: its two neighbours, and the offset in 1/256."""
    at = torch.arange(*window, device=device)
    position = ((2 * at + 1) * (128 * count)).div(full, rounding_mode="floor") - 128
    position = position.clamp(0, (count - 1) * 256)
    low = position >> 8
    return low, (low + 1).clamp_max(count - 1), (position & 255).int()


def _filled(nnf: Tensor, target_cells: Size) -> Tensor:
    """Continue valid matches into cells without one, and clamp the rest into the other map.

    A copy's field in an atlas has no valid matches where another copy was chosen.
    """
    limits = torch.tensor(target_cells, device=nnf.device, dtype=nnf.dtype).view(2, 1, 1)
    known = ((nnf >= 0) & (nnf < limits)).all(dim=0, keepdim=True)
    field = torch.minimum(nnf.clamp_min(0), limits - 1)
    for _ in range(_FILLED_CELLS):
        if bool(known.all()):
            break
        for offset in OFFSETS:
            offer, inside = reference.neighbours(field, *offset)
            there = reference.neighbours(known, *offset)[0] & inside
            offer = offer - torch.tensor(offset, device=nnf.device, dtype=nnf.dtype).view(2, 1, 1)
            offer = torch.minimum(offer.clamp_min(0), limits - 1)
            field = torch.where(there & ~known, offer, field)
            known = known | there
    return field


def _bytes(picture: Tensor) -> Tensor:
    """Convert (1, 3, H, W) float32 in [0, 1] to (H, W, 3) uint8."""
    pieces = [
        _rounded_bytes(picture[0, :, top : top + _ROWS_AT_ONCE].permute(1, 2, 0) * 255.0)
        for top in range(0, int(picture.shape[2]), _ROWS_AT_ONCE)
    ]
    return torch.cat(pieces)


def _rounded_bytes(values: Tensor) -> Tensor:
    return (values + 0.5).clamp_(0.0, 255.0).to(torch.uint8)


def _search(source: Tensor, target: Tensor, nnf: Tensor, spec: UpscaleSpec) -> Tensor:
    """Run ``reference.search`` with the fastest kernel for the tensors' device."""
    if source.device.type == "cpu":
        from batch_analogy.analogy.rendering.upscale import cpu  # Numba is slow to import

        return cpu.search(source, target, nnf, spec)
    return reference.search(source, target, nnf, spec)


def _vote(values: Tensor, nnf: Tensor) -> Tensor:
    """Run ``reference.vote`` with the fastest kernel for the tensors' device."""
    if values.device.type == "cpu":
        from batch_analogy.analogy.rendering.upscale import cpu

        return cpu.vote(values, nnf, _VOTE_REACH)
    return reference.vote(values, nnf, _VOTE_REACH)
