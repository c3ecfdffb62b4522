"""Weighted medians of flow, compiled by Numba; pixels are independent of each other."""

from __future__ import annotations

import numpy as np
from numba import njit, prange
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
    """Compute weighted medians of the flow around some pixels, by the similarity of colours.

    Args:
        flow: (H, W, 2). confidence: (H, W), of the flow. colours: (H, W, 3).
        rows: (n,), of the pixels. columns: likewise.
        reach: half the side of the window, in pixels. step: between two samples in it.
        colour_scale: distance of colours at which a sample's weight falls to a quarter.
        untrusted_weight: added to the confidence of each sample.

    Returns:
        (n, 3) float32: the medians of x and y, and the mean confidence of the samples, weighted
        by similarity; the same for any number of threads.
    """
    result = np.empty((len(rows), 3), np.float32)
    constants = np.float32(1.0 / colour_scale**2), np.float32(untrusted_weight)
    _weighted_medians(flow, confidence, colours, rows, columns, reach, step, constants, result)
    return result


@njit(cache=True, parallel=True)
def _weighted_medians(flow, confidence, colours, rows, columns, reach, step, constants, result):  # type: ignore[no-untyped-def]
    height, width = confidence.shape
    most = (2 * reach // step + 1) ** 2
    for i in prange(len(rows)):
        weights = np.empty((2, most), np.float32)
        values = np.empty((2, most), np.float32)
        y, x = rows[i], columns[i]
        count = 0
        similar, trusted = np.float32(0.0), np.float32(0.0)
        for row in range(y - reach, y + reach + 1, step):
            for column in range(x - reach, x + reach + 1, step):
                if row < 0 or row >= height or column < 0 or column >= width:
                    continue
                distance = np.float32(0.0)
                for band in range(3):
                    difference = colours[row, column, band] - colours[y, x, band]
                    distance += difference * difference
                near = np.float32(1.0) / (np.float32(1.0) + distance * constants[0])
                weight = near * near * (confidence[row, column] + constants[1])
                similar += near * near
                trusted += near * near * confidence[row, column]
                for axis in range(2):
                    _insert(values[axis], weights[axis], count, flow[row, column, axis], weight)
                count += 1
        for axis in range(2):
            result[i, axis] = _median(values[axis], weights[axis], count)
        result[i, 2] = trusted / similar


@njit(cache=True)
def _insert(values, weights, count, value, weight):  # type: ignore[no-untyped-def]
    """Insert a value into a sorted list of ``count`` values."""
    i = count
    while i > 0 and values[i - 1] > value:
        values[i] = values[i - 1]
        weights[i] = weights[i - 1]
        i -= 1
    values[i] = value
    weights[i] = weight


@njit(cache=True)
def _median(values, weights, count):  # type: ignore[no-untyped-def]
    """Return the first of the sorted values at which half of the weight is reached."""
    total = np.float32(0.0)
    for n in range(count):
        total += weights[n]
    reached = np.float32(0.0)
    for n in range(count):
        reached += weights[n]
        if 2 * reached >= total:
            return values[n]
    return values[count - 1]
