"""Search and vote for upscaling on the CPU, compiled by Numba; the same bits as ``reference``.

Sums of squared byte differences stay below 2²⁴ and are exact in float32 in any order, so they may
be vectorised. Passes are double-buffered, so the number of threads never changes a result.
"""

from __future__ import annotations

import numpy as np
import torch
from numba import njit, prange
from torch import Tensor

from batch_analogy.analogy.correspondence.patchmatch.rng_cpu import draw_between, hash_cell
from batch_analogy.analogy.numba_threads import use_torch_threads
from batch_analogy.analogy.rendering.upscale.spec import CHANNELS, JUMPS, REACH, UpscaleSpec

_SIDE = 2 * REACH + 1
_RUN = CHANNELS * _SIDE  # bytes of a row of a patch
_REASSOCIATE = {"reassoc", "contract", "nsz"}


@njit(fastmath=_REASSOCIATE, cache=True, nogil=True)
def _difference(s, t, size, py, px, qy, qx, limit):  # type: ignore[no-untyped-def]
    """Sum of squared differences of two patches, edges replicated, or a value at or above limit."""
    hs, ws, ht, wt = size
    total = np.float32(0.0)
    if (
        REACH <= py < hs - REACH
        and REACH <= px < ws - REACH
        and REACH <= qy < ht - REACH
        and REACH <= qx < wt - REACH
    ):
        for dy in range(-REACH, REACH + 1):
            i = ((py + dy) * ws + px - REACH) * CHANNELS
            j = ((qy + dy) * wt + qx - REACH) * CHANNELS
            row_s = s[i : i + _RUN]
            row_t = t[j : j + _RUN]
            for k in range(_RUN):
                d = np.float32(row_s[k]) - np.float32(row_t[k])
                total += d * d
            if total >= limit:
                return total
        return total
    for dy in range(-REACH, REACH + 1):
        row_p = min(max(py + dy, 0), hs - 1) * ws
        row_q = min(max(qy + dy, 0), ht - 1) * wt
        for dx in range(-REACH, REACH + 1):
            i = (row_p + min(max(px + dx, 0), ws - 1)) * CHANNELS
            j = (row_q + min(max(qx + dx, 0), wt - 1)) * CHANNELS
            for c in range(CHANNELS):
                d = np.float32(s[i + c]) - np.float32(t[j + c])
                total += d * d
    return total


@njit(cache=True, nogil=True)
def discontinuities(nnf, size, y, x, qy, qx):  # type: ignore[no-untyped-def]
    """Count the neighbours, of four, whose matches do not continue this one."""
    hs, ws, _, _ = size
    count = 0
    if y > 0 and (nnf[0, y - 1, x] != qy - 1 or nnf[1, y - 1, x] != qx):
        count += 1
    if y < hs - 1 and (nnf[0, y + 1, x] != qy + 1 or nnf[1, y + 1, x] != qx):
        count += 1
    if x > 0 and (nnf[0, y, x - 1] != qy or nnf[1, y, x - 1] != qx - 1):
        count += 1
    if x < ws - 1 and (nnf[0, y, x + 1] != qy or nnf[1, y, x + 1] != qx + 1):
        count += 1
    return np.float32(count)


@njit(parallel=True, cache=True, nogil=True)
def _costs(s, t, size, nnf, cost):  # type: ignore[no-untyped-def]
    for y in prange(size[0]):
        for x in range(size[1]):
            cost[y, x] = _difference(
                s, t, size, y, x, nnf[0, y, x], nnf[1, y, x], np.float32(np.inf)
            )


@njit(parallel=True, cache=True, nogil=True)
def _propagate(s, t, size, jump, penalty, nnf, cost, nnf_new, cost_new):  # type: ignore[no-untyped-def]
    """Try each pixel's four neighbours' matches, shifted back."""
    hs, ws, ht, wt = size
    for y in prange(hs):
        for x in range(ws):
            by, bx, found = nnf[0, y, x], nnf[1, y, x], cost[y, x]
            best = found + penalty * discontinuities(nnf, size, y, x, by, bx)
            for side in range(4):
                dy = 0 if side < 2 else (-jump if side == 2 else jump)
                dx = (-jump if side == 0 else jump) if side < 2 else 0
                ny, nx = y + dy, x + dx
                if ny < 0 or ny >= hs or nx < 0 or nx >= ws:
                    continue
                qy = min(max(nnf[0, ny, nx] - dy, 0), ht - 1)
                qx = min(max(nnf[1, ny, nx] - dx, 0), wt - 1)
                if qy == by and qx == bx:
                    continue
                extra = penalty * discontinuities(nnf, size, y, x, qy, qx)
                if extra >= best:
                    continue
                d = _difference(s, t, size, y, x, qy, qx, best - extra)
                if d + extra < best:
                    by, bx, found, best = np.int32(qy), np.int32(qx), d, d + extra
            nnf_new[0, y, x], nnf_new[1, y, x], cost_new[y, x] = by, bx, found


@njit(parallel=True, cache=True, nogil=True)
def _random_search(s, t, size, radius, draw, frame, penalty, nnf, cost, nnf_new, cost_new):  # type: ignore[no-untyped-def]
    """Try one uniform sample around each pixel's match; ``frame``: (top, left, width, seed)."""
    hs, ws, ht, wt = size
    top, left, width, seed = frame
    for y in prange(hs):
        for x in range(ws):
            cell = hash_cell(np.uint64((((top + y) * width + left + x) & 0xFFFFFFFF) ^ seed))
            by, bx, found = nnf[0, y, x], nnf[1, y, x], cost[y, x]
            qy = draw_between(cell, 2 * draw, max(by - radius, 0), min(by + radius, ht - 1))
            qx = draw_between(cell, 2 * draw + 1, max(bx - radius, 0), min(bx + radius, wt - 1))
            if qy != by or qx != bx:
                best = found + penalty * discontinuities(nnf, size, y, x, by, bx)
                extra = penalty * discontinuities(nnf, size, y, x, qy, qx)
                if extra < best:
                    d = _difference(s, t, size, y, x, qy, qx, best - extra)
                    if d + extra < best:
                        by, bx, found = np.int32(qy), np.int32(qx), d
            nnf_new[0, y, x], nnf_new[1, y, x], cost_new[y, x] = by, bx, found


@njit(parallel=True, cache=True, nogil=True)
def _vote(values, nnf, reach, out):  # type: ignore[no-untyped-def]
    hs, ws, channels = out.shape
    ht, wt, _ = values.shape
    for y in prange(hs):
        for x in range(ws):
            weights = np.float32(0.0)
            for ny in range(max(y - reach, 0), min(y + reach, hs - 1) + 1):
                for nx in range(max(x - reach, 0), min(x + reach, ws - 1) + 1):
                    qy = nnf[0, ny, nx] + y - ny
                    qx = nnf[1, ny, nx] + x - nx
                    if qy < 0 or qy >= ht or qx < 0 or qx >= wt:
                        continue
                    weight = np.float32((reach + 1 - abs(y - ny)) * (reach + 1 - abs(x - nx)))
                    weights += weight
                    for c in range(channels):
                        out[y, x, c] += weight * np.float32(values[qy, qx, c])
            for c in range(channels):
                out[y, x, c] /= weights


def search(source: Tensor, target: Tensor, nnf: Tensor, spec: UpscaleSpec) -> Tensor:
    """Run ``reference.search`` on the CPU."""
    use_torch_threads()
    s, t = source.contiguous().numpy().reshape(-1), target.contiguous().numpy().reshape(-1)
    size = (source.shape[0], source.shape[1], target.shape[0], target.shape[1])
    penalty = np.float32(spec.penalty)
    frame = (spec.top, spec.left, spec.width, spec.seed)
    field = np.array(nnf.numpy(), dtype=np.int32)  # a copy: the caller's field stays unmodified
    old = (field, np.empty(field.shape[1:], np.float32))
    new = (np.empty_like(field), np.empty(field.shape[1:], np.float32))
    _costs(s, t, size, *old)
    for iteration in range(spec.iterations):
        for jump in JUMPS:
            _propagate(s, t, size, jump, penalty, *old, *new)
            old, new = new, old
        for k, radius in enumerate(spec.radii):
            draw = iteration * len(spec.radii) + k
            _random_search(s, t, size, radius, draw, frame, penalty, *old, *new)
            old, new = new, old
    return torch.from_numpy(old[0])


def vote(values: Tensor, nnf: Tensor, reach: int) -> Tensor:
    """Run ``reference.vote`` on the CPU."""
    use_torch_threads()
    out = np.zeros((*nnf.shape[1:], values.shape[2]), np.float32)
    _vote(values.numpy(), nnf.contiguous().numpy(), reach, out)
    return torch.from_numpy(out)
