"""Vote: B' from the field, where each pixel averages what the patches around it propose."""

from __future__ import annotations

from torch import Tensor

from batch_analogy.analogy.guided.vote import reference

__all__ = ["vote"]


def vote(values: Tensor, nnf: Tensor, usable: Tensor, active: Tensor, reach: int) -> Tensor:
    """Vote with the fastest kernel for the tensors' device; see ``reference.vote``."""
    if nnf.device.type == "cpu":
        from batch_analogy.analogy.guided.vote import cpu  # Numba is slow to import

        return cpu.vote(values, nnf, usable, active, reach)
    return reference.vote(values, nnf, usable, active, reach)
