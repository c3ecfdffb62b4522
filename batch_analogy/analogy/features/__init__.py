"""Feature extraction: the interface through which pictures are compared.

A feature extractor turns a picture into feature maps at several levels: coarse ones that tell what
things are, fine ones that tell where they are. Patch sides, search radii and blend weights are
tuned to an extractor's levels, so each extractor brings its own table of ``LevelSpec``.

``vgg.Vgg19`` is the extractor of the paper, and the only one that commands and runs load
(``vgg.load_network``). From Python, ``deep_image_analogy(..., network=...)`` takes any other one
that has the attributes and methods of ``FeatureExtractor``.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from batch_analogy.config.matching import Quality

PIXELS = 0
"""The "level" below the finest one: the extractor's input."""

Step = Callable[[Tensor], Tensor]
"""A differentiable function from the features of one level to those of a coarser one."""


@dataclass(frozen=True, kw_only=True)
class LevelSpec:
    """Settings of the method at one level of an extractor."""

    stride: int  # pixels of the extractor's input per cell, on each axis
    patch: int  # odd side of the compared patch, cells
    radius: int | None  # largest random-search radius, cells; None: 1/16 of the picture's side
    smoothness_share: float  # share of the smoothness prior's weight that applies here
    semantic_share: float = 0.0  # share of the cost that compares the coarse levels' features
    alphas: Mapping[int, float]  # blend weight → share of a latent picture's own structure
    solve_iterations: Mapping[Quality, int] = field(default_factory=dict)
    """Iterations of the latent solve, of the step from this level to the next finer one.

    0: features are voted two levels finer and encoded again from there. Missing: they are voted
    one level finer.
    """
    search_channels: Mapping[Quality, int] = field(default_factory=dict)  # missing: all channels


class FeatureExtractor(Protocol):
    """Compute feature maps of pictures on one device.

    Levels are numbered from the coarsest down to 1, the finest, without gaps.
    """

    @property
    def name(self) -> str:
        """Short name for messages and records."""

    @property
    def device(self) -> torch.device:
        """Device on which features are computed."""

    @property
    def levels(self) -> tuple[int, ...]:
        """All levels, coarse to fine."""

    @property
    def specs(self) -> Mapping[int, LevelSpec]:
        """Level → settings of the method."""

    @property
    def input_scale(self) -> int:
        """Side of the input, in sides of the matching size; the finest fields have that size."""

    @property
    def two_scales(self) -> FeatureExtractor | None:
        """The same extractor with fine levels at twice the size of the coarse ones, if it can."""

    @property
    def choice_level(self) -> int:
        """Level at which each cell of A chooses one of the copies of B'."""

    @property
    def coarse_levels(self) -> tuple[int, ...]:
        """Levels matched together by one global solution, coarse to fine; empty: none.

        The search starts from that solution at the last of them.
        """

    @property
    def restart_level(self) -> int:
        """Coarsest level that is searched again if a prior provides nearly all matches."""

    def stride(self, level: int) -> int:
        """Return the pixels per cell of a level; a side of n pixels has ceil(n / stride) cells."""

    def pyramid(
        self, picture: Tensor, levels: Sequence[int], *, dtype: torch.dtype | None = None
    ) -> dict[int, Tensor]:
        """Compute the features of pictures at several levels.

        Args:
            picture: (B, 3, H, W) RGB in [0, 1].
            levels: the levels wanted; ``PIXELS`` stands for the extractor's input values.
            dtype: type to compute in; the picture's own by default.

        Returns:
            Level → (B, C, h, w) in the picture's dtype, non-negative except at ``PIXELS``;
            differentiable where the picture is.
        """

    def step(self, start: int, stop: int) -> Step | None:
        """Return the function from level ``start`` to the coarser level ``stop``.

        The latent solve runs it forwards and backwards. Without one (None), latent features are
        voted from the other picture's features and not solved for.
        """
