"""Patch voting on a GPU, in Triton: one launch; the same answer as ``reference``.

The reference launches about ten kernels for each cell of the patch, and each writes a whole map;
here a cell's sum stays in registers.
"""

from __future__ import annotations

import torch
import triton
import triton.language as tl
from torch import Tensor

_CELLS = 16
_CHUNK = 64  # channels of one program


@triton.jit(do_not_specialize=["hs", "ws", "ht", "wt", "maps_apart"])
def _vote(
    values, nnf, weight, out, hs, ws, ht, wt, maps_apart,
    C: tl.constexpr, REACH: tl.constexpr, CELLS: tl.constexpr, CHUNK: tl.constexpr,
):  # fmt: skip
    """Vote for a run of cells of one item, CHUNK of their channels."""
    item = tl.program_id(2).to(tl.int64)
    count = hs * ws
    cell = tl.program_id(0) * CELLS + tl.arange(0, CELLS)
    y, x = cell // ws, cell % ws
    c = tl.program_id(1) * CHUNK + tl.arange(0, CHUNK)
    field = nnf + item * 2 * count
    weight += item * count
    values += item * maps_apart * ht * wt * C  # maps_apart 0: one map for all
    total = tl.zeros([CELLS, CHUNK], dtype=tl.float32)
    votes = tl.zeros([CELLS], dtype=tl.float32)
    for dy in range(-REACH, REACH + 1):
        for dx in range(-REACH, REACH + 1):
            there = (cell < count) & (y + dy >= 0) & (y + dy < hs) & (x + dx >= 0) & (x + dx < ws)
            neighbour = cell + dy * ws + dx
            qy = tl.load(field + neighbour, mask=there, other=0) - dy
            qx = tl.load(field + count + neighbour, mask=there, other=0) - dx
            there &= (qy >= 0) & (qy < ht) & (qx >= 0) & (qx < wt)
            row = (qy * wt + qx).to(tl.int64) * C
            mask = there[:, None] & (c < C)[None, :]
            counts = tl.load(weight + neighbour, mask=there, other=0.0)
            read = tl.load(values + row[:, None] + c[None, :], mask=mask, other=0.0)
            total += counts[:, None] * read
            votes += counts
    place = out + item * count * C + cell.to(tl.int64)[:, None] * C + c[None, :]
    inside = (cell < count)[:, None] & (c < C)[None, :]
    tl.store(place, total / tl.where(votes > 0, votes, 1.0)[:, None], mask=inside)


def vote(values: Tensor, nnf: Tensor, patch: int, weight: Tensor | None = None) -> Tensor:
    """Run ``reference.vote`` on float32 tensors on a GPU."""
    _, channels, ht, wt = values.shape
    batch, _, hs, ws = nnf.shape
    cells = values.permute(0, 2, 3, 1).contiguous()
    if weight is None:
        weight = torch.ones((batch, 1, hs, ws), dtype=torch.float32, device=values.device)
    out = torch.empty((batch, hs, ws, channels), dtype=torch.float32, device=values.device)
    chunk = min(_CHUNK, triton.next_power_of_2(channels))
    grid = (triton.cdiv(hs * ws, _CELLS), triton.cdiv(channels, chunk), batch)
    _vote[grid](
        cells, nnf.to(torch.int32).contiguous(), weight.float().contiguous(), out,
        hs, ws, ht, wt, int(len(values) > 1),
        C=channels, REACH=patch // 2, CELLS=_CELLS, CHUNK=chunk,
    )  # fmt: skip
    return out.permute(0, 3, 1, 2)
