"""Settings of a search while upscaling, the same for all kernels."""

from __future__ import annotations

from dataclasses import dataclass

CHANNELS = 3
JUMPS = (4, 2, 1)  # distances of propagation, pixels
REACH = 2  # pixels from a compared patch's centre to its edge


@dataclass(frozen=True, kw_only=True)
class UpscaleSpec:
    """Settings of one search, and the position of its window in the picture."""

    iterations: int
    radii: tuple[int, ...]  # of the random samples of an iteration, pixels
    penalty: int  # for each neighbour that does not continue a match; squared byte differences
    seed: int  # 32 bits
    top: int = 0  # position of the window: random numbers belong to the picture's pixels
    left: int = 0
    width: int  # of the whole picture, pixels

    @property
    def reach(self) -> int:
        """Largest distance in pixels from which a pixel's match can be influenced."""
        return self.iterations * (sum(JUMPS) + len(self.radii)) + REACH
