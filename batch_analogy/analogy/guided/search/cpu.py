"""Guided search on the CPU, compiled by Numba; gives the same bits as ``reference``.

Sums of squared integers are exact in any order, so they may be vectorised. Costs are summed in
double precision in one fixed order, passes are double-buffered and occurrences are integers, so the
number of threads never changes a result.
"""

from __future__ import annotations

import numpy as np
import torch
from numba import njit, prange
from numpy.typing import NDArray
from torch import Tensor

from batch_analogy.analogy.correspondence.patchmatch.rng_cpu import draw_between, hash_cell
from batch_analogy.analogy.guided.search.reference import JUMPS
from batch_analogy.analogy.guided.search.spec import GuidedSearchSpec
from batch_analogy.analogy.nnf import Size
from batch_analogy.analogy.numba_threads import use_torch_threads
from batch_analogy.analogy.rendering.upscale.cpu import discontinuities


@njit(cache=True, nogil=True)
def _cost_terms(size, shape, costs, before, y, x, qy, qx):  # type: ignore[no-untyped-def]
    """Return (factor, extra): a match costs difference · factor + extra."""
    reach = shape[0]
    coherence, occurrence_cost = costs
    nnf, used = before
    factor, extra = 1.0, 0.0
    if coherence > 0.0:
        factor = 1.0 + coherence * 0.25 * np.float64(discontinuities(nnf, size, y, x, qy, qx))
    if used.size > 0:
        own = abs(qy - nnf[0, y, x]) <= reach and abs(qx - nnf[1, y, x]) <= reach
        rows = min(qy + reach, size[2] - 1) - max(qy - reach, 0) + 1
        columns = min(qx + reach, size[3] - 1) - max(qx - reach, 0) + 1
        others = np.float64(used[qy, qx] - np.int32(own))
        extra = others * occurrence_cost / np.float64(rows * columns)
    return factor, extra


@njit(cache=True, nogil=True)
def _difference(maps, size, shape, y, x, qy, qx, factor, extra, best):  # type: ignore[no-untyped-def]
    """Sum the squared differences of two patches; stop early once the cost reaches ``best``.

    The 16-bit difference, widened and multiplied by itself, is one instruction on most CPUs.
    """
    s, t = maps[0], maps[1]
    reach, channels = shape
    side = 2 * reach + 1
    columns_s, columns_t = size[3] + 2 * reach, size[1] + 2 * reach
    run = side * channels
    i, j = (qy * columns_s + qx) * channels, (y * columns_t + x) * channels
    total = np.int32(0)
    for _ in range(side):
        row_s, row_t = s[i : i + run], t[j : j + run]
        row = np.int32(0)
        for k in range(run):
            step = np.int32(np.int16(row_s[k] - row_t[k]))
            row = np.int32(row + np.int32(step * step))
        total = np.int32(total + row)
        if np.float64(total) * factor + extra >= best:
            return total
        i += columns_s * channels
        j += columns_t * channels
    return total


@njit(parallel=True, cache=True, nogil=True)
def _differences(maps, size, shape, nnf, difference):  # type: ignore[no-untyped-def]
    active = maps[3]
    for y in prange(difference.shape[0]):
        for x in range(difference.shape[1]):
            if active[y, x] > 0:
                difference[y, x] = _difference(
                    maps, size, shape, y, x, nnf[0, y, x], nnf[1, y, x], 1.0, 0.0, np.inf
                )


@njit(cache=True, nogil=True)
def _evaluate(maps, size, shape, costs, before, y, x, qy, qx, best):  # type: ignore[no-untyped-def]
    """Return a candidate's difference and total cost, inf if it is not usable or too expensive."""
    if maps[2][qy, qx] == 0:
        return np.int32(0), np.inf
    factor, extra = _cost_terms(size, shape, costs, before, y, x, qy, qx)
    if extra >= best:
        return np.int32(0), np.inf
    found = _difference(maps, size, shape, y, x, qy, qx, factor, extra, best)
    return found, np.float64(found) * factor + extra


@njit(parallel=True, cache=True, nogil=True)
def _propagate(maps, size, shape, costs, jump, before, difference, nnf_new, difference_new):  # type: ignore[no-untyped-def]
    """Offer each searched pixel the matches of its four neighbours, shifted back."""
    hs, ws, ht, wt = size
    active = maps[3]
    nnf = before[0]
    for y in prange(hs):
        for x in range(ws):
            by, bx, current = nnf[0, y, x], nnf[1, y, x], difference[y, x]
            if active[y, x] == 2:
                factor, extra = _cost_terms(size, shape, costs, before, y, x, by, bx)
                best = np.float64(current) * factor + extra
                for side in range(4):
                    dy = 0 if side < 2 else (-jump if side == 2 else jump)
                    dx = (-jump if side == 0 else jump) if side < 2 else 0
                    ny, nx = y + dy, x + dx
                    if ny < 0 or ny >= hs or nx < 0 or nx >= ws or active[ny, nx] == 0:
                        continue
                    qy = min(max(nnf[0, ny, nx] - dy, 0), ht - 1)
                    qx = min(max(nnf[1, ny, nx] - dx, 0), wt - 1)
                    if qy == by and qx == bx:
                        continue
                    found, total = _evaluate(maps, size, shape, costs, before, y, x, qy, qx, best)
                    if total < best:
                        by, bx, current, best = np.int32(qy), np.int32(qx), found, total
            nnf_new[0, y, x], nnf_new[1, y, x], difference_new[y, x] = by, bx, current


@njit(parallel=True, cache=True, nogil=True)
def _random_search(maps, size, shape, costs, draws, before, difference, nnf_new, difference_new):  # type: ignore[no-untyped-def]
    """Try one uniform position at each radius around each searched pixel's match."""
    radii, first, seed = draws
    hs, ws, ht, wt = size
    active = maps[3]
    nnf = before[0]
    for y in prange(hs):
        for x in range(ws):
            by, bx, current = nnf[0, y, x], nnf[1, y, x], difference[y, x]
            if active[y, x] == 2:
                cell = hash_cell(np.uint64(y * ws + x) ^ np.uint64(seed))
                factor, extra = _cost_terms(size, shape, costs, before, y, x, by, bx)
                best = np.float64(current) * factor + extra
                for k in range(radii.size):
                    r, number = radii[k], 2 * (first + k)
                    qy = draw_between(cell, number, max(by - r, 0), min(by + r, ht - 1))
                    qx = draw_between(cell, number + 1, max(bx - r, 0), min(bx + r, wt - 1))
                    if qy == by and qx == bx:
                        continue
                    found, total = _evaluate(maps, size, shape, costs, before, y, x, qy, qx, best)
                    if total < best:
                        by, bx, current, best = np.int32(qy), np.int32(qx), found, total
            nnf_new[0, y, x], nnf_new[1, y, x], difference_new[y, x] = by, bx, current


@njit(cache=True, nogil=True)
def _count_matches(nnf, active, count):  # type: ignore[no-untyped-def]
    for y in range(active.shape[0]):
        for x in range(active.shape[1]):
            if active[y, x] > 0:
                count[nnf[0, y, x], nnf[1, y, x]] += 1


@njit(parallel=True, cache=True, nogil=True)
def _box_sum(count, reach, rows, used):  # type: ignore[no-untyped-def]
    """Sum over the patch around each pixel, cut off at the borders."""
    height, width = count.shape
    for y in prange(height):
        total = np.int32(0)
        for x in range(min(reach, width)):
            total += count[y, x]
        for x in range(width):
            if x + reach < width:
                total += count[y, x + reach]
            if x - reach - 1 >= 0:
                total -= count[y, x - reach - 1]
            rows[y, x] = total
    for y in prange(height):
        for x in range(width):
            used[y, x] = 0
        for ny in range(max(y - reach, 0), min(y + reach, height - 1) + 1):
            for x in range(width):
                used[y, x] += rows[ny, x]


def _read_field(
    nnf: NDArray[np.int32],
    active: NDArray[np.int8],
    source: Size,
    reach: int,
    occurrence_cost: float,
) -> tuple[NDArray[np.int32], NDArray[np.int32]]:
    """Pair a field with the matches in each source patch, an empty array if their cost is 0."""
    if occurrence_cost == 0.0:
        return nnf, np.zeros((0, 0), np.int32)
    count = np.zeros(source, np.int32)
    _count_matches(nnf, active, count)
    rows, used = np.empty_like(count), np.empty_like(count)
    _box_sum(count, reach, rows, used)
    return nnf, used


def search(
    source: Tensor,
    target: Tensor,
    nnf: Tensor,
    usable: Tensor,
    active: Tensor,
    spec: GuidedSearchSpec,
) -> tuple[Tensor, Tensor]:
    """Compute ``reference.search`` for tensors on the CPU."""
    use_torch_threads()
    states = active.contiguous().numpy()
    maps = (
        _padded(source, spec.reach),
        _padded(target, spec.reach),
        usable.contiguous().numpy().view(np.uint8),
        states,
    )
    size = (*target.shape[:2], *source.shape[:2])
    share = int((active > 0).sum()) / max(1, int(usable.sum()))
    occurrence_cost = spec.occurrence_cost / share if share > 0 else 0.0
    job = (maps, size, (spec.reach, source.shape[2]), (float(spec.coherence), occurrence_cost))
    field = np.array(nnf.numpy(), dtype=np.int32)  # a copy: the argument stays unmodified
    old = (field, np.zeros(field.shape[1:], np.int32))
    new = (np.empty_like(field), np.empty(field.shape[1:], np.int32))
    _differences(*job[:3], *old)
    radii = np.array(spec.radii, np.int64)
    for iteration in range(spec.iterations):
        for jump in JUMPS:
            before = _read_field(old[0], states, size[2:], spec.reach, occurrence_cost)
            _propagate(*job, jump, before, old[1], *new)
            old, new = new, old
        before = _read_field(old[0], states, size[2:], spec.reach, occurrence_cost)
        _random_search(*job, (radii, iteration * radii.size, spec.seed), before, old[1], *new)
        old, new = new, old
    return torch.from_numpy(old[0]), torch.from_numpy(old[1])


def _padded(quantised: Tensor, reach: int) -> NDArray[np.int16]:
    """Pad (H, W, C) by ``reach``, edges replicated, and flatten it."""
    padded = np.pad(quantised.numpy(), ((reach, reach), (reach, reach), (0, 0)), mode="edge")
    return padded.reshape(-1)
