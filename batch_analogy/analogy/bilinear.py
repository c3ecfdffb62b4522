"""Bilinear resizing whose bits do not depend on the number of threads.

PyTorch's own, on a CPU, works its last few elements of each thread's share out in another way, so
its result differs by a rounding with the number of threads. Here each step is an elementary
operation on whole tensors, every one of which rounds exactly.
"""

from __future__ import annotations

import torch
from torch import Tensor

from batch_analogy.analogy.nnf import Size


def resize_bilinear(x: Tensor, size: Size) -> Tensor:
    """Enlarge or shrink by the values at the nearest cells, pixels being areas.

    Args:
        x: (N, C, H, W) float.
        size: the new (H, W).

    Returns:
        (N, C, *size) of the same type: ``F.interpolate(mode="bilinear", align_corners=False)`` up
        to rounding.
    """
    for dim, wanted in ((2, size[0]), (3, size[1])):
        has = x.shape[dim]
        at = torch.arange(wanted, dtype=torch.float32, device=x.device) + 0.5
        at = (at * (has / wanted) - 0.5).clamp_min(0)
        low = at.long().clamp_max(has - 1)
        high = (low + 1).clamp_max(has - 1)
        share = (at - low).to(x.dtype)
        share = share[:, None] if dim == 2 else share
        x = x.index_select(dim, low) * (1 - share) + x.index_select(dim, high) * share
    return x
