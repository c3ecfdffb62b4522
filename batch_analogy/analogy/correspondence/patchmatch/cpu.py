"""PatchMatch on the CPU, compiled by Numba; the same candidates and answers as ``reference``.

Every optimisation is exact; no candidate that could win is left out:

- A patch row is one contiguous run of floats in (H, W, C) order, so its dot products are one
  long vector loop.
- Terms 1 − s·t are never negative, so a candidate is dropped as soon as its partial sum reaches
  the best.
- A neighbour whose match has not changed since its last use at this jump would offer a candidate
  that already lost; it is skipped.
- Cells are processed in tiles, so that the data they read stays in cache; memory limits the speed.
- Each cell remembers its latest candidates in sixteen slots, one cache line; no two candidates of a
  4×4 block share a slot. Coherent neighbours and small random windows offer the same candidates
  again and again.

Passes are double-buffered: a cell reads only its neighbours' matches of the pass before, so the
result depends neither on the number of threads nor on timing.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import torch
from numba import njit, prange
from numpy.typing import NDArray
from torch import Tensor

from batch_analogy.analogy.correspondence.patchmatch.reference import JUMPS
from batch_analogy.analogy.correspondence.patchmatch.rng_cpu import draw_between, hash_cell
from batch_analogy.analogy.correspondence.patchmatch.spec import SLACK_CELLS, Prior, SearchSpec
from batch_analogy.analogy.numba_threads import use_torch_threads

_SLOTS = 16
_TILE = 32  # cells: a tile's patches in both maps stay in the cache of one core
_REASSOCIATE = {"reassoc", "contract", "nsz"}  # lets sums be vectorised; NaN and inf stay valid
_SLACK = np.float32(SLACK_CELLS)


@njit(fastmath=_REASSOCIATE, cache=True, nogil=True)
def _patch_cost(s, t, size, py, px, qy, qx, reach, best):  # type: ignore[no-untyped-def]
    """Compute the mean of 1 − s·t over the patch cells valid in both maps; inf at or above best."""
    hs, ws, ht, wt, channels = size
    up = min(reach, py, qy)
    down = min(reach, hs - 1 - py, ht - 1 - qy)
    left = min(reach, px, qx)
    right = min(reach, ws - 1 - px, wt - 1 - qx)
    columns = left + right + 1
    run = columns * channels
    count = np.float32((up + down + 1) * columns)
    limit = best * count
    total = np.float32(0.0)
    for dy in range(-up, down + 1):
        start_s = ((py + dy) * ws + px - left) * channels
        start_t = ((qy + dy) * wt + qx - left) * channels
        row_s = s[start_s : start_s + run]
        row_t = t[start_t : start_t + run]
        dot = np.float32(0.0)
        for k in range(run):
            dot += row_s[k] * row_t[k]
        total += np.float32(columns) - dot
        if total >= limit:
            return np.float32(np.inf)
    return total / count


@njit(cache=True, nogil=True)
def _prior_cost(prior, y, x, qy, qx):  # type: ignore[no-untyped-def]
    """Compute the cost of a match's distance from the expected one; 0 without a prior."""
    expected, weight, per_square = prior
    if weight.size == 0:
        return np.float32(0.0)
    dy, dx = np.float32(qy) - expected[0, y, x], np.float32(qx) - expected[1, y, x]
    excess = max(np.sqrt(dy * dy + dx * dx) - _SLACK, np.float32(0.0))
    return weight[y, x] * min(excess * excess * per_square, np.float32(1.0))


@njit(cache=True, nogil=True)
def _match_cost(s, t, size, prior, py, px, qy, qx, reach, best):  # type: ignore[no-untyped-def]
    """Compute patch plus prior cost; inf at or above best."""
    extra = _prior_cost(prior, py, px, qy, qx)
    if extra >= best:
        return np.float32(np.inf)
    return _patch_cost(s, t, size, py, px, qy, qx, reach, best - extra) + extra


@njit(cache=True, nogil=True)
def _tiles(size):  # type: ignore[no-untyped-def]
    return -(-size[0] // _TILE) * -(-size[1] // _TILE)


@njit(cache=True, nogil=True)
def _tile_bounds(tile, size):  # type: ignore[no-untyped-def]
    """Return (top, bottom, left, right) of a tile, half-open."""
    across = -(-size[1] // _TILE)
    top, left = tile // across * _TILE, tile % across * _TILE
    return top, min(top + _TILE, size[0]), left, min(left + _TILE, size[1])


@njit(cache=True, nogil=True)
def _is_new(tried, y, x, qy, qx, width):  # type: ignore[no-untyped-def]
    """Return False for a candidate that is remembered as tried; otherwise remember it."""
    slot = ((qy & 3) << 2) | (qx & 3)
    key = qy * width + qx
    if tried[y, x, slot] == key:
        return False
    tried[y, x, slot] = key
    return True


@njit(parallel=True, cache=True, nogil=True)
def _initial_costs(s, t, size, prior, reach, nnf, cost, tried):  # type: ignore[no-untyped-def]
    for tile in prange(_tiles(size)):
        top, bottom, left, right = _tile_bounds(tile, size)
        for y in range(top, bottom):
            for x in range(left, right):
                _is_new(tried, y, x, nnf[0, y, x], nnf[1, y, x], size[3])
                best = _match_cost(
                    s, t, size, prior, y, x, nnf[0, y, x], nnf[1, y, x], reach, np.float32(np.inf)
                )
                if prior[1].size > 0:
                    qy = min(max(np.int32(np.rint(prior[0][0, y, x])), 0), size[2] - 1)
                    qx = min(max(np.int32(np.rint(prior[0][1, y, x])), 0), size[3] - 1)
                    if _is_new(tried, y, x, qy, qx, size[3]):
                        found = _match_cost(s, t, size, prior, y, x, qy, qx, reach, best)
                        if found < best:
                            best, nnf[0, y, x], nnf[1, y, x] = found, np.int32(qy), np.int32(qx)
                cost[y, x] = best


@njit(parallel=True, cache=True, nogil=True)
def _propagate(s, t, size, prior, reach, jump, old, new, tried, changed, now, before):  # type: ignore[no-untyped-def]
    """Do one jump of propagation: try each cell's four neighbours' matches, shifted back."""
    hs, ws, ht, wt, _ = size
    nnf, cost = old
    nnf_new, cost_new = new
    for tile in prange(_tiles(size)):
        top, bottom, left, right = _tile_bounds(tile, size)
        for y in range(top, bottom):
            for x in range(left, right):
                best, by, bx = cost[y, x], nnf[0, y, x], nnf[1, y, x]
                improved = False
                for side in range(4):
                    dy = 0 if side < 2 else (-jump if side == 2 else jump)
                    dx = (-jump if side == 0 else jump) if side < 2 else 0
                    ny, nx = y + dy, x + dx
                    if ny < 0 or ny >= hs or nx < 0 or nx >= ws or changed[ny, nx] < before:
                        continue
                    qy = min(max(nnf[0, ny, nx] - dy, 0), ht - 1)
                    qx = min(max(nnf[1, ny, nx] - dx, 0), wt - 1)
                    if not _is_new(tried, y, x, qy, qx, wt):
                        continue
                    found = _match_cost(s, t, size, prior, y, x, qy, qx, reach, best)
                    if found < best:
                        best, by, bx = found, np.int32(qy), np.int32(qx)
                        improved = True
                cost_new[y, x], nnf_new[0, y, x], nnf_new[1, y, x] = best, by, bx
                if improved:
                    changed[y, x] = now  # a racing reader at worst tries a losing candidate


@njit(parallel=True, cache=True, nogil=True)
def _random_search(s, t, size, prior, reach, radii, first, seed, field, tried, changed, now):  # type: ignore[no-untyped-def]
    """Try one uniform sample per radius around each cell's best match, in place."""
    _, ws, ht, wt, _ = size
    nnf, cost = field
    for tile in prange(_tiles(size)):
        top, bottom, left, right = _tile_bounds(tile, size)
        for y in range(top, bottom):
            for x in range(left, right):
                cell = hash_cell(np.uint64(y * ws + x) ^ np.uint64(seed))
                best, by, bx = cost[y, x], nnf[0, y, x], nnf[1, y, x]
                for k in range(radii.size):
                    r = radii[k]
                    number = 2 * (first + k)
                    qy = draw_between(cell, number, max(by - r, 0), min(by + r, ht - 1))
                    qx = draw_between(cell, number + 1, max(bx - r, 0), min(bx + r, wt - 1))
                    if not _is_new(tried, y, x, qy, qx, wt):
                        continue
                    found = _match_cost(s, t, size, prior, y, x, qy, qx, reach, best)
                    if found < best:
                        best, by, bx = found, np.int32(qy), np.int32(qx)
                        changed[y, x] = now
                cost[y, x], nnf[0, y, x], nnf[1, y, x] = best, by, bx


@njit(parallel=True, cache=True, nogil=True)
def _without_prior(prior, nnf, cost):  # type: ignore[no-untyped-def]
    """Subtract the prior's share from the costs, in place."""
    for y in prange(cost.shape[0]):
        for x in range(cost.shape[1]):
            cost[y, x] -= _prior_cost(prior, y, x, nnf[0, y, x], nnf[1, y, x])


def search(
    source: Tensor, target: Tensor, initial: Tensor, spec: SearchSpec, prior: Prior | None = None
) -> tuple[Tensor, Tensor]:
    """Improve a nearest-neighbour field; arguments and result as ``reference.search``."""
    use_torch_threads()
    fields, costs = zip(
        *(
            _search_one(
                source[i], target[i], initial[i], replace(spec, seed=seed), _prior_of(prior, i)
            )
            for i, seed in enumerate(spec.seeds(len(source)))
        ),
        strict=True,
    )
    return torch.from_numpy(np.stack(fields)), torch.from_numpy(np.stack(costs))[:, None]


def _prior_of(
    prior: Prior | None, index: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], np.float32]:
    """Return one picture's expected matches, their weight (empty: no prior) and 1 / radius²."""
    if prior is None:
        return np.zeros((2, 0, 0), np.float32), np.zeros((0, 0), np.float32), np.float32(0.0)
    expected, weight = prior.expected[index], prior.weight[index, 0]
    return (
        np.ascontiguousarray(expected.numpy(), np.float32),
        np.ascontiguousarray(weight.numpy(), np.float32),
        np.float32(1.0 / prior.radius**2),
    )


def _search_one(
    source: Tensor,
    target: Tensor,
    initial: Tensor,
    spec: SearchSpec,
    prior: tuple[NDArray[np.float32], NDArray[np.float32], np.float32],
) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    s, t = _flat_cells(source), _flat_cells(target)
    channels, hs, ws = source.shape
    size = (hs, ws, target.shape[1], target.shape[2], channels)
    nnf = np.array(initial.numpy(), dtype=np.int32)  # a copy: the caller's field stays unmodified
    old = (nnf, np.empty((hs, ws), np.float32))
    new = (np.empty_like(nnf), np.empty((hs, ws), np.float32))
    tried = np.full((hs, ws, _SLOTS), -1, np.int32)
    changed = np.zeros((hs, ws), np.int32)  # the pass in which a cell's match last changed
    tried_in = dict.fromkeys(JUMPS, 0)  # jump → the pass in which it was last tried
    reach, radii = spec.reach, np.array(spec.radii, np.int64)
    _initial_costs(s, t, size, prior, reach, *old, tried)
    now = 0
    for iteration in range(spec.iterations):
        for jump in JUMPS:
            now += 1
            _propagate(
                s, t, size, prior, reach, jump, old, new, tried, changed, now, tried_in[jump]
            )
            tried_in[jump] = now
            old, new = new, old
        now += 1
        draw = iteration * radii.size
        _random_search(s, t, size, prior, reach, radii, draw, spec.seed, old, tried, changed, now)
    if prior[1].size > 0:
        _without_prior(prior, *old)
    return old


def _flat_cells(features: Tensor) -> NDArray[np.float32]:
    """Flatten (C, H, W) in (H, W, C) order, without a copy where memory has that order."""
    cells = features.permute(1, 2, 0).contiguous().numpy()
    return np.ascontiguousarray(cells, dtype=np.float32).reshape(-1)
