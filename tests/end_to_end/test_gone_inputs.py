"""What may be asked of a finished run whose film, video or pictures were moved or deleted."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import imageio_ffmpeg
import pytest

from tests.support.command_line import HERE, Call, write_frames

INLINE = ["--address", "none"]


@pytest.fixture
def video_run(tmp_path: Path, reference: Path, call: Call) -> Path:
    """A finished run of a video with sound, ``night.run`` beside ``clip.mp4`` and ``night.mp4``."""
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-f", "lavfi"]
    command += ["-i", "testsrc2=size=80x64:rate=10:duration=0.4", "-f", "lavfi"]
    command += ["-i", "sine=duration=0.4", "-pix_fmt", "yuv420p", str(tmp_path / "clip.mp4")]
    subprocess.run(command, check=True)
    film = tmp_path / "night.mp4"
    call("stylize", reference, tmp_path / "clip.mp4", "-o", film, *HERE).assert_ended(0)
    return film.with_suffix(".run")


def test_status_says_that_a_film_is_no_longer_there(video_run: Path, call: Call) -> None:
    film = video_run.with_suffix(".mp4")
    gone = f"which is no longer there; to make it again: batch-analogy assemble {video_run}"
    assert gone not in call("status", video_run).out
    film.rename(film.with_name("elsewhere.mp4"))
    call("status", video_run).assert_ended(0, gone)
    call("assemble", video_run).assert_ended(0, str(film))
    assert film.exists()


def test_a_video_whose_link_was_kept_is_used_when_it_is_gone(video_run: Path, call: Call) -> None:
    frame = video_run / "frames" / "a_prime" / "000002.png"
    before = frame.read_bytes()
    (video_run.parent / "clip.mp4").rename(video_run.parent / "clip-moved.mp4")
    film = video_run.with_suffix(".mp4")
    film.unlink()
    call("plan", video_run).assert_ended(0, "is copied")
    call("resume", video_run, *INLINE).assert_ended(0, str(film))
    frame.unlink()
    call("resume", video_run, *INLINE).assert_ended(0)
    assert frame.read_bytes() == before
    call("retry", video_run, "--frames", "1", *INLINE).assert_ended(0)
    call("preview", video_run, "--frames", "2", *INLINE).assert_ended(0)
    call("evaluate", video_run).assert_ended(0)


def test_a_video_that_is_gone_for_good_is_named_with_what_still_works(
    video_run: Path, call: Call
) -> None:
    clip = video_run.parent / "clip.mp4"
    clip.unlink()
    (video_run / "source.mp4").unlink()
    for command in (["resume"], ["retry", "--frames", "1"], ["preview"]):
        asked = [command[0], video_run, *command[1:], *INLINE]
        call(*asked).assert_failed(2, f"{clip}, of which the run is made, is gone", "assemble")
    call("plan", video_run).assert_ended(0, "clip.mp4, of which the run is made, is gone")
    out = video_run.parent / "silent.webm"
    call("assemble", video_run, "-o", out).assert_failed(4, "is gone", f"{video_run} --no-audio")
    call("assemble", video_run, "-o", out, "--no-audio").assert_ended(0, str(out))


def test_the_sound_of_another_video_in_its_place_is_not_taken(video_run: Path, call: Call) -> None:
    clip, out = video_run.parent / "clip.mp4", video_run.parent / "again.mp4"
    (video_run / "source.mp4").unlink()
    clip.write_bytes(clip.read_bytes() + b"another")
    call("assemble", video_run, "-o", out).assert_failed(4, f"{clip}, which has changed")
    assert not out.exists()


def test_pictures_that_are_gone_are_named(tmp_path: Path, reference: Path, call: Call) -> None:
    frames, film = write_frames(tmp_path / "frames", 2), tmp_path / "night.mp4"
    call("timelapse", reference, frames, "-o", film, *HERE).assert_ended(0)
    run = film.with_suffix(".run")
    frames.rename(tmp_path / "moved")
    call("plan", run).assert_ended(0, f"{frames}, of which the run is made, is gone")
    call("resume", run, *INLINE).assert_failed(2, f"{frames}, of which", "is gone", "assemble")
    (tmp_path / "moved").rename(frames)
    reference.unlink()
    call("resume", run, *INLINE).assert_failed(2, f"the reference of the run, {reference}, is gone")


def test_a_whole_project_may_be_moved(tmp_path: Path, video_run: Path, call: Call) -> None:
    """The run's first command, given once more there, finds the frames and the film done."""
    there = tmp_path.with_name(tmp_path.name + "-there")
    shutil.move(tmp_path, there)
    run = there / "night.run"
    call("resume", run, *INLINE).assert_failed(2, "is gone", f"--run-dir {run}")
    frame = run / "frames" / "a_prime" / "000000.png"
    made = frame.stat().st_mtime_ns
    command = [there / "reference.png", there / "clip.mp4", "-o", there / "night.mp4", *HERE]
    call("stylize", *command).assert_ended(0, "4 frames done before")
    assert frame.stat().st_mtime_ns == made
