"""Configuration of painting after examples: what was painted, and what its guides weigh."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from typing import Any, Literal, get_args

from batch_analogy.config.presets import Preset
from batch_analogy.errors import ConfigError

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
"""Guides that are made, by the fields that weigh them."""

_NOT_ALONE = ("position", "previous", "mask_weight")  # they say nothing of a frame by itself

PATCH = 5
"""Odd side of the compared patches, pixels (EbSynth's)."""

UNIFORMITY = 3500.0
"""Price of a source patch that is used as often as is fair (EbSynth's, in its unit)."""

KAPPA = 0.0
"""How much more a match costs that no neighbour continues (Hertzmann's κ)."""


@dataclass(frozen=True, kw_only=True)
class PaintedKeyframe:
    """A picture that somebody painted (A'), and what it was painted over (A)."""

    painted: str  # a path
    frame: str | None = None  # the frame it was painted over, by its name, or its number
    example: str | None = None  # or a picture that is none of the frames

    def __post_init__(self) -> None:
        if (self.frame is None) == (self.example is None):
            raise ConfigError(
                f"{self.painted} must be painted over a frame or over a picture, not over "
                + ("both" if self.frame is not None else "neither")
            )


@dataclass(frozen=True, kw_only=True)
class GuideFiles:
    """A pair of guide pictures that somebody made."""

    source: str  # over A: a file, or a folder with one for each keyframe
    target: str  # over B: a folder with one for each frame, or one file for all
    weight: float

    def __post_init__(self) -> None:
        if not 0 < self.weight <= 1000:
            raise ConfigError(
                f"the weight of guide {self.source} is {self.weight:g}; it must be above 0 and at "
                "most 1000"
            )


@dataclass(frozen=True, kw_only=True)
class PaintConfig:
    """How frames are painted after examples: A : A' :: B : B' (Hertzmann et al. 2001).

    Weights are of guides against 1 for A' continuing as it does (facts §2, "Video"). The defaults
    are the preset "artistic".
    """

    keys: tuple[PaintedKeyframe, ...]
    guides: tuple[GuideFiles, ...] = ()
    mask: str | None = None  # a file or a folder: white is painted, black stays as it was
    colour: float = 6.0
    edges: float = 0.5
    meaning: float = 2.0  # of VGG-19 features
    position: float = 0.5  # of where a keyframe's pixels have moved to
    previous: float = 0.0  # of the film so far, carried along its motion
    mask_weight: float = 2.0  # of being inside the mask, or outside, where there is one
    brightness: float = 0.0  # of the frames' light without their colours, soft and by rank
    slopes: float = 0.0  # of brightness, right and down; small numbers, so that 30 is not much
    labels: float = 0.0  # of flat colours that are one or another, never nearly the same
    luminance: bool = False  # whether A's brightness is brought to B's first
    kappa: float = KAPPA
    uniformity: float = UNIFORMITY  # 0: patches may be used at will
    patch: int = PATCH

    def __post_init__(self) -> None:
        for name, kind in (
            ("keys", PaintedKeyframe),
            ("guides", GuideFiles),
        ):  # dicts read from JSON
            values = getattr(self, name)
            made = tuple(kind(**value) if isinstance(value, dict) else value for value in values)
            object.__setattr__(self, name, made)
        if not self.keys:
            raise ConfigError("nothing is painted; give A and A', or a keyframe")
        for name in GUIDE_WEIGHTS:
            value = getattr(self, name)
            if not 0 <= value <= 1000:
                raise ConfigError(f"{name} weighs {value:g}; it must lie between 0 and 1000")
        if not self.guides and not any(
            getattr(self, n) for n in GUIDE_WEIGHTS if n not in _NOT_ALONE
        ):
            raise ConfigError("no guide weighs anything; give one a weight above 0")
        self._check_synthesis()

    def _check_synthesis(self) -> None:
        for name, most in (("kappa", 100.0), ("uniformity", 1e6)):
            value = getattr(self, name)
            if not 0 <= value <= most:
                raise ConfigError(f"{name} is {value:g}; it must lie between 0 and {most:g}")
        if self.patch % 2 == 0 or not 3 <= self.patch <= 15:
            raise ConfigError(f"patch is {self.patch}; it must be odd, from 3 to 15")

    @classmethod
    def for_preset(cls, preset: PaintPreset, **overrides: Any) -> PaintConfig:
        """The configuration of one of Hertzmann's applications, with overrides on top.

        >>> keys = (PaintedKeyframe(painted="p.png", frame="0"),)
        >>> PaintConfig.for_preset("emboss", keys=keys).colour
        0.0
        """
        if preset not in PAINT_PRESETS:
            raise ConfigError(
                f"preset is {preset!r}; choose one of {', '.join(get_args(PaintPreset))}"
            )
        return cls(**{**PAINT_PRESETS[preset].settings, **overrides})

    @property
    def total_weight(self) -> float:
        """Of all guides and of A' continuing as it does."""
        made = sum(
            getattr(self, name) for name in GUIDE_WEIGHTS if self.mask or name != "mask_weight"
        )
        return float(1.0 + made + sum(guide.weight for guide in self.guides))

    def absolute(self) -> PaintConfig:
        """The same with paths that hold in any folder."""
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
        """What decides pixels besides the content of the files, as plain JSON values."""
        fields = dataclasses.asdict(self)
        del fields["keys"], fields["mask"]
        fields["guides"] = [guide.weight for guide in self.guides]
        return fields


def _alone(**weights: Any) -> dict[str, Any]:
    """A preset in which no other guides weigh anything but position, which lies still without."""
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
"""Hertzmann's applications: what differs from the defaults of ``PaintConfig``. Texture synthesis is
texture by numbers with one number."""


def _absolute(path: str) -> str:
    return os.path.abspath(os.path.expanduser(path))
