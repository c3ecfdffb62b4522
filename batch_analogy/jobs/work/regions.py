"""Frames whose look applies in a region, while another look, or none, applies outside."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from pathlib import Path

from batch_analogy.config.feather import feather_px
from batch_analogy.errors import FrameError
from batch_analogy.files import hash_file
from batch_analogy.jobs.plan.paint_inputs import Region
from batch_analogy.jobs.plan.references import mix_at
from batch_analogy.jobs.plan.run_plan import PlacedReference
from batch_analogy.jobs.work.frame_method import FrameMethod, LoadedFrame, MadeFrame
from batch_analogy.media.coverage import read_coverage
from batch_analogy.media.feathering import feathered
from batch_analogy.media.scaling import fit, is_same_shape
from batch_analogy.media.stills import FloatPixels


class TwoLooks:
    """Make frames in the look of the inside, and once more in that of the outside.

    Args:
        inside: the method for the inside.
        outside: the method for the outside.
        references: the references of the inside; contexts of a frame begin with theirs.
    """

    def __init__(
        self, inside: FrameMethod, outside: FrameMethod, references: Sequence[PlacedReference]
    ) -> None:
        self._inside, self._outside = inside, outside
        self._placed_at = [reference.frame for reference in references]

    @property
    def frames_at_once(self) -> int:
        """Number of frames that are made together."""
        return self._inside.frames_at_once

    def make(self, frames: Sequence[LoadedFrame]) -> list[MadeFrame]:
        """Make the outputs of frames, in both looks."""
        split = [len(mix_at(self._placed_at, one.task.index).references) for one in frames]
        pairs = list(zip(frames, split, strict=True))
        inside = self._inside.make([_with_contexts(one, slice(at)) for one, at in pairs])
        outside = self._outside.make([_with_contexts(one, slice(at, None)) for one, at in pairs])
        return [
            dataclasses.replace(
                one, outside=other.pictures["a_prime"], notes=(*one.notes, *other.notes)
            )
            for one, other in zip(inside, outside, strict=True)
        ]


def _with_contexts(frame: LoadedFrame, part: slice) -> LoadedFrame:
    contexts = frame.task.contexts[part]
    return dataclasses.replace(frame, task=dataclasses.replace(frame.task, contexts=contexts))


class RegionMasks:
    """Read the masks of a region, with their edges softened."""

    def __init__(self, region: Region) -> None:
        self._region = region
        self._latest: tuple[tuple[str, tuple[int, int]], FloatPixels] | None = None

    def coverage(self, index: int, size: tuple[int, int]) -> FloatPixels:
        """Return how far each pixel of a frame lies inside, (H, W, 1) float32 in [0, 1].

        Args:
            index: index of the frame.
            size: its (height, width) in px.

        Raises:
            FrameError: the mask cannot be read, or has changed.
        """
        digest = self._region.mask.hash_of(index)
        if self._latest is None or self._latest[0] != (digest, size):
            path = self._region.mask.of(index)
            self._latest = (digest, size), self._read(path, digest, size)
        return self._latest[1]

    def _read(self, path: Path, digest: str, size: tuple[int, int]) -> FloatPixels:
        if hash_file(path) != digest:
            raise FrameError(
                f"the mask {path} has changed since the run was planned; run the same command again"
            )
        coverage = read_coverage(path, size)
        height, width = coverage.shape[:2]
        if not is_same_shape((height, width), size):
            raise FrameError(
                f"the mask {path} is {width}×{height} px, its frame {size[1]}×{size[0]}; bring "
                "them to one shape"
            )
        return feathered(fit(coverage, size), feather_px(self._region.feather, size))
