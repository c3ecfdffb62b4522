"""Patch voting on the CPU, compiled by Numba; the same answer as ``reference``."""

from __future__ import annotations

import numpy as np
import torch
from numba import njit, prange
from torch import Tensor

from batch_analogy.analogy.numba_threads import use_torch_threads


@njit(parallel=True, cache=True, nogil=True)
def _vote(values, nnf, weight, reach, out):  # type: ignore[no-untyped-def]
    height, width, channels = out.shape
    target_height, target_width, _ = values.shape
    for y in prange(height):
        for x in range(width):
            count = np.float32(0.0)
            for ny in range(max(y - reach, 0), min(y + reach, height - 1) + 1):
                for nx in range(max(x - reach, 0), min(x + reach, width - 1) + 1):
                    qy = nnf[0, ny, nx] + y - ny
                    qx = nnf[1, ny, nx] + x - nx
                    if qy < 0 or qy >= target_height or qx < 0 or qx >= target_width:
                        continue
                    counts = weight[ny, nx]
                    count += counts
                    for c in range(channels):
                        out[y, x, c] += counts * values[qy, qx, c]
            for c in range(channels):
                out[y, x, c] /= count


def vote(values: Tensor, nnf: Tensor, patch: int, weight: Tensor | None = None) -> Tensor:
    """Run ``reference.vote`` on float32 tensors on the CPU."""
    use_torch_threads()
    channels = values.shape[1]
    batch, _, height, width = nnf.shape
    out = np.zeros((batch, height, width, channels), np.float32)
    cells = values.permute(0, 2, 3, 1).contiguous().numpy()
    weights = (
        np.ones((batch, height, width), np.float32) if weight is None else weight[:, 0].numpy()
    )
    for b in range(batch):
        own = np.ascontiguousarray(weights[b])
        _vote(cells[b % len(cells)], nnf[b].contiguous().numpy(), own, patch // 2, out[b])
    return torch.from_numpy(out).permute(0, 3, 1, 2)
