"""Vote on the CPU, compiled by Numba; gives the same bits as ``reference``."""

from __future__ import annotations

import numpy as np
import torch
from numba import njit, prange
from torch import Tensor

from batch_analogy.analogy.guided.vote.reference import TOLERANCE
from batch_analogy.analogy.numba_threads import use_torch_threads

_PER_SQUARE = np.float32(1.0 / TOLERANCE**2)
_ONE = np.float32(1.0)


@njit(parallel=True, cache=True, nogil=True)
def _vote(values, nnf, usable, active, reach, out):  # type: ignore[no-untyped-def]
    hs, ws, channels = out.shape
    side = 2 * reach + 1
    for y in prange(hs):
        places = np.empty((side * side, 2), np.int32)
        weights = np.empty(side * side, np.float32)
        mean = np.empty(channels, np.float32)
        for x in range(ws):
            if active[y, x] == 0:
                continue
            count = _voters(nnf, usable, active, y, x, reach, places, weights)
            _weighted_mean(values, places, weights, count, mean)
            for n in range(count):
                away = np.float32(0.0)
                for c in range(channels):
                    step = values[places[n, 0], places[n, 1], c] - mean[c]
                    away += step * step
                near = _ONE / (_ONE + away * _PER_SQUARE)
                weights[n] *= near * near
            _weighted_mean(values, places, weights, count, mean)
            for c in range(channels):
                out[y, x, c] = mean[c]


@njit(cache=True, nogil=True)
def _voters(nnf, usable, active, y, x, reach, places, weights):  # type: ignore[no-untyped-def]
    """Collect the source positions that the patches around a pixel propose, and their weights."""
    hs, ws = active.shape
    ht, wt = usable.shape
    count = 0
    for ny in range(max(y - reach, 0), min(y + reach, hs - 1) + 1):
        for nx in range(max(x - reach, 0), min(x + reach, ws - 1) + 1):
            if active[ny, nx] == 0:
                continue
            qy, qx = nnf[0, ny, nx] + y - ny, nnf[1, ny, nx] + x - nx
            if qy < 0 or qy >= ht or qx < 0 or qx >= wt or usable[qy, qx] == 0:
                continue
            places[count, 0], places[count, 1] = qy, qx
            weights[count] = np.float32((reach + 1 - abs(y - ny)) * (reach + 1 - abs(x - nx)))
            count += 1
    return count


@njit(cache=True, nogil=True)
def _weighted_mean(values, places, weights, count, mean):  # type: ignore[no-untyped-def]
    total = np.float32(0.0)
    mean[:] = np.float32(0.0)
    for n in range(count):
        total += weights[n]
        for c in range(mean.size):
            mean[c] += weights[n] * values[places[n, 0], places[n, 1], c]
    for c in range(mean.size):
        mean[c] /= total


def vote(values: Tensor, nnf: Tensor, usable: Tensor, active: Tensor, reach: int) -> Tensor:
    """Compute ``reference.vote`` for tensors on the CPU."""
    use_torch_threads()
    out = np.zeros((*nnf.shape[1:], values.shape[2]), np.float32)
    field, allowed = nnf.contiguous().numpy(), usable.numpy().view(np.uint8)
    _vote(values.contiguous().numpy(), field, allowed, active.contiguous().numpy(), reach, out)
    return torch.from_numpy(out)
