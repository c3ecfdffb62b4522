"""What guided synthesis is given and gives back, and what one of its searches is asked to do."""

from __future__ import annotations

import math
from dataclasses import dataclass

from torch import Tensor

from batch_analogy.config.painting import KAPPA, PATCH, UNIFORMITY
from batch_analogy.errors import ConfigError


@dataclass(frozen=True)
class Guide:
    """One pair of maps that say what corresponds."""

    source: Tensor  # (1, C, H', W') float32 in [0, 1], over A
    target: Tensor  # (1, C, H, W) float32 in [0, 1], over B
    weight: float = 1.0  # of the whole guide, split over its channels; 0: only its size is used


@dataclass(frozen=True, kw_only=True)
class GuidedConfig:
    """How a picture is synthesised. Names and defaults follow EbSynth's where it has them.

    Source: Hertzmann et al. 2001 (κ); Fišer et al. 2016 (StyLit) and the EbSynth library (rounds,
    uniformity, last pass, stop).
    """

    patch: int = PATCH  # odd side of the compared patches, pixels
    rounds: int = 6  # of search and vote, at each size of the pyramid
    iterations: int = 4  # of each search
    uniformity: float = UNIFORMITY
    """Price of a source patch that is used as often as is fair, in EbSynth's unit: a squared
    difference of 8-bit values summed over 5×5 pixels. 0: patches may be used at will."""
    style_weight: float = 1.0  # of B' continuing as A' does, against the guides' weights
    last_pass: bool = True  # once more at patch 3, without uniformity
    coherence: float = KAPPA  # Hertzmann's κ: a match that no neighbour continues costs 1 + κ times
    stop: float = 5 / 255  # pixels that change less from round to round are settled; of [0, 1]
    levels: int | None = None  # sizes of the pyramid; None: as many as patches fit in
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
                raise ConfigError(f"{name} is {value}; it must be a number that is not negative")
        if self.levels is not None and self.levels < 1:
            raise ConfigError(f"levels is {self.levels}; it must be at least 1, or None")


@dataclass(frozen=True)
class Synthesis:
    """B', and where it was taken from."""

    picture: Tensor  # (1, C, H, W) float32 [0, 1]: B'
    field: Tensor  # (1, 2, H, W) int32: B → A, absolute (y, x)
    cost: Tensor
    """(1, 1, H, W) float32: what each match costs, comparable between runs with the same guides,
    weights and last patch: the patch's mean of Σ weight · difference² over all channels. 0 where
    nothing was made."""


@dataclass(frozen=True, kw_only=True)
class GuidedSearchSpec:
    """Patch, reach, prices and randomness of one search."""

    patch: int  # odd side, pixels
    iterations: int
    radii: tuple[int, ...]  # of the random tries of an iteration, pixels
    seed: int  # 32 bits
    occurrence_cost: float = 0.0  # price of a source patch that is used as often as is fair
    coherence: float = 0.0  # a match that no neighbour continues costs 1 + this times

    @property
    def reach(self) -> int:
        """Pixels from the patch's centre to its edge."""
        return self.patch // 2


def radii_of(largest: int) -> tuple[int, ...]:
    """Random-search radii: halved down to 1.

    >>> radii_of(11)
    (11, 5, 2, 1)
    """
    return tuple(largest >> k for k in range(largest.bit_length()))
