"""What one search is asked to do; every kernel takes the same."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class SearchSpec:
    """Patch, reach and randomness of one PatchMatch search.

    >>> SearchSpec(patch=3, radius=28, iterations=10, seed=0).radii
    (28, 14, 7, 3, 1)
    """

    patch: int  # odd side of the compared patch, cells
    radius: int  # largest random-search radius, target cells
    iterations: int  # propagation and search rounds
    seed: int  # 32-bit seed of the random search

    @property
    def reach(self) -> int:
        """Cells from the patch's centre to its edge."""
        return self.patch // 2

    @property
    def radii(self) -> tuple[int, ...]:
        """Random-search radii in cells: halved by integer division down to 1."""
        radii = []
        radius = self.radius
        while radius >= 1:
            radii.append(radius)
            radius //= 2
        return tuple(radii)
