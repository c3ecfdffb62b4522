"""Principal directions by a singular value decomposition: readable, and used on GPUs."""

from __future__ import annotations

import torch
from torch import Tensor

_NOTHING = 1e-9  # singular value that is zero but for rounding, as a share of the largest


def principal_directions(cells: Tensor, count: int) -> Tensor:
    """Find the orthonormal directions that hold most of a sample's energy.

    Args:
        cells: (N, C) float64. count: number of directions.

    Returns:
        (count, C) float32, in order of increasing energy. Rows beyond the rank of the sample, or
        beyond C, are zero.
    """
    _, energy, rows = torch.linalg.svd(cells, full_matrices=False)  # by decreasing energy
    found = rows[:count] * (energy[:count, None] > _NOTHING * energy.amax())
    directions = cells.new_zeros((count, cells.shape[1]))
    directions[count - len(found) :] = found.flip(0)
    return directions.float()
