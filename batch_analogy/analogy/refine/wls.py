"""Refine by weighted least squares, the published way: A + WLS(A') − WLS(A)."""

from __future__ import annotations

import numpy as np
import scipy.sparse
import scipy.sparse.linalg
import torch
from torch import Tensor

from batch_analogy.analogy.refine.bilateral_grid import ColourTransforms, apply_transforms
from batch_analogy.analogy.refine.matrix_fields import apply_to, box, matrices, ridge_fit
from batch_analogy.colour import LUMA_BT601

_LAMBDA, _ALPHA, _EPSILON = 0.8, 1.0, 1e-4  # (docs/method.md, "WLS refinement")
_JOINT_RADIUS, _JOINT_RIDGE = 4, 1e-4


def refine_by_wls(picture: Tensor, small: Tensor, styled: Tensor) -> Tensor:
    """Compute A + WLS(A') − WLS(A); the filter is linear, so A' − A is filtered once.

    Above matching size the correction is enlarged along the edges of A (guided upsampling). The
    published program enlarges the finished picture and so loses the camera's detail.

    Args:
        picture: A, (1, 3, H, W) float32.
        small: A at matching size, (1, 3, h, w) float32.
        styled: A' as voted, (1, 3, h, w) float32.

    Returns:
        (1, 3, H, W) float32 in [0, 1].
    """
    correction = wls_smooth(styled - small, small)
    if small.shape != picture.shape:
        correction = _enlarge_along(correction, small, picture)
    return (picture + correction).clamp_(0.0, 1.0)


def wls_smooth(values: Tensor, guide: Tensor) -> Tensor:
    """Smooth by weighted least squares, keeping edges.

    Args:
        values: (1, C, H, W) float32.
        guide: (1, 3, H, W) float32 RGB [0, 1]; edges of its luma (linear, not logarithmic) are
            kept.

    Returns:
        (1, C, H, W) float32. The sparse system is solved directly, factorised once.

    Source: Farbman et al. 2008, with the published program's λ, α and ε; docs/method.md, "WLS
    refinement".
    """
    luma = guide.new_tensor(LUMA_BT601).view(1, 3, 1, 1)
    brightness = (guide * luma).sum(dim=1)[0].double().cpu().numpy()
    height, width = brightness.shape
    across = np.zeros((height, width))  # cell to its right neighbour
    down = np.zeros((height, width))
    across[:, :-1] = _LAMBDA / (np.abs(np.diff(brightness, axis=1)) ** _ALPHA + _EPSILON)
    down[:-1] = _LAMBDA / (np.abs(np.diff(brightness, axis=0)) ** _ALPHA + _EPSILON)
    right, below = across.ravel()[:-1], down.ravel()[:-width]
    off_diagonal = scipy.sparse.diags(
        [-right, -below], [1, width], shape=(brightness.size, brightness.size)
    )
    neighbours = off_diagonal + off_diagonal.T
    centre = 1.0 - np.asarray(neighbours.sum(axis=1)).ravel()
    system = (neighbours + scipy.sparse.diags(centre)).tocsc()
    factor = scipy.sparse.linalg.splu(
        system, permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True}
    )
    columns = values[0].double().cpu().reshape(values.shape[1], -1).numpy().T
    solved = factor.solve(np.ascontiguousarray(columns)).T
    smooth = torch.from_numpy(np.ascontiguousarray(solved, dtype=np.float32))
    return smooth.view(values.shape).to(values.device)


def _enlarge_along(correction: Tensor, small: Tensor, picture: Tensor) -> Tensor:
    """Enlarge a correction to a picture's size by affine fits on the picture (He and Sun 2015)."""
    x, y = small[0], correction[0]
    products = torch.cat([x, y, _outer(x, x), _outer(y, x)])
    means = box(products[None], _JOINT_RADIUS)[0]
    mean_x, mean_y = means[:3], means[3:6]
    cov_xx = matrices(means[6:15]) - mean_x[:, None] * mean_x[None]
    cov_yx = matrices(means[15:]) - mean_y[:, None] * mean_x[None]
    matrix = ridge_fit(cov_yx, cov_xx, _JOINT_RIDGE, torch.zeros_like(cov_xx))
    offset = mean_y - apply_to(matrix, mean_x)
    fits = box(torch.cat([matrix.flatten(0, 1), offset])[None], _JOINT_RADIUS)
    size = (float(small.shape[2]), float(small.shape[3]))
    guide = torch.zeros_like(fits[:, :2, :1, :1])  # one plane: brightness does not matter
    transforms = ColourTransforms(fits[:, :, None], size)
    return apply_transforms(picture, transforms, guide, bounds=(-torch.inf, torch.inf))


def _outer(a: Tensor, b: Tensor) -> Tensor:
    return (a[:, None] * b[None]).flatten(0, 1)
