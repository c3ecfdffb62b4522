"""PatchMatch on a GPU, in Triton; the same candidates and answers as ``reference``.

One program processes a tile of cells of one picture of the batch. Every propagation step is a
launch of its own that reads the field of the step before and writes a new one, so the result does
not depend on timing, and no launch is long. (The published kernel runs all iterations in one launch
and in place: docs/method.md, "PatchMatch random numbers and races".) The random search of an
iteration is one launch, as a cell's search needs no other cell.

Reading the maps takes nearly all of the time. It is reduced as follows:

- A patch row is one contiguous run of numbers in (H, W, C) order, read in wide loads; products
  stay in their lanes until the row is complete, then are summed once.
- Terms 1 − s·t are never negative, so after each row a cell whose sum has reached its best stops
  reading, and a tile of such cells moves on to the next candidate.
- A neighbour whose match has not changed since its last use at this jump is skipped.
- Maps may be float16 or bfloat16: half the bytes, still summed in float32. Costs then deviate by
  the rounding of the maps, at most about 1e-3 and 1e-2.

A tile's shape depends on one map's size and element type, never on the batch: a picture's matches
are the same whatever else is searched in the same call.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import triton
import triton.language as tl
from torch import Tensor

from batch_analogy.analogy.correspondence.patchmatch.reference import JUMPS
from batch_analogy.analogy.correspondence.patchmatch.rng import MIX_1, MIX_2, STRIDE
from batch_analogy.analogy.correspondence.patchmatch.spec import SLACK_CELLS, Prior, SearchSpec

_SLACK = tl.constexpr(SLACK_CELLS)
_MIX_1, _MIX_2, _STRIDE = (tl.constexpr(value) for value in (MIX_1, MIX_2, STRIDE))
# Arguments that vary from launch to launch. Specialising a kernel for 1 and for multiples of 16, as
# Triton does by default, is not worth compiling it again.
_SIZES = ["hs", "ws", "ht", "wt"]
_STEPS = ["jump", "now", "before"]
_DRAWS = ["radius_count", "first_draw", "now"]
_FINE_MAP_CELLS = 1 << 15  # maps of at least this size fill a GPU with large tiles


@triton.jit
def _patch_cost(
    s, t, hs, ws, ht, wt, py, px, qy, qx, alive, best,
    REACH: tl.constexpr, C: tl.constexpr, CELLS: tl.constexpr, CHUNK: tl.constexpr,
):  # fmt: skip
    """Compute the mean of 1 − s·t over the patch cells valid in both maps; inf at or above best."""
    up = tl.minimum(tl.minimum(py, qy), REACH)
    left = tl.minimum(tl.minimum(px, qx), REACH)
    down = tl.minimum(tl.minimum(hs - 1 - py, ht - 1 - qy), REACH)
    right = tl.minimum(tl.minimum(ws - 1 - px, wt - 1 - qx), REACH)
    columns = (left + right + 1).to(tl.float32)
    count = (up + down + 1).to(tl.float32) * columns
    limit = best * count
    total = tl.zeros([CELLS], dtype=tl.float32)
    dy = -REACH
    while (dy <= REACH) & (tl.max(alive.to(tl.int32), axis=0) > 0):
        row = alive & (dy >= -up) & (dy <= down)
        start_s = ((py + dy).to(tl.int64) * ws + px - REACH) * C
        start_t = ((qy + dy).to(tl.int64) * wt + qx - REACH) * C
        products = tl.zeros([CELLS, CHUNK], dtype=tl.float32)
        for first in range(0, (2 * REACH + 1) * C, CHUNK):
            k = first + tl.arange(0, CHUNK)
            dx = k // C - REACH
            mask = (dx[None, :] >= -left[:, None]) & (dx[None, :] <= right[:, None]) & row[:, None]
            a = tl.load(s + start_s[:, None] + k[None, :], mask=mask, other=0.0)
            b = tl.load(t + start_t[:, None] + k[None, :], mask=mask, other=0.0)
            products += a.to(tl.float32) * b.to(tl.float32)
        total += tl.where(row, columns - tl.sum(products, axis=1), 0.0)
        alive = alive & (total < limit)
        dy += 1
    return tl.where(alive, total / count, float("inf"))


@triton.jit
def _offer(
    s, t, expected, weight, per_square, hs, ws, ht, wt,
    py, px, qy, qx, offered, best, by, bx,
    REACH: tl.constexpr, C: tl.constexpr, CELLS: tl.constexpr, CHUNK: tl.constexpr,
    PRIOR: tl.constexpr,
):  # fmt: skip
    """Return the better of each cell's best match and candidate, and where the candidate won."""
    extra = tl.zeros([CELLS], dtype=tl.float32)
    if PRIOR:
        cell = py * ws + px
        dy = qy - tl.load(expected + cell, mask=offered, other=0.0)
        dx = qx - tl.load(expected + hs * ws + cell, mask=offered, other=0.0)
        price = tl.load(weight + cell, mask=offered, other=0.0)
        excess = tl.maximum(tl.sqrt(dy * dy + dx * dx) - _SLACK, 0.0)
        extra = price * tl.minimum(excess * excess * per_square, 1.0)
    left_over = best - extra
    hopeful = offered & (left_over > 0)
    found = extra + _patch_cost(
        s, t, hs, ws, ht, wt, py, px, qy, qx, hopeful, left_over, REACH, C, CELLS, CHUNK
    )
    better = hopeful & (found < best)
    best = tl.where(better, found, best)
    return best, tl.where(better, qy, by), tl.where(better, qx, bx), better


@triton.jit
def hash_cells(x):
    """Compute ``rng.hash_cells``; uint32 products wrap by themselves."""
    x = (x ^ (x >> 16)) * _MIX_1
    x = (x ^ (x >> 15)) * _MIX_2
    return x ^ (x >> 16)


@triton.jit
def draw(cell_hash, number, low, high):
    """Draw a uniform integer in [low, high]."""
    h = hash_cells(cell_hash + tl.cast(number, tl.uint32) * _STRIDE)
    span = (high - low + 1).to(tl.uint64)
    return low + ((h.to(tl.uint64) * span) >> 32).to(tl.int32)


@triton.jit
def tile(hs, ws, CELLS: tl.constexpr, TILE_WIDTH: tl.constexpr):
    """Return this program's cells (y, x), and which of them lie in the map."""
    across = tl.cdiv(ws, TILE_WIDTH)
    lane = tl.arange(0, CELLS)
    y = tl.program_id(0) // across * (CELLS // TILE_WIDTH) + lane // TILE_WIDTH
    x = tl.program_id(0) % across * TILE_WIDTH + lane % TILE_WIDTH
    return y, x, (y < hs) & (x < ws)


@triton.jit(do_not_specialize=_SIZES)
def _initial_costs(
    s, t, expected, weight, per_square, hs, ws, ht, wt, nnf, cost, candidates,
    REACH: tl.constexpr, C: tl.constexpr, CELLS: tl.constexpr, CHUNK: tl.constexpr,
    TILE_WIDTH: tl.constexpr, PRIOR: tl.constexpr,
):  # fmt: skip
    """Compute the initial field's costs, after trying the prior's candidates."""
    picture = tl.program_id(1).to(tl.int64)
    count = hs * ws
    s += picture * count * C
    t += picture * ht * wt * C
    expected += picture * 2 * count
    weight += picture * count
    field = nnf + picture * 2 * count
    py, px, active = tile(hs, ws, CELLS, TILE_WIDTH)
    cell = py * ws + px
    by = tl.load(field + cell, mask=active, other=0)
    bx = tl.load(field + count + cell, mask=active, other=0)
    best = tl.full([CELLS], float("inf"), dtype=tl.float32)
    best, by, bx, _ = _offer(
        s, t, expected, weight, per_square, hs, ws, ht, wt, py, px, by, bx, active, best, by, bx,
        REACH, C, CELLS, CHUNK, PRIOR,
    )  # fmt: skip
    if PRIOR:
        qy = tl.load(candidates + picture * 2 * count + cell, mask=active, other=0)
        qx = tl.load(candidates + picture * 2 * count + count + cell, mask=active, other=0)
        offered = active & ((qy != by) | (qx != bx))
        best, by, bx, _ = _offer(
            s, t, expected, weight, per_square, hs, ws, ht, wt,
            py, px, qy, qx, offered, best, by, bx, REACH, C, CELLS, CHUNK, PRIOR,
        )  # fmt: skip
        tl.store(field + cell, by, mask=active)
        tl.store(field + count + cell, bx, mask=active)
    tl.store(cost + picture * count + cell, best, mask=active)


@triton.jit(do_not_specialize=[*_SIZES, *_STEPS])
def _propagate(
    s, t, expected, weight, per_square, hs, ws, ht, wt,
    nnf, cost, changed, nnf_new, cost_new, changed_new, jump, now, before,
    REACH: tl.constexpr, C: tl.constexpr, CELLS: tl.constexpr, CHUNK: tl.constexpr,
    TILE_WIDTH: tl.constexpr, PRIOR: tl.constexpr,
):  # fmt: skip
    """Do one jump of propagation: try each cell's four neighbours' matches, shifted back."""
    picture = tl.program_id(1).to(tl.int64)
    count = hs * ws
    s += picture * count * C
    t += picture * ht * wt * C
    expected += picture * 2 * count
    weight += picture * count
    field = nnf + picture * 2 * count
    py, px, active = tile(hs, ws, CELLS, TILE_WIDTH)
    cell = py * ws + px
    by = tl.load(field + cell, mask=active, other=0)
    bx = tl.load(field + count + cell, mask=active, other=0)
    best = tl.load(cost + picture * count + cell, mask=active, other=0.0)
    when = tl.load(changed + picture * count + cell, mask=active, other=0)
    last_y, last_x = by, bx
    for side in range(4):  # left, right, up, down
        step = tl.where(side % 2 == 0, -jump, jump)
        dy = tl.where(side < 2, 0, step)
        dx = tl.where(side < 2, step, 0)
        there = active & (py + dy >= 0) & (py + dy < hs) & (px + dx >= 0) & (px + dx < ws)
        neighbour = cell + dy * ws + dx
        there &= tl.load(changed + picture * count + neighbour, mask=there, other=-1) >= before
        qy = tl.load(field + neighbour, mask=there, other=0) - dy
        qx = tl.load(field + count + neighbour, mask=there, other=0) - dx
        qy = tl.minimum(tl.maximum(qy, 0), ht - 1)
        qx = tl.minimum(tl.maximum(qx, 0), wt - 1)
        there &= (qy != by) | (qx != bx)
        offered = there & ((qy != last_y) | (qx != last_x))
        last_y, last_x = tl.where(there, qy, last_y), tl.where(there, qx, last_x)
        best, by, bx, better = _offer(
            s, t, expected, weight, per_square, hs, ws, ht, wt,
            py, px, qy, qx, offered, best, by, bx, REACH, C, CELLS, CHUNK, PRIOR,
        )  # fmt: skip
        when = tl.where(better, now, when)
    tl.store(cost_new + picture * count + cell, best, mask=active)
    tl.store(changed_new + picture * count + cell, when, mask=active)
    tl.store(nnf_new + picture * 2 * count + cell, by, mask=active)
    tl.store(nnf_new + picture * 2 * count + count + cell, bx, mask=active)


@triton.jit(do_not_specialize=[*_SIZES, *_DRAWS])
def _random_search(
    s, t, expected, weight, per_square, hs, ws, ht, wt,
    nnf, cost, changed, radii, radius_count, first_draw, seeds, now,
    REACH: tl.constexpr, C: tl.constexpr, CELLS: tl.constexpr, CHUNK: tl.constexpr,
    TILE_WIDTH: tl.constexpr, PRIOR: tl.constexpr,
):  # fmt: skip
    """Try one uniform sample per radius around each cell's best match, in place."""
    picture = tl.program_id(1).to(tl.int64)
    count = hs * ws
    s += picture * count * C
    t += picture * ht * wt * C
    expected += picture * 2 * count
    weight += picture * count
    field = nnf + picture * 2 * count
    py, px, active = tile(hs, ws, CELLS, TILE_WIDTH)
    cell = py * ws + px
    by = tl.load(field + cell, mask=active, other=0)
    bx = tl.load(field + count + cell, mask=active, other=0)
    best = tl.load(cost + picture * count + cell, mask=active, other=0.0)
    when = tl.load(changed + picture * count + cell, mask=active, other=0)
    cell_hash = hash_cells(cell.to(tl.uint32) ^ tl.load(seeds + picture).to(tl.uint32))
    for k in range(radius_count):
        r = tl.load(radii + k)
        number = 2 * (first_draw + k)
        qy = draw(cell_hash, number, tl.maximum(by - r, 0), tl.minimum(by + r, ht - 1))
        qx = draw(cell_hash, number + 1, tl.maximum(bx - r, 0), tl.minimum(bx + r, wt - 1))
        offered = active & ((qy != by) | (qx != bx))
        best, by, bx, better = _offer(
            s, t, expected, weight, per_square, hs, ws, ht, wt,
            py, px, qy, qx, offered, best, by, bx, REACH, C, CELLS, CHUNK, PRIOR,
        )  # fmt: skip
        when = tl.where(better, now, when)
    tl.store(cost + picture * count + cell, best, mask=active)
    tl.store(changed + picture * count + cell, when, mask=active)
    tl.store(field + cell, by, mask=active)
    tl.store(field + count + cell, bx, mask=active)


def search(
    source: Tensor,
    target: Tensor,
    initial: Tensor,
    spec: SearchSpec,
    prior: Prior | None = None,
    block: dict[str, int] | None = None,
) -> tuple[Tensor, Tensor]:
    """Improve a nearest-neighbour field; arguments and result as ``reference.search``.

    The maps may also be float16 or bfloat16, both of one type. ``block`` overrides
    ``block_shape``, for measurements.
    """
    batch, channels, hs, ws = source.shape
    ht, wt = int(target.shape[2]), int(target.shape[3])
    block = block or block_shape(hs * ws, source.element_size())
    across, down = block["TILE_WIDTH"], block["CELLS"] // block["TILE_WIDTH"]
    shape = block | {"REACH": spec.reach, "C": channels, "PRIOR": int(prior is not None)}
    grid = (triton.cdiv(ws, across) * triton.cdiv(hs, down), batch)
    old = _Field.start(initial)
    new = _Field.start(initial)
    expected, weight, candidates, per_square = _prior_arguments(prior, old.nnf, (ht, wt))
    maps = (_cells(source), _cells(target), expected, weight, per_square, hs, ws, ht, wt)
    radii = torch.tensor(spec.radii, dtype=torch.int32, device=source.device)
    seeds = torch.tensor(spec.seeds(batch), dtype=torch.int64, device=source.device)
    _initial_costs[grid](*maps, old.nnf, old.cost, candidates, **shape)
    now, tried_in = 0, dict.fromkeys(JUMPS, 0)  # jump → the pass in which it was last tried
    for iteration in range(spec.iterations):
        for jump in JUMPS:
            now += 1
            _propagate[grid](
                *maps, old.nnf, old.cost, old.changed, new.nnf, new.cost, new.changed,
                jump, now, tried_in[jump], **shape,
            )  # fmt: skip
            tried_in[jump] = now
            old, new = new, old
        now += 1
        if spec.radii:
            _random_search[grid](
                *maps, old.nnf, old.cost, old.changed, radii, len(spec.radii),
                iteration * len(spec.radii), seeds, now, **shape,
            )  # fmt: skip
    if prior is None:
        return old.nnf, old.cost
    return old.nnf, old.cost - prior.cost(old.nnf)


@dataclass
class _Field:
    """A field between two launches; a step reads one and writes another."""

    nnf: Tensor  # (B, 2, H, W) int32
    cost: Tensor  # (B, 1, H, W) float32, the prior's share included
    changed: Tensor  # (B, 1, H, W) int32: the pass in which a cell's match last changed

    @classmethod
    def start(cls, initial: Tensor) -> _Field:
        """Copy an initial field; its costs are not computed yet."""
        nnf = initial.to(torch.int32).contiguous().clone()
        changed = torch.zeros_like(nnf[:, :1])
        return cls(nnf, torch.empty_like(changed, dtype=torch.float32), changed)


def block_shape(cells: int, element_bytes: int) -> dict[str, int]:
    """Choose how much one program processes at once, for a map of this many cells.

    CELLS in tiles TILE_WIDTH wide; CHUNK numbers of a patch row. Chosen by the compiler's report
    for compute capability 9.0: wider blocks need so many registers that few of them fit on a
    multiprocessor.
    """
    if cells >= _FINE_MAP_CELLS:
        return {"CELLS": 16, "TILE_WIDTH": 4, "CHUNK": 64}
    return {"CELLS": 8, "TILE_WIDTH": 4, "CHUNK": 512 // element_bytes}


def _prior_arguments(
    prior: Prior | None, nnf: Tensor, target_size: tuple[int, int]
) -> tuple[Tensor, Tensor, Tensor, float]:
    """Return expected matches, their weight, their candidates, and 1 / radius².

    Without a prior they are placeholders, which the compiled kernels never read.
    """
    if prior is None:
        nothing = nnf.new_empty(0, dtype=torch.float32)
        return nothing, nothing, nnf, 0.0
    expected = prior.expected.float().contiguous()
    return (
        expected,
        prior.weight.float().contiguous(),
        prior.candidates(target_size).contiguous(),
        1.0 / prior.radius**2,
    )


def _cells(features: Tensor) -> Tensor:
    """Convert (B, C, H, W) to contiguous (B, H, W, C); no copy where memory has that order."""
    return features.permute(0, 2, 3, 1).contiguous()
