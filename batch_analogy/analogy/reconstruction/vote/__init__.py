"""Reconstruct a feature map from another through a nearest-neighbour field, by patch voting.

A cell is covered by the patches around all its neighbours. Each patch contributes a value of the
other map for this cell, and the cell takes their mean.
"""

from __future__ import annotations

import importlib.util

from torch import Tensor

from batch_analogy.analogy.reconstruction.vote import reference


def vote(values: Tensor, nnf: Tensor, patch: int, weight: Tensor | None = None) -> Tensor:
    """Average the values that overlapping patches contribute to each cell.

    Args:
        values: (B, C, H', W') float32, the map that is read, or (1, C, H', W') for all items.
        nnf: (B, 2, H, W) int32, matches in ``values``.
        patch: odd side, cells.
        weight: (B, 1, H, W) float32 above 0, the weight of each neighbour's vote; all equal by
            default, as published.

    Returns:
        (B, C, H, W) float32. Neighbours outside this map, and matches that fall outside the
        other once shifted back, do not vote.

    Source: Deep Image Analogy, §4.2 (warp); docs/method.md, "Latent features".
    """
    if values.device.type == "cpu":
        from batch_analogy.analogy.reconstruction.vote import cpu  # Numba is slow to import

        return cpu.vote(values, nnf, patch, weight)
    if values.device.type == "cuda" and importlib.util.find_spec("triton") is not None:
        from batch_analogy.analogy.reconstruction.vote import cuda

        return cuda.vote(values, nnf, patch, weight)
    return reference.vote(values, nnf, patch, weight)
