"""The commands plan, preview, retry, assemble and status."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from batch_analogy.cli import status
from batch_analogy.jobs.folder.run_status import RunStatus
from batch_analogy.media.video import probe_video
from tests.support.command_line import (
    HERE,
    Call,
    finished_frames,
    frame_times,
    start_and_wait,
    truncate,
    write_frames,
)


def edit(run_dir: Path, old: str, new: str) -> None:
    """Replace text in plan.json, as in an editor."""
    path = run_dir / "plan.json"
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_a_run_from_plan_to_film(call: Call, reference: Path, tmp_path: Path) -> None:
    frames = write_frames(tmp_path / "frames", 6)
    run_dir, film = tmp_path / "night.run", tmp_path / "night.mp4"
    what = [reference, frames, "-o", film, *HERE]
    ended = call("plan", *what)
    ended.assert_ended(0, "6 in 6 segments", "80x64", "not known before a frame", "are free")
    assert str(run_dir / "plan.json") in ended.err
    assert f"to start: batch-analogy resume {run_dir}" in ended.err
    call("status", run_dir).assert_ended(0, "planned", "0 of 6 done")

    edit(run_dir, '"leave_out": ""', '"leave_out": "4"')
    call("timelapse", *what, "--dry-run").assert_ended(0, "5 in 6 segments", "left out 4")
    ended = call("preview", *what, "--frames", "2")
    ended.assert_ended(0, "2 of 2 frames done", f"batch-analogy resume {run_dir}")
    sheet = Path(ended.out.strip())
    assert Image.open(sheet).size[0] > 2 * 80
    assert sorted(frame_times(run_dir)) == ["a_prime/000000.png", "a_prime/000005.png"]
    before = frame_times(run_dir)

    call("plan", run_dir).assert_ended(0, "5 in 6 segments", "left out 4", "for 3 frames")
    ended = call("plan", run_dir, "--address", "local", "--workers", "3")
    ended.assert_ended(0, "for 3 frames on 3 workers")
    call("timelapse", *what).assert_ended(0, "5 of 5 frames done", "2 frames done before")
    assert frame_times(run_dir).items() >= before.items()
    assert probe_video(film).frame_count == 5
    call("plan", run_dir).assert_ended(0, "every frame is finished")

    ended = call("assemble", run_dir, "--fps", "12", "-o", tmp_path / "slow.mp4")
    ended.assert_ended(0, "5 of 5 frames done")
    assert ended.out == f"{tmp_path / 'slow.mp4'}\n"
    assert probe_video(tmp_path / "slow.mp4").fps == 12

    pixels = finished_frames(run_dir)
    ended = call("retry", run_dir, "--frames", "1-2", "--json")
    ended.assert_ended(0)
    assert [e["index"] for e in ended.json if e["event"] == "frame-done"] == [1, 2]
    assert finished_frames(run_dir) == pixels


def test_rejects_an_impossible_edit_of_the_plan(
    call: Call, reference: Path, tmp_path: Path
) -> None:
    frames = write_frames(tmp_path / "frames", 2)
    what = [reference, frames, "-o", tmp_path / "film.mp4", *HERE]
    call("plan", *what).assert_ended(0)
    edit(tmp_path / "film.run", '"1"\n ]', '"2"\n ]')
    for command in (["timelapse", *what], ["resume", tmp_path / "film.run"]):
        call(*command).assert_failed(2, "plan.json", "segment 2 reaches past the last frame")
    call("plan", tmp_path / "film.run").assert_failed(2, "segment 2 reaches past the last frame")


def test_plan_and_preview_take_ref_and_frames_or_a_run(
    call: Call, reference: Path, tmp_path: Path
) -> None:
    frames = write_frames(tmp_path / "frames", 2)
    film = ["-o", tmp_path / "film.mp4"]
    for command in ("plan", "preview"):
        call(command, tmp_path / "no.run").assert_failed(2, "no.run", "there is no run in")
    call("plan", reference, frames, *film, *HERE, "--as", "stylize").assert_ended(0)
    config = json.loads((tmp_path / "film.run" / "run.json").read_text())["config"]
    assert (config["command"], config["keep_audio"]) == ("stylize", True)
    assert config["analogy"]["refine"] == "none"
    call("stylize", reference, frames, *film, *HERE, "--dry-run").assert_ended(0)
    for option in (["--seed", "3"], ["--fps", "12"], ["--dry-run"]):
        ended = call("plan", tmp_path / "film.run", *option)
        ended.assert_failed(2, option[0], "cannot be given with a run folder")
    ended = call("preview", tmp_path / "film.run", "--frames", "0", "--workers", "1")
    ended.assert_failed(2, "the number of frames is 0")


def test_failed_frames_are_tried_again(call: Call, reference: Path, tmp_path: Path) -> None:
    frames = write_frames(tmp_path / "frames", 3)
    run_dir = tmp_path / "film.run"
    data = (frames / "img1.png").read_bytes()
    truncate(frames / "img1.png")
    call("timelapse", reference, frames, "-o", tmp_path / "film.mp4", *HERE).assert_ended(3)
    (frames / "img1.png").write_bytes(data)
    call("retry", run_dir, "--failed").assert_ended(0, "3 of 3 frames done")
    call("retry", run_dir).assert_failed(2, "--failed", "--frames")
    call("retry", run_dir, "--frames", "1,9").assert_failed(2, "there is no frame 9")
    call("retry", run_dir, "--frames", "last").assert_failed(2, "'last'")
    call("retry", tmp_path, "--failed").assert_failed(2, "there is no run in")
    call("retry", run_dir, "--failed", "--stall-timeout", "0").assert_failed(2, "stall")
    call("retry", run_dir, "--failed", "--max-failed", "-1").assert_failed(2, "max failed is -1")


def test_assemble_makes_films_of_finished_frames(
    call: Call, reference: Path, tmp_path: Path
) -> None:
    frames = write_frames(tmp_path / "frames", 4)
    what = [reference, frames, "-o", tmp_path / "film.mp4", *HERE]
    call("plan", *what).assert_ended(0)
    run_dir = tmp_path / "film.run"
    call("assemble", run_dir).assert_failed(1, "no frame", "batch-analogy resume")
    call("preview", run_dir, "--frames", "2").assert_ended(0)
    call("assemble", run_dir, "--on-missing", "error").assert_ended(3, "no film: 2 frames")
    call("assemble", run_dir, "--on-missing", "skip", "--crf", "30").assert_ended(3)
    assert probe_video(tmp_path / "film.mp4").frame_count == 2
    call("assemble", run_dir, "--crf", "77").assert_failed(2, "crf is 77")
    call("assemble", run_dir, "-o", tmp_path / "film.xyz").assert_failed(2, "film.xyz", ".mp4")
    call("assemble", tmp_path).assert_failed(2, "there is no run in")
    (tmp_path / "mine.mp4").write_text("precious")
    call("assemble", run_dir, "-o", tmp_path / "mine.mp4").assert_failed(2, "--overwrite")


def test_watching_a_run_until_it_ends(
    call: Call, reference: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frames = write_frames(tmp_path / "frames", 6)
    run_dir = tmp_path / "film.run"
    command = ["timelapse", reference, frames, "-o", tmp_path / "film.mp4", *HERE]
    run = start_and_wait(command)
    look = status._read

    def look_and_let_it_continue(folder: Path) -> RunStatus:
        found = look(folder)
        run.let_go()
        return found

    monkeypatch.setattr(status, "WATCH_SECONDS", 0.2)
    monkeypatch.setattr(status, "_read", look_and_let_it_continue)
    try:
        ended = call("status", run_dir, "--watch")
    finally:
        run.end()
    ended.assert_ended(0, "finished", "6 of 6 done", str(tmp_path / "film.mp4"))
    first = ended.out.splitlines()[0]
    assert first.startswith("running: ")
    assert " of 6 done" in first
    call("status", run_dir, "--watch").assert_ended(0, "finished")
    lines = call("status", run_dir, "--watch", "--json").json
    assert [(line["event"], line["status"]["done"]) for line in lines] == [("result", 6)]
