"""Frames that a person is asked to look at exist, also when the film is finished."""

from __future__ import annotations

import dataclasses
import shutil
import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest

from batch_analogy.config.painting import PaintConfig, PaintedKeyframe
from batch_analogy.config.run import RunConfig
from batch_analogy.errors import InputError
from batch_analogy.jobs.drive.open_run import load_run, open_run
from batch_analogy.jobs.drive.preview_run import choose_preview_frames, run_preview
from batch_analogy.jobs.drive.suggest_keyframes import suggest_keyframes
from batch_analogy.jobs.plan.frame_pictures import frame_pictures
from batch_analogy.jobs.plan.plan_file import read_plan
from batch_analogy.jobs.store import RunStore
from batch_analogy.media.extract import extract_frames
from batch_analogy.media.stills import read_still, write_png
from batch_analogy.media.video import probe_video
from tests.support.painted import painted_config
from tests.support.runs import run_here, sample_config


def make_clip(path: Path, size: str, seconds: str = "1") -> Path:
    """Write a test pattern of ten frames a second."""
    source = f"testsrc2=size={size}:rate=10:duration={seconds}"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi", "-i", source]
    subprocess.run([*command, "-c:v", "libx264", "-pix_fmt", "yuv420p", str(path)], check=True)
    return path


@pytest.fixture
def finished(tmp_path: Path) -> RunConfig:
    """A finished run of the middle of a video, whose frames are deleted."""
    clip = make_clip(tmp_path / "clip.mp4", "80x64")
    config = sample_config(tmp_path, 1, source=str(clip), start="0.2", end="0.7")
    run_here(config)
    assert not (config.run_dir / "input").exists()
    return config


def test_frames_of_a_finished_video_are_extracted_again_and_stay(
    tmp_path: Path, finished: RunConfig
) -> None:
    store, folder = RunStore(finished.run_dir), finished.run_dir / "suggested"
    plan = read_plan(store.plan)
    assert plan is not None
    pictures = frame_pictures(plan, store, [3, 0], folder)
    assert pictures == {3: folder / "000003.png", 0: folder / "000000.png"}
    frames = extract_frames(probe_video(tmp_path / "clip.mp4"), tmp_path / "all").paths
    for index, path in pictures.items():
        np.testing.assert_array_equal(read_still(path), read_still(frames[2 + index]))
    painted = pictures[3].read_bytes() + b" painted over"
    pictures[3].write_bytes(painted)
    again = frame_pictures(plan, store, [3, 0], folder)
    assert again == {3: finished.run_dir / "suggested-2" / "000003.png", 0: pictures[0]}
    assert pictures[3].read_bytes() == painted
    run_here(dataclasses.replace(finished, crf=30), overwrite=True)
    assert pictures[3].read_bytes() == painted
    assert not list(finished.run_dir.glob(".tmp-*"))
    (tmp_path / "clip.mp4").unlink()
    with pytest.raises(InputError, match=r"clip\.mp4 is gone, and its frames were deleted"):
        frame_pictures(plan, store, [2], folder)


def test_a_finished_video_can_be_previewed(finished: RunConfig) -> None:
    run = load_run(finished.run_dir)
    result, sheet = run_preview(run, choose_preview_frames(run.plan, 2))
    assert result.done == 2
    assert sheet is not None
    assert sheet.stat().st_size > 1000
    assert not list(finished.run_dir.glob(".tmp-*"))


def test_suggested_frames_of_a_finished_video_exist(tmp_path: Path) -> None:
    clip = make_clip(tmp_path / "clip.mp4", "80x64", "1.2")
    painted = tmp_path / "painted.png"
    write_png(painted, np.random.default_rng(0).random((64, 80, 3), np.float32))
    keys = (PaintedKeyframe(painted=str(painted), frame="0"),)
    config = dataclasses.replace(painted_config(tmp_path, PaintConfig(keys=keys)), source=str(clip))
    assert open_run(config).execute().films
    moved = tmp_path / "moved.run"
    shutil.move(config.run_dir, moved)
    found = suggest_keyframes(moved, 2)
    assert found
    for one in found:
        assert one.source == moved / "suggested" / f"{one.index:06d}.png"
        assert read_still(one.source).shape == (64, 80, 3)
