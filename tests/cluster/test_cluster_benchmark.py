"""The cluster benchmark: its reading of run folders, and its smallest real run."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

cluster_runs = pytest.importorskip(
    "benchmarks.cluster_runs", reason="scikit-image is not installed"
)
ROOT = Path(__file__).resolve().parents[2]


def write_lines(path: Path, lines: list[dict[str, Any]]) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))


def frame(index: int, at: float, seconds: float, status: str = "done") -> dict[str, Any]:
    return {"at": at, "index": index, "status": status, "seconds": seconds}


def test_times_come_from_the_workers_logs(tmp_path: Path) -> None:
    trial = cluster_runs.Trial(tmp_path / "film.mp4", began=90.0, ended=130.0, exit_code=0)
    started = {"at": 99.0, "status": "started", "pid": 1, "threads": 1}
    logs = trial.run_dir / "logs"
    write_lines(logs / "styler-0.jsonl", [started, frame(0, 102.0, 2.0), frame(2, 104.5, 2.0)])
    write_lines(
        logs / "styler-1.jsonl", [started, frame(1, 107.0, 3.0), frame(3, 120, 9, "failed")]
    )
    assert [(one.worker, one.index) for one in trial.frames()] == [
        ("styler-0", 0),
        ("styler-0", 2),
        ("styler-1", 1),
    ]
    assert trial.work_seconds() == 7.0  # from 100 to 107: a failed attempt does not count as work
    assert trial.total_seconds == 40.0
    assert cluster_runs.idle_seconds([trial]) == 0.5
    assert cluster_runs.threads_of(trial.run_dir) == [1, 1]
    told = cluster_runs.summary([trial])
    assert (told["median_seconds"], told["median_frame_seconds"]) == (7.0, 2.0)


def test_reports_frames_that_were_made_twice_or_never(tmp_path: Path) -> None:
    lines = [{"event": "done", "index": index} for index in (0, 1, 1, 3, 9)]
    write_lines(tmp_path / "journal.jsonl", [{"event": "started"}, *lines])
    with (tmp_path / "journal.jsonl").open("a") as journal:
        journal.write('{"event": "done", "ind')  # torn
    assert cluster_runs.count_once(cluster_runs.journal_of(tmp_path), range(4)) == {
        "once": 2,
        "missing": [2],
        "more_than_once": [1],
        "unexpected": [9],
    }


def test_a_film_with_corrupt_frames_and_a_killed_worker() -> None:
    words = ["--quick", "--sections", "corrupt", "--seed", "7"]
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.cluster", *words],
        cwd=ROOT,
        check=False,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)["results"]["corrupt"]
    (run,) = found["runs"]
    (kill,) = run["workers_killed"]
    # A run so small may be over before a busy machine lets the benchmark kill anything.
    assert found["met"] == (kill["was_alive"] and run["workers_lost"] >= 1), run
    assert (run["exit_code"], run["pictures"], run["film_frames"]) == (3, 13, 16)
    assert run["recorded_failures"] == run["corrupted"]
    assert run["frames"] == {"once": 13, "missing": [], "more_than_once": [], "unexpected": []}
