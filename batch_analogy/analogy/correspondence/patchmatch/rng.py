"""Random numbers of PatchMatch: one counter-based hash, the same in every kernel.

The published program seeds only by column, so the cells of a column share their draws. Here each
(seed, iteration, radius, cell) has its own draws and no state is kept. So results depend neither on
the number of threads nor on the order of execution, and all kernels try the same candidates.

Source: docs/method.md, "PatchMatch random numbers and races".
"""

from __future__ import annotations

import hashlib

import torch
from torch import Tensor

MIX_1 = 0x7FEB352D  # multipliers of a well-tested 32-bit integer hash ("lowbias32", C. Wellons)
MIX_2 = 0x846CA68B
STRIDE = 0x9E3779B9  # 2³² / golden ratio: spreads consecutive draw numbers
MASK = 0xFFFFFFFF


def derive_seed(*parts: int | str) -> int:
    """Derive a 32-bit seed from any numbers and names, such as (run seed, level, direction)."""
    text = "/".join(map(str, parts)).encode()
    return int.from_bytes(hashlib.blake2s(text, digest_size=4).digest(), "little")


def hash_cells(x: Tensor) -> Tensor:
    """Hash 32-bit integers held as int64; products may wrap, their low 32 bits stay correct."""
    x = ((x ^ (x >> 16)) * MIX_1) & MASK
    x = ((x ^ (x >> 15)) * MIX_2) & MASK
    return x ^ (x >> 16)


def random_cells(
    nnf: Tensor, cell_hash: Tensor, radius: int, draw: int, target_size: tuple[int, int]
) -> Tensor:
    """Draw a uniform cell per match from the clipped square window around it.

    Args:
        nnf: (2, H, W) integers. cell_hash: (H, W) int64, ``hash_cells`` of each cell and seed.
        radius: half the window's side. draw: number of the draw among a cell's draws.
        target_size: (H', W').

    Returns:
        (2, H, W) int64.
    """
    axes = []
    for axis, limit in enumerate(target_size):
        low = (nnf[axis] - radius).clamp_min(0)
        high = (nnf[axis] + radius).clamp_max(limit - 1)
        h = hash_cells((cell_hash + (2 * draw + axis) * STRIDE) & MASK)
        axes.append(low + ((h * (high - low + 1)) >> 32))
    return torch.stack(axes)
