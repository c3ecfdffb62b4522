"""The command line, the only package that prints or exits."""

from __future__ import annotations

import os

__all__ = ["main"]


def main() -> None:
    """Run ``batch-analogy``, also as ``python -m batch_analogy``."""
    # PyTorch and Numba each have an OpenMP pool, and by default the idle one spins on the cores
    # that the other needs. OpenMP reads this variable when it is loaded, so it is set first. The
    # workers of a local Ray inherit it.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

    from batch_analogy.cli.app import main as run

    run()
