"""Fixtures that several rooms' tests share."""

from __future__ import annotations

import os
from collections.abc import Iterator

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command does, before PyTorch is loaded

import pytest
import torch

from batch_analogy.analogy.features import FeatureNetwork, load_network
from batch_analogy.analogy.weights import resolve_weights


@pytest.fixture(scope="session")
def network() -> FeatureNetwork:
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
