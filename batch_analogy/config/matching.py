"""Configuration of Deep Image Analogy: everything that decides the pixels of one pair.

Every default is written once, here.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal

from batch_analogy.config.checks import check_choice
from batch_analogy.config.presets import Preset
from batch_analogy.errors import ConfigError

PresetName = Literal["photo-to-style", "style-to-style", "style-to-photo", "photo-to-photo"]
Quality = Literal["draft", "standard", "paper"]
Refine = Literal["none", "wls", "affine"]
Precision = Literal["auto", "float32", "bfloat16"]

PRESETS: dict[PresetName, Preset] = {
    "photo-to-style": Preset(
        help="a photograph takes on the look of a painting",
        settings={"blend_weight": 3, "ratio": 0.5, "min_side_px": 360, "refine": "none"},
    ),
    "style-to-style": Preset(
        help="both pictures are paintings",
        settings={"blend_weight": 3, "ratio": 0.5, "min_side_px": 360, "refine": "none"},
    ),
    "style-to-photo": Preset(
        help="a painting becomes a photograph",
        settings={"blend_weight": 2, "ratio": 0.5, "min_side_px": 360, "refine": "none"},
    ),
    "photo-to-photo": Preset(
        help="colours and light move from one photograph to another",
        settings={"blend_weight": 3, "ratio": 0.5, "min_side_px": 360, "refine": "affine"},
    ),
}
"""The paper's four applications.

Blend weights and refinement are the authors'. The ratios were chosen on real pairs: at half the
size faces keep fewer holes, and a pair takes a quarter of the time. Pictures smaller than 360 px
are enlarged first, or legs and eyes would have too few cells.

Source: docs/method.md, "Settings for the four applications".
"""

PUBLISHED_RATIOS: dict[PresetName, float] = {
    "photo-to-style": 1.0,
    "style-to-style": 1.0,
    "style-to-photo": 0.5,
    "photo-to-photo": 1.0,
}
"""The authors' ratios, used in paper quality."""

SEARCH_ITERATIONS: dict[Quality, int] = {"draft": 4, "standard": 6, "paper": 10}
"""Quality → PatchMatch iterations at every level; ten are published."""

FLOAT32_ENCODING: frozenset[Quality] = frozenset({"paper"})
"""Qualities whose pictures are encoded in float32 even if the solve is in bfloat16.

The others match known pairs equally well in either precision (docs/method.md, "Reduced
precision").
"""

BLEND_WEIGHTS = (1, 2, 3)
"""Allowed blend weights; an extractor's ``LevelSpec.alphas`` says what each means."""


@dataclass(frozen=True)
class Transform:
    """Transform that makes a copy of B' to match."""

    scale: float = 1.0
    mirrored: bool = False  # left to right


@dataclass(frozen=True, kw_only=True)
class AnalogyConfig:
    """Everything that decides the pixels of one pair.

    Raises:
        ConfigError: a value is outside its allowed set or range.

    >>> AnalogyConfig.for_preset("style-to-photo").ratio
    0.5
    """

    quality: Quality = "standard"
    blend_weight: int = 3  # 1 … 3; higher keeps more of the content
    ratio: float = 1.0  # extra scaling of what the network sees; output size is unaffected
    two_scales: bool = False  # fine levels see the pictures at twice the size of the coarse ones
    refine: Refine = "none"  # method that brings A's full-resolution detail into A'
    smoothness: float = 0.15  # weight of the smoothness prior; 0: the published method
    scales: tuple[float, ...] = (1.0,)  # relative sizes of B' to match; 1 is always added
    mirror: bool = False  # also match a mirrored copy of B'
    seed: int = 0
    max_area_px: int = 500_000  # largest matching area; 350,000 is published
    max_side_px: int = 2048  # longest matching side, for panoramas
    min_side_px: int = 200  # smaller pictures are enlarged for matching, as published
    precision: Precision = "auto"  # of the network; auto: chosen for the machine
    exact: bool = False  # what is not styled stays exactly as it is; for light beyond white

    def __post_init__(self) -> None:
        check_choice("quality", self.quality, Quality)
        check_choice("refine", self.refine, Refine)
        check_choice("precision", self.precision, Precision)
        if self.blend_weight not in BLEND_WEIGHTS:
            raise ConfigError(f"blend weight is {self.blend_weight}; it must be 1, 2 or 3")
        if not 0.1 <= self.ratio <= 1.0:
            raise ConfigError(f"ratio is {self.ratio}; it must lie between 0.1 and 1")
        if self.two_scales and self.quality == "paper":
            raise ConfigError("paper quality follows the published method, so it has one scale")
        if self.two_scales and self.ratio > 0.5:
            raise ConfigError(
                f"ratio is {self.ratio}; two scales need a ratio of at most 0.5, "
                "as fine structures are looked at in twice that size"
            )
        if not 0 <= self.smoothness <= 1:
            raise ConfigError(f"smoothness is {self.smoothness}; it must lie between 0 and 1")
        object.__setattr__(self, "scales", tuple(self.scales))  # a list where read from JSON
        if len(self.scales) > 8 or not all(0.25 <= scale <= 4 for scale in self.scales):
            raise ConfigError(f"scales are {self.scales}; give at most 8, each between 0.25 and 4")
        if not 0 <= self.seed < 2**31:
            raise ConfigError(f"seed is {self.seed}; it must lie between 0 and 2147483647")
        if not 64 * 64 <= self.max_area_px <= 4_000_000:
            raise ConfigError(
                f"matching area is {self.max_area_px} px; it must lie between 4096 and 4000000"
            )
        if not 1 <= self.min_side_px <= self.max_side_px:
            raise ConfigError(
                f"matching sides are {self.min_side_px} to {self.max_side_px} px; "
                "the smaller must be at least 1 and at most the larger"
            )

    @classmethod
    def for_preset(cls, preset: PresetName, **overrides: Any) -> AnalogyConfig:
        """Return the configuration of one of the paper's applications, with overrides on top.

        With ``quality="paper"`` the ratio, the smoothness and the smallest side are published ones.
        """
        check_choice("preset", preset, PresetName)
        settings = dict(PRESETS[preset].settings)
        if overrides.get("quality") == "paper":
            settings.update(
                ratio=PUBLISHED_RATIOS[preset], smoothness=0.0, min_side_px=cls.min_side_px
            )
        return cls(**{**settings, **overrides})

    @property
    def unscaled(self) -> AnalogyConfig:
        """The same configuration for pictures at their matching size before the ratio."""
        return replace(self, ratio=1.0, two_scales=False)

    @property
    def transforms(self) -> tuple[Transform, ...]:
        """Transforms of the copies of B' to match; the unchanged one first."""
        scales = [1.0, *sorted({float(scale) for scale in self.scales} - {1.0})]
        flips = (False, True) if self.mirror else (False,)
        return tuple(Transform(scale, mirrored) for mirrored in flips for scale in scales)
