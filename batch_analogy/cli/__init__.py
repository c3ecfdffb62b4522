"""The command line, the only package that prints or exits."""

from __future__ import annotations

import atexit
import os
import sys

from batch_analogy.garbage import importing
from batch_analogy.jobs.resources import affinity_cores, usable_cores

__all__ = ["main"]


def main() -> None:
    """Run ``batch-analogy``, also as ``python -m batch_analogy``."""
    # PyTorch and Numba each have an OpenMP pool, and by default the idle one spins on the cores
    # that the other needs. OpenMP reads this variable when it is loaded, so it is set first. The
    # workers of a local Ray inherit it.
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    # PyTorch takes a thread for each core of the machine, also of those that a container's quota
    # of time does not cover.
    if usable_cores() < affinity_cores():
        os.environ.setdefault("OMP_NUM_THREADS", str(usable_cores()))

    code: list[int] = []
    atexit.register(_exit_at_once, code)  # first, so that it runs last, after Ray's handler
    with importing():
        from batch_analogy.cli.app import main as run
    try:
        run()
    except SystemExit as ended:
        if isinstance(ended.code, int):
            code.append(ended.code)
        raise


def _exit_at_once(code: list[int]) -> None:
    """End the process before Python and PyTorch take themselves apart, which costs 0.8 s.

    Without an exit code, or if the last output cannot be written, Python ends as usual and reports
    what is wrong.
    """
    if not code:
        return
    try:
        for stream in (sys.stdout, sys.stderr):
            if stream is not None:
                stream.flush()
    except (OSError, ValueError):
        return
    os._exit(code[0])
