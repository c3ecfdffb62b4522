"""Fixtures that several rooms' tests share."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # as the command does, before PyTorch is loaded

import pytest
import torch

from batch_analogy.analogy.features.vgg import Vgg19, load_network
from batch_analogy.analogy.features.weights import resolve_weights

TESTS = Path(__file__).parent
DURATIONS = TESTS / "durations.json"
"""File of tests -> the seconds it took, as ``make test-durations`` last wrote it."""

LONG_FOLDERS = ("cluster", "end_to_end", "whole_runs", "benchmarks")
"""Folders whose tests are left to ``make test-long``, unless they are marked ``smoke``."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--record-durations",
        action="store_true",
        help="write what each file of tests took into tests/durations.json",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--record-durations"):
        config.pluginmanager.register(DurationRecorder(), "durations")


@pytest.hookimpl(tryfirst=True)  # before pytest leaves the long ones out
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark the long tests, and put the files that take longest first.

    So no process is left with a long file at the end. The order within a file stays.
    """
    seconds = json.loads(DURATIONS.read_text()) if DURATIONS.exists() else {}
    for item in items:
        folder = item.path.relative_to(TESTS).parts[0] if item.path.is_relative_to(TESTS) else ""
        if folder in LONG_FOLDERS and item.get_closest_marker("smoke") is None:
            item.add_marker(pytest.mark.long)
    items.sort(key=lambda item: -seconds.get(_file(item.nodeid), 0.0))


class DurationRecorder:
    """Add up the time of each file's tests, in this process or in xdist's, and write it down."""

    def __init__(self) -> None:
        self._seconds: dict[str, float] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        file = _file(report.nodeid)
        self._seconds[file] = self._seconds.get(file, 0.0) + report.duration

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if hasattr(session.config, "workerinput"):  # the process that hears of all of them writes
            return
        known = json.loads(DURATIONS.read_text()) if DURATIONS.exists() else {}
        known.update(self._seconds)
        root = session.config.rootpath
        kept = {file: round(s, 1) for file, s in known.items() if s >= 1 and (root / file).exists()}
        DURATIONS.write_text(json.dumps(dict(sorted(kept.items())), indent=0) + "\n")


def _file(nodeid: str) -> str:
    return nodeid.partition("::")[0]


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
