"""The commands analogy and suggest: pairs, keyframes and wrong input."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.support.command_line import Call, finished_frames, picture, write_frames, write_picture

HERE = ["--address", "none", "--meaning", "0", "--size", "0.0041"]


@pytest.fixture
def frames(tmp_path: Path) -> Path:
    return write_frames(tmp_path / "frames", 3)


def paint(path: Path, index: int, height: int = 64, width: int = 80) -> Path:
    """Write a painted version of a frame."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(255 - picture(index, height, width)).save(path)
    return path


def test_a_film_follows_a_pair(call: Call, frames: Path, tmp_path: Path) -> None:
    a, ap = write_picture(tmp_path / "a.png", 5), paint(tmp_path / "ap.png", 5)
    film = tmp_path / "f.mp4"
    call("analogy", a, ap, frames, "-o", film, *HERE).assert_ended(0, "3 of 3 frames done")
    assert film.is_file()


@pytest.mark.parametrize("preset", ["filter", "emboss", "super-resolution", "transfer"])
def test_a_preset_makes_one_picture_from_one(call: Call, tmp_path: Path, preset: str) -> None:
    a, ap = write_picture(tmp_path / "a.png", 5), paint(tmp_path / "ap.png", 5)
    b = write_picture(tmp_path / "b.png", 6)
    words = ["--preset", preset, "--kappa", "0.2", "-o", tmp_path / "out" / "%06d.png"]
    call("analogy", a, ap, b, *words, "--address", "none").assert_ended(0, "1 of 1 frames done")
    assert Image.open(tmp_path / "out" / "000000.png").size == (80, 64)


@pytest.mark.smoke
def test_a_film_of_keyframes_from_plan_to_suggestion(
    call: Call, frames: Path, tmp_path: Path
) -> None:
    paint(tmp_path / "painted" / "img1.jpg", 1)
    words = [frames, "--keys", tmp_path / "painted", "-o", tmp_path / "f.mp4", *HERE]
    call("analogy", *words, "--dry-run").assert_ended(0, "painted", "img1.jpg over img1.png")
    assert not (tmp_path / "f.run").exists()
    words += ["--as", "analogy"]
    call("plan", *words).assert_ended(0, "painted", "img1.jpg over img1.png", "to start:")
    call("status", tmp_path / "f.run").assert_ended(0, "planned")
    call("preview", *words, "--frames", "1").assert_ended(0, "before-after.jpg")
    call("status", tmp_path / "f.run").assert_ended(0, "analogy")
    before = finished_frames(tmp_path / "f.run")
    assert len(before) == 1
    call("resume", tmp_path / "f.run").assert_ended(0, "3 of 3 frames done")
    after = finished_frames(tmp_path / "f.run")
    assert before.items() <= after.items()
    ended = call("suggest", tmp_path / "f.run", "--json")
    assert ended.code == 0
    assert ended.json[-1]["command"] == "suggest"


@pytest.mark.parametrize("mode", ["L", "LA", "I;16"])
def test_a_film_of_one_painted_frame_is_the_painting(call: Call, tmp_path: Path, mode: str) -> None:
    """Covers paintings in grey, with opacity and with 16 bits."""
    frames = write_frames(tmp_path / "frames", 1)
    grey = Image.fromarray(255 - picture(0)).convert("L")
    levels = np.asarray(grey)
    painted = Image.fromarray(levels.astype(np.uint16) * 257) if mode == "I;16" else grey
    (painted.convert("LA") if mode == "LA" else painted).save(tmp_path / "grey.png")
    words = ["--key", f"0={tmp_path / 'grey.png'}", "-o", tmp_path / "out" / "%06d.png", *HERE]
    call("analogy", frames, *words).assert_ended(0, "1 of 1 frames done")
    made = np.asarray(Image.open(tmp_path / "out" / "000000.png").convert("RGB"))
    np.testing.assert_array_equal(made, np.repeat(levels[..., None], 3, axis=2))


def test_a_guide_made_by_hand_is_used(call: Call, frames: Path, tmp_path: Path) -> None:
    key = paint(tmp_path / "p0.png", 0)
    guide = write_frames(tmp_path / "guides", 3)
    words = [frames, "--key", f"img0.png={key}", "-o", tmp_path / "f.mp4", *HERE]
    words += ["--guide", guide / "img0.png", guide, "2", "--as", "analogy", "--frames", "1"]
    call("preview", *words).assert_ended(0, "1 of 1 frames done")


def test_plan_of_a_pair_takes_the_options_of_analogy_alone(
    call: Call, frames: Path, tmp_path: Path
) -> None:
    a, ap = write_picture(tmp_path / "a.png", 5), paint(tmp_path / "ap.png", 5)
    words = ["plan", a, ap, frames, "-o", tmp_path / "f.mp4", *HERE, "--dry-run"]
    ended = call(*words, "--as", "analogy", "--preset", "emboss")
    ended.assert_ended(0, "ap.png over", "a.png")
    ended = call(*words, "--as", "analogy", "--preset", "photo-to-style")
    ended.assert_failed(2, "preset is 'photo-to-style'", "artistic")
    ended = call(*words, "--as", "analogy", "--refine", "wls")
    ended.assert_failed(2, "--refine is not an option of analogy")
    call(*words).assert_failed(2, "is not an option of timelapse", "--as analogy")
    ended = call("plan", a, frames, "--keys", tmp_path, "--dry-run")
    ended.assert_failed(2, "--keys is not an option of timelapse", "--as analogy")


@pytest.mark.parametrize(
    ("extra", "code", "messages"),
    [
        (["--key", "img7.png=p0.png"], 2, ["keyframe img7.png", "whose 3 frames"]),
        (["--key", "img0.png"], 2, ["not of the form FRAME=PAINTED"]),
        (["--key", "img0.png=small.png"], 1, ["40×30 px", "img0.png", "is 80×64"]),
        (["--key", "img0.png=none.png"], 2, ["none.png does not exist; give a painted picture"]),
        (["--key", "0=p0.png", "--kappa", "-1"], 2, ["kappa is -1", "between 0 and 100"]),
        (["--key", "0=p0.png", "--patch", "4"], 2, ["patch is 4", "odd"]),
        (["--key", "0=p0.png", "--preset", "numbers"], 1, ["img0.png: ", "flat colours"]),
        (["--keys", "keys"], 2, ["frame img0.png was painted twice", "keys/other.png"]),
        (["--keys", "nowhere"], 2, ["nowhere is not a folder"]),
        ([], 2, ["nothing is painted"]),
        (["--key", "0=p0.png", "--guide", "p0.png", "some", "1"], 2, ["for 1 frame: img2.png"]),
        (["--key", "0=p0.png", "--guide", "p0.png", "p0.png", "much"], 2, ["must be a number"]),
        (["--key", "0=p0.png", "--mask", "some"], 2, ["(mask)", "for 1 frame: img2.png"]),
        (["--key", "0=p0.png", "--mask", "small.png"], 1, ["(mask)", "40×30 px"]),
    ],
)
def test_rejects_input_that_does_not_fit(
    call: Call,
    frames: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    extra: list[str],
    code: int,
    messages: list[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    paint(tmp_path / "p0.png", 0)
    paint(tmp_path / "small.png", 0, 30, 40)
    paint(tmp_path / "keys" / "img0.png", 0)
    paint(tmp_path / "keys" / "other.png", 0)
    write_frames(tmp_path / "some", 2)
    ended = call("analogy", frames, *extra, "-o", tmp_path / "f.mp4", *HERE)
    ended.assert_failed(code, *messages)
    assert not (tmp_path / "f.run").exists()


def test_rejects_a_pair_of_different_sizes(call: Call, frames: Path, tmp_path: Path) -> None:
    a, ap = write_picture(tmp_path / "a.png"), paint(tmp_path / "ap.png", 0, 48, 80)
    ended = call("analogy", a, ap, frames, "-o", tmp_path / "f.mp4", *HERE)
    ended.assert_failed(1, "ap.png is 80×48 px", "a.png", "is 80×64")


def test_rejects_two_paths(call: Call, frames: Path, tmp_path: Path) -> None:
    ended = call("analogy", tmp_path / "a.png", frames, "-o", tmp_path / "f.mp4", *HERE)
    ended.assert_failed(2, "2 paths were given", "A A' FRAMES")


def test_rejects_a_guide_of_two_words(call: Call, frames: Path, tmp_path: Path) -> None:
    ended = call("analogy", frames, "--guide", "a.png", "b.png")
    ended.assert_failed(2, "--guide SRC TGT WEIGHT")


def test_the_frame_shows_where_the_painting_is_transparent(
    call: Call, frames: Path, tmp_path: Path
) -> None:
    opacity = np.zeros((64, 80, 1), np.uint8)
    opacity[:, :40] = 255
    pixels = np.concatenate([255 - picture(0), opacity], axis=2)
    Image.fromarray(pixels).save(tmp_path / "p0.png")
    key = f"0={tmp_path / 'p0.png'}"
    words = ["analogy", frames, "--key", key, "-o", tmp_path / "out/%06d.png", *HERE]
    call(*words).assert_ended(0, "3 of 3 frames done")
    made = np.asarray(Image.open(tmp_path / "out" / "000000.png").convert("RGB")).astype(int)
    assert np.abs(made[:, 41:] - picture(0)[:, 41:].astype(int)).max() <= 1
    assert np.abs(made[:, :39] - (255 - picture(0)[:, :39].astype(int))).max() <= 1


def test_suggest_needs_a_painted_run(call: Call, frames: Path, tmp_path: Path) -> None:
    call("suggest", tmp_path).assert_failed(2, "there is no run in")


def test_a_run_is_resumed_with_another_keyframe(call: Call, frames: Path, tmp_path: Path) -> None:
    first, again = paint(tmp_path / "p0.png", 0), paint(tmp_path / "p0-again.png", 1)
    last = paint(tmp_path / "p2.png", 2)
    run_dir = tmp_path / "f.run"
    words = [frames, "--key", f"0={first}", "-o", tmp_path / "f.mp4", *HERE]
    call("analogy", *words).assert_ended(0, "3 of 3 frames done")
    call("resume", run_dir, "--key", f"2={last}").assert_ended(0, "3 of 3 frames done")
    shown = np.asarray(Image.open(run_dir / "frames" / "b_prime" / "000002.png"))
    assert np.array_equal(shown, np.asarray(Image.open(last)))
    call("resume", run_dir, "--key", f"0={again}").assert_ended(0, "3 of 3 frames done")
    shown = np.asarray(Image.open(run_dir / "frames" / "b_prime" / "000000.png"))
    assert np.array_equal(shown, np.asarray(Image.open(again)))
    ended = call("resume", run_dir, "--key", f"9={last}")
    ended.assert_failed(2, "is not a frame of")
    call("resume", run_dir, "--key", "2").assert_failed(2, "is not of the form FRAME=PAINTED")


def test_a_matched_run_has_no_keyframes(call: Call, frames: Path, tmp_path: Path) -> None:
    picture_file = write_picture(tmp_path / "ref.png", 40)
    words = [picture_file, frames, "-o", tmp_path / "f.mp4", "--address", "none"]
    call("plan", *words).assert_ended(0)
    ended = call("resume", tmp_path / "f.run", "--key", f"0={picture_file}")
    ended.assert_failed(2, "is not painted, so it has no keyframes")
