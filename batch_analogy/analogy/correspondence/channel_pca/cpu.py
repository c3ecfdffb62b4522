"""Principal directions on the CPU, compiled by Numba: serial, so the same for any thread count.

The directions span the same space as those of ``reference``, up to the convergence of the
iteration; they are not equal to them bit by bit.
"""

from __future__ import annotations

import numpy as np
import torch
from numba import njit
from numpy.typing import NDArray
from torch import Tensor

_ROUNDS = 6  # of subspace iteration


def principal_directions(cells: Tensor, count: int) -> Tensor:
    """Find an orthonormal basis of the principal subspace, by subspace iteration.

    Args:
        cells: (N, C) float64. count: number of directions.

    Returns:
        (count, C) float32. Rows beyond the rank of the sample are zero.
    """
    number, channels = cells.shape
    sample = np.ascontiguousarray(cells.numpy())
    if number >= channels:
        rows = _strongest(_second_moment(sample), count)
    else:  # the directions lie in the span of the cells, whose inner products are fewer
        rows = _times(_strongest(_second_moment(np.ascontiguousarray(sample.T)), count), sample)
        _orthonormalise(rows)
    return torch.from_numpy(rows.astype(np.float32))


def _strongest(moment: NDArray[np.float64], count: int) -> NDArray[np.float64]:
    """Find the strongest eigenvectors of a symmetric matrix (N, N), as (count, N)."""
    rows = np.random.default_rng(0).standard_normal((count, len(moment)))
    for _ in range(_ROUNDS):
        rows = _times(rows, moment)
        _orthonormalise(rows)
    return rows


@njit(cache=True)
def _second_moment(cells):  # type: ignore[no-untyped-def]
    """Compute Σ x xᵀ over rows."""
    number, channels = cells.shape
    moment = np.zeros((channels, channels))
    for i in range(number):
        for c in range(channels):
            for d in range(channels):
                moment[c, d] += cells[i, c] * cells[i, d]
    return moment


@njit(cache=True)
def _times(a, b):  # type: ignore[no-untyped-def]
    """Multiply matrices in one fixed order; that of BLAS depends on its number of threads."""
    product = np.zeros((a.shape[0], b.shape[1]))
    for i in range(a.shape[0]):
        for k in range(a.shape[1]):
            for j in range(b.shape[1]):
                product[i, j] += a[i, k] * b[k, j]
    return product


@njit(cache=True)
def _orthonormalise(rows):  # type: ignore[no-untyped-def]
    """Orthonormalise rows in place by Gram-Schmidt; rows that depend on others become zero."""
    count, channels = rows.shape
    for k in range(count):
        before = np.sqrt((rows[k] ** 2).sum())
        for _ in range(2):  # the second pass removes the rounding errors of the first
            for j in range(k):
                along = (rows[k] * rows[j]).sum()
                for c in range(channels):
                    rows[k, c] -= along * rows[j, c]
        norm = np.sqrt((rows[k] ** 2).sum())
        if norm <= 1e-9 * before or norm == 0.0:
            rows[k] = 0.0
        else:
            rows[k] /= norm
