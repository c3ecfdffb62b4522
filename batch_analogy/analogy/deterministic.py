"""Operations whose bits do not depend on the number of threads.

On a CPU, PyTorch computes the last few elements of each thread's share by different code (another
exponential, another order of multiplication). So its results depend on the number of threads, by a
rounding error. The results of the operations here do not.

Source: docs/method.md, "Thread count on a CPU".
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor


def exp2(x: Tensor) -> Tensor:
    """Compute 2 to the power of each element, float32 or float64."""
    if x.device.type != "cpu":
        return torch.exp2(x)
    return torch.from_numpy(np.exp2(x.contiguous().numpy()))


def exp(x: Tensor) -> Tensor:
    """Compute e to the power of each element, float32 or float64."""
    if x.device.type != "cpu":
        return torch.exp(x)
    return torch.from_numpy(np.exp(x.contiguous().numpy()))


def resize_bilinear(x: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize maps bilinearly; pixel centres lie at half-integers.

    Each step is elementary arithmetic on whole tensors, which is always correctly rounded.

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


def mean_of_rows(x: Tensor) -> Tensor:
    """Compute the mean over the rows of a matrix (N, C), as (C,)."""
    if x.device.type != "cpu":
        return x.mean(dim=0)
    return torch.from_numpy(x.contiguous().numpy().mean(axis=0))
