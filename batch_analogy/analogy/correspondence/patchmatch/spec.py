"""Settings and priors of a PatchMatch search, the same for all kernels."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from batch_analogy.errors import ConfigError


@dataclass(frozen=True, kw_only=True)
class SearchSpec:
    """Settings of one PatchMatch search.

    >>> SearchSpec(patch=3, radius=28, iterations=10, seed=0).radii
    (28, 14, 7, 3, 1)
    """

    patch: int  # odd side of the compared patch, cells
    radius: int  # largest random-search radius, target cells
    iterations: int  # propagation and search rounds
    seed: int | tuple[int, ...]  # 32 bits, of the random search; a tuple: one for each picture

    def seeds(self, batch: int) -> tuple[int, ...]:
        """Return the seed of every picture of a batch.

        Raises:
            ConfigError: the number of seeds differs from the number of pictures.
        """
        if isinstance(self.seed, int):
            return (self.seed,) * batch
        if len(self.seed) != batch:
            raise ConfigError(f"{len(self.seed)} seeds were given for {batch} pictures")
        return self.seed

    @property
    def reach(self) -> int:
        """Distance from the patch's centre to its edge, cells."""
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


SLACK_CELLS = 1.5
"""Distance from the expected match up to which a match costs nothing extra."""


@dataclass(frozen=True)
class Prior:
    """Expected matches, and the cost of deviating from them.

    A match at distance d (target cells) from the expected one costs weight · min(e² / radius², 1)
    more, with e = max(d − ``SLACK_CELLS``, 0): expected matches come from coarser levels and are no
    more exact than that. A small weight decides only where features do not, in plain areas.
    """

    expected: Tensor  # (B, 2, H, W) float32: absolute (y, x) in target cells
    weight: Tensor  # (B, 1, H, W) float32 >= 0, in units of the patch cost
    radius: float  # target cells

    def item(self, index: int) -> Prior:
        """Return the prior of one picture of the batch."""
        here = slice(index, index + 1)
        return Prior(self.expected[here], self.weight[here], self.radius)

    def cost(self, nnf: Tensor) -> Tensor:
        """Compute the prior's cost of a field (B, 2, H, W), as (B, 1, H, W) float32."""
        away = (nnf - self.expected).square().sum(dim=1, keepdim=True).sqrt()
        excess = (away - SLACK_CELLS).clamp_min(0.0)
        return self.weight * (excess / self.radius).square().clamp_max(1.0)

    def candidates(self, target_size: tuple[int, int]) -> Tensor:
        """Round the expected matches to a field of target cells (halves to even)."""
        rounded = self.expected.round()
        axes = [rounded[:, axis].clamp(0, target_size[axis] - 1) for axis in range(2)]
        return torch.stack(axes, dim=1).to(torch.int32)
