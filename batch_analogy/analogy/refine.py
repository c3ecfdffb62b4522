"""Photo-to-photo refinement: A' with A's full-resolution detail and local contrast.

A vote is made of patches and looks like it. Where a photograph is wanted, only its colours are
taken: either as a smooth correction of A (``wls``, the published way) or as a colour transform
of A that varies slowly over the picture (``affine``, the default: faster, and it changes the
contrast of details together with their surroundings).
"""

from __future__ import annotations

import numpy as np
import scipy.sparse
import scipy.sparse.linalg
import torch
from torch import Tensor
from torch.nn import functional

from batch_analogy.analogy.features import resize
from batch_analogy.config import Refine

_LUMA = (0.299, 0.587, 0.114)

# Affine: windows from the whole picture down, each fit pulled towards the one above it.
_WINDOW_RADII = (64, 16)  # at matching size, pixels
_RIDGES = (1e-3, 3e-3, 1e-2)  # whole picture, then each window: (units of variance, [0, 1] values)
_GRID_PER_RADIUS = 4  # moments are kept on a grid of radius / 4
_CHROMA_OF_DETAIL = 0.5  # how much of A's colour variation an uninformed fit keeps
_LEAST_CONTRAST = 0.8  # share of A's local contrast that always survives; without it, haze
_ROWS_AT_ONCE_PX = 1 << 20

# WLS: facts §4.
_WLS_LAMBDA, _WLS_ALPHA, _WLS_EPSILON = 0.8, 1.0, 1e-4
_JOINT_RADIUS, _JOINT_RIDGE = 4, 1e-4


def refine(
    picture: Tensor, styled: Tensor, method: Refine, confidence: Tensor | None = None
) -> Tensor:
    """Give a styled picture the detail of the picture it was made from.

    Args:
        picture: A, (1, 3, H, W) float32 RGB [0, 1].
        styled: A' as voted, (1, 3, h, w) float32. Transforms are fitted at its size and applied
            at A's; for ``none``, which returns it, it has A's size.
        method: how.
        confidence: (1, 1, h, w) float32 [0, 1], how far ``styled`` can be believed; everywhere
            alike by default.

    Returns:
        (1, 3, H, W) float32 in [0, 1].
    """
    if method == "none":
        return styled.clamp(0.0, 1.0)
    small = resize(picture, (int(styled.shape[2]), int(styled.shape[3])))
    if method == "wls":
        return _add_correction(picture, small, wls_smooth(styled - small, small))
    return apply_affine(picture, fit_colour_transforms(small, styled)).clamp_(0.0, 1.0)


def fit_colour_transforms(picture: Tensor, styled: Tensor) -> Tensor:
    """Local affine colour transforms that turn one picture into another, contrast kept.

    At each place a 3×3 matrix M and an offset b are fitted by ridge regression of ``styled`` on
    ``picture`` in a window. Three fits follow each other from the whole picture to small windows,
    and each is pulled towards the one before rather than towards zero: a flat or mismatched
    window then inherits the transform of its surroundings, where pulling to zero (a plain guided
    filter) erases its texture. Where M would still lower the contrast of grey detail below
    ``_LEAST_CONTRAST``, grey detail is added back.

    Args:
        picture: (1, 3, H, W) float32. styled: likewise.

    Returns:
        (1, 12, h, w) float32 on a coarse grid: M row by row, then b.

    Source: the locally affine idea of Shih et al. 2013 and Laffont et al. 2014, computed with
    the box windows of He et al. 2013 (guided filter).
    """
    moments = _moments(picture, styled)
    luma = moments.new_tensor(_LUMA)
    grey = luma.view(1, 1, 3, 1, 1).expand(1, 3, 3, 1, 1)
    identity = torch.eye(3, device=moments.device).view(1, 3, 3, 1, 1)
    matrix = _CHROMA_OF_DETAIL * identity + (1.0 - _CHROMA_OF_DETAIL) * grey
    whole = moments.mean(dim=3, keepdim=True).mean(dim=2, keepdim=True)  # in a fixed order
    matrix, mean_picture, mean_styled = _fit(whole, _RIDGES[0], matrix)
    for radius, ridge in zip(_WINDOW_RADII, _RIDGES[1:], strict=True):
        windows = _window_means(moments, radius)
        prior = _matrices(_stretch(matrix.flatten(1, 2), windows.shape[2:]))
        matrix, mean_picture, mean_styled = _fit(windows, ridge, prior)
    contrast = (luma.view(1, 3, 1, 1, 1) * matrix).sum(dim=(1, 2))  # grey in, luma out
    lacking = (_LEAST_CONTRAST - contrast).clamp_min(0.0)
    matrix = matrix + lacking[:, None, None] * grey
    offset = mean_styled - (matrix * mean_picture[:, None]).sum(dim=2)
    return _box(torch.cat([matrix.flatten(1, 2), offset], dim=1), _GRID_PER_RADIUS)


def apply_affine(picture: Tensor, transforms: Tensor) -> Tensor:
    """Apply transforms given on a coarse grid to a picture of any resolution.

    Args:
        picture: (1, 3, H, W) float32. transforms: (1, 12, h, w) as ``fit_colour_transforms``.

    Returns:
        (1, 3, H, W) float32.
    """
    _, _, height, width = picture.shape
    rows = max(1, _ROWS_AT_ONCE_PX // width)
    x = (torch.arange(width, device=picture.device) + 0.5) * 2 / width - 1
    pieces = []
    for top in range(0, height, rows):
        part = picture[:, :, top : top + rows]
        y = (torch.arange(top, top + part.shape[2], device=picture.device) + 0.5) * 2 / height - 1
        grid = torch.stack(torch.meshgrid(y, x, indexing="ij")[::-1], dim=-1)[None]
        here = functional.grid_sample(
            transforms, grid, mode="bilinear", padding_mode="border", align_corners=False
        )
        matrix = _matrices(here[:, :9])
        pieces.append((matrix * part[:, None]).sum(dim=2) + here[:, 9:])
    return torch.cat(pieces, dim=2)


def wls_smooth(values: Tensor, guide: Tensor) -> Tensor:
    """Edge-aware smoothing by weighted least squares.

    Args:
        values: (1, C, H, W) float32. guide: (1, 3, H, W) float32 RGB [0, 1]; edges of its grey
            values (linear, not logarithmic) stay edges.

    Returns:
        (1, C, H, W) float32. The sparse system is solved directly, factorised once.

    Source: Farbman et al. 2008, with the official code's λ, α and ε (facts §4).
    """
    luma = guide.new_tensor(_LUMA).view(1, 3, 1, 1)
    grey = (guide * luma).sum(dim=1)[0].double().cpu().numpy()
    height, width = grey.shape
    across = np.zeros((height, width))  # cell to its right neighbour
    down = np.zeros((height, width))
    across[:, :-1] = _WLS_LAMBDA / (np.abs(np.diff(grey, axis=1)) ** _WLS_ALPHA + _WLS_EPSILON)
    down[:-1] = _WLS_LAMBDA / (np.abs(np.diff(grey, axis=0)) ** _WLS_ALPHA + _WLS_EPSILON)
    right, below = across.ravel()[:-1], down.ravel()[:-width]
    off_diagonal = scipy.sparse.diags([-right, -below], [1, width], shape=(grey.size, grey.size))
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


def _add_correction(picture: Tensor, small: Tensor, correction: Tensor) -> Tensor:
    """A + WLS(A') − WLS(A); the filter is linear, so its difference is one filtered picture.

    Above matching size the correction is enlarged along A's own edges (a guided upsampling);
    the official code enlarges the finished picture and so loses the camera's detail (facts §4).
    """
    if small.shape == picture.shape:
        return (picture + correction).clamp_(0.0, 1.0)
    moments = _box(_moments(small, correction), _JOINT_RADIUS)
    nothing = moments.new_zeros((1, 3, 3, 1, 1))
    matrix, mean_small, mean_correction = _fit(moments, _JOINT_RIDGE, nothing)
    offset = mean_correction - (matrix * mean_small[:, None]).sum(dim=2)
    transforms = _box(torch.cat([matrix.flatten(1, 2), offset], dim=1), _JOINT_RADIUS)
    return (picture + apply_affine(picture, transforms)).clamp_(0.0, 1.0)


def _moments(x: Tensor, y: Tensor) -> Tensor:
    """Per pixel: x (3), y (3), x xᵀ (9) and y xᵀ (9), as (1, 24, H, W)."""
    xx = (x[:, :, None] * x[:, None]).flatten(1, 2)
    yx = (y[:, :, None] * x[:, None]).flatten(1, 2)
    return torch.cat([x, y, xx, yx], dim=1)


def _window_means(moments: Tensor, radius: int) -> Tensor:
    """Means over windows of about ``radius``, on a grid of radius / 4."""
    step = max(1, radius // _GRID_PER_RADIUS)
    coarse = functional.avg_pool2d(moments, step, ceil_mode=True, count_include_pad=False)
    return _box(coarse, _GRID_PER_RADIUS)


def _box(x: Tensor, radius: int) -> Tensor:
    """Mean over (2·radius + 1)² cells, of those inside the map."""
    for axis in (2, 3):
        reach = min(radius, int(x.shape[axis]) - 1)
        kernel = (2 * reach + 1, 1) if axis == 2 else (1, 2 * reach + 1)
        padding = (reach, 0) if axis == 2 else (0, reach)
        padded = functional.avg_pool2d(x, kernel, stride=1, padding=padding)
        inside = functional.avg_pool2d(torch.ones_like(x[:, :1]), kernel, stride=1, padding=padding)
        x = padded / inside
    return x


def _stretch(x: Tensor, size: tuple[int, ...]) -> Tensor:
    return functional.interpolate(x, size=size, mode="bilinear", align_corners=False)


def _fit(moments: Tensor, ridge: float, prior: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """M of the ridge regression of y on x, pulled towards ``prior``; and the means of x and y."""
    mean_x, mean_y = moments[:, :3], moments[:, 3:6]
    cov_xx = _matrices(moments[:, 6:15]) - mean_x[:, :, None] * mean_x[:, None]
    cov_yx = _matrices(moments[:, 15:24]) - mean_y[:, :, None] * mean_x[:, None]
    identity = torch.eye(3, device=moments.device).view(1, 3, 3, 1, 1)
    matrix = _times(cov_yx + ridge * prior, _inverse(cov_xx + ridge * identity))
    return matrix, mean_x, mean_y


def _matrices(x: Tensor) -> Tensor:
    """(1, 9, H, W), row by row → (1, 3, 3, H, W)."""
    return x.reshape(x.shape[0], 3, 3, *x.shape[2:])


def _times(a: Tensor, b: Tensor) -> Tensor:
    """Matrix product of (1, 3, 3, H, W) fields."""
    return (a[:, :, :, None] * b[:, None]).sum(dim=2)


def _inverse(m: Tensor) -> Tensor:
    """Inverse of a (1, 3, 3, H, W) field of symmetric positive matrices, by cofactors."""
    m = m.double()
    rows = [m[:, i] for i in range(3)]
    cofactors = torch.stack(
        [torch.linalg.cross(rows[(i + 1) % 3], rows[(i + 2) % 3], dim=1) for i in range(3)], dim=1
    )
    determinant = (rows[0] * cofactors[:, 0]).sum(dim=1)
    return (cofactors.transpose(1, 2) / determinant[:, None, None]).float()
