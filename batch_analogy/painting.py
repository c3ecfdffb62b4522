"""Configuration of painting after examples: what was painted, and what its guides weigh."""

from __future__ import annotations

import dataclasses
import os
from dataclasses import dataclass
from typing import Any

from batch_analogy.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class PaintedKey:
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
class HandGuide:
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

    Weights are of guides against 1 for A' continuing as it does (facts §2, "Video").
    """

    keys: tuple[PaintedKey, ...]
    guides: tuple[HandGuide, ...] = ()
    mask: str | None = None  # a file or a folder: white is painted, black stays as it was
    colour: float = 6.0
    edges: float = 0.5
    meaning: float = 2.0  # of VGG-19 features
    position: float = 2.0  # of where a keyframe's pixels have moved to
    luminance: bool = False  # whether A's brightness is brought to B's first

    def __post_init__(self) -> None:
        for name, kind in (("keys", PaintedKey), ("guides", HandGuide)):  # dicts read from JSON
            values = getattr(self, name)
            made = tuple(kind(**value) if isinstance(value, dict) else value for value in values)
            object.__setattr__(self, name, made)
        if not self.keys:
            raise ConfigError("nothing is painted; give A and A', or a keyframe")
        for name in ("colour", "edges", "meaning", "position"):
            value = getattr(self, name)
            if not 0 <= value <= 1000:
                raise ConfigError(f"{name} weighs {value:g}; it must lie between 0 and 1000")
        if not (self.colour or self.edges or self.meaning or self.guides):
            raise ConfigError("no guide weighs anything; give one a weight above 0")

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


def _absolute(path: str) -> str:
    return os.path.abspath(os.path.expanduser(path))
