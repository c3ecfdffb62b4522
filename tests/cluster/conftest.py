"""Fixtures of the tests that start Ray."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from batch_analogy.jobs.drive.open_run import open_run
from batch_analogy.jobs.ray.cluster import leave, start_local
from tests.support.processes.clusters import FRAMES, Undisturbed
from tests.support.processes.drivers import StartDriver, starting_drivers
from tests.support.runs import INLINE, frame_bytes, sample_config


@pytest.fixture
def start_driver() -> Iterator[StartDriver]:
    """Return a function that starts a driver in its own process group; it is killed afterwards."""
    yield from starting_drivers()


@pytest.fixture(scope="module")
def running_ray() -> Iterator[None]:
    """Start Ray in this process for the remaining tests of a file; runs leave it running."""
    start_local(2, dashboard=False)
    yield
    leave()


@pytest.fixture(scope="session")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory) -> Undisturbed:
    """Make a run of 12 frames in one process without interruption; return its frames and film."""
    root = tmp_path_factory.mktemp("uninterrupted")
    config = sample_config(root, FRAMES, execution=INLINE)
    assert open_run(config).execute().done == FRAMES
    return frame_bytes(config.run_dir), config.output.read_bytes()
