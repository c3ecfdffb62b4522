"""array.sbatch: films are distributed over tasks, and incomplete ones are retried."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from batch_analogy.media.stills import write_png
from tests.cluster.launch_files.cluster_files import CLUSTER
from tests.support.runs import picture, write_frames

ARRAY = CLUSTER / "slurm" / "array.sbatch"
OPTIONS = "--quality draft --size 0.01"


def run_task(
    environment: dict[str, str], folder: Path, task: int, tasks: int, films: str = "films.txt"
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["bash", str(ARRAY), films],
        cwd=folder,
        env={
            **environment,
            "SLURM_ARRAY_TASK_ID": str(task + 1),
            "SLURM_ARRAY_TASK_MIN": "1",
            "SLURM_ARRAY_TASK_COUNT": str(tasks),
        },
        capture_output=True,
        text=True,
        timeout=500,
        check=False,
    )


def test_repeats_only_incomplete_films(tmp_path: Path, environment: dict[str, str]) -> None:
    shots = [tmp_path / name for name in ("shot 1", "shot2", "shot3")]
    for shot in shots:
        write_frames(shot, 1)
    write_png(tmp_path / "reference.png", picture(40, 70, 66))
    good = (shots[2] / "img0.png").read_bytes()
    (shots[2] / "img0.png").write_bytes(b"no picture")
    (tmp_path / "films.txt").write_text(
        f"# three shots\n"
        f"film1.run timelapse reference.png 'shot 1' --output film1.mp4 {OPTIONS}\n"
        f"\n"
        f"film2.run timelapse reference.png shot2 --output film2.mp4 {OPTIONS}\n"
        f"film3.run timelapse reference.png shot3 --output film3.mp4 {OPTIONS}"
    )

    first = run_task(environment, tmp_path, 0, 2)  # lines 1 and 3
    assert first.returncode in (1, 3), first.stderr
    assert "film1.run ended with 0, finished" in first.stderr
    assert (tmp_path / "film1.mp4").exists()
    assert not (tmp_path / "film2.run").exists()  # another task's

    before = (tmp_path / "film1.mp4").stat().st_mtime_ns
    (shots[2] / "img0.png").write_bytes(good)
    again = run_task(environment, tmp_path, 0, 2)
    assert again.returncode == 0, again.stderr
    assert "film1.run was finished before" in again.stderr
    assert "film3.run ended with 0, finished" in again.stderr
    assert (tmp_path / "film1.mp4").stat().st_mtime_ns == before


def test_each_line_goes_to_one_task(tmp_path: Path, environment: dict[str, str]) -> None:
    recorder = tmp_path / "bin" / "batch-analogy"
    recorder.write_text(
        f'#!/usr/bin/env bash\n[[ $1 == status ]] && exit 2\necho "$@" >>{tmp_path}/calls\n'
    )
    lines = [f"film{n}.run stylize reference.png shot{n}" for n in range(7)]
    (tmp_path / "films.txt").write_text("\n".join(lines) + "\n")
    for task in range(3):
        assert run_task(environment, tmp_path, task, 3).returncode == 1  # none says it is finished
    calls = (tmp_path / "calls").read_text().splitlines()
    assert sorted(calls) == [
        f"stylize --address none --run-dir film{n}.run reference.png shot{n}" for n in range(7)
    ]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("film.run timelapse 'reference.png\n", "quotes do not match"),
        ("film.run\n", "needs a run folder and a command"),
    ],
)
def test_reports_an_invalid_line(
    tmp_path: Path, environment: dict[str, str], text: str, says: str
) -> None:
    (tmp_path / "films.txt").write_text(text)
    ended = run_task(environment, tmp_path, 0, 1)
    assert ended.returncode == 2
    assert says in ended.stderr


def test_reports_a_missing_list(tmp_path: Path, environment: dict[str, str]) -> None:
    ended = run_task(environment, tmp_path, 0, 1, "nowhere.txt")
    assert ended.returncode == 2
    assert "'nowhere.txt' cannot be read" in ended.stderr
