"""Fading one painted picture into another without losing contrast half-way.

A plain mean of two textures that differ is flatter than both. Where two pictures are mixed, the
mean's deviations from its surroundings are enlarged until they are as strong as the two pictures',
but to nothing lighter or darker than either has close by: else fine grain becomes pepper and salt.

Source: the idea of the contrast-preserving blend of Jamriška et al. 2019 (their whole-picture
statistics in Lab; here local ones of brightness, so that one place's contrast is not another's).
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from batch_analogy.analogy.guided.guides import luma
from batch_analogy.motion.temporal.carry import local_mean

_REACH_PX = 7
_STRONGER_AT_MOST = 2.0
_BOUND_PX = 5  # side of the window in which a picture has what the mix may have
_FLAT = 1e-4  # variance of brightness below which there is nothing to keep


def mixed(first: Tensor, second: Tensor, share: Tensor) -> Tensor:
    """Both pictures by their shares, as rich in contrast as they are.

    Args:
        first: (1, C, H, W) float32, C at least 3: colours first. second: likewise.
        share: (1, 1, H, W) float32 in [0, 1], of the second.

    Returns:
        (1, C, H, W) float32; exactly ``first`` or ``second`` where the share is 0 or 1.
    """
    mean = first.lerp(second, share)
    between = (share > 0) & (share < 1)
    if not bool(between.any()):
        return mean
    wanted = _variance(first).lerp(_variance(second), share)
    gain = ((wanted + _FLAT) / (_variance(mean) + _FLAT)).sqrt().clamp(1.0, _STRONGER_AT_MOST)
    around = local_mean(mean, _REACH_PX)
    stronger = around + (mean - around) * gain
    least = -_most_around(-torch.minimum(first, second))
    stronger = stronger.maximum(least).minimum(_most_around(torch.maximum(first, second)))
    return torch.where(between, stronger, mean)


def _most_around(picture: Tensor) -> Tensor:
    return functional.max_pool2d(picture, _BOUND_PX, 1, _BOUND_PX // 2)


def _variance(picture: Tensor) -> Tensor:
    """Of brightness in each pixel's surroundings, (1, 1, H, W)."""
    grey = luma(picture[:, :3])
    return (local_mean(grey * grey, _REACH_PX) - local_mean(grey, _REACH_PX).square()).clamp_min(
        0.0
    )
