"""A small and quick feature extractor besides VGG-19: random filters on reduced pictures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from batch_analogy.analogy.features import PIXELS, FeatureExtractor, LevelSpec, Step


class TinyExtractor:
    """Extractor of random 3×3 filters at several scales, with any strides.

    Args:
        strides: pixels per cell of each level, coarse to fine.
    """

    name = "tiny"
    device = torch.device("cpu")
    input_scale = 1
    two_scales = None
    choice_level = 2
    coarse_levels = ()
    restart_level = 2

    def __init__(self, strides: tuple[int, ...] = (9, 3, 1)) -> None:
        generator = torch.Generator().manual_seed(7)
        filters = torch.randn(32, 3, 3, 3, generator=generator)
        self._filters = filters - filters.mean(dim=(1, 2, 3), keepdim=True)
        count = len(strides)
        self.levels = tuple(range(count, 0, -1))
        self.specs: Mapping[int, LevelSpec] = {
            level: LevelSpec(
                stride=stride,
                patch=3 if level > 1 else 5,
                radius=None if level == count else 4,
                smoothness_share=0.0 if level == count else 1.0,
                alphas={1: 0.8, 2: 0.8, 3: 0.8},
                solve_iterations={"paper": 2},
            )
            for level, stride in zip(self.levels, strides, strict=True)
        }

    def stride(self, level: int) -> int:
        return self.specs[level].stride

    def pyramid(
        self, picture: Tensor, levels: Sequence[int], *, dtype: torch.dtype | None = None
    ) -> dict[int, Tensor]:
        found = {PIXELS: picture} if PIXELS in levels else {}
        for level in levels:
            if level != PIXELS:
                stride = self.stride(level)
                reduced = F.avg_pool2d(picture, stride, ceil_mode=True, count_include_pad=False)
                padded = F.pad(reduced, (1, 1, 1, 1), mode="replicate")
                found[level] = F.conv2d(padded, self._filters).relu()
        return found

    def step(self, start: int, stop: int) -> Step | None:
        return None


def tiny_extractor(strides: tuple[int, ...] = (9, 3, 1)) -> FeatureExtractor:
    """Return a ``TinyExtractor``; its return type makes mypy check the protocol."""
    return TinyExtractor(strides)


def layered_noise(size: tuple[int, int], generator: torch.Generator) -> Tensor:
    """Return a random picture (1, 3, H, W) with detail of 3, 9 and 27 pixels."""
    layers = [
        F.interpolate(
            torch.rand(1, 3, -(-size[0] // scale), -(-size[1] // scale), generator=generator),
            size=size,
            mode="bilinear",
        )
        for scale in (3, 9, 27)
    ]
    return torch.stack(layers).mean(dim=0)
