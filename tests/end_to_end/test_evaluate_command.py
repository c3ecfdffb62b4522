"""The command evaluate."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch

from batch_analogy.cli.app import main
from tests.support.command_line import HERE, Call, write_frames, write_picture


def make_run(root: Path, frames: int) -> Path:
    """Make a finished run with a number of frames."""
    reference = write_picture(root / "reference.png", 40, 70, 66)
    what = [reference, write_frames(root / "frames", frames), "-o", root / "night.mp4", *HERE]
    with pytest.raises(SystemExit, match=r"^0$"):
        main(["timelapse", *map(str, what)])
    return root / "night.run"


@pytest.fixture(scope="module")
def run_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a finished run of four frames."""
    return make_run(tmp_path_factory.mktemp("night"), 4)


def test_prints_a_table_and_writes_a_page(call: Call, run_dir: Path) -> None:
    ended = call("evaluate", run_dir)
    ended.assert_ended(0, "Warp error", "Sharpness", "4 frames, 3 consecutive pairs")
    assert "checking frames: 1 of 4" in ended.err
    lines = ended.out.splitlines()
    assert lines[0].split() == ["run", "input"]
    row = next(line for line in lines if line.startswith("Warp error "))
    assert all(float(cell) >= 0 for cell in row.split()[2:])
    assert lines[-1] == str(run_dir / "evaluate" / "evaluate.html")
    assert Path(lines[-1]).read_text().startswith("<!doctype html>")
    assert str(run_dir / "evaluate" / "evaluate.json") in ended.err


def test_writes_json_and_ratios_to_another_run(call: Call, run_dir: Path, tmp_path: Path) -> None:
    ended = call("evaluate", run_dir, "--against", run_dir, "-o", tmp_path / "out", "--json")
    ended.assert_ended(0)
    result = ended.json[-1]
    assert (result["event"], result["command"], result["exit_code"]) == ("result", "evaluate", 0)
    summary = result["outputs"]["a_prime"]
    assert summary["ratio"]["warp_error"] == pytest.approx(1)
    written = json.loads(Path(result["json"]).read_text())
    assert written["outputs"]["a_prime"]["summary"] == summary
    assert Path(result["page"]).parent == tmp_path / "out"


@pytest.mark.skipif(torch.cuda.is_available(), reason="this machine has a GPU")
def test_a_missing_gpu_is_an_error_of_the_machine(call: Call, run_dir: Path) -> None:
    ended = call("evaluate", run_dir, "--gpus-per-worker", "1")
    ended.assert_failed(4, "PyTorch cannot use", "without --gpus-per-worker")


def test_refuses_what_it_cannot_measure(call: Call, tmp_path: Path) -> None:
    run_dir = make_run(tmp_path, 2)
    call("evaluate", tmp_path / "nothing.run").assert_failed(2, "there is no run in")
    call("evaluate", run_dir, "--against", tmp_path).assert_failed(2, str(tmp_path), "no run")
    (tmp_path / "frames" / "img1.png").unlink()
    call("evaluate", run_dir).assert_failed(1, "frame 1", "img1.png", "is missing", "put it back")
    (run_dir / "journal.jsonl").write_text("")
    call("evaluate", run_dir).assert_failed(1, "0 of 2 frames", "batch-analogy resume")
