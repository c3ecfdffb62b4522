from __future__ import annotations

import subprocess
import sys

START = """
import sys
from batch_analogy.analogy.numba_start import start_numba

{before}
start_numba()
{after}
print("scipy.linalg" in sys.modules)

import numpy as np
import scipy.linalg
from numba import njit

@njit
def total(numbers):
    return numbers.sum()

print(scipy.linalg.norm([3.0, 4.0]), total(np.arange(4)))
"""


def printed(*, before: str = "", after: str = "") -> list[str]:
    done = subprocess.run(
        [sys.executable, "-c", START.format(before=before, after=after)],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def test_numba_starts_without_scipys_linear_algebra_which_can_be_imported_afterwards() -> None:
    assert printed() == ["False", "5.0 6"]


def test_leaves_scipys_linear_algebra_alone_where_it_is_loaded() -> None:
    assert printed(before="import scipy.linalg") == ["True", "5.0 6"]


def test_leaves_a_numba_that_is_arranged_otherwise_to_itself() -> None:
    module = "sys.modules['numba.np.arraymath']"
    assert printed(before=f"{module} = None", after=f"del {module}") == ["False", "5.0 6"]
