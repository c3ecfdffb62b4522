"""Fréchet distance between two point clouds, each modelled as a normal distribution."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

Points = NDArray[np.float64]
"""(N, C): N points of C values each."""


def frechet_distance(x: Points, y: Points) -> float:
    """Compute ‖μx − μy‖² + tr(Σx + Σy − 2 (Σx Σy)^½); N and M may be smaller than C.

    With R any root of a covariance (Σ = R Rᵀ), tr (Σx Σy)^½ is the sum of the singular values of
    Rxᵀ Ry. This avoids the root of a non-symmetric matrix and imaginary parts from negative
    eigenvalues, and covariances of low rank need no regularisation.

    Args:
        x: (N, C) float64. y: (M, C) float64.

    Returns:
        0 for equal clouds; symmetric up to rounding.

    Raises:
        ValueError: a cloud is empty, or the clouds have points of different dimension.

    Source: Dowson and Landau, The Fréchet distance between multivariate normal distributions, 1982.

    >>> frechet_distance(np.array([[0.0], [2.0]]), np.array([[3.0], [9.0]]))
    29.0
    """
    if x.ndim != 2 or y.ndim != 2 or x.shape[1] != y.shape[1] or not (len(x) and len(y)):
        raise ValueError(f"clouds of shape {x.shape} and {y.shape} cannot be compared")
    (mean_x, root_x), (mean_y, root_y) = _normal(x), _normal(y)
    shared = float(np.linalg.svd(root_x.T @ root_y, compute_uv=False).sum())
    spreads = float(np.square(root_x).sum() + np.square(root_y).sum())
    return max(0.0, float(np.square(mean_x - mean_y).sum()) + spreads - 2 * shared)


def _normal(points: Points) -> tuple[Points, Points]:
    """Compute the mean (C,) and a root (C, K) of the covariance, K ≤ min(N, C)."""
    mean = points.mean(axis=0)
    centred = (points - mean).T / np.sqrt(len(points))
    if centred.shape[1] <= centred.shape[0]:
        return mean, centred
    values, directions = np.linalg.eigh(centred @ centred.T)
    return mean, directions * np.sqrt(values.clip(min=0.0))
