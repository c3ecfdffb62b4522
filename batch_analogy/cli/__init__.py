"""The command line: the only room that prints or exits."""

from __future__ import annotations

import os

__all__ = ["main"]


def main() -> None:
    """Entry point of ``batch-analogy`` and ``python -m batch_analogy``."""
    # PyTorch and Numba have OpenMP pools of their own, and by default the idle one spins on the
    # cores that the other needs. Read when OpenMP is loaded, so it must be set before; a local
    # Ray's workers inherit it.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

    from batch_analogy.cli.app import main as run

    run()
