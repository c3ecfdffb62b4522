"""Evaluations of real runs: stills and videos, finished and unfinished, with another run."""

from __future__ import annotations

import dataclasses
import json
import re
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import imageio_ffmpeg
import numpy as np
import pytest

from batch_analogy.config.run import RunConfig
from batch_analogy.errors import InputError, JobError, RunLockedError, UsageError
from batch_analogy.jobs.drive.open_run import open_run
from batch_analogy.jobs.events import PlanProgress
from batch_analogy.jobs.store import RunStore
from batch_analogy.media.stills import write_png
from batch_analogy.motion.shots.deflicker import apply_exposure
from batch_analogy.report.evaluation.evaluate_run import Evaluation, evaluate
from tests.support.runs import picture, run_here, sample_config, write_frames

FRAMES = 5


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a run (film.run) and another of the same frames with more smoothness (other.run)."""
    root = tmp_path_factory.mktemp("judged")
    config = sample_config(root, FRAMES, target="both")
    run_here(config)
    other = dataclasses.replace(config.analogy, smoothness=0.9)
    run_here(
        dataclasses.replace(
            config, analogy=other, run_dir=root / "other.run", output=root / "other.mp4"
        )
    )
    return root


@pytest.fixture
def copied(made: Path, tmp_path: Path) -> Path:
    """Copy the finished run, to be damaged; its input stays in its place."""
    return Path(shutil.copytree(made / "film.run", tmp_path / "film.run"))


def forget(run_dir: Path, indices: set[int]) -> None:
    """Delete frames from the journal, as if they had never been finished."""
    journal = run_dir / "journal.jsonl"
    lines = journal.read_text().splitlines(keepends=True)
    journal.write_text("".join(s for s in lines if json.loads(s).get("index") not in indices))


@pytest.fixture(scope="module")
def judged(made: Path, tmp_path_factory: pytest.TempPathFactory) -> Evaluation:
    """Evaluate the run against the other."""
    told: list[Any] = []
    before = {p: p.stat().st_mtime_ns for p in made.rglob("*") if p.is_file()}
    found = evaluate(
        made / "film.run",
        against=made / "other.run",
        folder=tmp_path_factory.mktemp("out"),
        on_event=told.append,
    )
    assert {p: p.stat().st_mtime_ns for p in made.rglob("*") if p.is_file()} == before
    assert [event.done for event in told if isinstance(event, PlanProgress)][:2] == [1, 2]
    return found


def test_writes_metrics_of_every_frame(judged: Evaluation) -> None:
    values = json.loads(judged.json.read_text())
    assert values == json.loads(json.dumps(judged.values))
    assert (values["done"], values["total"]) == (FRAMES, FRAMES)
    frames = values["outputs"]["a_prime"]["frames"]
    assert [frame["index"] for frame in frames] == list(range(FRAMES))
    assert [frame["starts_segment"] for frame in frames] == [True, False, True, False, True]
    assert frames[0]["run"]["warp_error"] is None
    assert all(frame["run"]["warp_error"] > 0 for frame in frames[1:])


def test_writes_ratios_to_another_run(judged: Evaluation) -> None:
    output = judged.values["outputs"]["a_prime"]
    summary, means = output["summary"], output["summary"]["films"]
    own = np.mean([frame["run"]["warp_error"] for frame in output["frames"][1:]])
    assert means["run"]["warp_error"] == pytest.approx(own)
    expected = means["run"]["warp_error"] / means["against"]["warp_error"]
    assert summary["ratio"]["warp_error"] == pytest.approx(expected)
    assert summary["ratio"]["warp_error"] != 1  # the other run differs
    assert means["input"]["vgg19_gram"] > 0


def test_the_styled_reference_does_not_move(judged: Evaluation) -> None:
    summary = judged.values["outputs"]["b"]["summary"]
    assert summary["masked_share"] == 0
    assert summary["films"]["input"]["warp_error"] == 0
    assert summary["films"]["run"]["warp_error"] > 0  # its style changes with the frames


def test_the_page_is_self_contained(judged: Evaluation) -> None:
    text = judged.page.read_text()
    assert text.count("<svg") == 14  # seven metrics of two outputs
    assert text.count("data:image/jpeg;base64,") >= 2
    loaded = re.findall(r'(?:src|href)="(?!data:)|url\(|@import|<script|<link', text)
    assert loaded == []
    assert "other.run" in text
    assert "smoothness 0.9 instead of 0.15" in text


def test_evaluates_an_unfinished_run(copied: Path) -> None:
    forget(copied, {1, 4})
    values = evaluate(copied).values
    frames = values["outputs"]["a_prime"]["frames"]
    assert [frame["index"] for frame in frames] == [0, 2, 3]
    assert [frame["run"]["warp_error"] is None for frame in frames] == [True, True, False]
    assert (values["done"], values["total"]) == (3, FRAMES)
    assert (copied / "evaluate" / "evaluate.html").is_file()


def test_the_input_is_deflickered_like_the_run(tmp_path: Path) -> None:
    for index, ev in enumerate((0.0, 0.3, -0.2, 0.25, -0.3)):
        write_png(tmp_path / "in" / f"img{index}.png", apply_exposure(picture(0), ev))
    write_png(tmp_path / "reference.png", picture(3, 70, 66))
    errors = {}
    for deflicker in ("off", 1.0):
        run_dir = tmp_path / f"{deflicker}.run"
        config = sample_config(tmp_path, 5, deflicker=deflicker, run_dir=run_dir)
        run_here(dataclasses.replace(config, output=tmp_path / f"{deflicker}.mp4"))
        found = evaluate(run_dir)
        errors[deflicker] = found.values["outputs"]["a_prime"]["summary"]["films"]["input"]
        assert ("shown deflickered" in found.page.read_text()) == (deflicker == 1.0)
    assert errors[1.0]["warp_error"] < 0.2 * errors["off"]["warp_error"]


def test_a_run_that_starts_anew_deletes_the_old_page(tmp_path: Path) -> None:
    config = sample_config(tmp_path, 2)
    run_here(config)
    evaluate(config.run_dir)
    notes = config.run_dir / "evaluate" / "notes.txt"
    notes.write_text("mine")
    other = dataclasses.replace(config, analogy=dataclasses.replace(config.analogy, seed=7))
    run_here(other, overwrite=True)
    assert list(notes.parent.iterdir()) == [notes]
    notes.unlink()
    RunStore(config.run_dir).clear_evaluation()
    assert not notes.parent.exists()


def test_rejects_a_run_without_consecutive_frames(copied: Path) -> None:
    forget(copied, {1, 3})
    with pytest.raises(JobError, match=r"3 of 5 frames finished, but no two in a row.*resume"):
        evaluate(copied)


def test_rejects_a_folder_without_a_run(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no run in"):
        evaluate(tmp_path)


def test_rejects_a_run_of_other_frames(made: Path, tmp_path: Path) -> None:
    write_frames(tmp_path / "in", FRAMES - 1)
    write_png(tmp_path / "reference.png", picture(3, 70, 66))
    run_here(sample_config(tmp_path, FRAMES - 1))
    with pytest.raises(UsageError, match="other frames and another reference and another target"):
        evaluate(made / "film.run", against=tmp_path / "film.run")


Spoil = Callable[[Path], None]


@pytest.mark.parametrize(
    ("spoil", "words"),
    [
        (lambda root: (root / "in" / "img2.png").unlink(), r"frame 2 .*img2.png, is missing; put"),
        (lambda root: write_png(root / "in" / "img2.png", picture(9)), "frame 2 .*has changed"),
        (
            lambda root: (root / "reference.png").unlink(),
            r"the reference .*is missing; put",
        ),
    ],
    ids=["gone", "changed", "no reference"],
)
def test_rejects_changed_input(tmp_path: Path, spoil: Spoil, words: str) -> None:
    run_here(sample_config(tmp_path, 3))
    spoil(tmp_path)
    with pytest.raises(InputError, match=words):
        evaluate(tmp_path / "film.run")
    assert not (tmp_path / "film.run" / "evaluate").exists()


def test_accepts_input_that_was_copied_back(tmp_path: Path) -> None:
    run_here(sample_config(tmp_path, 3))
    frame = tmp_path / "in" / "img1.png"
    data = frame.read_bytes()
    frame.unlink()
    frame.write_bytes(data)  # with another modification time
    assert evaluate(tmp_path / "film.run").values["done"] == 3


@pytest.fixture
def of_video(tmp_path: Path) -> RunConfig:
    """Make a run of a video; its extracted frames were deleted when the film was finished."""
    config = sample_config(tmp_path, 4, source=str(tmp_path / "clip.mp4"))
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-i", str(tmp_path / "in/img%d.png")]
    subprocess.run([*command, str(tmp_path / "clip.mp4")], check=True)
    run_here(config)
    assert not (config.run_dir / "input").exists()
    return config


def test_extracts_a_video_again_and_deletes_its_frames(of_video: RunConfig) -> None:
    told: list[Any] = []
    found = evaluate(of_video.run_dir, on_event=told.append)
    assert found.values["done"] == 4
    assert any(isinstance(e, PlanProgress) and e.step == "extracting" for e in told)
    assert not (of_video.run_dir / "input").exists()
    assert not (of_video.run_dir / "input.json").exists()
    open_run(of_video).close()  # the lock was released, and the run is unchanged


def test_keeps_frames_that_were_already_extracted(of_video: RunConfig) -> None:
    (of_video.run_dir / "frames/a_prime/000003.png").unlink()
    open_run(of_video).close()  # extracts the frames for the missing one
    assert evaluate(of_video.run_dir).values["done"] == 3
    assert len(list((of_video.run_dir / "input").glob("*.png"))) == 4


def test_rejects_a_missing_or_changed_video(of_video: RunConfig) -> None:
    video = Path(of_video.source)
    data = video.read_bytes()
    video.unlink()
    with pytest.raises(InputError, match=r"the video of the run, .*clip.mp4, is missing"):
        evaluate(of_video.run_dir)
    video.write_bytes(data + b"\0")
    with pytest.raises(InputError, match="has changed"):
        evaluate(of_video.run_dir)


def test_evaluates_a_moved_run_of_a_video(of_video: RunConfig, tmp_path: Path) -> None:
    moved = Path(shutil.move(of_video.run_dir, tmp_path / "moved.run"))
    assert evaluate(moved).values["done"] == 4
    assert not of_video.run_dir.exists()


def test_extracts_nothing_while_a_driver_works(of_video: RunConfig) -> None:
    store = RunStore(of_video.run_dir)
    store.open()
    try:
        with pytest.raises(RunLockedError, match="another batch-analogy"):
            evaluate(of_video.run_dir)
    finally:
        store.close()
