"""Style, guides and masks at every size from the coarsest up.

Sizes are halved by area averages, so that no texture aliases into a pattern that is not there.
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

_LEAST_SHARE = 0.5  # of a coarse pixel that must be usable, against the most usable one


@dataclass(frozen=True)
class LevelInputs:
    """All that is given at one size."""

    style: Tensor  # (H', W', S) float32: A'
    usable: Tensor  # (H', W') bool
    source: list[Tensor]  # each guide over A, (H', W', C) int16
    target: list[Tensor]  # each guide over B, (H, W, C) int16
    wanted: Tensor  # (H, W) int8: 2 where B' is to be made, else 0
    base: Tensor | None  # (H, W, S) float32: B' where it is not to be made

    @property
    def size(self) -> Size:
        """Of B."""
        return int(self.wanted.shape[0]), int(self.wanted.shape[1])

    @property
    def source_size(self) -> Size:
        return int(self.usable.shape[0]), int(self.usable.shape[1])


@dataclass(frozen=True)
class FullSizeInputs:
    """What is given at full size: (1, C, H, W) float32."""

    style: Tensor
    usable: Tensor  # 1 or 0
    source: Sequence[Tensor]
    target: Sequence[Tensor]
    wanted: Tensor  # 1 or 0
    base: Tensor | None


def level_count(size: Size, source_size: Size, config: GuidedConfig) -> int:
    """As many sizes as leave room for two patches, or fewer if the configuration says so."""
    smallest, count = min(*size, *source_size), 1
    while -(-smallest // 2) >= 2 * config.patch + 1:
        smallest, count = -(-smallest // 2), count + 1
    return count if config.levels is None else min(count, config.levels)


def inputs_at_level(full: FullSizeInputs, scales: ChannelScales, level: int) -> LevelInputs:
    """All that is given, halved ``level`` times."""
    style, usable = _reduced_style(full.style, full.usable, level)
    wanted = (reduced(full.wanted, level) > 0)[0, 0]
    return LevelInputs(
        style=style[0].permute(1, 2, 0).contiguous(),
        usable=usable[0, 0],
        source=quantise_guides([reduced(m, level) for m in full.source], scales),
        target=quantise_guides([reduced(m, level) for m in full.target], scales),
        wanted=torch.where(wanted, 2, 0).to(torch.int8),
        base=None
        if full.base is None
        else reduced(full.base, level)[0].permute(1, 2, 0).contiguous(),
    )


def reduced(values: Tensor, level: int) -> Tensor:
    """(1, C, H, W) halved ``level`` times: means of areas; odd sides are rounded up."""
    if level == 0:
        return values
    height, width = (-(-side // 2**level) for side in sides(values))
    return F.interpolate(values, size=(height, width), mode="area")


def _reduced_style(style: Tensor, usable: Tensor, level: int) -> tuple[Tensor, Tensor]:
    """The style without what is not usable, and where enough is."""
    share = reduced(usable, level)
    mean = reduced(style * usable, level) / share.clamp_min(1e-6)
    return mean, share >= _LEAST_SHARE * share.amax()
