"""Medians of flow around pixels, weighed by likeness, compiled by Numba; each pixel by itself."""

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
    alike: float,
    least: float,
) -> NDArray[np.float32]:
    """Of both parts of the flow around some pixels, each weighed as far as it is of the same thing.

    Args:
        flow: (H, W, 2). confidence: (H, W), how far it is believed. colours: (H, W, 3).
        rows: (n,), of the pixels. columns: likewise.
        reach: how far around, pixels. step: from one that is looked at to the next.
        alike: distance of colours at which one counts a quarter.
        least: trust of what is not believed.

    Returns:
        (n, 3): the weighted_medians, and the share of what is alike that is believed; the same
        for any
        number of threads.
    """
    result = np.empty((len(rows), 3), np.float32)
    shares = np.float32(1.0 / alike**2), np.float32(least)
    _medians(flow, confidence, colours, rows, columns, reach, step, shares, result)
    return result


@njit(cache=True, parallel=True)
def _medians(flow, confidence, colours, rows, columns, reach, step, shares, result):  # type: ignore[no-untyped-def]
    height, width = confidence.shape
    most = (2 * reach // step + 1) ** 2
    for i in prange(len(rows)):
        weights = np.empty((2, most), np.float32)
        values = np.empty((2, most), np.float32)
        y, x = rows[i], columns[i]
        count = 0
        like, believed = np.float32(0.0), np.float32(0.0)
        for row in range(y - reach, y + reach + 1, step):
            for column in range(x - reach, x + reach + 1, step):
                if row < 0 or row >= height or column < 0 or column >= width:
                    continue
                away = np.float32(0.0)
                for band in range(3):
                    differs = colours[row, column, band] - colours[y, x, band]
                    away += differs * differs
                near = np.float32(1.0) / (np.float32(1.0) + away * shares[0])
                weight = near * near * (confidence[row, column] + shares[1])
                like += near * near
                believed += near * near * confidence[row, column]
                for part in range(2):
                    _insert(values[part], weights[part], count, flow[row, column, part], weight)
                count += 1
        for part in range(2):
            result[i, part] = _middle(values[part], weights[part], count)
        result[i, 2] = believed / like


@njit(cache=True)
def _insert(values, weights, count, value, weight):  # type: ignore[no-untyped-def]
    """Put a value into a sorted list of so many."""
    place = count
    while place > 0 and values[place - 1] > value:
        values[place] = values[place - 1]
        weights[place] = weights[place - 1]
        place -= 1
    values[place] = value
    weights[place] = weight


@njit(cache=True)
def _middle(values, weights, count):  # type: ignore[no-untyped-def]
    total = np.float32(0.0)
    for n in range(count):
        total += weights[n]
    reached = np.float32(0.0)
    for n in range(count):
        reached += weights[n]
        if 2 * reached >= total:
            return values[n]
    return values[count - 1]
