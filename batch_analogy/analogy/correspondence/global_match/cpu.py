"""Scores, transport and belief propagation on the CPU, compiled by Numba.

The results are those of ``reference`` up to rounding.

Cells to match lie next to each other in memory and are worked on in blocks, so that every step is a
loop of constant length over independent cells: the processor does many at once. No sum runs across
blocks, so nothing depends on the number of threads.
"""

from __future__ import annotations

import numpy as np
import torch
from numba import njit, prange
from numpy.typing import NDArray
from torch import Tensor

from batch_analogy.analogy.correspondence.global_match.reference import (
    DAMPING,
    DISPLACEMENT_COST,
    RELAXATION,
    TEMPERATURE,
    TRANSPORT_ROUNDS,
    TRUNCATION,
    expected_labels,
)
from batch_analogy.analogy.nnf import Size
from batch_analogy.analogy.numba_threads import use_torch_threads

_BLOCK = 64  # cells: their table of 900 labels stays in the cache of one core
_CHANNELS = 4  # that are added at once
_REASSOCIATE = {"reassoc", "contract", "nsz"}  # lets sums be vectorised; NaN and inf stay valid
_COSTS = np.float32(DISPLACEMENT_COST), np.float32(TRUNCATION), np.float32(DAMPING)
# Kernels get constants as arguments: Numba's cache would not notice that another module changed.


def products(a: Tensor, b: Tensor) -> Tensor:
    """Multiply all columns of two matrices; arguments and result as ``reference.products``.

    BLAS and, with many channels, convolutions split sums by the number of threads.
    """
    use_torch_threads()
    channels, cells = a.shape
    padded = -(-channels // _CHANNELS) * _CHANNELS
    first = np.zeros((padded, -(-cells // _BLOCK) * _BLOCK), np.float32)
    first[:channels, :cells] = a.numpy()
    second = np.zeros((b.shape[1], padded), np.float32)
    second[:, :channels] = b.numpy().T
    result = np.zeros((second.shape[0], first.shape[1]), np.float32)
    _multiply(first, second, result)
    return torch.from_numpy(result[:, :cells].copy())


@njit(parallel=True, fastmath={"contract"}, cache=True, nogil=True)
def _multiply(first, second, result):  # type: ignore[no-untyped-def]
    """Add second @ first to the result, a block of columns at a time."""
    for block in prange(first.shape[1] // _BLOCK):
        start, stop = block * _BLOCK, (block + 1) * _BLOCK
        part = first[:, start:stop].copy()
        for q in range(second.shape[0]):
            to = result[q, start:stop]
            for k in range(0, part.shape[0], _CHANNELS):
                w0, w1, w2, w3 = second[q, k], second[q, k + 1], second[q, k + 2], second[q, k + 3]
                x0, x1, x2, x3 = part[k], part[k + 1], part[k + 2], part[k + 3]
                for c in range(_BLOCK):
                    to[c] += (w0 * x0[c] + w1 * x1[c]) + (w2 * x2[c] + w3 * x3[c])


def with_potentials(score: Tensor) -> Tensor:
    """Add potentials to the scores; arguments and result as ``reference.with_potentials``."""
    table = score.contiguous().numpy()
    # Nothing overflows without the maximum; it only moves the result by a constant.
    shares = np.exp((table - table.max()) * np.float32(1 / TEMPERATURE))
    rows, columns = _potentials(shares, RELAXATION, TRANSPORT_ROUNDS)
    row, column = ((TEMPERATURE * x).astype(np.float32) for x in (rows, columns))
    return torch.from_numpy(table + row[:, None] + column[None])


@njit(fastmath=_REASSOCIATE, cache=True, nogil=True)
def _potentials(shares, relaxation, rounds):  # type: ignore[no-untyped-def]
    """Scale rows and columns in turn; return the logarithms of the scalings.

    Serial: one pass over the table does a row's scaling and its part of the columns' sums.
    """
    height, width = shares.shape
    log_u, log_v = np.zeros(height), np.zeros(width)
    v, sums = np.ones(width, np.float32), np.zeros(width, np.float32)
    for _ in range(rounds):
        sums[:] = 0
        for i in range(height):
            row = shares[i]
            total = np.float32(0.0)
            for j in range(width):
                total += row[j] * v[j]
            log_u[i] = -relaxation * np.log(total * np.float64(height))
            u = np.float32(np.exp(log_u[i]))
            for j in range(width):
                sums[j] += row[j] * u
        for j in range(width):
            log_v[j] = -relaxation * np.log(sums[j] * np.float64(width))
            v[j] = np.float32(np.exp(log_v[j]))
    return log_u, log_v


class BeliefPropagation:
    """Belief propagation; arguments and results as ``reference.BeliefPropagation``."""

    def __init__(self, size: Size, target: Size) -> None:
        height, width = size
        labels, self._cells = target[0] * target[1], height * width
        blocks = -(-self._cells // _BLOCK)
        self._target = target
        # Zeros on both sides are read as neighbours of the first and last cells.
        self._halo = width if height > 1 else 1
        self._own = np.zeros((labels, self._halo + blocks * _BLOCK + self._halo), np.float32)
        self._belief = np.empty_like(self._own)
        self._old, self._new = np.zeros((2, 4, *self._own.shape), np.float32)
        self._scratch = np.empty((torch.get_num_threads(), labels, _BLOCK), np.float32)
        self._tables = *_label_tables(size, target), _gains(size, blocks)

    def run(self, data_cost: Tensor, rounds: int) -> Tensor:
        use_torch_threads()
        within = slice(self._halo, self._halo + self._cells)
        self._own[:, within] = data_cost.numpy()
        workers = len(self._scratch)
        for _ in range(rounds):
            _add_up(self._own, self._old, self._belief, workers)
            _send(
                self._belief, self._old, self._new, self._scratch, self._target, self._halo,
                *self._tables, _COSTS,
            )  # fmt: skip
            self._old, self._new = self._new, self._old
        _add_up(self._own, self._old, self._belief, workers)
        return torch.from_numpy(self._belief[:, within].copy())


def _label_tables(size: Size, target: Size) -> tuple[NDArray[np.int64], NDArray[np.float32]]:
    """Return for each side and label the label that the sender would have, and its extra cost."""
    labels, over = [], []
    for side in range(4):
        (ys, over_y), (xs, over_x) = expected_labels(side, size, target)
        labels.append((ys[:, None] * target[1] + xs[None]).ravel())
        over.append(_COSTS[0] * (over_y[:, None] + over_x[None]).ravel())
    return np.stack(labels), np.stack(over)


def _gains(size: Size, blocks: int) -> NDArray[np.float32]:
    """Return the weight of a new message for each side and cell: 0 where no neighbour sends."""
    has_neighbour = np.ones((4, *size), np.float32)
    has_neighbour[0, :, 0] = has_neighbour[1, :, -1] = has_neighbour[2, 0] = has_neighbour[
        3, -1
    ] = 0
    gains = np.zeros((4, blocks * _BLOCK), np.float32)
    gains[:, : size[0] * size[1]] = has_neighbour.reshape(4, -1) * np.float32(1 - DAMPING)
    return gains


@njit(parallel=True, cache=True, nogil=True)
def _add_up(own, messages, belief, workers):  # type: ignore[no-untyped-def]
    """Add the four messages to each cell's data cost."""
    for worker in prange(workers):
        for q in range(worker, own.shape[0], workers):
            to, data_cost = belief[q], own[q]
            left, right, above, below = (
                messages[0, q], messages[1, q], messages[2, q], messages[3, q],
            )  # fmt: skip
            for c in range(to.size):
                to[c] = data_cost[c] + ((left[c] + right[c]) + (above[c] + below[c]))


@njit(parallel=True, cache=True, nogil=True)
def _send(belief, old, new, scratch, target, halo, labels, over, gains, costs):  # type: ignore[no-untyped-def]
    """Compute one round's messages, each worker with its own scratch table."""
    blocks = gains.shape[1] // _BLOCK
    workers = scratch.shape[0]
    step, truncation, kept = costs
    for worker in prange(workers):
        table = scratch[worker]
        least = np.empty(_BLOCK, np.float32)
        for task in range(worker, 4 * blocks, workers):
            side, start = task % 4, task // 4 * _BLOCK
            offset = 1 if side < 2 else halo
            sender = halo + start + (offset if side % 2 else -offset)
            _load(belief, old[side ^ 1], sender, table, least)
            _spread(table, target, step)
            _store(table, least, labels[side], over[side], gains[side, start : start + _BLOCK],
                   old[side], new[side], halo + start, truncation, kept)  # fmt: skip


@njit(cache=True, nogil=True)
def _load(belief, back, start, table, least):  # type: ignore[no-untyped-def]
    """Copy what a block of senders believes without what the receivers have said."""
    least[:] = np.inf
    for q in range(table.shape[0]):
        row = table[q]
        known, said = belief[q, start : start + _BLOCK], back[q, start : start + _BLOCK]
        for c in range(_BLOCK):
            value = known[c] - said[c]
            row[c] = value
            least[c] = value if value < least[c] else least[c]


@njit(cache=True, nogil=True)
def _lower(row, other, step):  # type: ignore[no-untyped-def]
    for c in range(_BLOCK):
        value = other[c] + step
        row[c] = value if value < row[c] else row[c]


@njit(cache=True, nogil=True)
def _spread(table, target, step):  # type: ignore[no-untyped-def]
    """Transform a block's tables in place: the L1 distance transform, four passes."""
    height, width = target
    for y in range(height):
        first = y * width
        for q in range(first + 1, first + width):
            _lower(table[q], table[q - 1], step)
        for q in range(first + width - 2, first - 1, -1):
            _lower(table[q], table[q + 1], step)
    for q in range(width, height * width):
        _lower(table[q], table[q - width], step)
    for q in range((height - 1) * width - 1, -1, -1):
        _lower(table[q], table[q + width], step)


@njit(cache=True, nogil=True)
def _store(table, least, labels, over, gains, old, new, start, truncation, kept):  # type: ignore[no-untyped-def]
    """Move the labels, cut at the highest cost and mix with the old messages."""
    for q in range(table.shape[0]):
        row, extra = table[labels[q]], over[q]
        before, after = old[q, start : start + _BLOCK], new[q, start : start + _BLOCK]
        for c in range(_BLOCK):
            value = row[c] + extra - least[c]
            value = value if value < truncation else truncation
            after[c] = kept * before[c] + gains[c] * value
