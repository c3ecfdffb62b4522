"""Configuration of Semantic Image Analogy: how one picture's network is built and trained."""

from __future__ import annotations

import dataclasses
from dataclasses import dataclass
from typing import Any, Literal, get_args

from batch_analogy.config.presets import Preset
from batch_analogy.errors import ConfigError

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
"""Names of the generator's losses, and of the fields that weigh them."""

MIN_SIZE_PX, MAX_SIZE_PX = 32, 1024


@dataclass(frozen=True, kw_only=True)
class SemanticConfig:
    """How P ⇒ P' :: I ⇒ I' is learnt from one picture (Li et al. 2020; facts §1).

    The defaults are ``standard`` quality and the preset ``layout``. Every field decides pixels.
    """

    size: int = 128  # px of the picture's longer side while training and applying; never enlarged
    width: int = 16  # channels at full size; twice, four and eight times as many below
    encoding: Encoding = "one-hot"  # "rgb": label colours as the published code has them
    seed: int = 0
    threads: int = 2  # of the CPU: gradients round differently by their number

    iterations: int = 1500  # each with a new sample
    generator_steps: int = 1  # of each iteration
    learning_rate: float = 1e-3  # of generator and segmenter
    discriminator_rate: float = 4e-4
    constant_rate_share: float = (
        0.4  # of the iterations before the rates fall, to a tenth at the end
    )
    average: float = 0.99  # how much of the averaged weights each step keeps; 0: none are averaged

    reconstruct_every: int = 5  # iterations; the others are sampling
    imagined: float = 0.5  # share of sampling whose layout is made up, and has no picture
    by_label: bool = True  # whether realism and patches are judged within each class

    ramp: int = 500  # iterations until samples are changed in full
    flip: float = 0.5  # probability
    bend: float = 0.02  # largest shift of the 3 × 3 points of the spline, share of the width
    zoom: float = 0.2  # largest enlargement, beyond 1

    adversarial: float = 1.0
    feature_matching: float = 1.0
    reconstruction: float = 5.0
    fixed_point: float = 1.0
    alignment: float = 1.0
    coherence: float = 1.0
    perceptual: float = 1.0  # 0 in the published code
    patches: int = 64  # that coherence compares, of each level

    measure_every: int = 100  # iterations between measures of the fixed set
    patience: int = 6  # measures without gain that end training; 0: it never ends early

    def __post_init__(self) -> None:
        _check_choice("encoding", self.encoding, Encoding)
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
            _check_range(name, getattr(self, name), least, most)
        for name in ("learning_rate", "discriminator_rate"):
            _check_range(name, getattr(self, name), 1e-7, 0.1)
        for name in ("constant_rate_share", "imagined", "flip"):
            _check_range(name, getattr(self, name), 0.0, 1.0)
        _check_range("average", self.average, 0.0, 0.9999)
        _check_range("bend", self.bend, 0.0, 0.2)
        _check_range("zoom", self.zoom, 0.0, 2.0)
        for name in LOSS_WEIGHTS:
            _check_range(name, getattr(self, name), 0.0, 1000.0)

    @classmethod
    def for_quality(
        cls, quality: SemanticQuality, preset: SemanticPreset = "layout", **overrides: Any
    ) -> SemanticConfig:
        """The configuration of a quality and a use, with overrides on top.

        >>> SemanticConfig.for_quality("paper").generator_steps
        10
        """
        _check_choice("quality", quality, SemanticQuality)
        _check_choice("preset", preset, SemanticPreset)
        settings = SEMANTIC_PRESETS[preset].settings
        return cls(**{**SEMANTIC_QUALITIES[quality], **settings, **overrides})

    def fields(self) -> dict[str, Any]:
        """All fields as plain JSON values."""
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
        "imagined": 0.0,
        "by_label": False,
        "perceptual": 0.0,
        "average": 0.0,
    },
}
"""What differs from the defaults of ``SemanticConfig``. ``paper`` has the published counts."""

SEMANTIC_PRESETS: dict[SemanticPreset, Preset] = {
    "layout": Preset(help="things are moved and reshaped", settings={}),
    "removal": Preset(
        help="things are painted over with what lies behind them", settings={"imagined": 0.7}
    ),
    "retouch": Preset(
        help="parts of a face are changed",
        settings={"imagined": 0.3, "zoom": 0.1, "bend": 0.03},
    ),
    "sketch": Preset(help="the map is a line drawing", settings={"imagined": 0.0, "bend": 0.05}),
    "photo-map": Preset(
        help="the map is of another photograph", settings={"imagined": 0.7, "zoom": 0.4}
    ),
    "animation": Preset(help="the maps are the frames of a film", settings={"bend": 0.04}),
}
"""The uses that the method's authors show, by how far target maps are from the picture's own."""


def _check_choice(name: str, value: object, choices: Any) -> None:
    if value not in get_args(choices):
        raise ConfigError(f"{name} is {value!r}; choose one of {', '.join(get_args(choices))}")


def _check_range(name: str, value: float, least: float, most: float) -> None:
    if not least <= value <= most:  # NaN is outside too
        raise ConfigError(f"{name} is {value:g}; it must lie between {least:g} and {most:g}")
