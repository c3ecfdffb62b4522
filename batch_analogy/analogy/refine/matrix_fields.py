"""Fields of 3×3 colour matrices, luma, and box filters."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from batch_analogy.colour import LUMA_BT601


def luma(picture: Tensor) -> Tensor:
    """Convert RGB (1, 3, H, W) to luma (1, 1, H, W)."""
    return (picture * picture.new_tensor(LUMA_BT601).view(1, 3, 1, 1)).sum(dim=1, keepdim=True)


def box(x: Tensor, radius: int) -> Tensor:
    """Average (B, C, H, W) over (2·radius + 1)² cells, counting only those inside."""
    for axis in (2, 3):
        reach = min(radius, int(x.shape[axis]) - 1)
        kernel = (2 * reach + 1, 1) if axis == 2 else (1, 2 * reach + 1)
        padding = (reach, 0) if axis == 2 else (0, reach)
        x = functional.avg_pool2d(x, kernel, 1, padding, count_include_pad=False)
    return x


def matrices(x: Tensor) -> Tensor:
    """Reshape (9, …), row by row, to (3, 3, …)."""
    return x.reshape(3, 3, *x.shape[1:])


def identity(like: Tensor) -> Tensor:
    """Return the identity matrix, shaped to be added to a (3, 3, …) field."""
    return torch.eye(3, dtype=like.dtype, device=like.device).view(3, 3, *[1] * (like.dim() - 2))


def luma_matrix(like: Tensor) -> Tensor:
    """Return the matrix that turns a colour into its grey, shaped like ``identity``."""
    row = like.new_tensor(LUMA_BT601).view(1, 3).expand(3, 3)
    return row.reshape(3, 3, *[1] * (like.dim() - 2))


def matrix_product(a: Tensor, b: Tensor) -> Tensor:
    """Multiply two (3, 3, …) fields."""
    return (a[:, :, None] * b[None]).sum(dim=1)


def apply_to(matrix: Tensor, vector: Tensor) -> Tensor:
    """Multiply a (3, 3, …) field with a (3, …) field."""
    return (matrix * vector[None]).sum(dim=1)


def luma_gain(matrix: Tensor) -> Tensor:
    """Compute the gain of luma that a matrix gives to greys: (3, 3, …) → (…)."""
    weights = matrix.new_tensor(LUMA_BT601).view(3, 1, *[1] * (matrix.dim() - 2))
    return (weights * matrix).sum(dim=(0, 1))


def luma_of(colour: Tensor) -> Tensor:
    """Convert colours (3, …) to luma (…)."""
    return (colour.new_tensor(LUMA_BT601).view(3, *[1] * (colour.dim() - 1)) * colour).sum(dim=0)


def ridge_fit(cov_yx: Tensor, cov_xx: Tensor, ridge: Tensor | float, prior: Tensor) -> Tensor:
    """Return M of the ridge regression y ≈ M x, pulled towards ``prior``; all (3, 3, …) fields."""
    return matrix_product(cov_yx + ridge * prior, _inverse(cov_xx + ridge * identity(cov_xx)))


def _inverse(m: Tensor) -> Tensor:
    """Invert a (3, 3, …) field of symmetric positive matrices by cofactors."""
    m = m.double()
    rows = list(m)
    cofactors = torch.stack(
        [torch.linalg.cross(rows[(i + 1) % 3], rows[(i + 2) % 3], dim=0) for i in range(3)]
    )
    determinant = (rows[0] * cofactors[0]).sum(dim=0)
    inverse: Tensor = cofactors.transpose(0, 1) / determinant
    return inverse.float()
