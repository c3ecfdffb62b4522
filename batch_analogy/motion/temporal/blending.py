"""Blend two painted pictures without losing contrast half-way.

A plain mean of two textures is flatter than either. So the deviations of the mean from its
surroundings are amplified until they are as strong as in the two pictures, but never to values
lighter or darker than either has nearby; otherwise fine grain would become salt-and-pepper noise.

Source: the idea of the contrast-preserving blend of Jamriška et al. 2019. Local statistics of luma
replace theirs of whole pictures in Lab, so that regions do not affect each other's contrast.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

from batch_analogy.analogy.guided.guides import luma
from batch_analogy.motion.temporal.carry import local_mean

_REACH_PX = 7
_MAX_GAIN = 2.0
_BOUND_PX = 5  # side of the window whose values bound the blend
_FLAT_VARIANCE = 1e-4  # of luma, below which there is no contrast to keep


def blend_keeping_contrast(first: Tensor, second: Tensor, share: Tensor) -> Tensor:
    """Blend two pictures by their shares, with as much local contrast as they have.

    Args:
        first: (1, C, H, W) float32; the first three channels are RGB. second: likewise.
        share: of the second, (1, 1, H, W) float32 in [0, 1].

    Returns:
        (1, C, H, W) float32; exactly ``first`` or ``second`` where the share is 0 or 1.
    """
    mean = first.lerp(second, share)
    blended = (share > 0) & (share < 1)
    if not bool(blended.any()):
        return mean
    wanted = _local_variance(first).lerp(_local_variance(second), share)
    gain = ((wanted + _FLAT_VARIANCE) / (_local_variance(mean) + _FLAT_VARIANCE)).sqrt()
    around = local_mean(mean, _REACH_PX)
    stronger = around + (mean - around) * gain.clamp(1.0, _MAX_GAIN)
    lowest = -_local_maximum(-torch.minimum(first, second))
    stronger = stronger.maximum(lowest).minimum(_local_maximum(torch.maximum(first, second)))
    return torch.where(blended, stronger, mean)


def _local_maximum(picture: Tensor) -> Tensor:
    return functional.max_pool2d(picture, _BOUND_PX, 1, _BOUND_PX // 2)


def _local_variance(picture: Tensor) -> Tensor:
    """Compute the variance of luma around each pixel, (1, 1, H, W)."""
    values = luma(picture[:, :3])
    mean_square = local_mean(values * values, _REACH_PX)
    return (mean_square - local_mean(values, _REACH_PX).square()).clamp_min(0.0)
