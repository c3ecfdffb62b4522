"""The command line, the only package that prints or exits."""

from __future__ import annotations

import gc
import os

from batch_analogy.garbage import importing

__all__ = ["main"]


def main() -> None:
    """Run ``batch-analogy``, also as ``python -m batch_analogy``."""
    # PyTorch and Numba each have an OpenMP pool, and by default the idle one spins on the cores
    # that the other needs. OpenMP reads this variable when it is loaded, so it is set first. The
    # workers of a local Ray inherit it.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")

    with importing():
        from batch_analogy.cli.app import main as run
    try:
        run()
    finally:
        gc.freeze()  # Python searches for garbage before it exits; see ``batch_analogy.garbage``
