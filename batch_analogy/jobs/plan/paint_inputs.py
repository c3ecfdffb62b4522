"""The pictures that a run paints after: painted pictures, their frames, and their guides."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import msgspec

from batch_analogy.jobs.plan.fingerprints import FileFingerprint


class PaintedPicture(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One painted picture."""

    painted: FileFingerprint  # A'
    frame: int | None = None  # that it was painted over
    example: FileFingerprint | None = None  # or A
    guides: tuple[str, ...] = ()  # blake2b of what was made by hand over A, guide by guide

    def content(self) -> list[Any]:
        """Return what of it decides pixels, as plain JSON values."""
        example = self.example and self.example.blake2b
        return [self.painted.blake2b, self.frame, example, list(self.guides)]


class FramePictures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A picture for all frames (or keyframes), or one for each."""

    paths: tuple[str, ...]
    blake2b: str  # of all of them

    def of(self, index: int) -> Path:
        """Return the picture of a frame or a keyframe."""
        return Path(self.paths[index if len(self.paths) > 1 else 0])


class GuideInputs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A guide made by hand."""

    source: FramePictures  # of each painted picture
    target: FramePictures  # of each frame


class PaintInputs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All files that a run is painted after."""

    keys: tuple[PaintedPicture, ...]
    guides: tuple[GuideInputs, ...] = ()
    mask: FramePictures | None = None

    @property
    def keyframes(self) -> dict[int, int]:
        """Frame → the number of its painted picture."""
        return {key.frame: n for n, key in enumerate(self.keys) if key.frame is not None}

    def nearest(self, first: int, last: int) -> int:
        """Return the painted picture whose frame is nearest to the frames ``first`` to ``last``.

        That is the first picture if none was painted over a frame.
        """
        frames = self.keyframes
        away = {index: max(first - index, index - last, 0) for index in frames}
        return frames[min(away, key=lambda index: (away[index], index))] if away else 0

    def content(self) -> list[Any]:
        """Return what decides pixels and may not change during a run, as plain JSON values.

        Keyframes may be added, repainted and removed: only frames made from them change.
        """
        return [
            [key.content() for key in self.keys if key.frame is None],
            [guide.target.blake2b for guide in self.guides],
            self.mask and self.mask.blake2b,
        ]

    def keyframe_content(self) -> list[list[Any]]:
        """Return what of the present keyframes decides pixels, as plain JSON values."""
        keys = sorted((key.frame, key.content()) for key in self.keys if key.frame is not None)
        return [content for _, content in keys]


def shots_without_keyframe(
    inputs: PaintInputs, shots: Sequence[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Return the shots, half-open, of a clip with keyframes that contain no keyframe."""
    keys = inputs.keyframes
    return [s for s in shots if keys and not any(s[0] <= frame < s[1] for frame in keys)]
