"""Parameters of one guided search."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class GuidedSearchSpec:
    """Patch size, search radii, costs and seed of one search."""

    patch: int  # odd side, pixels
    iterations: int
    radii: tuple[int, ...]  # of the random tries of one iteration, pixels
    seed: int  # 32 bits
    occurrence_cost: float = 0.0  # added to a patch that is used its fair share of times
    coherence: float = 0.0  # κ: a match that no neighbour continues costs 1 + κ times as much

    @property
    def reach(self) -> int:
        """Distance from the centre of a patch to its edge, pixels."""
        return self.patch // 2


def radii_of(largest: int) -> tuple[int, ...]:
    """Return the radii of the random search: ``largest``, halved down to 1.

    >>> radii_of(11)
    (11, 5, 2, 1)
    """
    return tuple(largest >> k for k in range(largest.bit_length()))
