"""Configuration of Image Analogies: the painted pictures, and the weights of the guides."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from typing import Any, Literal

from batch_analogy.config.checks import check_choice, check_range
from batch_analogy.config.presets import Preset
from batch_analogy.errors import ConfigError
from batch_analogy.files import expand_user

PaintPreset = Literal["artistic", "filter", "emboss", "numbers", "super-resolution", "transfer"]

GUIDE_WEIGHTS = (
    "colour",
    "edges",
    "meaning",
    "position",
    "previous",
    "mask_weight",
    "brightness",
    "slopes",
    "labels",
)
"""Fields of ``PaintConfig`` that hold the weights of computed guides."""

_NOT_ALONE = ("position", "previous", "mask_weight")  # useless without any other guide

PATCH = 5
"""Odd side of the compared patches, pixels (EbSynth's default)."""

UNIFORMITY = 3500.0
"""Cost added to a patch that is used its fair share of times (EbSynth's default, in its unit)."""

KAPPA = 0.0
"""Hertzmann's κ: a match that no neighbour continues costs 1 + κ times as much."""


@dataclass(frozen=True, kw_only=True)
class PaintedKeyframe:
    """A painted picture (A') and the frame or picture that it was painted over (A)."""

    painted: str  # a path
    frame: str | None = None  # name or number of the frame that was painted over, …
    example: str | None = None  # … or path of a picture that is not one of the frames

    def __post_init__(self) -> None:
        if (self.frame is None) == (self.example is None):
            raise ConfigError(
                f"{self.painted} must be painted over a frame or over a picture, not over "
                + ("both" if self.frame is not None else "neither")
            )


@dataclass(frozen=True, kw_only=True)
class GuideFiles:
    """Guide pictures made by hand."""

    source: str  # over A: a file, or a folder with one file for each keyframe
    target: str  # over B: a folder with one file for each frame, or one file for all
    weight: float

    def __post_init__(self) -> None:
        if not 0 < self.weight <= 1000:
            raise ConfigError(
                f"the weight of guide {self.source} is {self.weight:g}; it must be above 0 and at "
                "most 1000"
            )


@dataclass(frozen=True, kw_only=True)
class PaintConfig:
    """Settings for painting frames after examples: A : A' :: B : B' (Hertzmann et al. 2001).

    Weights of guides are relative to that of A' itself, which is 1. The defaults are the preset
    "artistic".

    Raises:
        ConfigError: a value is outside its range, or nothing guides the synthesis.

    Source: docs/method.md, "Guide weights".
    """

    keys: tuple[PaintedKeyframe, ...]
    guides: tuple[GuideFiles, ...] = ()
    mask: str | None = None  # a file or a folder: white is painted, black is left as it was
    colour: float = 6.0
    edges: float = 0.5
    meaning: float = 2.0  # VGG-19 features
    position: float = 0.5  # where the pixels of a keyframe have moved to
    previous: float = 0.0  # the painted film so far, warped along the motion
    mask_weight: float = 2.0  # inside or outside the mask, if there is one
    brightness: float = 0.0  # blurred and matched by rank, without colour
    slopes: float = 0.0  # gradient of brightness; its values are small, so 30 is a usual weight
    labels: float = 0.0  # flat colours, compared as equal or different
    luminance: bool = False  # first bring A's mean and spread of brightness to B's
    kappa: float = KAPPA
    uniformity: float = UNIFORMITY  # 0: patches may be used any number of times
    patch: int = PATCH

    def __post_init__(self) -> None:
        kinds = (("keys", PaintedKeyframe), ("guides", GuideFiles))
        for name, kind in kinds:  # dicts where read from JSON
            values = getattr(self, name)
            made = tuple(kind(**value) if isinstance(value, dict) else value for value in values)
            object.__setattr__(self, name, made)
        if not self.keys:
            raise ConfigError("nothing is painted; give A and A', or a keyframe")
        for name in GUIDE_WEIGHTS:
            check_range(f"weight of {name.removesuffix('_weight')}", getattr(self, name), 0, 1000)
        enough = (name for name in GUIDE_WEIGHTS if name not in _NOT_ALONE)
        if not self.guides and not any(getattr(self, name) for name in enough):
            raise ConfigError(
                "all guide weights are 0; set at least one above 0 (position, previous and mask do "
                "not suffice alone)"
            )
        check_range("kappa", self.kappa, 0, 100)
        check_range("uniformity", self.uniformity, 0, 1e6)
        if self.patch % 2 == 0 or not 3 <= self.patch <= 15:
            raise ConfigError(f"patch is {self.patch}; it must be odd, from 3 to 15")

    @classmethod
    def for_preset(cls, preset: PaintPreset, **overrides: Any) -> PaintConfig:
        """Return the configuration of a preset, with overrides on top.

        >>> keys = (PaintedKeyframe(painted="p.png", frame="0"),)
        >>> PaintConfig.for_preset("emboss", keys=keys).colour
        0.0
        """
        check_choice("preset", preset, PaintPreset)
        return cls(**{**PAINT_PRESETS[preset].settings, **overrides})

    @property
    def total_weight(self) -> float:
        """Sum of the weights of all guides and of A' itself."""
        made = sum(
            getattr(self, name) for name in GUIDE_WEIGHTS if self.mask or name != "mask_weight"
        )
        return float(1.0 + made + sum(guide.weight for guide in self.guides))

    def absolute(self) -> PaintConfig:
        """Return a copy whose paths are absolute."""
        return dataclasses.replace(
            self,
            keys=tuple(
                dataclasses.replace(
                    key,
                    painted=_absolute(key.painted),
                    example=key.example and _absolute(key.example),
                )
                for key in self.keys
            ),
            guides=tuple(
                dataclasses.replace(
                    guide, source=_absolute(guide.source), target=_absolute(guide.target)
                )
                for guide in self.guides
            ),
            mask=self.mask and _absolute(self.mask),
        )

    def pixel_fields(self) -> dict[str, Any]:
        """Return all that decides pixels, besides the content of the files, as JSON values."""
        fields = dataclasses.asdict(self)
        del fields["keys"], fields["mask"]
        fields["guides"] = [guide.weight for guide in self.guides]
        return fields


def _alone(**weights: Any) -> dict[str, Any]:
    """Return settings in which all other guides but position have weight 0."""
    return {"colour": 0.0, "edges": 0.0, "meaning": 0.0, **weights}


PAINT_PRESETS: dict[PaintPreset, Preset] = {
    "artistic": Preset(help="A' is a painting of the picture A", settings={}),
    "filter": Preset(
        help="A' is A after a filter that changes colours or softens",
        settings=_alone(colour=2.0),
    ),
    "emboss": Preset(
        help="A' is A after a filter that shows relief",
        settings=_alone(slopes=30.0),
    ),
    "numbers": Preset(
        help="A is a map of flat colours and A' shows the texture that each stands for; with a "
        "single colour, that texture is made at any size",
        settings=_alone(labels=6.0, kappa=0.5),
    ),
    "super-resolution": Preset(
        help="A' is a sharp picture of similar things and A is the same picture, shrunk and "
        "enlarged again; the frames must have been enlarged by the same factor",
        settings=_alone(colour=20.0),
    ),
    "transfer": Preset(
        help="A and A' are the same texture, which then follows the light of the frames",
        settings=_alone(brightness=0.8, kappa=2.0),
    ),
}
"""Hertzmann's applications. Texture synthesis is texture by numbers with a single colour."""


def _absolute(path: str) -> str:
    return os.path.abspath(expand_user(path))
