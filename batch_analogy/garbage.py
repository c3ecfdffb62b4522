"""Keep Python's search for garbage away from the large libraries.

PyTorch, Numba and SciPy make half a million objects that stay until the process ends. Python looks
through them again and again while they are made, for 0.4 s of processor time on the machine of
``benchmarks/results/start.json``. None of it is garbage.

Only processes of our own do this, commands and Ray's workers: ``gc.freeze`` would also keep
garbage that a program has left before it uses the Python API.
"""

from __future__ import annotations

import contextlib
import gc
from collections.abc import Iterator


@contextlib.contextmanager
def importing() -> Iterator[None]:
    """Search for no garbage during an import, and leave out of later searches what it made.

    It may be nested, and used by several threads at once.
    """
    searched = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        if searched:
            gc.enable()
