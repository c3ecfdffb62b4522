"""Guided search on a GPU, in Triton; tries the same candidates as ``reference``, with its answers.

As in ``patchmatch.cuda``, one program handles a tile of pixels, and every pass is one launch that
reads the field of the pass before and writes a new one. Sums of squared differences are integers;
costs are summed in double precision without fused multiply-add, so that all bits agree.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from batch_analogy.analogy.correspondence.patchmatch.cuda import draw, hash_cells, tile
from batch_analogy.analogy.guided.search.reference import JUMPS, patch_occurrences
from batch_analogy.analogy.guided.search.spec import GuidedSearchSpec

_SIZES = ["hs", "ws", "ht", "wt"]
_SHAPE = {"CELLS": 32, "TILE_WIDTH": 8, "CHUNK": 64}


@triton.jit
def _difference(
    s, t, ws, wt, py, px, qy, qx, alive, factor, extra, best,
    REACH: tl.constexpr, C: tl.constexpr, CELLS: tl.constexpr, CHUNK: tl.constexpr,
):  # fmt: skip
    """Sum the squared differences of the patches; also return where the cost beats ``best``."""
    RUN: tl.constexpr = (2 * REACH + 1) * C
    total = tl.zeros([CELLS], dtype=tl.int32)
    row = 0
    while (row <= 2 * REACH) & (tl.max(alive.to(tl.int32), axis=0) > 0):
        start_s = ((qy + row).to(tl.int64) * (wt + 2 * REACH) + qx) * C
        start_t = ((py + row).to(tl.int64) * (ws + 2 * REACH) + px) * C
        squares = tl.zeros([CELLS, CHUNK], dtype=tl.int32)
        for first in range(0, RUN, CHUNK):
            k = first + tl.arange(0, CHUNK)
            mask = alive[:, None] & (k < RUN)[None, :]
            a = tl.load(s + start_s[:, None] + k[None, :], mask=mask, other=0).to(tl.int32)
            b = tl.load(t + start_t[:, None] + k[None, :], mask=mask, other=0).to(tl.int32)
            squares += (a - b) * (a - b)
        total += tl.sum(squares, axis=1)
        alive = alive & (total.to(tl.float64) * factor + extra < best)
        row += 1
    return total, alive


@triton.jit
def _cost_terms(
    nnf, used, costs, hs, ws, ht, wt, py, px, qy, qx, there,
    REACH: tl.constexpr, CELLS: tl.constexpr, COHERENT: tl.constexpr, COUNTED: tl.constexpr,
):  # fmt: skip
    """Return (factor, extra): a match costs difference · factor + extra."""
    count, cell = hs * ws, py * ws + px
    factor = tl.full([CELLS], 1.0, dtype=tl.float64)
    extra = tl.zeros([CELLS], dtype=tl.float64)
    if COHERENT:
        alone = tl.zeros([CELLS], dtype=tl.int32)
        for side in range(4):
            step = tl.where(side % 2 == 0, -1, 1)
            dy = tl.where(side < 2, 0, step)
            dx = tl.where(side < 2, step, 0)
            beside = there & (py + dy >= 0) & (py + dy < hs) & (px + dx >= 0) & (px + dx < ws)
            ny = tl.load(nnf + cell + dy * ws + dx, mask=beside, other=0)
            nx = tl.load(nnf + count + cell + dy * ws + dx, mask=beside, other=0)
            alone += (beside & ((ny != qy + dy) | (nx != qx + dx))).to(tl.int32)
        factor = 1.0 + tl.load(costs) * alone.to(tl.float64)
    if COUNTED:
        own_y = tl.load(nnf + cell, mask=there, other=0)
        own_x = tl.load(nnf + count + cell, mask=there, other=0)
        own = (tl.abs(qy - own_y) <= REACH) & (tl.abs(qx - own_x) <= REACH)
        rows = tl.minimum(qy + REACH, ht - 1) - tl.maximum(qy - REACH, 0) + 1
        columns = tl.minimum(qx + REACH, wt - 1) - tl.maximum(qx - REACH, 0) + 1
        others = tl.load(used + qy * wt + qx, mask=there, other=0) - own.to(tl.int32)
        extra = others.to(tl.float64) * tl.load(costs + 1) / (rows * columns).to(tl.float64)
    return factor, extra


@triton.jit
def _offer(
    s, t, nnf, used, usable, costs, hs, ws, ht, wt, py, px, qy, qx, offered, current, best, by, bx,
    REACH: tl.constexpr, C: tl.constexpr, CELLS: tl.constexpr, CHUNK: tl.constexpr,
    COHERENT: tl.constexpr, COUNTED: tl.constexpr,
):  # fmt: skip
    """Keep the better of each pixel's best match and the candidate offered to it."""
    offered &= (qy != by) | (qx != bx)
    offered &= tl.load(usable + qy * wt + qx, mask=offered, other=0) != 0
    factor, extra = _cost_terms(
        nnf, used, costs, hs, ws, ht, wt, py, px, qy, qx, offered, REACH, CELLS, COHERENT, COUNTED
    )
    found, better = _difference(
        s, t, ws, wt, py, px, qy, qx, offered & (extra < best), factor, extra, best,
        REACH, C, CELLS, CHUNK,
    )  # fmt: skip
    best = tl.where(better, found.to(tl.float64) * factor + extra, best)
    current = tl.where(better, found, current)
    return current, best, tl.where(better, qy, by), tl.where(better, qx, bx)


@triton.jit(do_not_specialize=[*_SIZES, "jump"])
def _propagate(
    s, t, used, usable, active, costs, hs, ws, ht, wt, nnf, difference, nnf_new, difference_new,
    jump,
    REACH: tl.constexpr, C: tl.constexpr, CELLS: tl.constexpr, CHUNK: tl.constexpr,
    TILE_WIDTH: tl.constexpr, COHERENT: tl.constexpr, COUNTED: tl.constexpr,
):  # fmt: skip
    """Offer each searched pixel the matches of its four neighbours, shifted back."""
    count = hs * ws
    py, px, there = tile(hs, ws, CELLS, TILE_WIDTH)
    cell = py * ws + px
    by = tl.load(nnf + cell, mask=there, other=0)
    bx = tl.load(nnf + count + cell, mask=there, other=0)
    current = tl.load(difference + cell, mask=there, other=0)
    searched = there & (tl.load(active + cell, mask=there, other=0) == 2)
    factor, extra = _cost_terms(
        nnf, used, costs, hs, ws, ht, wt, py, px, by, bx, there, REACH, CELLS, COHERENT, COUNTED
    )
    best = current.to(tl.float64) * factor + extra
    for side in range(4):  # left, right, up, down
        step = tl.where(side % 2 == 0, -jump, jump)
        dy = tl.where(side < 2, 0, step)
        dx = tl.where(side < 2, step, 0)
        beside = searched & (py + dy >= 0) & (py + dy < hs) & (px + dx >= 0) & (px + dx < ws)
        neighbour = cell + dy * ws + dx
        beside &= tl.load(active + neighbour, mask=beside, other=0) > 0
        qy = tl.load(nnf + neighbour, mask=beside, other=0) - dy
        qx = tl.load(nnf + count + neighbour, mask=beside, other=0) - dx
        qy = tl.minimum(tl.maximum(qy, 0), ht - 1)
        qx = tl.minimum(tl.maximum(qx, 0), wt - 1)
        current, best, by, bx = _offer(
            s, t, nnf, used, usable, costs, hs, ws, ht, wt, py, px, qy, qx, beside,
            current, best, by, bx, REACH, C, CELLS, CHUNK, COHERENT, COUNTED,
        )  # fmt: skip
    tl.store(nnf_new + cell, by, mask=there)
    tl.store(nnf_new + count + cell, bx, mask=there)
    tl.store(difference_new + cell, current, mask=there)


@triton.jit(do_not_specialize=[*_SIZES, "radius_count", "first"])
def _random_search(
    s, t, used, usable, active, costs, hs, ws, ht, wt, nnf, difference, nnf_new, difference_new,
    radii, radius_count, first, seed,
    REACH: tl.constexpr, C: tl.constexpr, CELLS: tl.constexpr, CHUNK: tl.constexpr,
    TILE_WIDTH: tl.constexpr, COHERENT: tl.constexpr, COUNTED: tl.constexpr,
):  # fmt: skip
    """Try one uniform position at each radius around each searched pixel's match."""
    count = hs * ws
    py, px, there = tile(hs, ws, CELLS, TILE_WIDTH)
    cell = py * ws + px
    by = tl.load(nnf + cell, mask=there, other=0)
    bx = tl.load(nnf + count + cell, mask=there, other=0)
    current = tl.load(difference + cell, mask=there, other=0)
    searched = there & (tl.load(active + cell, mask=there, other=0) == 2)
    factor, extra = _cost_terms(
        nnf, used, costs, hs, ws, ht, wt, py, px, by, bx, there, REACH, CELLS, COHERENT, COUNTED
    )
    best = current.to(tl.float64) * factor + extra
    cell_hash = hash_cells(cell.to(tl.uint32) ^ tl.load(seed).to(tl.uint32))
    for k in range(radius_count):
        r = tl.load(radii + k)
        number = 2 * (first + k)
        qy = draw(cell_hash, number, tl.maximum(by - r, 0), tl.minimum(by + r, ht - 1))
        qx = draw(cell_hash, number + 1, tl.maximum(bx - r, 0), tl.minimum(bx + r, wt - 1))
        current, best, by, bx = _offer(
            s, t, nnf, used, usable, costs, hs, ws, ht, wt, py, px, qy, qx, searched,
            current, best, by, bx, REACH, C, CELLS, CHUNK, COHERENT, COUNTED,
        )  # fmt: skip
    tl.store(nnf_new + cell, by, mask=there)
    tl.store(nnf_new + count + cell, bx, mask=there)
    tl.store(difference_new + cell, current, mask=there)


@triton.jit(do_not_specialize=_SIZES)
def _differences(
    s, t, active, hs, ws, ht, wt, nnf, difference,
    REACH: tl.constexpr, C: tl.constexpr, CELLS: tl.constexpr, CHUNK: tl.constexpr,
    TILE_WIDTH: tl.constexpr,
):  # fmt: skip
    """Compute the differences of the field that a search starts from; 0 outside B'."""
    py, px, there = tile(hs, ws, CELLS, TILE_WIDTH)
    cell = py * ws + px
    made = there & (tl.load(active + cell, mask=there, other=0) > 0)
    qy = tl.load(nnf + cell, mask=made, other=0)
    qx = tl.load(nnf + hs * ws + cell, mask=made, other=0)
    nothing = tl.zeros([CELLS], dtype=tl.float64)
    found, _ = _difference(
        s, t, ws, wt, py, px, qy, qx, made, nothing + 1.0, nothing, nothing + float("inf"),
        REACH, C, CELLS, CHUNK,
    )  # fmt: skip
    tl.store(difference + cell, tl.where(made, found, 0), mask=there)


def search(
    source: Tensor,
    target: Tensor,
    nnf: Tensor,
    usable: Tensor,
    active: Tensor,
    spec: GuidedSearchSpec,
) -> tuple[Tensor, Tensor]:
    """Compute ``reference.search`` for tensors on a GPU."""
    hs, ws, channels = target.shape
    ht, wt, _ = source.shape
    size = (hs, ws, ht, wt)
    shape = {**_SHAPE, "REACH": spec.reach, "C": channels, "enable_fp_fusion": False}
    grid = (
        triton.cdiv(ws, shape["TILE_WIDTH"])
        * triton.cdiv(hs, shape["CELLS"] // shape["TILE_WIDTH"]),
    )
    s, t = _padded(source, spec.reach), _padded(target, spec.reach)
    allowed, states = usable.to(torch.int8).contiguous(), active.contiguous()
    old = nnf.to(torch.int32).contiguous().clone(), nnf.new_zeros((hs, ws), dtype=torch.int32)
    new = torch.empty_like(old[0]), torch.empty_like(old[1])
    _differences[grid](s, t, states, *size, *old, **shape)
    share = int((active > 0).sum()) / max(1, int(usable.sum()))
    occurrence_cost = spec.occurrence_cost / share if share > 0 else 0.0
    costs = torch.tensor(
        [spec.coherence * 0.25, occurrence_cost], dtype=torch.float64, device=source.device
    )
    shape |= {"COHERENT": int(spec.coherence > 0), "COUNTED": int(occurrence_cost > 0)}
    radii = torch.tensor(spec.radii, dtype=torch.int32, device=source.device)
    seed = torch.tensor([spec.seed], dtype=torch.int64, device=source.device)
    for iteration in range(spec.iterations):
        for step in (*JUMPS, 0):  # 0: the random search
            used = old[0]  # any tensor will do where it is not read
            if occurrence_cost > 0:
                used = patch_occurrences(old[0], states, (ht, wt), spec.reach).to(torch.int32)
            maps = (s, t, used, allowed, states, costs, *size)
            if step > 0:
                _propagate[grid](*maps, *old, *new, step, **shape)
            else:
                first = iteration * len(spec.radii)
                draws = (radii, len(spec.radii), first, seed)
                _random_search[grid](*maps, *old, *new, *draws, **shape)
            old, new = new, old
    return old


def _padded(quantised: Tensor, reach: int) -> Tensor:
    """Pad (H, W, C) by ``reach``, edges replicated."""
    rows, columns = (
        torch.arange(-reach, side + reach, device=quantised.device).clamp(0, side - 1)
        for side in quantised.shape[:2]
    )
    return quantised[rows][:, columns].contiguous()
