"""Number of threads of the Numba kernels."""

from __future__ import annotations

import numba
import torch


def use_torch_threads() -> None:
    """Let Numba use as many threads as PyTorch does."""
    numba.set_num_threads(min(torch.get_num_threads(), numba.config.NUMBA_NUM_THREADS))
