from __future__ import annotations

import pytest
import torch

from batch_analogy.config.run import ExecutionConfig
from batch_analogy.errors import ConfigError, MachineError
from batch_analogy.jobs.drive.pool_choice import choose_device, settle_gpus

HAS_GPU = torch.cuda.is_available()


def test_uses_the_cpu_without_a_gpu() -> None:
    assert choose_device(0) == "cpu"


def test_uses_a_gpu_if_there_is_one() -> None:
    assert choose_device() == ("cuda" if HAS_GPU else "cpu")


def test_a_run_in_this_process_makes_the_same_choice() -> None:
    settled = settle_gpus(ExecutionConfig(address="none")).gpus_per_worker
    assert bool(settled) == (choose_device() == "cuda")


@pytest.mark.skipif(HAS_GPU, reason="this machine has a GPU")
def test_rejects_a_missing_gpu() -> None:
    with pytest.raises(MachineError, match=r"PyTorch cannot use; .* without --gpus-per-worker"):
        choose_device(1)


@pytest.mark.parametrize("share", [-1, 1.5, float("nan"), float("inf")])
def test_rejects_an_impossible_gpu_share(share: float) -> None:
    with pytest.raises(ConfigError, match=rf"GPUs per worker is {share:g}; it must be 0"):
        choose_device(share)
