"""What is added to a film: music, chapters, a poster and text."""

from __future__ import annotations

from pathlib import Path

import av
import numpy as np
import pytest
from PIL import Image

from batch_analogy.media.ffmpeg import run_ffmpeg
from tests.support.command_line import (
    HERE,
    Call,
    finished_frames,
    picture,
    write_frames,
    write_picture,
)

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


def test_text_is_burnt_into_the_film_alone(call: Call, tmp_path: Path) -> None:
    """EXIF dates as text; assemble takes it away, and the film is as it was without."""
    frames, look = tmp_path / "frames", write_picture(tmp_path / "look.png", 5)
    frames.mkdir()
    for index in range(3):
        exif = Image.Exif()
        exif.get_ifd(0x8769)[0x9003] = f"2024:05:31 18:0{index}:12"
        Image.fromarray(picture(index)).save(frames / f"img{index}.jpg", exif=exif, quality=95)
    film, out = tmp_path / "night.mkv", tmp_path / "out"
    made = ["timelapse", look, frames, "-o", film, "--codec", "ffv1", *HERE]
    call(*made).assert_ended(0)
    plain, done = decode(film), finished_frames(tmp_path / "night.run")
    stamped = ["--text", "{date:%H:%M}", "--text-size", "20"]
    call("assemble", tmp_path / "night.run", *stamped).assert_ended(0)
    texts = decode(film)
    assert finished_frames(tmp_path / "night.run") == done
    for before, after in zip(plain, texts, strict=True):
        assert np.array_equal(before[:30], after[:30])
        assert np.abs(before[40:] - after[40:]).max() > 100
    letters = [np.abs(after - before) for before, after in zip(plain, texts, strict=True)]
    assert not np.array_equal(letters[0] > 60, letters[1] > 60)  # 18:00 and 18:01
    call("assemble", tmp_path / "night.run", "-o", f"{out}/%d.png").assert_ended(0)
    assert np.array_equal(np.asarray(Image.open(out / "2.png")), texts[2])
    call("assemble", tmp_path / "night.run", "--text", "").assert_ended(0)
    assert all(map(np.array_equal, decode(film), plain))


def decode(film: Path) -> list[np.ndarray]:
    with av.open(str(film)) as container:
        found = [frame.to_ndarray(format="rgb24") for frame in container.decode(video=0)]
    return [one.astype(np.int16) for one in found]


def test_texts_that_cannot_be_made_are_told_while_planning(call: Call, tmp_path: Path) -> None:
    frames, look = write_frames(tmp_path / "frames", 2), write_picture(tmp_path / "look.png", 5)
    made = ["timelapse", look, frames, "-o", tmp_path / "a.mp4", *HERE]
    call(*made, "--text", "{data}").assert_failed(2, "{data}", "{date}, {frame}, {name}")
    call(*made, "--text", "a", "--text-font", look).assert_failed(2, "give a .ttf or .otf file")
    done = call(*made, "--text", "{date} {name}", "--dry-run")
    done.assert_ended(0, "2 of 2 frames have no EXIF date")


def test_chapters_begin_at_the_shots(call: Call, tmp_path: Path) -> None:
    frames, look = write_frames(tmp_path / "frames", 5), write_picture(tmp_path / "look.png", 5)
    shots = tmp_path / "shots.txt"
    shots.write_text("0\n2\n3\n")
    film, kept = tmp_path / "night.mp4", ["--shots", shots, "--fps", "4", "--hold", "2"]
    call("timelapse", look, frames, "-o", film, "--chapters", *kept, *HERE).assert_ended(0)
    assert chapter_starts(film) == [0, 1, 1.5]
    call("assemble", tmp_path / "night.run", "--no-chapters").assert_ended(0)
    assert chapter_starts(film) == []


def chapter_starts(film: Path) -> list[float]:
    with av.open(str(film)) as container:
        return [round(float(one["start"] * one["time_base"]), 3) for one in container.chapters()]


def test_a_poster_is_a_frame_of_the_film(call: Call, tmp_path: Path) -> None:
    """At the film's size; made without encoding again, and never in the place of another file."""
    frames, look = write_frames(tmp_path / "frames", 4), write_picture(tmp_path / "look.png", 5)
    film, poster = tmp_path / "night.mkv", tmp_path / "night-poster.jpg"
    made = ["timelapse", look, frames, "-o", film, "--codec", "ffv1", *HERE]
    poster.write_bytes(b"mine")
    call(*made, "--poster", "2").assert_failed(2, "night-poster.jpg exists")
    assert poster.read_bytes() == b"mine"
    poster.unlink()
    call(*made, "--poster", "2", "--film-size", "40x32").assert_ended(0)
    seen = decode(film)
    first = np.asarray(Image.open(poster), np.int16)
    errors = [np.abs(first - frame).mean() for frame in seen]
    assert first.shape == (32, 40, 3)
    assert errors.index(min(errors)) == 2
    assert min(errors) < 4
    encoded = film.stat().st_mtime_ns
    call("assemble", tmp_path / "night.run", "--poster", "100%").assert_ended(0)
    assert film.stat().st_mtime_ns == encoded
    last = np.asarray(Image.open(poster), np.int16)
    assert np.abs(last - seen[3]).mean() < 4
    poster.unlink()
    call(*made, "--poster", "100%", "--film-size", "40x32").assert_ended(0)
    assert np.array_equal(np.asarray(Image.open(poster), np.int16), last)


def test_posters_that_cannot_be_made_are_refused(call: Call, tmp_path: Path) -> None:
    frames, look = write_frames(tmp_path / "frames", 2), write_picture(tmp_path / "look.png", 5)
    made = ["timelapse", look, frames, *HERE]
    film = ["-o", tmp_path / "a.mp4"]
    call(*made, *film, "--poster", "2").assert_failed(2, "frame 2", "the last one is 1")
    call(*made, *film, "--poster", "middle").assert_failed(2, "0% to 100%")
    inside = ["-o", frames / "a.mp4", "--poster", "1"]
    call(*made, *inside).assert_failed(2, "a-poster.jpg lies among the frames")
