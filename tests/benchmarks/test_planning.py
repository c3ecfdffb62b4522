"""The planning benchmark at a small size: real files, a real plan, a real journal."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from batch_analogy.jobs.plan.plan_file import read_plan
from batch_analogy.jobs.store import RunStore
from benchmarks import planning


def test_parts_write_and_read_real_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(planning, "FOLDER_FRAMES", 40)
    found = {name: part(tmp_path, 100) for name, part in planning.PARTS.items()}
    plan = read_plan(RunStore(tmp_path).plan)
    assert plan is not None
    assert [plan.frames[i].name for i in (0, 11, 40, 99)] == [
        "scene0/frame0.png",
        "scene0/frame11.png",
        "scene1/frame0.png",
        "scene2/frame19.png",
    ]
    assert len({frame.blake2b for frame in plan.frames}) == 3, "a folder's files are one"
    assert found["write_journal"]["append"]["1_a_poll"]["lines"] == 100
    assert found["read_journal"]["lines_a_second"] > 0


def test_rejects_missing_frames(tmp_path: Path) -> None:
    planning.make_frames(tmp_path, 10)
    with pytest.raises(RuntimeError, match="10 of 11 frames"):
        planning.plan_frames(tmp_path, 11)
    planning.write_journal(tmp_path, 10)
    with pytest.raises(RuntimeError, match="10 of 11 frames"):
        planning.read_journal(tmp_path, 11)


def test_prints_the_results_of_every_part(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(planning, "measured", planning._with_memory)  # all in this process
    monkeypatch.setattr(sys, "argv", ["planning", "--frames", "30"])
    planning.main()
    results = json.loads(capsys.readouterr().out)["results"]
    assert set(results) == {"frames", *planning.PARTS}
    assert all(results[part]["seconds"] >= 0 for part in planning.PARTS)


def test_measures_each_part_in_its_own_process(tmp_path: Path) -> None:
    found = planning.measured(planning.make_frames, tmp_path, 5)
    assert len(list((tmp_path / "frames").rglob("*.png"))) == 5
    assert found["peak_memory_bytes"] >= found["imported_memory_bytes"] > 10**7
