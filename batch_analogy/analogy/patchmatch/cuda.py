"""PatchMatch on a GPU, in Triton. Same candidates and answers as ``reference``.

One program does a block of cells of one picture of the batch. Every propagation step is a launch
of its own that reads the field of the step before and writes a new one, so the result does not
depend on timing, and no launch is long (the official kernel runs all iterations in one, in place:
facts §2). The random search of an iteration is one launch, as a cell's search needs only itself.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

from batch_analogy.analogy.patchmatch.reference import JUMPS
from batch_analogy.analogy.patchmatch.rng import MIX_1, MIX_2, STRIDE
from batch_analogy.analogy.patchmatch.spec import SearchSpec

BLOCK_CELLS = 32
BLOCK_CHANNELS = 64
_MIX_1, _MIX_2, _STRIDE = (tl.constexpr(value) for value in (MIX_1, MIX_2, STRIDE))


@triton.jit
def _patch_cost(
    s, t, hs, ws, ht, wt, channels, py, px, qy, qx, active,
    REACH: tl.constexpr, CELLS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """Mean of 1 − s·t over the patch cells valid in both maps; CELLS cells at once."""
    total = tl.zeros([CELLS], dtype=tl.float32)
    count = tl.zeros([CELLS], dtype=tl.float32)
    for dy in range(-REACH, REACH + 1):
        for dx in range(-REACH, REACH + 1):
            sy, sx, ty, tx = py + dy, px + dx, qy + dy, qx + dx
            valid = active & (sy >= 0) & (sy < hs) & (sx >= 0) & (sx < ws)
            valid = valid & (ty >= 0) & (ty < ht) & (tx >= 0) & (tx < wt)
            row_s = (sy * ws + sx).to(tl.int64) * channels
            row_t = (ty * wt + tx).to(tl.int64) * channels
            dot = tl.zeros([CELLS], dtype=tl.float32)
            for first in range(0, channels, CHANNELS):
                c = first + tl.arange(0, CHANNELS)
                mask = valid[:, None] & (c < channels)[None, :]
                a = tl.load(s + row_s[:, None] + c[None, :], mask=mask, other=0.0)
                b = tl.load(t + row_t[:, None] + c[None, :], mask=mask, other=0.0)
                dot += tl.sum(a.to(tl.float32) * b.to(tl.float32), axis=1)
            total += tl.where(valid, 1.0 - dot, 0.0)
            count += tl.where(valid, 1.0, 0.0)
    return total / tl.maximum(count, 1.0)


@triton.jit
def _keep_better(
    s, t, picture, hs, ws, ht, wt, channels, py, px, qy, qx, offered, best, by, bx,
    REACH: tl.constexpr, CELLS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """The better of each cell's best match and the candidate offered to it, with its cost."""
    found = _patch_cost(
        s + picture * hs * ws * channels, t + picture * ht * wt * channels,
        hs, ws, ht, wt, channels, py, px, qy, qx, offered, REACH, CELLS, CHANNELS,
    )  # fmt: skip
    better = offered & (found < best)
    return tl.where(better, found, best), tl.where(better, qy, by), tl.where(better, qx, bx)


@triton.jit
def _hash(x):
    """As ``reference._hash``; uint32 products wrap by themselves."""
    x = (x ^ (x >> 16)) * _MIX_1
    x = (x ^ (x >> 15)) * _MIX_2
    return x ^ (x >> 16)


@triton.jit
def _draw(cell_hash, number, low, high):
    """A uniform integer in [low, high]."""
    h = _hash(cell_hash + tl.cast(number, tl.uint32) * _STRIDE)
    span = (high - low + 1).to(tl.uint64)
    return low + ((h.to(tl.uint64) * span) >> 32).to(tl.int32)


@triton.jit
def _initial_costs(
    s, t, nnf, cost, hs, ws, ht, wt, channels,
    REACH: tl.constexpr, CELLS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    picture = tl.program_id(1).to(tl.int64)
    count = hs * ws
    cell = tl.program_id(0) * CELLS + tl.arange(0, CELLS)
    active = cell < count
    field = nnf + picture * 2 * count
    qy = tl.load(field + cell, mask=active, other=0)
    qx = tl.load(field + count + cell, mask=active, other=0)
    found = _patch_cost(
        s + picture * count * channels, t + picture * ht * wt * channels,
        hs, ws, ht, wt, channels, cell // ws, cell % ws, qy, qx, active, REACH, CELLS, CHANNELS,
    )  # fmt: skip
    tl.store(cost + picture * count + cell, found, mask=active)


@triton.jit
def _propagate(
    s, t, nnf, cost, nnf_new, cost_new, hs, ws, ht, wt, channels, jump,
    REACH: tl.constexpr, CELLS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """One jump: offer each cell its four neighbours' matches, shifted back."""
    picture = tl.program_id(1).to(tl.int64)
    count = hs * ws
    cell = tl.program_id(0) * CELLS + tl.arange(0, CELLS)
    active = cell < count
    py, px = cell // ws, cell % ws
    field = nnf + picture * 2 * count
    by = tl.load(field + cell, mask=active, other=0)
    bx = tl.load(field + count + cell, mask=active, other=0)
    best = tl.load(cost + picture * count + cell, mask=active, other=0.0)
    for side in range(4):  # left, right, up, down
        step = tl.where(side % 2 == 0, -jump, jump)
        dy = tl.where(side < 2, 0, step)
        dx = tl.where(side < 2, step, 0)
        ny, nx = py + dy, px + dx
        there = active & (ny >= 0) & (ny < hs) & (nx >= 0) & (nx < ws)
        neighbour = ny * ws + nx
        qy = tl.load(field + neighbour, mask=there, other=0) - dy
        qx = tl.load(field + count + neighbour, mask=there, other=0) - dx
        qy = tl.minimum(tl.maximum(qy, 0), ht - 1)
        qx = tl.minimum(tl.maximum(qx, 0), wt - 1)
        there = there & ((qy != by) | (qx != bx))
        best, by, bx = _keep_better(
            s, t, picture, hs, ws, ht, wt, channels, py, px, qy, qx, there, best, by, bx,
            REACH, CELLS, CHANNELS,
        )  # fmt: skip
    tl.store(cost_new + picture * count + cell, best, mask=active)
    tl.store(nnf_new + picture * 2 * count + cell, by, mask=active)
    tl.store(nnf_new + picture * 2 * count + count + cell, bx, mask=active)


@triton.jit
def _random_search(
    s, t, nnf, cost, radii, radius_count, first_draw, seed, hs, ws, ht, wt, channels,
    REACH: tl.constexpr, CELLS: tl.constexpr, CHANNELS: tl.constexpr,
):  # fmt: skip
    """One uniform sample per radius around each cell's best match, in place."""
    picture = tl.program_id(1).to(tl.int64)
    count = hs * ws
    cell = tl.program_id(0) * CELLS + tl.arange(0, CELLS)
    active = cell < count
    py, px = cell // ws, cell % ws
    field = nnf + picture * 2 * count
    by = tl.load(field + cell, mask=active, other=0)
    bx = tl.load(field + count + cell, mask=active, other=0)
    best = tl.load(cost + picture * count + cell, mask=active, other=0.0)
    cell_hash = _hash(cell.to(tl.uint32) ^ tl.load(seed).to(tl.uint32))
    for k in range(radius_count):
        r = tl.load(radii + k)
        number = 2 * (first_draw + k)
        qy = _draw(cell_hash, number, tl.maximum(by - r, 0), tl.minimum(by + r, ht - 1))
        qx = _draw(cell_hash, number + 1, tl.maximum(bx - r, 0), tl.minimum(bx + r, wt - 1))
        tried = active & ((qy != by) | (qx != bx))
        best, by, bx = _keep_better(
            s, t, picture, hs, ws, ht, wt, channels, py, px, qy, qx, tried, best, by, bx,
            REACH, CELLS, CHANNELS,
        )  # fmt: skip
    tl.store(cost + picture * count + cell, best, mask=active)
    tl.store(field + cell, by, mask=active)
    tl.store(field + count + cell, bx, mask=active)


def search(
    source: Tensor, target: Tensor, initial: Tensor, spec: SearchSpec
) -> tuple[Tensor, Tensor]:
    """Improve a nearest-neighbour field; arguments and result as ``reference.search``."""
    s, t = _cells(source), _cells(target)
    batch, channels, hs, ws = source.shape
    sizes = (hs, ws, int(target.shape[2]), int(target.shape[3]), channels)
    device = source.device
    shape = {"REACH": spec.reach, "CELLS": BLOCK_CELLS, "CHANNELS": BLOCK_CHANNELS}
    grid = (triton.cdiv(hs * ws, BLOCK_CELLS), batch)
    nnf = initial.to(torch.int32).contiguous().clone()
    cost = torch.empty((batch, 1, hs, ws), dtype=torch.float32, device=device)
    nnf_new, cost_new = torch.empty_like(nnf), torch.empty_like(cost)
    radii = torch.tensor(spec.radii, dtype=torch.int32, device=device)
    seeded = torch.tensor([spec.seed], dtype=torch.int64, device=device)
    _initial_costs[grid](s, t, nnf, cost, *sizes, **shape)
    for iteration in range(spec.iterations):
        for jump in JUMPS:
            _propagate[grid](s, t, nnf, cost, nnf_new, cost_new, *sizes, jump, **shape)
            nnf, nnf_new, cost, cost_new = nnf_new, nnf, cost_new, cost
        if spec.radii:
            draw = iteration * len(spec.radii)
            _random_search[grid](
                s, t, nnf, cost, radii, len(spec.radii), draw, seeded, *sizes, **shape
            )
    return nnf, cost


def _cells(features: Tensor) -> Tensor:
    """(B, C, H, W) → contiguous (B, H, W, C), without a copy where it lies so already."""
    return features.permute(0, 2, 3, 1).contiguous()
