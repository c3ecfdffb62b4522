"""The benchmark of the page still runs."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys

import pytest

from tests.support.browser import BROWSERS, load_playwright

load_playwright()


@pytest.mark.skipif(not any(map(shutil.which, BROWSERS)), reason="no Chromium here")
def test_measures_paint_memory_and_events() -> None:
    command = [sys.executable, "-m", "benchmarks.serve"]
    command += ["--frames", "60", "90", "--events", "20", "--idle-seconds", "1"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    results = json.loads(done.stdout)["results"]
    assert set(results) == {"60_frames", "90_frames"}
    assert results["60_frames"]["first_paint_seconds"] > 0
    assert results["60_frames"]["server_highest_mb"] > 20
    assert [look["events"] for look in results["60_frames"]["events"]["looks"]][-1] == 20
