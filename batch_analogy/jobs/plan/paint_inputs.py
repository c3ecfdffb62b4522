"""What a run paints after: its painted pictures, which frames they belong to, and their guides."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class FileFingerprint:
    """A file's content, and what tells cheaply that it has not changed."""

    path: str
    bytes: int
    mtime_ns: int
    blake2b: str


@dataclass(frozen=True)
class PaintedPicture:
    """One painted picture."""

    painted: FileFingerprint  # A'
    frame: int | None = None  # that it was painted over
    example: FileFingerprint | None = None  # or A
    guides: tuple[str, ...] = ()  # blake2b of what was made by hand over A, guide by guide

    def content(self) -> list[Any]:
        """What of it decides pixels, as plain JSON values."""
        example = self.example and self.example.blake2b
        return [self.painted.blake2b, self.frame, example, list(self.guides)]


@dataclass(frozen=True)
class FramePictures:
    """A picture for all frames (or keyframes), or one for each."""

    paths: tuple[str, ...]
    blake2b: str  # of all of them

    def of(self, index: int) -> Path:
        """The one of a frame or a keyframe."""
        return Path(self.paths[index if len(self.paths) > 1 else 0])


@dataclass(frozen=True)
class GuideInputs:
    """A guide made by hand."""

    source: FramePictures  # of each painted picture
    target: FramePictures  # of each frame


@dataclass(frozen=True)
class PaintInputs:
    """All files that a run is painted after."""

    keys: tuple[PaintedPicture, ...]
    guides: tuple[GuideInputs, ...] = ()
    mask: FramePictures | None = None

    @property
    def keyframes(self) -> dict[int, int]:
        """Frame → the number of its painted picture."""
        return {key.frame: n for n, key in enumerate(self.keys) if key.frame is not None}

    def nearest(self, first: int, last: int) -> int:
        """The painted picture whose frame lies nearest to frames ``first`` to ``last``.

        The first picture where none was painted over a frame.
        """
        frames = self.keyframes
        away = {index: max(first - index, index - last, 0) for index in frames}
        return frames[min(away, key=lambda index: (away[index], index))] if away else 0

    def content(self) -> list[Any]:
        """What decides pixels and stays as it is while a run lasts, as plain JSON values.

        Keyframes may be added, repainted and taken away: only frames made from them change.
        """
        return [
            [key.content() for key in self.keys if key.frame is None],
            [guide.target.blake2b for guide in self.guides],
            self.mask and self.mask.blake2b,
        ]

    def keyframe_content(self) -> list[list[Any]]:
        """What decides pixels of the keyframes that there are now, as plain JSON values."""
        keys = sorted((key.frame, key.content()) for key in self.keys if key.frame is not None)
        return [content for _, content in keys]

    def to_json(self) -> dict[str, Any]:
        """Plain JSON values that ``from_json`` restores."""
        return dataclasses.asdict(self)

    @classmethod
    def from_json(cls, values: Mapping[str, Any]) -> PaintInputs:
        """Restore what ``to_json`` gave."""
        return cls(
            tuple(
                PaintedPicture(
                    FileFingerprint(**key["painted"]),
                    key["frame"],
                    FileFingerprint(**key["example"]) if key["example"] else None,
                    tuple(key["guides"]),
                )
                for key in values["keys"]
            ),
            tuple(
                GuideInputs(_pictures(guide["source"]), _pictures(guide["target"]))
                for guide in values["guides"]
            ),
            _pictures(values["mask"]) if values["mask"] else None,
        )


def _pictures(values: Mapping[str, Any]) -> FramePictures:
    return FramePictures(tuple(values["paths"]), values["blake2b"])


def shots_without_keyframe(
    inputs: PaintInputs, shots: Sequence[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Shots, half-open, of a clip with keyframes in which none lies."""
    keys = inputs.keyframes
    return [s for s in shots if keys and not any(s[0] <= frame < s[1] for frame in keys)]
