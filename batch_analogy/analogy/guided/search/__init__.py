"""Guided PatchMatch search: ``reference`` defines the answer, ``cpu`` and ``cuda`` are fast."""

from __future__ import annotations

import importlib.util

from torch import Tensor

from batch_analogy.analogy.guided.search import reference
from batch_analogy.analogy.guided.search.spec import GuidedSearchSpec

__all__ = ["GuidedSearchSpec", "search"]


def search(
    source: Tensor,
    target: Tensor,
    nnf: Tensor,
    usable: Tensor,
    active: Tensor,
    spec: GuidedSearchSpec,
) -> tuple[Tensor, Tensor]:
    """Improve a field with the fastest kernel for the tensors' device; see ``reference.search``."""
    if source.device.type == "cpu":
        from batch_analogy.analogy.guided.search import cpu  # Numba is slow to import

        return cpu.search(source, target, nnf, usable, active, spec)
    if source.device.type == "cuda" and importlib.util.find_spec("triton") is not None:
        from batch_analogy.analogy.guided.search import cuda

        return cuda.search(source, target, nnf, usable, active, spec)
    return reference.search(source, target, nnf, usable, active, spec)
