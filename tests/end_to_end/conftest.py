"""Fixtures of the end-to-end tests: a reference picture, and the command line in this process."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from batch_analogy.cli.app import main
from tests.support.browser import headless_chromium, load_playwright
from tests.support.command_line import Call, Ended, write_picture


@pytest.fixture
def reference(tmp_path: Path) -> Path:
    """Write a reference picture that differs in size from the frames."""
    return write_picture(tmp_path / "reference.png", 40, 70, 66)


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Call:
    """Run the command line in this process, which saves the seconds of importing PyTorch."""
    monkeypatch.setenv("COLUMNS", "200")

    def run_here(*arguments: str | Path) -> Ended:
        capsys.readouterr()
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        streams = capsys.readouterr()
        return Ended(int(ended.value.code or 0), streams.out, streams.err)

    return run_here


@pytest.fixture(scope="module")
def chromium() -> Iterator[Any]:
    """Start a headless Chromium for the pages of one module."""
    with headless_chromium(load_playwright()) as browser:
        yield browser
