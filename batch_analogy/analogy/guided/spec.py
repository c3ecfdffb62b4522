"""Inputs, configuration and result of guided synthesis."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from batch_analogy.config.painting import KAPPA, PATCH, UNIFORMITY
from batch_analogy.errors import ConfigError


@dataclass(frozen=True)
class Guide:
    """A pair of maps, over A and over B, that are similar where A and B correspond."""

    source: Tensor  # (1, C, H', W') float32 in [0, 1], over A
    target: Tensor  # (1, C, H, W) float32 in [0, 1], over B
    weight: float = 1.0  # of the whole guide, split over its channels; 0: only its size is used


@dataclass(frozen=True, kw_only=True)
class GuidedConfig:
    """Settings of the synthesis; names and defaults follow EbSynth where it has them.

    Source: Hertzmann et al. 2001 (κ); Fišer et al. 2016 (StyLit) and the EbSynth library (rounds,
    uniformity, last pass, stop); docs/method.md, "Patch distance and uniformity".
    """

    patch: int = PATCH  # odd side of the compared patches, pixels
    rounds: int = 6  # of search and vote, at each size of the pyramid
    iterations: int = 4  # of each search
    uniformity: float = UNIFORMITY
    """Cost added to a source patch that is used its fair share of times, in EbSynth's unit: a sum
    of squared 8-bit differences over 5×5 pixels. 0: patches may be used any number of times."""
    style_weight: float = 1.0  # of the similarity of B' to A', relative to the guides' weights
    last_pass: bool = True  # repeat the full size with patch 3 and without uniformity
    coherence: float = KAPPA  # Hertzmann's κ: an isolated match costs 1 + κ times as much
    stop: float = 5 / 255  # pixels whose values, in [0, 1], change less than this are settled
    levels: int | None = None  # sizes of the pyramid; None: as many as have room for two patches
    seed: int = 0

    def __post_init__(self) -> None:
        if self.patch < 3 or self.patch % 2 == 0:
            raise ConfigError(f"patch is {self.patch}; it must be odd and at least 3")
        for name in ("rounds", "iterations"):
            if getattr(self, name) < 1:
                raise ConfigError(f"{name} is {getattr(self, name)}; it must be at least 1")
        for name in ("uniformity", "style_weight", "coherence", "stop"):
            value = getattr(self, name)
            if not math.isfinite(value) or value < 0:
                raise ConfigError(f"{name} is {value}; it must be a finite number of at least 0")
        if self.levels is not None and self.levels < 1:
            raise ConfigError(f"levels is {self.levels}; it must be at least 1, or None")


@dataclass(frozen=True)
class Synthesis:
    """B' and the field that it was made by."""

    picture: Tensor  # (1, C, H, W) float32 [0, 1]: B'
    field: Tensor  # (1, 2, H, W) int32: B → A, absolute (y, x)
    cost: Tensor
    """(1, 1, H, W) float32, cost of each match: Σ weight · difference² over all channels, averaged
    over the patch; 0 outside the mask. Comparable between runs with the same guides, weights and
    last patch."""
