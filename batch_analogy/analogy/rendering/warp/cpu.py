"""Warping through a field on the CPU, compiled by Numba; the same answer as ``reference``."""

from __future__ import annotations

import numpy as np
import torch
from numba import njit, prange
from torch import Tensor

from batch_analogy.analogy.numba_threads import use_torch_threads
from batch_analogy.analogy.rendering.warp.spec import SAME_PX, SHARPNESS, SPLINE_POLE

_SAME_PX = np.float32(SAME_PX)
_HALF = np.float32(0.5)
_ONE, _TWO = np.float32(1.0), np.float32(2.0)
_SIXTH, _TWO_THIRDS = np.float32(1 / 6), np.float32(2 / 3)
_POLE = np.float32(SPLINE_POLE)
_GAIN = np.float32(6.0)
_MIRRORED = 20  # pixels that count beyond an end; others are below float precision
_COLUMNS = 96  # filtered by one thread at once
_SHARPNESS = np.float32(SHARPNESS)


@njit(cache=True, nogil=True)
def _weights(t, out):  # type: ignore[no-untyped-def]
    left = _ONE - t
    out[0] = left * left * left * _SIXTH
    out[1] = _TWO_THIRDS - t * t * (_TWO - t) * _HALF
    out[2] = _TWO_THIRDS - left * left * (_TWO - left) * _HALF
    out[3] = t * t * t * _SIXTH


@njit(cache=True, nogil=True)
def _along(values, out):  # type: ignore[no-untyped-def]
    """Compute spline coefficients of (N, M) along N, mirrored at the ends, into ``out``."""
    last = values.shape[0] - 1
    for x in range(values.shape[1]):
        power, total = _POLE, values[0, x]
        for k in range(_MIRRORED):
            total += power * values[_mirrored(k, last + 1), x]
            power *= _POLE
        out[0, x] = total
    for y in range(1, last + 1):
        for x in range(values.shape[1]):
            out[y, x] = values[y, x] + _POLE * out[y - 1, x]
    for x in range(values.shape[1]):
        out[last, x] *= _POLE / (_POLE - _ONE)
    for y in range(last - 1, -1, -1):
        for x in range(values.shape[1]):
            out[y, x] = _POLE * (out[y + 1, x] - out[y, x])
    for y in range(last + 1):
        for x in range(values.shape[1]):
            out[y, x] *= _GAIN


@njit(parallel=True, cache=True, nogil=True)
def _coefficients(values):  # type: ignore[no-untyped-def]
    """Compute the coefficients of a cubic spline through all pixels (H, W, 3)."""
    height, width, bands = values.shape
    flat, down = values.reshape(height, width * bands), np.empty_like(values)
    flat_down, out = down.reshape(height, width * bands), np.empty_like(values)
    for part in prange(-(-width * bands // _COLUMNS)):
        columns = slice(part * _COLUMNS, min((part + 1) * _COLUMNS, width * bands))
        _along(flat[:, columns], flat_down[:, columns])
    for y in prange(height):
        _along(down[y], out[y])
    return out


@njit(cache=True, nogil=True)
def _mirrored(index, count):  # type: ignore[no-untyped-def]
    index %= 2 * count
    return index if index < count else 2 * count - 1 - index


@njit(cache=True, nogil=True)
def _cubic(values, qy, qx, down, along, out):  # type: ignore[no-untyped-def]
    """Evaluate coefficients (H', W', 3) at one position into ``out``; mirrored at the edges."""
    top, left = np.floor(qy), np.floor(qx)
    _weights(qy - top, down)
    _weights(qx - left, along)
    out[:] = np.float32(0.0)
    for i in range(4):
        row = _mirrored(int(top) + i - 1, values.shape[0])
        for j in range(4):
            column = _mirrored(int(left) + j - 1, values.shape[1])
            weight = down[i] * along[j]
            for c in range(3):
                out[c] += weight * values[row, column, c]


@njit(cache=True, nogil=True)
def _vote_weight(offset, match, moved):  # type: ignore[no-untyped-def]
    """Weight of a neighbour's match, by its offset (−1 … 1 px) and position before the motion."""
    fraction = match - np.floor(match + _HALF) if moved else np.float32(0.0)
    offset = np.float32(offset)
    return _TWO - abs(offset) + _TWO * offset * fraction


@njit(cache=True, nogil=True)
def _gather(values, field, moved, y, x, down, along, votes, weights):  # type: ignore[no-untyped-def]
    """Gather the votes of the pixels around one pixel, equal ones as one; return their number."""
    bottom, right = np.float32(values.shape[0] - 0.5), np.float32(values.shape[1] - 0.5)
    oy, ox = field[0, y, x], field[1, y, x]
    _cubic(values, oy, ox, down, along, votes[0])
    weights[0] = _TWO * _TWO
    count = 1
    for ny in range(max(y - 1, 0), min(y + 1, field.shape[1] - 1) + 1):
        for nx in range(max(x - 1, 0), min(x + 1, field.shape[2] - 1) + 1):
            if ny == y and nx == x:
                continue
            qy = field[0, ny, nx] - np.float32(ny - y)
            qx = field[1, ny, nx] - np.float32(nx - x)
            weight = _vote_weight(ny - y, field[0, ny, nx], moved)
            weight *= _vote_weight(nx - x, field[1, ny, nx], moved)
            if abs(qy - oy) < _SAME_PX and abs(qx - ox) < _SAME_PX:
                weights[0] += weight
            elif qy > -_HALF and qy < bottom and qx > -_HALF and qx < right:
                _cubic(values, qy, qx, down, along, votes[count])
                weights[count] = weight
                count += 1
    return count


@njit(cache=True, nogil=True)
def _mean(votes, weights, count, out):  # type: ignore[no-untyped-def]
    total = np.float32(0.0)
    out[:] = np.float32(0.0)
    for k in range(count):
        total += weights[k]
        for c in range(3):
            out[c] += weights[k] * votes[k, c]
    for c in range(3):
        out[c] /= total


@njit(cache=True, nogil=True)
def _sharpen(votes, weights, count, mean):  # type: ignore[no-untyped-def]
    """Weigh votes by their distance from the mean, in place."""
    distance = np.empty(count, np.float32)
    for k in range(count):
        distance[k] = np.float32(0.0)
        for c in range(3):
            difference = votes[k, c] - mean[c]
            distance[k] += difference * difference
    least = distance.min()
    for k in range(count):
        weights[k] *= np.exp((least - distance[k]) * _SHARPNESS)


@njit(parallel=True, cache=True, nogil=True)
def _warp(values, field, mask, moved, out):  # type: ignore[no-untyped-def]
    height, width, _ = out.shape
    for y in prange(height):
        votes, weights = np.empty((9, 3), np.float32), np.empty(9, np.float32)
        down, along = np.empty(4, np.float32), np.empty(4, np.float32)
        mean = np.empty(3, np.float32)
        for x in range(width):
            if not mask[y, x]:
                out[y, x] = np.float32(0.0)
                continue
            count = _gather(values, field, moved, y, x, down, along, votes, weights)
            _mean(votes, weights, count, mean)
            if count > 1:
                _sharpen(votes, weights, count, mean)
                _mean(votes, weights, count, mean)
            for c in range(3):
                out[y, x, c] = min(max(mean[c], np.float32(0.0)), np.float32(1.0))


def warp_picture(picture: Tensor, field: Tensor, mask: Tensor | None, *, moved: bool) -> Tensor:
    """Run ``warp_picture`` of the package on float32 tensors on the CPU."""
    use_torch_threads()
    values = np.ascontiguousarray(picture[0].permute(1, 2, 0).numpy())
    out = np.empty((*field.shape[2:], values.shape[2]), np.float32)
    wanted = np.ones(out.shape[:2], np.bool_) if mask is None else mask[0, 0].numpy()
    matches = np.ascontiguousarray(field[0].numpy())
    _warp(_coefficients(values), matches, np.ascontiguousarray(wanted), moved, out)
    return torch.from_numpy(out).permute(2, 0, 1)[None]
