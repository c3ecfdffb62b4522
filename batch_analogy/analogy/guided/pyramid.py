"""Style, guides and masks at every size, from the coarsest up.

Sizes are halved by area averages, so that textures do not alias into false patterns.

Source: docs/method.md, "Size pyramid of the synthesis".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from batch_analogy.analogy.guided.quantisation import ChannelScales, quantise_guides
from batch_analogy.analogy.guided.spec import GuidedConfig
from batch_analogy.analogy.nnf import Size, sides

_LEAST_SHARE = 0.5  # of usable pixels in a usable coarse pixel, relative to the most usable one


@dataclass(frozen=True)
class LevelInputs:
    """Inputs of the synthesis at one size."""

    style: Tensor  # (H', W', S) float32: A'
    usable: Tensor  # (H', W') bool
    source: list[Tensor]  # each guide over A, (H', W', C) int16
    target: list[Tensor]  # each guide over B, (H, W, C) int16
    active: Tensor  # (H, W) int8: 2 where B' is to be made, else 0
    base: Tensor | None  # (H, W, S) float32: B' where it is not to be made

    @property
    def size(self) -> Size:
        """Height and width of B."""
        return int(self.active.shape[0]), int(self.active.shape[1])

    @property
    def source_size(self) -> Size:
        """Height and width of A."""
        return int(self.usable.shape[0]), int(self.usable.shape[1])


@dataclass(frozen=True)
class FullSizeInputs:
    """Inputs of the synthesis at full size, each (1, C, H, W) float32."""

    style: Tensor
    usable: Tensor  # 1 or 0
    source: Sequence[Tensor]
    target: Sequence[Tensor]
    active: Tensor  # 1 or 0
    base: Tensor | None


def level_count(size: Size, source_size: Size, config: GuidedConfig) -> int:
    """Return the number of sizes; the coarsest has room for two patches, or ``levels`` is fewer."""
    smallest, count = min(*size, *source_size), 1
    while -(-smallest // 2) >= 2 * config.patch + 1:
        smallest, count = -(-smallest // 2), count + 1
    return count if config.levels is None else min(count, config.levels)


def inputs_at_level(full: FullSizeInputs, scales: ChannelScales, level: int) -> LevelInputs:
    """Halve all inputs ``level`` times and quantise the guides."""
    style, usable = _downsampled_style(full.style, full.usable, level)
    active = (downsample(full.active, level) > 0)[0, 0]
    base = None if full.base is None else downsample(full.base, level)
    return LevelInputs(
        style=style[0].permute(1, 2, 0).contiguous(),
        usable=usable[0, 0],
        source=quantise_guides([downsample(m, level) for m in full.source], scales),
        target=quantise_guides([downsample(m, level) for m in full.target], scales),
        active=torch.where(active, 2, 0).to(torch.int8),
        base=None if base is None else base[0].permute(1, 2, 0).contiguous(),
    )


def downsample(values: Tensor, level: int) -> Tensor:
    """Halve (1, C, H, W) ``level`` times by area averages; odd sides are rounded up."""
    if level == 0:
        return values
    height, width = (-(-side // 2**level) for side in sides(values))
    return F.interpolate(values, size=(height, width), mode="area")


def _downsampled_style(style: Tensor, usable: Tensor, level: int) -> tuple[Tensor, Tensor]:
    """Average the usable pixels only; also return where enough of them are usable."""
    share = downsample(usable, level)
    mean = downsample(style * usable, level) / share.clamp_min(1e-6)
    return mean, share >= _LEAST_SHARE * share.amax()
