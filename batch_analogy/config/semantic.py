"""Configuration of Semantic Image Analogy: the network of a picture and its training."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal

from batch_analogy.config.checks import check_choice, check_range
from batch_analogy.config.presets import Preset

SemanticQuality = Literal["draft", "standard", "paper"]
SemanticPreset = Literal["layout", "removal", "retouch", "sketch", "photo-map", "animation"]
Encoding = Literal["one-hot", "rgb"]

LOSS_WEIGHTS = (
    "adversarial",
    "feature_matching",
    "reconstruction",
    "fixed_point",
    "alignment",
    "coherence",
    "perceptual",
)
"""Names of the generator's losses, and of the fields that hold their weights."""

MIN_SIZE_PX, MAX_SIZE_PX = 32, 1024


@dataclass(frozen=True, kw_only=True)
class SemanticConfig:
    """Settings by which P ⇒ P' :: I ⇒ I' is learnt from one picture (Li et al. 2020).

    The defaults are ``standard`` quality and the preset ``layout``. Every field decides pixels.

    Raises:
        ConfigError: a value is outside its allowed set or range.

    Source: docs/method.md, "Task", "Training loop", "Optimiser", "Loss weights".
    """

    size: int = 128  # longest side in training and use, pixels; smaller pictures keep theirs
    width: int = 16  # channels at full size; 2, 4 and 8 times as many at the coarser scales
    encoding: Encoding = "one-hot"  # "rgb": label colours, as published
    seed: int = 0
    threads: int = 2  # on the CPU; their number affects how gradients are rounded

    iterations: int = 1500  # each with a new sample
    generator_steps: int = 1  # in each iteration
    learning_rate: float = 1e-3  # of generator and segmenter
    discriminator_rate: float = 4e-4
    constant_rate_share: float = 0.4  # of the iterations; then rates fall to a tenth
    ema_decay: float = 0.99  # of the average of the generator's weights; 0: no average

    reconstruct_every: int = 5  # one iteration in this many reconstructs, the others sample
    random_layouts: float = 0.5  # share of sampling iterations with a random layout
    by_label: bool = True  # judge realism and patches within each class

    ramp: int = 500  # iterations until augmentation has full strength
    flip: float = 0.5  # probability
    bend: float = 0.02  # largest shift of the spline's 3 × 3 control points, share of the width
    zoom: float = 0.2  # largest enlargement, beyond 1

    adversarial: float = 1.0
    feature_matching: float = 1.0
    reconstruction: float = 5.0
    fixed_point: float = 1.0
    alignment: float = 1.0
    coherence: float = 1.0
    perceptual: float = 1.0  # 0 as published
    patches: int = 64  # compared by the coherence loss at each level

    measure_every: int = 100  # iterations between two validations
    patience: int = 6  # validations without gain before training stops early; 0: it never does

    def __post_init__(self) -> None:
        check_choice("encoding", self.encoding, Encoding)
        for name, least, most in (
            ("size", MIN_SIZE_PX, MAX_SIZE_PX),
            ("width", 4, 128),
            ("threads", 1, 256),
            ("iterations", 1, 1_000_000),
            ("generator_steps", 1, 100),
            ("reconstruct_every", 1, 1000),
            ("ramp", 1, 1_000_000),
            ("patches", 1, 4096),
            ("measure_every", 1, 1_000_000),
            ("patience", 0, 1_000_000),
        ):
            check_range(name, getattr(self, name), least, most)
        for name in ("learning_rate", "discriminator_rate"):
            check_range(name, getattr(self, name), 1e-7, 0.1)
        for name in ("constant_rate_share", "random_layouts", "flip"):
            check_range(name, getattr(self, name), 0.0, 1.0)
        check_range("ema_decay", self.ema_decay, 0.0, 0.9999)
        check_range("bend", self.bend, 0.0, 0.2)
        check_range("zoom", self.zoom, 0.0, 2.0)
        for name in LOSS_WEIGHTS:
            check_range(name, getattr(self, name), 0.0, 1000.0)

    @classmethod
    def for_quality(
        cls, quality: SemanticQuality, preset: SemanticPreset = "layout", **overrides: Any
    ) -> SemanticConfig:
        """Return the configuration of a quality and a preset, with overrides on top.

        >>> SemanticConfig.for_quality("paper").generator_steps
        10
        """
        check_choice("quality", quality, SemanticQuality)
        check_choice("preset", preset, SemanticPreset)
        settings = SEMANTIC_PRESETS[preset].settings
        return cls(**{**SEMANTIC_QUALITIES[quality], **settings, **overrides})

    def fields(self) -> dict[str, Any]:
        """Return all fields as plain JSON values."""
        return dataclasses.asdict(self)


SEMANTIC_QUALITIES: dict[SemanticQuality, dict[str, Any]] = {
    "draft": {"size": 96, "iterations": 500, "ramp": 250},
    "standard": {},
    "paper": {
        "size": 250,
        "width": 32,
        "iterations": 2500,
        "generator_steps": 10,
        "ramp": 1000,
        "random_layouts": 0.0,
        "by_label": False,
        "perceptual": 0.0,
        "ema_decay": 0.0,
    },
}
"""Differences from the defaults of ``SemanticConfig``. ``paper`` has the published counts."""

SEMANTIC_PRESETS: dict[SemanticPreset, Preset] = {
    "layout": Preset(help="things are moved and reshaped", settings={}),
    "removal": Preset(
        help="things are painted over with what lies behind them", settings={"random_layouts": 0.7}
    ),
    "retouch": Preset(
        help="parts of a face are changed",
        settings={"random_layouts": 0.3, "zoom": 0.1, "bend": 0.03},
    ),
    "sketch": Preset(
        help="the map is a line drawing", settings={"random_layouts": 0.0, "bend": 0.05}
    ),
    "photo-map": Preset(
        help="the map is of another photograph", settings={"random_layouts": 0.7, "zoom": 0.4}
    ),
    "animation": Preset(help="the maps are the frames of a film", settings={"bend": 0.04}),
}
"""Uses that the method's authors show; they differ in the distance of target maps from P."""
