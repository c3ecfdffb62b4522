"""Memory of processes as ``benchmarks.long_run`` reads it, and its growth."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("skimage", reason="scikit-image is not installed")

from benchmarks.long_run import Sample, _course, look

HOLD = """
import sys
held = b"x" * 80_000_000
print("ready", flush=True)
sys.stdin.readline()
"""


def sample(done: int, held_mb: float) -> Sample:
    held = {"driver": int(held_mb * 1e6), "worker": 0}
    return Sample(done, "running", held, held, 0)


def test_growth_includes_leaks_but_not_the_start() -> None:
    start = [sample(done, 200 + done) for done in range(0, 100, 20)]  # before a tenth is done
    steady = [sample(done, 300) for done in range(100, 1001, 20)]
    leaking = [sample(done, 300 + 0.05 * done) for done in range(100, 1001, 20)]
    assert _course(start + steady, "driver", 1000)["growth per 1,000 frames"] == 0
    assert _course(start + leaking, "driver", 1000)["growth per 1,000 frames"] == 50
    assert _course(start + leaking, "driver", 1000)["at 50%"] == pytest.approx(325, abs=1)
    assert _course(start + leaking, "worker", 1000)["at 100%"] is None


def test_measures_a_process_and_its_descendants(tmp_path: Path) -> None:
    status = tmp_path / "status.json"
    inner = [sys.executable, "-c", HOLD]
    outer = f"import subprocess; subprocess.run({inner!r}, check=True)"
    process = subprocess.Popen(
        [sys.executable, "-c", outer], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "ready\n"
    before = look(process.pid, status)
    status.write_text(json.dumps({"done": 7, "state": "encoding"}))
    found = look(process.pid, status)
    process.communicate("\n")
    assert before is not None
    assert found is not None
    assert (before.done, before.state) == (0, "planning")
    assert (found.done, found.state) == (7, "encoding")
    assert found.largest["ray"] >= 80_000_000  # whatever is neither driver, worker nor encoder
    assert 0 < found.bytes["driver"] < 80_000_000
    assert look(process.pid, status) is None
