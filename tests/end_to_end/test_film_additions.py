"""What is added to a film: music."""

from __future__ import annotations

from pathlib import Path

import av
import pytest

from batch_analogy.media.ffmpeg import run_ffmpeg
from tests.support.command_line import HERE, Call, write_frames, write_picture

pytestmark = pytest.mark.timeout(300)


def song(path: Path, seconds: float = 2) -> Path:
    assert run_ffmpeg(["-f", "lavfi", "-i", f"sine=d={seconds}", str(path)]).code == 0
    return path


def sound_seconds(film: Path) -> float | None:
    with av.open(str(film)) as container:
        if not container.streams.audio:
            return None
        stream = container.streams.audio[0]
        return sum(frame.samples for frame in container.decode(audio=0)) / stream.rate


def test_music_is_planned_added_changed_and_taken_away(call: Call, tmp_path: Path) -> None:
    frames, look = write_frames(tmp_path / "frames", 6), write_picture(tmp_path / "look.png", 5)
    music, film = song(tmp_path / "song.mp3"), tmp_path / "night.mp4"
    made = ["timelapse", look, frames, "-o", film, "--fps", "4", *HERE]
    call(*made, "--music", music, "--dry-run").assert_ended(0, "fades out over 3 s")
    call(*made, "--music", music).assert_ended(0)
    heard = sound_seconds(film)
    assert heard is not None
    assert abs(heard - 1.5) < 0.06
    short = song(tmp_path / "short.ogg", 0.5)
    call("assemble", tmp_path / "night.run", "--music", short).assert_ended(0)
    heard = sound_seconds(film)
    assert heard is not None
    assert abs(heard - 0.5) < 0.06
    gif = tmp_path / "night.gif"
    call("assemble", tmp_path / "night.run", "-o", gif).assert_ended(0)
    call("assemble", tmp_path / "night.run", "--music", "none").assert_ended(0)
    assert sound_seconds(film) is None


def test_music_is_refused_while_planning(call: Call, tmp_path: Path) -> None:
    frames, look = write_frames(tmp_path / "frames", 2), write_picture(tmp_path / "look.png", 5)
    music = song(tmp_path / "song.mp3")
    made = ["timelapse", look, frames, *HERE]
    film = ["-o", tmp_path / "night.mp4"]
    call(*made, *film, "--music", look).assert_failed(2, "holds no sound")
    call(*made, *film, "--music", tmp_path / "gone.mp3").assert_failed(2, "does not exist")
    call(*made, *film, "--music", music, "--sound", "keep").assert_failed(2, "takes the place")
    call(*made, "-o", tmp_path / "a.gif", "--music", music).assert_failed(2, "holds no sound")
    call(*made, "-o", f"{tmp_path}/o/%04d.png", "--music", music).assert_failed(2, "no sound")
