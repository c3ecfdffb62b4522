"""Edges and sources of seams on the CPU, compiled by Numba; ``reference`` up to rounding.

Every pixel is computed by itself, so nothing depends on the number of threads.
"""

from __future__ import annotations

import numpy as np
import torch
from numba import njit, prange
from torch import Tensor

from batch_analogy.analogy.numba_threads import use_torch_threads
from batch_analogy.analogy.rendering.seams.reference import CONTINUES_PX, EDGE, NEAR_PX, NO_EDGE

_HALF, _ONE = np.float32(0.5), np.float32(1.0)
# Kernels get constants as arguments: Numba's cache would not notice that another module changed.
_NO_EDGE, _PER_EDGE = np.float32(NO_EDGE), np.float32(1.0 / (EDGE - NO_EDGE))
_CONTINUES_PX = np.float32(CONTINUES_PX)


def edge_strength(guide: Tensor, reach: int) -> Tensor:
    """Return where a picture has edges; arguments and result as ``reference.edge_strength``."""
    use_torch_threads()
    strength = _edges(guide[0].contiguous().numpy(), reach, _NO_EDGE, _PER_EDGE)
    return torch.from_numpy(strength)[None, None]


def seam_sources(
    rendered: Tensor, read: Tensor, field: Tensor, edges: Tensor, read_edges: Tensor
) -> Tensor:
    """Compute the sources; arguments and result as ``reference.seam_sources``."""
    use_torch_threads()
    matches = field[0].float().contiguous().numpy()
    near = _near(_borders(matches, _CONTINUES_PX), NEAR_PX)
    share = _plain(near, matches, edges[0, 0].numpy(), read_edges[0, 0].numpy())
    sources = _sources(
        rendered[0].contiguous().numpy(), read[0].contiguous().numpy(), matches, share
    )
    return torch.from_numpy(sources)[None]


@njit(parallel=True, cache=True, nogil=True)
def _edges(guide, reach, no_edge, per_edge):  # type: ignore[no-untyped-def]
    """Find the largest difference of a channel around each pixel, first along rows, then down."""
    bands, height, width = guide.shape
    low, high = np.empty_like(guide), np.empty_like(guide)
    for y in prange(height):
        for c in range(bands):
            row = guide[c, y]
            for x in range(width):
                least = most = row[x]
                for k in range(max(0, x - reach), min(width, x + reach + 1)):
                    least, most = min(least, row[k]), max(most, row[k])
                low[c, y, x], high[c, y, x] = least, most
    strength = np.zeros((height, width), np.float32)
    for y in prange(height):
        for c in range(bands):
            least, most = low[c, y].copy(), high[c, y].copy()
            for k in range(max(0, y - reach), min(height, y + reach + 1)):
                for x in range(width):
                    least[x] = min(least[x], low[c, k, x])
                    most[x] = max(most[x], high[c, k, x])
            for x in range(width):
                value = (most[x] - least[x] - no_edge) * per_edge
                strength[y, x] = max(strength[y, x], min(value, _ONE))
    return strength


@njit(cache=True, nogil=True)
def _apart(matches, y, x, dy, dx, limit):  # type: ignore[no-untyped-def]
    """Return whether the match of the next pixel does not continue that of this one."""
    down = matches[0, y + dy, x + dx] - matches[0, y, x] - dy
    along = matches[1, y + dy, x + dx] - matches[1, y, x] - dx
    return abs(down) > limit or abs(along) > limit


@njit(parallel=True, cache=True, nogil=True)
def _borders(matches, limit):  # type: ignore[no-untyped-def]
    height, width = matches.shape[1:]
    border = np.zeros((height, width), np.bool_)
    for y in prange(height):
        for x in range(width):
            border[y, x] = (
                (x > 0 and _apart(matches, y, x - 1, 0, 1, limit))
                or (x + 1 < width and _apart(matches, y, x, 0, 1, limit))
                or (y > 0 and _apart(matches, y - 1, x, 1, 0, limit))
                or (y + 1 < height and _apart(matches, y, x, 1, 0, limit))
            )
    return border


@njit(parallel=True, cache=True, nogil=True)
def _near(border, reach):  # type: ignore[no-untyped-def]
    height, width = border.shape
    near = np.zeros_like(border)
    for y in prange(height):
        for k in range(max(0, y - reach), min(height, y + reach + 1)):
            for x in range(width):
                if border[k, x]:
                    near[y, max(0, x - reach) : min(width, x + reach + 1)] = True
    return near


@njit(parallel=True, cache=True, nogil=True)
def _plain(near, matches, edges, read_edges):  # type: ignore[no-untyped-def]
    """Return the share of each pixel's changes that may be replaced: 0 away from borders."""
    height, width = near.shape
    last_y, last_x = read_edges.shape[0] - 1, read_edges.shape[1] - 1
    share = np.zeros((height, width), np.float32)
    for y in prange(height):
        for x in range(width):
            if near[y, x]:
                at_y = min(max(int(matches[0, y, x] + _HALF), 0), last_y)
                at_x = min(max(int(matches[1, y, x] + _HALF), 0), last_x)
                share[y, x] = _ONE - max(edges[y, x], read_edges[at_y, at_x])
    return share


@njit(cache=True, nogil=True)
def _read(picture, c, y, x):  # type: ignore[no-untyped-def]
    """Read a channel between pixels, with replicated edges."""
    y = min(max(y, np.float32(0)), np.float32(picture.shape[1] - 1))
    x = min(max(x, np.float32(0)), np.float32(picture.shape[2] - 1))
    top, left = int(y), int(x)
    down, along = y - np.float32(top), x - np.float32(left)
    if down == 0 and along == 0:
        return picture[c, top, left]
    bottom, right = min(top + 1, picture.shape[1] - 1), min(left + 1, picture.shape[2] - 1)
    upper = picture[c, top, left] * (_ONE - along) + picture[c, top, right] * along
    lower = picture[c, bottom, left] * (_ONE - along) + picture[c, bottom, right] * along
    return upper * (_ONE - down) + lower * down


@njit(cache=True, nogil=True)
def _change(rendered, read, matches, share, c, y, x, dy, dx):  # type: ignore[no-untyped-def]
    """Compute by how much the change from a pixel to the next one should differ."""
    weight = min(share[y, x], share[y + dy, x + dx])
    if weight <= 0:
        return np.float32(0)
    here_y, here_x = matches[0, y, x], matches[1, y, x]
    there_y, there_x = matches[0, y + dy, x + dx], matches[1, y + dy, x + dx]
    down, along = np.float32(dy), np.float32(dx)
    goes_on = _read(read, c, here_y + down, here_x + along) - _read(read, c, here_y, here_x)
    came = _read(read, c, there_y, there_x) - _read(read, c, there_y - down, there_x - along)
    now = rendered[c, y + dy, x + dx] - rendered[c, y, x]
    return weight * ((goes_on + came) * _HALF - now)


@njit(parallel=True, cache=True, nogil=True)
def _sources(rendered, read, matches, share):  # type: ignore[no-untyped-def]
    bands, height, width = rendered.shape
    sources = np.zeros_like(rendered)
    for y in prange(height):
        for x in range(width):
            if share[y, x] > 0:
                for c in range(bands):
                    total = np.float32(0)
                    if x > 0:
                        total += _change(rendered, read, matches, share, c, y, x - 1, 0, 1)
                    if x + 1 < width:
                        total -= _change(rendered, read, matches, share, c, y, x, 0, 1)
                    if y > 0:
                        total += _change(rendered, read, matches, share, c, y - 1, x, 1, 0)
                    if y + 1 < height:
                        total -= _change(rendered, read, matches, share, c, y, x, 1, 0)
                    sources[c, y, x] = total
    return sources
