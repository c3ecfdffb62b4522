"""Style and guides quantised to integers, so that the difference of two patches is one exact sum.

Channels are scaled by the square root of their weight and rounded to 16-bit integers. The plain sum
of squared differences is then the weighted one; it never overflows 32 bits, and every kernel gets
the same bits in any order of summation.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from batch_analogy.analogy.guided.spec import Guide, GuidedConfig

_MOST_STEPS = 4095  # of the channel with the largest weight; finer than the noise of any picture
_LARGEST_SUM = 2**31 - 1
_EBSYNTH_UNIT = 255.0**2 * 25  # of uniformity: 8-bit squares summed over a patch of 5×5


@dataclass(frozen=True)
class ChannelScales:
    """Quantisation steps of each channel, and the weighted difference that one unit stands for."""

    style: float  # steps from 0 to 1 in every style channel
    guides: tuple[float, ...]  # steps from 0 to 1 in the channels of each guide
    unit: float  # weighted squared difference, averaged over the patch, of an integer sum of 1

    def occurrence_cost(self, uniformity: float) -> float:
        """Convert a uniformity from EbSynth's unit to a sum of squared steps."""
        return uniformity / _EBSYNTH_UNIT / self.unit


def channel_scales(
    channels: int, guides: Sequence[Guide], config: GuidedConfig, *, patch: int
) -> ChannelScales:
    """Choose the finest steps whose squared differences over a patch fit into 32 bits.

    Args:
        channels: number of style channels.
        guides: guides with a weight above 0.
        config: weight of the style.
        patch: odd side, pixels.
    """
    style = config.style_weight / channels
    each = [guide.weight / guide.source.shape[1] for guide in guides]
    heaviest = max([style, *each])
    total = (config.style_weight + sum(guide.weight for guide in guides)) / heaviest
    count = channels + sum(guide.source.shape[1] for guide in guides)
    # Rounding may add half a step to each channel's largest difference.
    steps = math.sqrt(_LARGEST_SUM / patch**2 / total) - count / (2 * total)
    steps = max(1, min(_MOST_STEPS, int(steps)))
    return ChannelScales(
        style=steps * math.sqrt(style / heaviest),
        guides=tuple(steps * math.sqrt(weight / heaviest) for weight in each),
        unit=heaviest / steps**2 / patch**2,
    )


def quantise(values: Tensor, scale: float) -> Tensor:
    """Quantise (1, C, H, W) float32 in [0, 1] to (H, W, C) int16."""
    return (values[0].permute(1, 2, 0) * scale + 0.5).floor_().to(torch.int16)


def quantise_guides(maps: Sequence[Tensor], scales: ChannelScales) -> list[Tensor]:
    """Quantise the map of each guide, (1, C, H, W), to (H, W, C) int16."""
    return [quantise(m, scale) for m, scale in zip(maps, scales.guides, strict=True)]


def stack_channels(parts: Sequence[Tensor]) -> Tensor:
    """Concatenate maps (H, W, C) along their channels."""
    return torch.cat(list(parts), dim=2).contiguous()
