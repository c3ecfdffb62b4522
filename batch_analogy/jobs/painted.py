"""What a run paints after: its painted pictures, which frames they belong to, and their guides."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class FileMark:
    """A file's content, and what tells cheaply that it has not changed."""

    path: str
    bytes: int
    mtime_ns: int
    blake2b: str


@dataclass(frozen=True)
class KeyMark:
    """One painted picture."""

    painted: FileMark  # A'
    frame: int | None = None  # that it was painted over
    example: FileMark | None = None  # or A


@dataclass(frozen=True)
class Pictures:
    """A picture for all frames (or keyframes), or one for each."""

    paths: tuple[str, ...]
    blake2b: str  # of all of them

    def of(self, index: int) -> Path:
        """The one of a frame or a keyframe."""
        return Path(self.paths[index if len(self.paths) > 1 else 0])


@dataclass(frozen=True)
class GuideMarks:
    """A guide made by hand."""

    source: Pictures  # of each painted picture
    target: Pictures  # of each frame


@dataclass(frozen=True)
class PaintMarks:
    """All files that a run is painted after."""

    keys: tuple[KeyMark, ...]
    guides: tuple[GuideMarks, ...] = ()
    mask: Pictures | None = None

    @property
    def keyframes(self) -> dict[int, int]:
        """Frame → the number of its painted picture."""
        return {key.frame: n for n, key in enumerate(self.keys) if key.frame is not None}

    def content(self) -> list[Any]:
        """What decides pixels, as plain JSON values."""
        return [
            [[k.painted.blake2b, k.frame, k.example and k.example.blake2b] for k in self.keys],
            [[guide.source.blake2b, guide.target.blake2b] for guide in self.guides],
            self.mask and self.mask.blake2b,
        ]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values that ``from_json`` restores."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> PaintMarks:
        """Restore what ``to_json`` gave."""
        return cls(
            tuple(
                KeyMark(
                    FileMark(**key["painted"]),
                    key["frame"],
                    FileMark(**key["example"]) if key["example"] else None,
                )
                for key in values["keys"]
            ),
            tuple(
                GuideMarks(_pictures(guide["source"]), _pictures(guide["target"]))
                for guide in values["guides"]
            ),
            _pictures(values["mask"]) if values["mask"] else None,
        )


def _pictures(values: Mapping[str, Any]) -> Pictures:
    return Pictures(tuple(values["paths"]), values["blake2b"])


def unpainted_shots(marks: PaintMarks, shots: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Shots, half-open, of a clip with keyframes in which none lies."""
    keys = marks.keyframes
    return [s for s in shots if keys and not any(s[0] <= frame < s[1] for frame in keys)]
