"""Apply colour transforms on the CPU, compiled by Numba; agrees with ``reference``."""

from __future__ import annotations

import numpy as np
import torch
from numba import njit, prange
from torch import Tensor

from batch_analogy.analogy.numba_threads import use_torch_threads
from batch_analogy.colour import LUMA_BT601

_RED, _GREEN, _BLUE = (np.float32(weight) for weight in LUMA_BT601)


@njit(cache=True, nogil=True)
def _place(position, count):  # type: ignore[no-untyped-def]
    """Return the cell before a position in cells, and the distance from that cell's middle."""
    position = min(max(position, np.float32(0.0)), np.float32(count - 1))
    before = min(int(position), max(count - 2, 0))
    return before, np.float32(position - before)


@njit(parallel=True, cache=True, nogil=True)
def _apply(picture, grid, scale_y, scale_x, guide, low, high, out):  # type: ignore[no-untyped-def]
    _, height, width = picture.shape
    rows, columns, depth, _ = grid.shape
    guide_rows, guide_columns, _ = guide.shape
    half, one = np.float32(0.5), np.float32(1.0)
    for y in prange(height):
        at, part = _place(np.float32((y + 0.5) * scale_y - 0.5), rows)
        line = (one - part) * grid[at] + part * grid[min(at + 1, rows - 1)]
        at, part = _place(np.float32((y + 0.5) * guide_rows / height - 0.5), guide_rows)
        guide_line = (one - part) * guide[at] + part * guide[min(at + 1, guide_rows - 1)]
        t = np.empty(12, np.float32)
        for x in range(width):
            r, g, b = picture[0, y, x], picture[1, y, x], picture[2, y, x]
            at, part = _place(
                np.float32((x + half) * np.float32(guide_columns / width) - half), guide_columns
            )
            after = min(at + 1, guide_columns - 1)
            gain = (one - part) * guide_line[at, 0] + part * guide_line[after, 0]
            offset = (one - part) * guide_line[at, 1] + part * guide_line[after, 1]
            brightness = gain * (_RED * r + _GREEN * g + _BLUE * b) + offset
            z, over = _place(min(max(brightness, np.float32(0.0)), one) * (depth - 1), depth)
            z_after = min(z + 1, depth - 1)
            at, part = _place(np.float32((x + half) * scale_x - half), columns)
            after = min(at + 1, columns - 1)
            w00, w01 = (one - part) * (one - over), (one - part) * over
            w10, w11 = part * (one - over), part * over
            for k in range(12):
                t[k] = (
                    w00 * line[at, z, k]
                    + w01 * line[at, z_after, k]
                    + w10 * line[after, z, k]
                    + w11 * line[after, z_after, k]
                )
            for c in range(3):
                value = t[3 * c] * r + t[3 * c + 1] * g + t[3 * c + 2] * b + t[9 + c]
                out[c, y, x] = min(max(value, low), high)


def apply_transforms(
    picture: Tensor,
    grid: Tensor,
    cells: tuple[float, float],
    guide: Tensor,
    bounds: tuple[float, float],
) -> Tensor:
    """Compute ``reference.apply_transforms`` for float32 tensors on the CPU."""
    use_torch_threads()
    pixels = picture[0].contiguous().numpy()
    out = np.empty_like(pixels)
    _apply(
        pixels,
        grid[0].permute(2, 3, 1, 0).contiguous().numpy(),
        cells[0] / pixels.shape[1],
        np.float32(cells[1] / pixels.shape[2]),
        guide[0].permute(1, 2, 0).contiguous().numpy(),
        np.float32(bounds[0]),
        np.float32(bounds[1]),
        out,
    )
    return torch.from_numpy(out)[None]
