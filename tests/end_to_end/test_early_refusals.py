"""A dry run refuses what the run refuses, and a path that is no run folder is told what it is."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import pytest
import torch

from tests.support.command_line import HERE, QUICK, Call, write_frames, write_picture

MADE = "exists and was not made by the run"


@pytest.fixture
def film(tmp_path: Path, reference: Path, call: Call) -> Path:
    """A finished film; beside it lies its run."""
    frames = write_frames(tmp_path / "frames", 2)
    film = tmp_path / "night.mp4"
    call("timelapse", reference, frames, "-o", film, *HERE).assert_ended(0)
    return film


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["-o", "night.mp4", "--run-dir", "other.run"], 2, MADE),
        (["-o", "reference.png/film.mp4"], 2, "part of that path is a file"),
        (["-o", "frames/%06d.png"], 2, "lies among the frames"),
        (["-o", "film.txt"], 2, "must end in"),
        (["-o", "new.mp4", "--run-dir", "reference.png"], 2, "is a file"),
        (["-o", "new.mp4", "--run-dir", "frames"], 2, "was not made by batch-analogy"),
        (["-o", "night.mp4", "--seed", "7"], 2, "seed was 0, is 7"),
        (["-o", "new.mp4", "--workers", "2"], 2, "which is one worker, not 2"),
        pytest.param(
            *(["-o", "new.mp4", "--gpus-per-worker", "1"], 4, "PyTorch cannot use"),
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here"),
        ),
    ],
)
def test_a_dry_run_refuses_what_the_run_refuses(
    film: Path,
    reference: Path,
    call: Call,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    code: int,
    words: str,
) -> None:
    monkeypatch.chdir(film.parent)
    before = sorted(film.parent.rglob("*"))
    command = [reference, "frames", *options, *HERE]
    call("timelapse", *command, "--dry-run").assert_failed(code, words)
    call("plan", *command, "--dry-run").assert_failed(code, words)
    assert sorted(film.parent.rglob("*")) == before
    call("timelapse", *command).assert_failed(code, words)


def test_a_dry_run_may_be_told_to_overwrite(film: Path, reference: Path, call: Call) -> None:
    other = ["-o", film, "--run-dir", film.parent / "other.run", *HERE]
    command = ["timelapse", reference, film.parent / "frames", *other]
    call(*command, "--dry-run", "--overwrite").assert_ended(0, "2 in 2 segments")
    assert not (film.parent / "other.run").exists()


def test_a_dry_pair_refuses_a_folder_that_cannot_be_made(
    tmp_path: Path, reference: Path, call: Call
) -> None:
    picture = write_picture(tmp_path / "a.png")
    command = ["pair", picture, reference, "-o", reference / "out", *QUICK]
    for more in ((), ("--dry-run",)):
        call(*command, *more).assert_failed(2, "part of that path is a file")


@pytest.mark.parametrize(
    ("options", "code", "words"),
    [
        (["--mask-a", "bad.png", "--mask-b", "bad.png"], 1, "is not a picture"),
        (["--mask-a", "gone.png", "--mask-b", "gone.png"], 1, "cannot open"),
        (["--mask-a", "a.png", "--mask-b", "wide.png"], 1, "a map has the shape of its picture"),
        (["--weights", "bad.png"], 4, "is not a PyTorch state dictionary"),
        (["--weights", "gone.pth"], 4, "does not exist"),
        pytest.param(
            *(["--gpus-per-worker", "1"], 4, "PyTorch cannot use"),
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here"),
        ),
    ],
)
def test_a_dry_pair_refuses_what_the_pair_refuses(
    tmp_path: Path,
    call: Call,
    monkeypatch: pytest.MonkeyPatch,
    options: list[str],
    code: int,
    words: str,
) -> None:
    monkeypatch.chdir(tmp_path)
    write_picture(tmp_path / "a.png")
    write_picture(tmp_path / "wide.png", 1, 64, 160)
    (tmp_path / "bad.png").write_text("no picture")
    command = ["pair", "a.png", "a.png", "-o", "out", *QUICK, *options]
    for more in (["--dry-run"], []):
        call(*command, *more).assert_failed(code, words)
    if words == "cannot open":
        call("pair", "a.png", "a.png", "-o", "out", *QUICK, "--dry-run").assert_ended(0)
        assert not (tmp_path / "out").exists()


def test_a_dry_run_knows_how_many_frames_a_video_has(
    tmp_path: Path, reference: Path, call: Call
) -> None:
    clip = make_clip(tmp_path / "clip.mp4")
    command = ["stylize", reference, clip, "-o", tmp_path / "film.mp4", *HERE, "--poster"]
    for more in (["--dry-run"], []):
        call(*command, "4", *more).assert_failed(2, "the poster is frame 4, but the last one is 3")
    call(*command, "3", "--dry-run").assert_ended(0)


def make_clip(path: Path) -> Path:
    """Write a video of four frames."""
    source = ["-f", "lavfi", "-i", "testsrc2=size=80x64:rate=10:duration=0.4"]
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", *source, "-pix_fmt", "yuv420p"]
    subprocess.run([*command, str(path)], check=True)
    return path


@pytest.mark.parametrize(
    "command", ["status", "resume", "assemble", "evaluate", "suggest", "plan", "preview"]
)
def test_a_file_is_told_its_run_folder(film: Path, call: Call, command: str) -> None:
    run = film.with_suffix(".run")
    for path in (film, run / "run.json", run / "frames" / "a_prime" / "000000.png"):
        call(command, path).assert_failed(2, "is a file, not a run folder", f"give {run}")
    call(command, film.parent / "reference.png").assert_failed(2, "is a file", "of a timelapse")
    call(command, film.parent / "gone").assert_failed(2, "no run in", "which does not exist")


def edit(path: Path, **changes: Any) -> None:
    values = json.loads(path.read_text())
    path.write_text(json.dumps({**values, **changes}))


def test_files_of_other_versions_say_which(
    film: Path, call: Call, caplog: pytest.LogCaptureFixture
) -> None:
    run = film.with_suffix(".run")
    other = film.parent / "other.run"

    def fresh() -> dict[str, Any]:
        shutil.rmtree(other, ignore_errors=True)
        shutil.copytree(run, other)
        values: dict[str, Any] = json.loads((other / "run.json").read_text())
        return values

    values = fresh()
    newer = {**values["versions"], "batch-analogy": "9.9.9"}
    edit(other / "run.json", versions=newer, config={**values["config"], "telepathy": 1})
    call("status", other).assert_failed(2, "telepathy", "batch-analogy 9.9.9 wrote it and this is")
    fresh()
    edit(other / "plan.json", version="9.9.9")
    call("resume", other).assert_failed(2, "batch-analogy 9.9.9 wrote it, and this is", "overwrite")
    fresh()
    edit(other / "status.json", format=99)
    call("status", other).assert_ended(0, "2 of 2 done")
    values = fresh()
    edit(other / "run.json", versions={**values["versions"], "numba": "0.1"})
    (other / "frames" / "a_prime" / "000001.png").unlink()
    call("resume", other, "--address", "none").assert_ended(0)
    assert "were made with numba 0.1 (now " in caplog.text
    fresh()
    edit(other / "film.json", format=99)
    call("assemble", other, "--overwrite").assert_ended(0, str(film))


def test_names_that_the_disk_does_not_allow(call: Call, reference: Path, tmp_path: Path) -> None:
    long = "x" * 260
    said = "is too long for this disk; shorten it"
    call("timelapse", reference, tmp_path, "-o", tmp_path / f"{long}.mp4").assert_ended(2, said)
    call("pair", reference, reference, "-o", tmp_path / f"{long}.png").assert_ended(2, said)
