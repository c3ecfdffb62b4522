"""Random numbers of ``rng``, compiled by Numba for the kernels on the CPU."""

from __future__ import annotations

import numpy as np
from numba import njit

from batch_analogy.analogy.correspondence.patchmatch.rng import MASK, MIX_1, MIX_2, STRIDE

_M1, _M2, _STRIDE, _MASK = (np.uint64(v) for v in (MIX_1, MIX_2, STRIDE, MASK))


@njit(cache=True, nogil=True)
def hash_cell(x):  # type: ignore[no-untyped-def]
    """Compute ``rng.hash_cells`` of one uint64."""
    x = ((x ^ (x >> np.uint64(16))) * _M1) & _MASK
    x = ((x ^ (x >> np.uint64(15))) * _M2) & _MASK
    return x ^ (x >> np.uint64(16))


@njit(cache=True, nogil=True)
def draw_between(cell_hash, number, low, high):  # type: ignore[no-untyped-def]
    """Draw a uniform integer in [low, high]."""
    h = hash_cell((cell_hash + np.uint64(number) * _STRIDE) & _MASK)
    return low + np.int64((h * np.uint64(high - low + 1)) >> np.uint64(32))
