"""Several folders and videos in one command: a film of each, one after the other."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import ray

from batch_analogy.jobs.store import RunStore
from batch_analogy.media.ffmpeg import run_ffmpeg
from batch_analogy.media.video import probe_video
from tests.support.command_line import APART, HERE, Call, write_frames, write_picture

pytestmark = pytest.mark.timeout(300)


def film_clip(path: Path, seconds: float = 0.3) -> Path:
    """Write a video of three frames with sound."""
    path.parent.mkdir(parents=True, exist_ok=True)
    source = ["-f", "lavfi", "-i", f"testsrc2=s=64x48:r=10:d={seconds}"]
    sound = ["-f", "lavfi", "-i", f"sine=d={seconds}", "-pix_fmt", "yuv420p"]
    assert run_ffmpeg([*source, *sound, str(path)]).code == 0
    return path


@pytest.fixture
def look(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Write a reference; films without -o go into the test's folder."""
    monkeypatch.chdir(tmp_path)
    return write_picture(tmp_path / "look.png", 40, 70, 66)


def test_folders_and_videos_are_a_queue(call: Call, look: Path, tmp_path: Path) -> None:
    one, two = write_frames(tmp_path / "one", 2), write_frames(tmp_path / "two", 3)
    clip = film_clip(tmp_path / "clip.mp4")
    words = ["timelapse", look, one, clip, two, *HERE]
    planned = call(*words, "--dry-run")
    planned.assert_ended(0, "film 1 of 3", "film 2 of 3", "film 3 of 3", "two-timelapse.mp4")
    assert not list(tmp_path.glob("*.run"))
    ended = call(*words)
    ended.assert_ended(0, "3 of 3 films are whole", f"done: {clip}, 3 of 3 frames")
    films = [tmp_path / f"{name}-timelapse.mp4" for name in ("one", "clip", "two")]
    assert ended.out.split() == [str(film) for film in films]
    assert [probe_video(film).frame_count for film in films] == [2, 3, 3]
    bytes_before = [film.read_bytes() for film in films]
    films[1].unlink()
    call("timelapse", look, two, *HERE).assert_ended(0, "3 frames done before")
    again = call(*words, "--json")
    again.assert_ended(0)
    assert again.json[-1]["event"] == "queue"
    assert [film["end"] for film in again.json[-1]["films"]] == ["done"] * 3
    assert [film.read_bytes() for film in films] == bytes_before


def test_the_queue_has_one_ray(
    call: Call, look: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    started, start = [], ray.init

    def count(**options: Any) -> Any:
        started.append(options)
        return start(**options)

    monkeypatch.setattr(ray, "init", count)
    clips = [film_clip(tmp_path / name) for name in ("sea.mp4", "land.mov")]
    words = ["stylize", look, *clips, "-o", tmp_path / "{name}-ink.mkv", *APART, "--workers", "1"]
    ended = call(*words)
    ended.assert_ended(0, "2 of 2 films are whole")
    assert ended.err.count("starting 1 workers on Ray") == 2
    assert len(started) == 1
    assert not ray.is_initialized()
    films = [tmp_path / "sea-ink.mkv", tmp_path / "land-ink.mkv"]
    assert [len(probe_video(film).sounds) for film in films] == [1, 1]


def test_all_that_is_wrong_is_told_before_the_first(call: Call, look: Path, tmp_path: Path) -> None:
    good, empty = write_frames(tmp_path / "good", 2), tmp_path / "empty"
    empty.mkdir()
    broken = tmp_path / "broken.mp4"
    broken.write_bytes(b"no video")
    words = ["timelapse", look, good, empty, broken, tmp_path / "film.mp4", *HERE]
    for more in ([], ["--dry-run"]):
        ended = call(*words, *more)
        ended.assert_failed(2, "3 of 4 inputs cannot be done, so nothing was begun")
        assert f"{empty}: {empty} is empty" in ended.err
        assert f"{broken}: " in ended.err
        assert "if it is to be the film, write -o" in ended.err
    assert not list(tmp_path.glob("*.run"))


def test_one_that_fails_does_not_stop_the_others(call: Call, look: Path, tmp_path: Path) -> None:
    busy, one, two = (write_frames(tmp_path / name, 2) for name in ("busy", "one", "two"))
    (two / "img1.png").write_bytes(b"no picture")
    words = ["timelapse", look, busy, one, two, "-o", tmp_path / "{name}.mkv", *HERE]
    at_work = RunStore(tmp_path / "busy.run")
    at_work.open()  # another command has just begun it
    try:
        ended = call(*words)
    finally:
        at_work.close()
    ended.assert_ended(3, "1 of 3 films are whole", f"failed: {busy}, ", "busy.run")
    assert f"done: {one}, 2 of 2 frames, {tmp_path / 'one.mkv'}" in ended.err.splitlines()
    assert f"partial: {two}, 1 of 2 frames, {tmp_path / 'two.mkv'}" in ended.err.splitlines()
    again = call(*words)
    again.assert_ended(3, f"done: {busy}, 2 of 2 frames", "2 of 3 films are whole")


def test_places_do_not_collide(call: Call, look: Path, tmp_path: Path) -> None:
    clips = [film_clip(tmp_path / "a/clip.mp4"), film_clip(tmp_path / "b/clip.mp4", 0.2)]
    words = ["stylize", look, *clips]
    call(*words, "-o", "film.mp4", *HERE).assert_failed(2, "film.mp4 would be made from", "{name}")
    call(*words, "-o", "{name}.mp4", *HERE).assert_failed(2, "clip.mp4 would be made from")
    call(*words, "-o", "a/{name}.mkv", "--run-dir", "x.run", *HERE).assert_failed(2, "would be")
    swap = ["stylize", look, clips[0], film_clip(tmp_path / "other.mp4")]
    ended = call(*swap, "-o", tmp_path / "a" / "{name}.mp4", "--overwrite", *HERE)
    ended.assert_ended(2, "clip.mp4 is the source itself", "1 of 2 inputs cannot be done")
    ended = call(*words, *HERE)
    ended.assert_ended(0)
    films = [str(tmp_path / name) for name in ("clip-stylized.mp4", "clip-stylized-2.mp4")]
    assert ended.out.split() == films
    ended = call("stylize", look, clips[1], *HERE)
    ended.assert_ended(0, "2 frames done before")
    assert ended.out.split() == films[1:]


def test_files_of_one_sequence_stay_one_film(call: Call, look: Path, tmp_path: Path) -> None:
    parts = [film_clip(tmp_path / f"DJI_000{n}.mp4") for n in (1, 2)]
    words = ["stylize", look, *parts, *HERE, "--dry-run"]
    call(*words).assert_ended(0, "2 files of a recording")
    call(*words, "--films", "each").assert_ended(0, "film 2 of 2")
    call("plan", *words[1:], "--as", "stylize", "--films", "each").assert_ended(0, "film 2 of 2")
    folders = [write_frames(tmp_path / name, 2) for name in ("d1", "d2")]
    pictures = [path for folder in folders for path in sorted(folder.iterdir())]
    call("timelapse", look, *pictures, *HERE, "--dry-run").assert_ended(0, "4 in 4 segments")
    whole = call("timelapse", look, *folders, "--films", "one", *HERE, "--dry-run")
    whole.assert_ended(0, "4 in 4 segments")
    both = call("timelapse", look, folders[0], pictures[-1], *HERE)
    both.assert_failed(2, "img1.png is a picture and")


def test_other_commands_take_the_queue_or_say_why_not(
    call: Call, look: Path, tmp_path: Path
) -> None:
    folders = [write_frames(tmp_path / name, 2) for name in ("one", "two")]
    call("preview", look, *folders, *HERE).assert_failed(2, "2 films are asked for", "--films one")
    call("plan", look, *folders, *HERE).assert_ended(0, "to start: batch-analogy resume")
    assert (tmp_path / "two-timelapse.run/plan.json").is_file()
    call("resume", tmp_path / "two-timelapse.run", "--address", "none").assert_ended(0)
    paint = ["--quality", "draft", "--size", "0.0041", "--address", "none"]
    pair = [write_picture(tmp_path / "a.png"), write_picture(tmp_path / "ap.png", 9)]
    planned = call("analogy", *pair, *folders, "--dry-run", *paint[2:])
    planned.assert_ended(0, "two-painted.mp4", "film 2 of 2")
