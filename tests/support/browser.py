"""A real headless Chromium, for the pages that people open."""

from __future__ import annotations

import contextlib
import importlib
import os
import shutil
from collections.abc import Iterator
from typing import Any

import pytest

from tests.support.processes.paced import PATIENCE_SECONDS

BROWSERS = ("chromium", "chromium-browser", "google-chrome")
NEEDED = "BATCH_ANALOGY_NEED_CHROMIUM"
"""Environment variable that is set in CI: no test is then skipped for lack of a browser."""

FLAGS = [
    "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
]  # fmt: skip
DESK, PHONE = {"width": 1280, "height": 860}, {"width": 390, "height": 844}


def load_playwright() -> Any:
    """Import Playwright; skip the calling module where it is not installed, but not in CI."""
    if os.environ.get(NEEDED):
        return importlib.import_module("playwright.sync_api")
    return pytest.importorskip("playwright.sync_api", reason="Playwright is not installed")


@contextlib.contextmanager
def headless_chromium(playwright: Any) -> Iterator[Any]:
    """Start a headless Chromium with its own profile; skip where there is none, but not in CI."""
    path = next(filter(None, map(shutil.which, BROWSERS)), None)
    if path is None:
        message = "no Chromium here; install Debian's package chromium"
        if os.environ.get(NEEDED):
            pytest.fail(f"{message}: {NEEDED} says that this test must run")
        pytest.skip(message)
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=path, args=FLAGS, timeout=1000 * PATIENCE_SECONDS
        )
        yield browser
        browser.close()
