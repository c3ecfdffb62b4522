"""What one search is asked to do; every kernel takes the same."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor


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


@dataclass(frozen=True)
class Prior:
    """Where matches are expected, and how much it costs to be elsewhere.

    A match at distance d (target cells) from the expected one costs weight · min(d² / radius², 1)
    more. A little weight decides only where features do not: in plain areas.
    """

    expected: Tensor  # (B, 2, H, W) float32: absolute (y, x) in target cells
    weight: Tensor  # (B, 1, H, W) float32 >= 0, in units of the patch cost
    radius: float  # target cells
