from __future__ import annotations

import json
import shutil
import subprocess
from fractions import Fraction
from pathlib import Path

import pillow_heif
import pytest
from PIL import Image

from batch_analogy.jobs.store import RunStore
from batch_analogy.media.video import probe_video
from tests.support.command_line import (
    COMMAND,
    HERE,
    Call,
    environment,
    finished_frames,
    frame_times,
    start_and_wait,
    write_picture,
)
from tests.support.command_line import write_frames as write


@pytest.mark.smoke
def test_a_folder_becomes_a_film(call: Call, reference: Path, tmp_path: Path) -> None:
    frames = write(tmp_path / "frames", 3)
    film = tmp_path / "film.mp4"
    ended = call("timelapse", reference, frames, "-o", film, "--fps", "23.976", *HERE)
    ended.assert_ended(0, "3 of 3 frames done", "contact sheet", "run folder")
    assert ended.out == f"{film}\n"
    info = probe_video(film)
    assert (info.height, info.width, info.frame_count) == (64, 80, 3)
    assert info.fps == Fraction(24000, 1001)
    assert (tmp_path / "film.run" / "preview" / "sheet.jpg").is_file()
    assert len(finished_frames(tmp_path / "film.run")) == 3


def test_the_same_command_again_does_nothing_and_gives_the_same_film(
    call: Call, reference: Path, tmp_path: Path
) -> None:
    frames = write(tmp_path / "frames", 2)
    command = ["timelapse", reference, frames, "-o", tmp_path / "film.mp4", *HERE]
    call(*command).assert_ended(0)
    film, times = (tmp_path / "film.mp4").read_bytes(), frame_times(tmp_path / "film.run")
    call(*command).assert_ended(0)
    assert frame_times(tmp_path / "film.run") == times
    assert (tmp_path / "film.mp4").read_bytes() == film
    other = ["timelapse", reference, frames, "-o", tmp_path / "other.mp4", *HERE]
    call(*other).assert_ended(0)
    assert (tmp_path / "other.mp4").read_bytes() == film


def test_both_targets_come_from_one_run(call: Call, reference: Path, tmp_path: Path) -> None:
    frames = write(tmp_path / "frames", 2)
    film = tmp_path / "film.mp4"
    ended = call("timelapse", reference, frames, "-o", film, "--target", "both", "--json", *HERE)
    ended.assert_ended(0)
    films = ended.json[-1]["films"]
    assert films == [str(film), str(tmp_path / "film-reference.mp4")]
    assert Image.open(tmp_path / "film.run" / "frames" / "b" / "000000.png").size == (66, 70)


def test_stdout_has_json_lines_alone(call: Call, reference: Path, tmp_path: Path) -> None:
    frames = write(tmp_path / "frames", 2)
    ended = call("timelapse", reference, frames, "-o", tmp_path / "film.mp4", "--json", *HERE)
    names = [line["event"] for line in ended.json]
    assert names.count("frame-done") == 2
    assert [names[-2], names[-1]] == ["film-written", "result"]
    assert ended.json[-1]["done"] == 2


def test_a_dry_run_prints_the_plan_and_writes_nothing(
    call: Call, reference: Path, tmp_path: Path
) -> None:
    frames = write(tmp_path / "frames", 9)
    film = tmp_path / "film.mp4"
    ended = call("timelapse", reference, frames, "-o", film, "--dry-run")
    ended.assert_ended(0, "9 in 1 segment of at most 9 frames", "80x64", str(film))
    plan = call("timelapse", reference, frames, "-o", film, "--dry-run", "--json").json[-1]
    assert len(plan["frames"]) == 9
    assert sorted(path.name for path in tmp_path.iterdir()) == ["frames", "reference.png"]


def test_stylize_keeps_sound_and_duration(call: Call, reference: Path, tmp_path: Path) -> None:
    make_pictures = Path(__file__).parents[2] / "examples" / "make_pictures.py"
    arguments = [tmp_path / "pictures", "--side", "64", "--frames", "3", "--clip"]
    command = [COMMAND[0], str(make_pictures), *map(str, arguments)]
    subprocess.run(command, check=True, capture_output=True, env=environment())
    clip, film = tmp_path / "pictures" / "clip.mp4", tmp_path / "painted.mp4"
    call("stylize", reference, clip, "-o", film, *HERE).assert_ended(0)
    before, after = probe_video(clip), probe_video(film)
    assert before.has_audio
    assert after.has_audio
    assert (after.fps, after.frame_count) == (before.fps, before.frame_count)
    assert after.duration_seconds == pytest.approx(before.duration_seconds, abs=0.02)


@pytest.mark.smoke
def test_a_killed_run_resumes_to_the_same_film(call: Call, reference: Path, tmp_path: Path) -> None:
    frames = write(tmp_path / "frames", 6)
    whole = ["timelapse", reference, frames, "-o", tmp_path / "whole.mp4", *HERE]
    call(*whole).assert_ended(0)
    command = ["timelapse", reference, frames, "-o", tmp_path / "film.mp4", *HERE]
    start_and_wait(command).kill()
    before = frame_times(tmp_path / "film.run")
    assert 1 <= len(before) < 6
    status = call("status", tmp_path / "film.run", "--json").json[-1]["status"]
    assert (status["state"], status["total"]) == ("stopped", 6)
    call(*command).assert_ended(0)
    after = frame_times(tmp_path / "film.run")
    assert {name: after[name] for name in before} == before
    assert (tmp_path / "film.mp4").read_bytes() == (tmp_path / "whole.mp4").read_bytes()


def test_a_second_driver_is_kept_out_of_a_run(call: Call, reference: Path, tmp_path: Path) -> None:
    frames = write(tmp_path / "frames", 1)
    working = RunStore(tmp_path / "film.run")
    working.open()
    ended = call("timelapse", reference, frames, "-o", tmp_path / "film.mp4", *HERE)
    working.close()
    ended.assert_failed(1, "is working in", "--run-dir")


def test_the_film_may_have_another_size(call: Call, reference: Path, tmp_path: Path) -> None:
    frames = write(tmp_path / "frames", 2)
    film = tmp_path / "film.mp4"
    command = ["timelapse", reference, frames, "-o", film, *HERE]
    ended = call(*command, "--film-size", "50%", "--dry-run")
    ended.assert_ended(0, "40x32 (frames of 80x64)")
    call(*command, "--film-size", "121x90").assert_failed(2, "needs even sides; give 122x90")
    call(*command, "--film-size", "huge").assert_failed(2, "write 1920x1080, 50%, max or full")
    call(*command, "--film-size", "50%").assert_ended(0, "40x32")
    assert (probe_video(film).width, probe_video(film).height) == (40, 32)
    again = ["assemble", tmp_path / "film.run"]
    call(*again, "--film-size", "120x120", "--film-fit", "crop").assert_ended(0)
    assert (probe_video(film).width, probe_video(film).height) == (120, 120)
    call(*again, "-o", f"{tmp_path}/out/%d.png", "--film-size", "160x90").assert_ended(0)
    with Image.open(tmp_path / "out/1.png") as image:
        assert image.size == (160, 90)
    call(*command, "--codec", "h264", "--depth", "10", "--dry-run").assert_ended(0, "of 10 bits")
    (tmp_path / "film.run/frames/a_prime/000000.png").unlink()
    call("assemble", tmp_path / "film.run", "--film-size", "full").assert_ended(3)
    assert (probe_video(film).width, probe_video(film).height) == (80, 64)


def test_the_plan_says_what_names_mean_besides_numbers(
    call: Call, reference: Path, tmp_path: Path
) -> None:
    for index, name in enumerate(("t_0.125", "t_0.25", "t_0.5")):
        write_picture(tmp_path / "frames" / f"{name}.png", index)
    words = [reference, tmp_path / "frames", "-o", tmp_path / "f.mp4", *HERE]
    said = "order: numbers with a point or comma are decimals: t_0.125.png before t_0.25.png"
    call("timelapse", *words, "--dry-run").assert_ended(0, said)
    call("timelapse", *words).assert_ended(0, said)
    plan = json.loads((tmp_path / "f.run" / "plan.json").read_text())
    assert [frame["name"] for frame in plan["frames"]] == ["t_0.125.png", "t_0.25.png", "t_0.5.png"]


def test_heif_among_jpegs_is_read_and_never_called_lost(
    call: Call, reference: Path, tmp_path: Path
) -> None:
    frames = tmp_path / "frames"
    for index, name in enumerate(("1.JPG", "2.HEIC", "3.HEIC", "4.JPG", "5.JPG")):
        write_picture(tmp_path / "shown.jpg", index)
        frames.mkdir(exist_ok=True)
        if name == "2.HEIC":
            pillow_heif.from_pillow(Image.open(tmp_path / "shown.jpg")).save(frames / name)
        else:  # 3.HEIC is a JPEG with a wrong name
            shutil.copy(tmp_path / "shown.jpg", frames / f"IMG_000{name}")
    (frames / "2.HEIC").rename(frames / "IMG_0002.HEIC")
    words = [reference, frames, "-o", tmp_path / "f.mp4", *HERE]
    ended = call("timelapse", *words)
    ended.assert_ended(0, "5 of 5 frames done")
    assert "missing" not in ended.err
    words[1:4] = [frames / "*.JPG", "-o", tmp_path / "g.mp4"]
    ended = call("timelapse", *words, "--dry-run")
    said = "not among the frames, but called like some: IMG_0002.HEIC, IMG_0003.HEIC"
    ended.assert_ended(0, said)
    assert "missing" not in ended.out + ended.err
    ended = call("timelapse", *words, "--on-missing", "error", "--dry-run")
    ended.assert_failed(1, "IMG_0002.HEIC lies among the frames but is not one of them")
