"""The principal directions of a sample of cells, compiled by Numba; serial, so always the same."""

from __future__ import annotations

import numpy as np
from numba import njit
from numpy.typing import NDArray

_ROUNDS = 6  # of subspace iteration


def principal_directions(cells: NDArray[np.float64], count: int) -> NDArray[np.float32]:
    """Orthonormal rows (count, C) that span the strongest directions, by subspace iteration.

    Rows beyond the number of directions that hold anything come out as zeros.
    """
    moment = _second_moment(cells)
    rows = np.random.default_rng(0).standard_normal((count, cells.shape[1]))
    for _ in range(_ROUNDS):
        rows = _times(rows, moment)
        _orthonormalise(rows)
    return rows.astype(np.float32)


@njit(cache=True)
def _second_moment(cells):  # type: ignore[no-untyped-def]
    """Σ x xᵀ over rows."""
    number, channels = cells.shape
    moment = np.zeros((channels, channels))
    for i in range(number):
        for c in range(channels):
            for d in range(channels):
                moment[c, d] += cells[i, c] * cells[i, d]
    return moment


@njit(cache=True)
def _times(a, b):  # type: ignore[no-untyped-def]
    """The matrix product in one fixed order; BLAS sums by the number of its threads."""
    product = np.zeros((a.shape[0], b.shape[1]))
    for i in range(a.shape[0]):
        for k in range(a.shape[1]):
            for j in range(b.shape[1]):
                product[i, j] += a[i, k] * b[k, j]
    return product


@njit(cache=True)
def _orthonormalise(rows):  # type: ignore[no-untyped-def]
    """Gram-Schmidt in place, row after row; rows without a direction of their own become zero."""
    count, channels = rows.shape
    for k in range(count):
        before = np.sqrt((rows[k] ** 2).sum())
        for _ in range(2):  # the second time removes what rounding left of the first
            for j in range(k):
                along = (rows[k] * rows[j]).sum()
                for c in range(channels):
                    rows[k, c] -= along * rows[j, c]
        norm = np.sqrt((rows[k] ** 2).sum())
        if norm <= 1e-9 * before or norm == 0.0:
            rows[k] = 0.0
        else:
            rows[k] /= norm
