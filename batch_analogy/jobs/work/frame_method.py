"""The protocol of the methods that make a worker's frames."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

from torch import Tensor

from batch_analogy.jobs.work.tasks import FrameTask


@dataclass(frozen=True)
class LoadedFrame:
    """A frame to be made, with its pixels."""

    task: FrameTask
    a: Tensor  # (1, 3, H, W) float32 in [0, 1]


@dataclass(frozen=True)
class MadeFrame:
    """The outputs of a frame, and facts about it for the journal."""

    pictures: dict[str, Tensor]  # output -> (1, 3, H, W) float32 in [0, 1]
    outside: Tensor | None = None  # A' in the look of what lies outside the mask, if it has one
    misfit: float | None = None  # of a painted frame: from 0, all as painted, to 1, nothing fits
    notes: tuple[str, ...] = ()  # what else happened, such as a batch reduced to fit the memory


class FrameMethod(Protocol):
    """A method to make frames: matched alone, along motion, or painted.

    The worker reads the frames that are to be made, and writes the pictures that it gets back.
    """

    @property
    def frames_at_once(self) -> int:
        """Number of frames that ``make`` should be given together."""

    def make(self, frames: Sequence[LoadedFrame]) -> list[MadeFrame]:
        """Make the outputs of frames, in order.

        Raises:
            InputError: a file that the frames depend on cannot be read or has changed.
            DeviceMemoryError: a single frame does not fit the GPU's memory.
        """
