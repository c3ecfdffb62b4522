"""Number of threads of the Numba kernels, and their cache."""

from __future__ import annotations

import numba
import torch

from batch_analogy.kernel_cache import compile_what_is_damaged

compile_what_is_damaged()


def use_torch_threads() -> None:
    """Let Numba use as many threads as PyTorch does."""
    numba.set_num_threads(min(torch.get_num_threads(), numba.config.NUMBA_NUM_THREADS))
