"""PatchMatch: nearest-neighbour fields between feature maps.

``patchmatch`` is the public function. ``search`` is for maps whose cells are already normalised.
The kernel follows the tensors' device: Numba on the CPU, Triton on CUDA.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from batch_analogy.analogy.correspondence.patchmatch import reference
from batch_analogy.analogy.correspondence.patchmatch.rng import derive_seed
from batch_analogy.analogy.correspondence.patchmatch.spec import Prior, SearchSpec
from batch_analogy.analogy.features.pictures import unit_features
from batch_analogy.analogy.nnf import initial_nnf
from batch_analogy.errors import ConfigError

Kernel = Callable[[Tensor, Tensor, Tensor, SearchSpec, Prior | None], tuple[Tensor, Tensor]]

__all__ = ["PatchMatchResult", "Prior", "SearchSpec", "derive_seed", "patchmatch", "search"]


@dataclass(frozen=True)
class PatchMatchResult:
    """A nearest-neighbour field and the costs of its matches."""

    nnf: Tensor  # (B, 2, H, W) int32: absolute (y, x) in target cells
    cost: Tensor  # (B, 1, H, W) float32: mean over the patch of 1 − cosine; 0 is identical


def patchmatch(
    source: Tensor,
    target: Tensor,
    *,
    patch: int = 3,
    radius: int | None = None,
    iterations: int = 10,
    initial: Tensor | None = None,
    seed: int = 0,
) -> PatchMatchResult:
    """Find, for each cell of one feature map, the most similar cell of another.

    Args:
        source: (B, C, H, W) float32, any features; cells are compared by their cosine.
        target: (B, C, H', W') float32, on the same device.
        patch: odd side of the compared patch, cells.
        radius: largest random-search radius, target cells; None searches the whole target.
        iterations: propagation and search rounds.
        initial: (B, 2, H, W) int32 starting field; None starts from the scaled identity.
        seed: seed of the random search.

    Returns:
        The field and its cost. The same arguments give the same answer.

    Raises:
        ConfigError: the shapes do not fit together, or patch or iterations are out of range.

    Source: Barnes et al. 2009, with the propagation of the published Deep Image Analogy program.

    >>> import torch
    >>> target = torch.rand(1, 8, 12, 12, generator=torch.Generator().manual_seed(0)) - 0.5
    >>> source = target.roll(2, dims=3)  # everything shifted two cells to the right
    >>> patchmatch(source, target).nnf[0, :, 6, 8].tolist()
    [6, 6]
    """
    _check(source, target, patch, iterations)
    batch, _, height, width = source.shape
    sides = int(target.shape[2]), int(target.shape[3])
    if initial is None:
        initial = initial_nnf((int(height), int(width)), sides, source.device)
        initial = initial.expand(batch, -1, -1, -1)
    nnf, cost = search(
        unit_features(source),
        unit_features(target),
        initial,
        SearchSpec(
            patch=patch,
            radius=max(sides) if radius is None else radius,
            iterations=iterations,
            seed=derive_seed("patchmatch", seed),
        ),
    )
    return PatchMatchResult(nnf=nnf, cost=cost)


def search(
    source: Tensor, target: Tensor, initial: Tensor, spec: SearchSpec, prior: Prior | None = None
) -> tuple[Tensor, Tensor]:
    """Run ``reference.search`` with the fastest kernel for the tensors' device."""
    kernel = _kernel_for(source.device)
    return kernel(source, target, initial, spec, prior)


def _kernel_for(device: torch.device) -> Kernel:
    """Choose Numba on the CPU, Triton on CUDA; PyTorch elsewhere or without Triton."""
    if device.type == "cpu":
        from batch_analogy.analogy.correspondence.patchmatch import cpu  # Numba is slow to import

        return cpu.search
    if device.type == "cuda" and importlib.util.find_spec("triton") is not None:
        from batch_analogy.analogy.correspondence.patchmatch import cuda

        return cuda.search
    return reference.search


def _check(source: Tensor, target: Tensor, patch: int, iterations: int) -> None:
    if source.dim() != 4 or target.dim() != 4 or source.shape[:2] != target.shape[:2]:
        raise ConfigError(
            "source and target must be (B, C, H, W) with equal B and C, not "
            f"{tuple(source.shape)} and {tuple(target.shape)}"
        )
    if 0 in source.shape or 0 in target.shape:
        raise ConfigError(
            f"an empty map has no matches: {tuple(source.shape)}, {tuple(target.shape)}"
        )
    if patch < 1 or patch % 2 == 0:
        raise ConfigError(f"patch is {patch}; it must be odd and at least 1")
    if iterations < 0:
        raise ConfigError(f"iterations is {iterations}; it cannot be negative")
