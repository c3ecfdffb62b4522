"""Films and run folders that nobody named: apart from each other, and found again."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from batch_analogy import ExecutionConfig, PaintConfig, PaintedKeyframe, film_config, plan_film
from batch_analogy.config.run import Command, RunConfig
from batch_analogy.jobs.drive.default_places import default_film
from tests.support.command_line import write_frames, write_picture

Source = Path | str | list[Path]


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    write_picture(tmp_path / "look.png", 40)
    write_picture(tmp_path / "other.png", 41)
    return tmp_path


def configured(source: Source, reference: str = "look.png", **fields: str) -> RunConfig:
    command: Command = "timelapse"
    return film_config(
        command,
        source,
        reference=reference,
        deflicker="off",
        shots="off",
        execution=ExecutionConfig(address="none", gpus_per_worker=0.0),
        **fields,
    )


def planned(source: Source, reference: str = "look.png", **fields: str) -> RunConfig:
    """Begin a run: its folder then exists."""
    config = configured(source, reference, **fields)
    plan_film(config, write=True)
    return config


def test_names_follow_the_source_even_with_pattern_characters(here: Path) -> None:
    for name in ("One [abc].mp4", "Two [def].mp4"):
        (here / name).touch()
    assert default_film("stylize", here / "One [abc].mp4").name == "One [abc]-stylized.mp4"
    assert default_film("stylize", here / "Two [def].mp4").name == "Two [def]-stylized.mp4"
    (here / "v1 [x]").mkdir()
    assert default_film("timelapse", "v1 [x]/*.png").name == "v1 [x]-timelapse.mp4"
    long = default_film("stylize", f"{'é' * 120}.mp4").name
    assert long == f"{'é' * 90}-stylized.mp4"


def test_frames_of_one_name_in_two_folders_have_their_own_places(here: Path) -> None:
    first, second = write_frames(here / "a" / "cam", 2), write_frames(here / "b" / "cam", 3)
    one = planned(first)
    assert (one.output.name, one.run_dir.name) == ("cam-timelapse.mp4", "cam-timelapse.run")
    two = planned(second)
    assert (two.output.name, two.run_dir.name) == ("cam-timelapse-2.mp4", "cam-timelapse-2.run")
    assert configured(first) == one
    assert configured(second) == two
    assert configured("b/cam").run_dir == two.run_dir


def test_two_patterns_and_two_references_have_their_own_places(here: Path) -> None:
    folder = write_frames(here / "cam", 4)
    one, two = planned(folder / "img[01].png"), planned(folder / "img[23].png")
    three = planned(folder / "img[01].png", "other.png")
    numbers = [config.run_dir.name for config in (one, two, three)]
    assert numbers == [f"cam-timelapse{end}.run" for end in ("", "-2", "-3")]
    assert configured(folder / "img[23].png").output == two.output
    shutil.copy(here / "look.png", here / "copied.png")
    assert configured(folder / "img[01].png", "copied.png").output == one.output


def test_the_same_frames_in_other_words_or_another_place_are_the_same_run(here: Path) -> None:
    folder = write_frames(here / "cam", 3)
    one = planned(folder)
    assert configured(folder / "*.png").run_dir == one.run_dir
    shutil.copytree(folder, here / "copy" / "cam")
    assert configured(here / "copy" / "cam").run_dir == one.run_dir
    folder.rename(here / "copy" / "moved")
    (here / "copy" / "moved").rename(here / "cam-2")
    (here / "cam-2").rename(here / "copy" / "again")
    (here / "copy" / "again" / "img0.png").touch()
    shutil.move(here / "copy" / "again", here / "later" / "cam")
    assert configured(here / "later" / "cam").run_dir == one.run_dir
    other = write_frames(here / "elsewhere" / "cam", 3, ".jpg")
    assert configured(other).run_dir.name == "cam-timelapse-2.run"


def test_a_film_without_its_run_folder_is_left_alone(here: Path) -> None:
    folder = write_frames(here / "cam", 2)
    (here / "cam-timelapse.mp4").write_text("precious")
    (here / "cam-timelapse-2.run").mkdir()
    (here / "cam-timelapse-2.run" / "marathon.gpx").touch()
    assert planned(folder).output.name == "cam-timelapse-3.mp4"
    assert planned(folder).output.name == "cam-timelapse-3.mp4"


def test_run_folders_beside_named_films_do_not_collide(here: Path) -> None:
    first, second = write_frames(here / "a", 2), write_frames(here / "b", 3)
    one = planned(first, output="film.mp4")
    assert configured(second, output="film.mov").run_dir.name == "film-2.run"
    assert configured(first, output="film.mov").run_dir == one.run_dir  # its frames again
    assert configured(second, output="film.mp4").run_dir == one.run_dir  # refused when it begins


def test_a_named_run_folder_keeps_its_film(here: Path) -> None:
    folder = write_frames(here / "cam", 2)
    planned(folder)
    (here / "cam-timelapse.mp4").touch()
    apart = planned(folder, run_dir="fast.run")
    assert apart.output.name == "cam-timelapse-2.mp4"
    apart.output.touch()
    assert configured(folder, run_dir="fast.run").output == apart.output


def test_more_keyframes_are_the_same_run_but_another_example_is_not(here: Path) -> None:
    folder = write_frames(here / "cam", 2)

    def painted(*keys: PaintedKeyframe) -> RunConfig:
        painting = PaintConfig(keys=keys)
        execution = ExecutionConfig(address="none", gpus_per_worker=0.0)
        return film_config("analogy", folder, painting=painting, shots="off", execution=execution)

    first = PaintedKeyframe(painted="look.png", frame="0")
    one = painted(first)
    plan_film(one, write=True)
    more = painted(first, PaintedKeyframe(painted="other.png", frame="1"))
    assert more.run_dir == one.run_dir
    example = painted(PaintedKeyframe(painted="look.png", example="other.png"))
    assert example.run_dir.name == "cam-painted-2.run"


def test_frames_listed_one_by_one_have_their_own_places(here: Path) -> None:
    folder = write_frames(here / "cam", 4)
    frames = [folder / f"img{n}.png" for n in range(4)]
    one = planned(frames[:2])
    assert one.output.name == "cam-timelapse.mp4"
    assert planned(frames[2:]).output.name == "cam-timelapse-2.mp4"
    assert configured(frames[:3]).output == one.output  # the folder has grown


def test_a_missing_video_has_a_place_until_planning_refuses_it(here: Path) -> None:
    folder = write_frames(here / "cam", 2)
    planned(folder)
    shutil.rmtree(folder)
    assert configured("cam.mp4").output.name.startswith("cam-timelapse")
