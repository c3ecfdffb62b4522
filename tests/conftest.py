"""Fixtures that several rooms' tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command does, before PyTorch is loaded

import pytest
import torch

from batch_analogy.analogy.features.vgg import Vgg19, load_network
from batch_analogy.analogy.features.weights import resolve_weights

LONGEST = (
    "cluster/test_across_machines.py",
    "end_to_end/test_examples.py",
    "unit/analogy/correspondence/test_patchmatch_cuda.py",
    "cluster/test_nodes.py",
    "unit/analogy/test_deep.py",
    "cluster/test_ray_runs.py",
    "end_to_end/test_interrupts.py",
    "cluster/test_actor_placement.py",
    "whole_runs/test_steady_runs.py",
    "cluster/test_kills.py",
    "end_to_end/test_timelapse_command.py",
    "unit/cluster/test_submit.py",
    "unit/benchmarks/test_gpu_benchmark.py",
    "cluster/test_cluster_benchmark.py",
    "end_to_end/test_bad_input.py",
    "unit/cluster/test_launcher.py",
    "end_to_end/test_temporal_option.py",
    "unit/report/comparison/test_source_metrics.py",
    "cluster/test_ray_metrics.py",
    "end_to_end/test_compare_command.py",
    "end_to_end/test_run_commands.py",
    "cluster/test_stopping.py",
    "whole_runs/test_clocks.py",
    "cluster/test_shared_folder.py",
    "end_to_end/test_odd_names.py",
    "unit/jobs/semantic/test_training_folders.py",
    "unit/cluster/test_array.py",
)
"""Files that take more than fifteen seconds, clusters and others by turns: they come first.

So no process is left with a long file at the end, and fewer clusters are up at once.
"""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Put the longest files first; the order within a file stays."""
    tests = Path(__file__).parent
    ranks = {tests / name: rank for rank, name in enumerate(LONGEST)}
    items.sort(key=lambda item: ranks.get(item.path, len(ranks)))


@pytest.fixture(scope="session")
def network() -> Vgg19:
    """The real VGG-19 with the default weights, on the CPU."""
    return load_network(resolve_weights())


@pytest.fixture
def generator() -> torch.Generator:
    return torch.Generator().manual_seed(20170502)


@pytest.fixture
def restore_threads() -> Iterator[None]:
    """Put torch's thread count back after a test that changes it."""
    threads = torch.get_num_threads()
    yield
    torch.set_num_threads(threads)
