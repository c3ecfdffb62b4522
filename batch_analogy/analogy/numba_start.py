"""Start of Numba without SciPy's linear algebra."""

from __future__ import annotations

import contextlib
import sys


def start_numba() -> None:
    """Load what Numba needs before its first kernel, all but SciPy's linear algebra.

    Numba imports that, for 0.3 s of processor time, to learn whether kernels may multiply matrices;
    ours do not. Call this while no other thread runs: SciPy's linear algebra cannot be imported
    until it returns. Afterwards it can.
    """
    if "scipy.linalg" in sys.modules:
        return
    sys.modules["scipy.linalg"] = None  # type: ignore[assignment]  # importing it fails
    try:
        # A Numba that is arranged otherwise loads itself at its first kernel, with all it wants.
        with contextlib.suppress(ImportError):
            from numba.np import arraymath  # noqa: F401
    finally:
        del sys.modules["scipy.linalg"]
