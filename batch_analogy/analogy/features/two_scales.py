"""VGG-19 at two scales: coarse levels see the picture at half the size that fine levels see.

What a thing is, is told best at a small scale: at full size a cell of conv5_1 covers part of a
cheek, at half size a face. Where its contour runs is told best at full size. So levels 5 and 4 are
conv5_1 and conv4_1 of the picture at half size, and levels 3, 2 and 1 are conv4_1, conv3_1 and
conv2_1 of the whole. Every level has twice the stride of the same level of ``Vgg19``; fields
therefore have as many cells as at half size, but are found from features one layer deeper.

Source: a departure from Deep Image Analogy; docs/method.md, "Two scales".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from batch_analogy.analogy.features import PIXELS, FeatureExtractor, LevelSpec, Step
from batch_analogy.analogy.features.pictures import resize

_INPUT_SCALE = 2


class TwoScales:
    """An extractor's levels at two scales; a ``FeatureExtractor``."""

    input_scale = _INPUT_SCALE

    def __init__(self, base: FeatureExtractor) -> None:
        """Arrange the levels of an extractor; its coarse levels see half of the input's size."""
        self._base = base
        self._coarse = base.coarse_levels[-1]  # the finest of them
        self.specs: Mapping[int, LevelSpec] = {
            level: self._spec(base.specs, level) for level in base.levels
        }

    @property
    def name(self) -> str:
        """Short name for messages and records."""
        return f"{self._base.name}, two scales"

    @property
    def device(self) -> torch.device:
        """Device on which features are computed."""
        return self._base.device

    @property
    def levels(self) -> tuple[int, ...]:
        """All levels, coarse to fine."""
        return self._base.levels

    @property
    def choice_level(self) -> int:
        """Level at which each cell of A chooses one of the copies of B'."""
        return self._base.choice_level

    @property
    def restart_level(self) -> int:
        """Coarsest level that is searched again if a prior provides nearly all matches."""
        return self._base.restart_level

    @property
    def coarse_levels(self) -> tuple[int, ...]:
        """Levels matched together by one global solution."""
        return self._base.coarse_levels

    @property
    def two_scales(self) -> FeatureExtractor:
        """Return itself."""
        return self

    def stride(self, level: int) -> int:
        """Return the pixels per cell of a level."""
        return self.specs[level].stride

    def pyramid(
        self, picture: Tensor, levels: Sequence[int], *, dtype: torch.dtype | None = None
    ) -> dict[int, Tensor]:
        """Compute the features of pictures; see ``FeatureExtractor.pyramid``."""
        fine = {level: _layer(level) for level in levels if level < self._coarse}
        coarse = [level for level in levels if level >= self._coarse]
        found = {}
        if fine:
            whole = self._base.pyramid(picture, tuple(fine.values()), dtype=dtype)
            found = {level: whole[layer] for level, layer in fine.items()}
        if coarse:
            size = -(-picture.shape[2] // _INPUT_SCALE), -(-picture.shape[3] // _INPUT_SCALE)
            found |= self._base.pyramid(resize(picture, size), coarse, dtype=dtype)
        return found

    def step(self, start: int, stop: int) -> Step | None:
        """Return the function from one level to a coarser one, both of them fine levels."""
        if stop >= self._coarse:
            return None
        return self._base.step(_layer(start), _layer(stop))

    def _spec(self, specs: Mapping[int, LevelSpec], level: int) -> LevelSpec:
        """Return the settings of a level: those of its layer, at the stride of two scales."""
        stride = specs[level].stride * _INPUT_SCALE
        if level >= self._coarse:
            return replace(specs[level], stride=stride, solve_iterations={"standard": 0})
        return replace(
            specs[_layer(level)],
            stride=stride,
            smoothness_share=1.0,  # a coarser level always provides expected matches
            solve_iterations={"standard": 0},
        )


def _layer(level: int) -> int:
    """Return the level of the base extractor that a fine level is; pixels remain pixels."""
    return level if level == PIXELS else level + 1
