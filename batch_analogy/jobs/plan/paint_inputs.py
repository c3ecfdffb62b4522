"""Input files of a painted run: painted pictures, their frames, guides and masks."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any, Literal

import msgspec

from batch_analogy.jobs.plan.fingerprints import FileFingerprint

PlacedBy = Literal["name", "number", "content", "guess"]
"""How the frame of a painted picture was found; "guess": its number may mean another frame."""


class PaintedPicture(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One painted picture A', with the A that it was painted over."""

    painted: FileFingerprint  # A'
    frame: int | None = None  # A, if it is a frame of the clip
    example: FileFingerprint | None = None  # A, if it is a picture of its own
    guides: tuple[str, ...] = ()  # BLAKE2b of the guides made by hand for A
    named: str | None = None  # the frame as it was named
    placed_by: PlacedBy = "name"

    def content(self) -> list[Any]:
        """Return everything that determines pixels, as plain JSON values."""
        example = self.example and self.example.blake2b
        return [self.painted.blake2b, self.frame, example, list(self.guides)]


class FramePictures(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One picture for all frames (or painted pictures), or one for each."""

    paths: tuple[str, ...]
    blake2b: str  # of all files together
    scaled: int = 0  # number of files of another size than their frames
    by_order: bool = False  # no file is named like a frame, and there is one for each
    hashes: tuple[str, ...] = ()  # BLAKE2b of each file; empty where it is not needed

    def of(self, index: int) -> Path:
        """Return the picture of a frame, or of a painted picture."""
        return Path(self.paths[index if len(self.paths) > 1 else 0])

    def hash_of(self, index: int) -> str:
        """Return the BLAKE2b of that file."""
        return self.hashes[index if len(self.hashes) > 1 else 0]

    @property
    def one_for_all(self) -> str | None:
        """BLAKE2b of the picture that serves for all frames; None if there is one for each."""
        return self.blake2b if len(self.paths) == 1 else None


class Region(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The part of the frames of a matched run in which the look applies."""

    mask: FramePictures
    feather: str  # see config/feather.py


class GuideInputs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A guide made by hand."""

    source: FramePictures  # of each painted picture
    target: FramePictures  # of each frame


class PaintInputs(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """All input files of a painted run, besides the frames."""

    keys: tuple[PaintedPicture, ...]
    guides: tuple[GuideInputs, ...] = ()
    mask: FramePictures | None = None

    @property
    def keyframes(self) -> dict[int, int]:
        """Keyframe → number of its painted picture."""
        return {key.frame: n for n, key in enumerate(self.keys) if key.frame is not None}

    def nearest(self, first: int, last: int) -> int:
        """Return the number of the painted picture whose frame is nearest to a range of frames.

        It is 0 if no picture was painted over a frame.

        Args:
            first: index of the first frame of the range.
            last: index of its last frame.
        """
        frames = self.keyframes
        away = {index: max(first - index, index - last, 0) for index in frames}
        return frames[min(away, key=lambda index: (away[index], index))] if away else 0

    def content(self) -> list[Any]:
        """Return what determines pixels and must not change during a run, as plain JSON values.

        Keyframes are left out. They may be added, repainted and removed: only the frames that are
        made from them change.
        """
        return [
            [key.content() for key in self.keys if key.frame is None],
            [guide.target.blake2b for guide in self.guides],
            self.mask and self.mask.blake2b,
        ]

    def shared_content(self) -> list[Any]:
        """Return the part of ``content`` that all frames share; it stays as frames are added."""
        return [
            [key.content() for key in self.keys if key.frame is None],
            [pictures.one_for_all for pictures in self._of_frames()],
            self.mask is None,
        ]

    def frame_content(self, index: int) -> list[str]:
        """Return the content of the guides and the mask that belong to one frame."""
        return [p.hash_of(index) for p in self._of_frames() if p.one_for_all is None]

    def _of_frames(self) -> list[FramePictures]:
        targets = [guide.target for guide in self.guides]
        return targets if self.mask is None else [*targets, self.mask]

    def keyframe_content(self) -> list[list[Any]]:
        """Return everything in the current keyframes that determines pixels, as plain JSON."""
        keys = sorted((key.frame, key.content()) for key in self.keys if key.frame is not None)
        return [content for _, content in keys]


def shots_without_keyframe(
    inputs: PaintInputs, shots: Sequence[tuple[int, int]]
) -> list[tuple[int, int]]:
    """Return the half-open shots without a keyframe; none if the clip has no keyframe."""
    keys = inputs.keyframes
    return [s for s in shots if keys and not any(s[0] <= frame < s[1] for frame in keys)]
