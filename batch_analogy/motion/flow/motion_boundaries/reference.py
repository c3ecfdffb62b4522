"""Weighted medians of flow in NumPy: the readable version that defines the answer."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def weighted_medians(
    flow: NDArray[np.float32],
    confidence: NDArray[np.float32],
    colours: NDArray[np.float32],
    rows: NDArray[np.int64],
    columns: NDArray[np.int64],
    *,
    reach: int,
    step: int,
    colour_scale: float,
    untrusted_weight: float,
) -> NDArray[np.float32]:
    """Compute weighted medians of the flow around some pixels.

    A sample's weight is (1 / (1 + d² / scale²))² · (confidence + untrusted weight), where d is the
    distance of its colour to the pixel's own. Arguments and result as in ``cpu.weighted_medians``.
    """
    height, width = confidence.shape
    steps = np.arange(-reach, reach + 1, step)
    y = rows[:, None] + np.repeat(steps, len(steps))  # (n, k)
    x = columns[:, None] + np.tile(steps, len(steps))
    inside = (y >= 0) & (y < height) & (x >= 0) & (x < width)
    y, x = y.clip(0, height - 1), x.clip(0, width - 1)
    away = np.square(colours[y, x] - colours[rows, columns][:, None])
    distance = away[..., 0] + away[..., 1] + away[..., 2]
    near = np.float32(1.0) / (np.float32(1.0) + distance * np.float32(1.0 / colour_scale**2))
    similar = near * near * inside
    weights = similar * (confidence[y, x] + np.float32(untrusted_weight))
    support = _running_sums(similar * confidence[y, x])[:, -1] / _running_sums(similar)[:, -1]
    medians = [_medians(np.where(inside, flow[y, x, axis], np.inf), weights) for axis in range(2)]
    return np.stack([*medians, support], axis=1)


def _medians(values: NDArray[np.float32], weights: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return the first value of each row at which half of the weight is reached, (n,)."""
    order = values.argsort(axis=1, kind="stable")
    reached = _running_sums(np.take_along_axis(weights, order, axis=1))
    middle = (2 * reached >= reached[:, -1:]).argmax(axis=1)[:, None]
    found = np.take_along_axis(values, np.take_along_axis(order, middle, axis=1), axis=1)
    return np.asarray(found[:, 0], np.float32)


def _running_sums(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Sum along each row one by one, as the kernel does: float32 sums depend on their order."""
    return np.cumsum(values, axis=1, dtype=np.float32)
