from __future__ import annotations

import pytest
import torch

from batch_analogy.config.run import ExecutionConfig
from batch_analogy.errors import ConfigError, MachineError
from batch_analogy.jobs.drive.pool_choice import choose_device, settle_gpus

HAS_GPU = torch.cuda.is_available()


def test_no_gpu_means_the_cpu() -> None:
    assert choose_device(0) == "cpu"


def test_a_gpu_is_used_where_there_is_one() -> None:
    assert choose_device() == ("cuda" if HAS_GPU else "cpu")


def test_a_run_in_this_process_decides_alike() -> None:
    settled = settle_gpus(ExecutionConfig(address="none")).gpus_per_worker
    assert bool(settled) == (choose_device() == "cuda")


@pytest.mark.skipif(HAS_GPU, reason="this machine has a GPU")
def test_a_gpu_that_is_not_there_is_an_error() -> None:
    with pytest.raises(MachineError, match=r"PyTorch cannot use; .* without --gpus-per-worker"):
        choose_device(1)


@pytest.mark.parametrize("share", [-1, 1.5, float("nan"), float("inf")])
def test_rejects_a_share_that_no_worker_can_have(share: float) -> None:
    with pytest.raises(ConfigError, match=rf"GPUs per worker is {share:g}; it must be 0"):
        choose_device(share)
