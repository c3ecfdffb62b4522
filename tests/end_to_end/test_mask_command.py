"""Masks of films through the command line: a look in a region, and another one outside it."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import imageio_ffmpeg
import numpy as np
import pytest
from PIL import Image

from tests.support.command_line import (
    HERE,
    QUICK,
    Call,
    finished_frames,
    frame_times,
    picture,
    truncate,
    write_frames,
    write_picture,
)

STEADY = [*QUICK, "--address", "none", "--deflicker", "off"]
ALONE = [*HERE, "--deflicker", "off"]
COUNT = 4


def pixels(path: Path) -> np.ndarray:
    with Image.open(path) as image:
        return np.asarray(image.convert("RGB"))


def mask(path: Path, edge: int, height: int = 64, width: int = 80) -> Path:
    """Write a mask that is white from column ``edge`` on."""
    path.parent.mkdir(parents=True, exist_ok=True)
    values = np.zeros((height, width), np.uint8)
    values[:, edge:] = 255
    Image.fromarray(values).save(path)
    return path


@pytest.fixture
def root(tmp_path: Path) -> Path:
    write_picture(tmp_path / "reference.png", 40, 70, 66)
    write_picture(tmp_path / "other.png", 11, 70, 66)
    write_frames(tmp_path / "frames", COUNT)
    for index in range(COUNT):
        mask(tmp_path / f"masks/img{index}.png", 20 + 10 * index)
    return tmp_path


def film(call: Call, root: Path, name: str, *options: str | Path, by: str = "reference") -> Path:
    """Make numbered pictures of root/frames; return their folder."""
    out = root / name / "%06d.png"
    command = ["timelapse", root / f"{by}.png", root / "frames", "-o", out, *options]
    call(*command).assert_ended(0)
    return out.parent


def assert_split(found: Path, outside: Path, inside: Path, edge: int, reach: int = 0) -> None:
    """Check that a picture is two others, left and right of an edge."""
    made = pixels(found)
    left, right = slice(0, edge - reach), slice(edge + reach, None)
    np.testing.assert_array_equal(made[:, left], pixels(outside)[:, left])
    np.testing.assert_array_equal(made[:, right], pixels(inside)[:, right])
    assert (pixels(outside)[:, right] != pixels(inside)[:, right]).any()


@pytest.mark.smoke
def test_a_look_applies_where_each_frames_mask_is_white(call: Call, root: Path) -> None:
    whole = film(call, root, "whole", *ALONE)
    one = film(call, root, "one", *ALONE, "--mask", root / "masks/img1.png", "--feather", "0")
    each = film(call, root, "each", *ALONE, "--mask", root / "masks", "--feather", "8")
    for index in range(COUNT):
        own, name = root / f"frames/img{index}.png", f"{index:06d}.png"
        assert_split(one / name, own, whole / name, 30)
        assert_split(each / name, own, whole / name, 20 + 10 * index, reach=4)
        strip = pixels(each / name)[:, 20 + 10 * index]
        assert (strip != pixels(own)[:, 20 + 10 * index]).any()
        assert (strip != pixels(whole / name)[:, 20 + 10 * index]).any()


@pytest.mark.parametrize("options", [STEADY, ALONE], ids=["steady", "alone"])
def test_another_reference_applies_outside(call: Call, root: Path, options: list[str]) -> None:
    inside = film(call, root, "inside", *options)
    outside = film(call, root, "outside", *options, by="other")
    extra = ["--mask", root / "masks", "--feather", "0", "--reference2", root / "other.png"]
    both = film(call, root, "both", *options, *extra)
    for index in range(COUNT):
        name = f"{index:06d}.png"
        assert_split(both / name, outside / name, inside / name, 20 + 10 * index)


def test_strength_applies_on_both_sides_and_a_preview_belongs_to_the_run(
    call: Call, root: Path
) -> None:
    looks = root / "looks"
    for number in range(2):
        write_picture(looks / f"{number}.png", 5 + 9 * number, 70, 66)
    options = [*STEADY, "--mask", root / "masks", "--reference2", looks, "--strength", "0,1"]
    at_once = film(call, root, "at_once", *options)
    np.testing.assert_array_equal(pixels(at_once / "000000.png"), pixels(root / "frames/img0.png"))
    command = [root / "reference.png", root / "frames", "-o", root / "parts/%06d.png", *options]
    made = call("preview", *command, "--frames", "2")
    made.assert_ended(0)
    call("resume", root / "parts.run").assert_ended(0)
    for path in sorted(at_once.iterdir()):
        assert (root / "parts" / path.name).read_bytes() == path.read_bytes()


def test_a_repainted_mask_makes_its_frame_again_and_no_other(call: Call, root: Path) -> None:
    run_dir = root / "film.run"
    command = ["timelapse", root / "reference.png", root / "frames", "-o", root / "film.mp4"]
    command += [*ALONE, "--mask", root / "masks"]
    call(*command).assert_ended(0)
    before, times = finished_frames(run_dir), frame_times(run_dir)
    made = (root / "film.mp4").read_bytes()
    mask(root / "masks/img2.png", 70)
    call(*command).assert_ended(0)
    after = finished_frames(run_dir)
    changed = [name for name in before if frame_times(run_dir)[name] != times[name]]
    assert [Path(name).stem for name in changed] == ["000002"]
    assert before[changed[0]] != after[changed[0]]
    assert (root / "film.mp4").read_bytes() != made
    times = frame_times(run_dir)
    call(*command).assert_ended(0)
    assert frame_times(run_dir) == times
    call(*command, "--feather", "9").assert_failed(2, "feather was 0.5%, is 9", "--overwrite")
    call(*command[:-2]).assert_failed(2, "mask was given, is the default", "--overwrite")


def test_a_frame_that_is_added_brings_its_mask(call: Call, root: Path) -> None:
    frame, own = root / "frames/img0.png", root / "masks/img0.png"
    for path in (frame, own):
        path.rename(root / f"{path.parent.name}-0.png")
    options = [*ALONE, "--mask", root / "masks"]
    film(call, root, "film", *options)
    times = sorted(frame_times(root / "film.run").values())
    for path in (frame, own):
        (root / f"{path.parent.name}-0.png").rename(path)
    film(call, root, "film", *options)
    assert len(set(times) - set(frame_times(root / "film.run").values())) == 0
    fresh = film(call, root, "fresh", *options)
    for path in sorted(fresh.iterdir()):
        assert (root / "film" / path.name).read_bytes() == path.read_bytes()


def test_masks_of_a_video_are_taken_in_order(call: Call, root: Path) -> None:
    video = root / "clip.mkv"
    command = [imageio_ffmpeg.get_ffmpeg_exe(), "-v", "error", "-framerate", "10", "-i"]
    command += [str(root / "frames/img%d.png"), "-c:v", "ffv1", "-pix_fmt", "bgr0", str(video)]
    subprocess.run(command, check=True)
    told = ["stylize", root / "reference.png", video, "-o", root / "out/%06d.png", *ALONE]
    told += ["--mask", str(root / "masks/*.png"), "--feather", "0"]
    call(*told, "--dry-run").assert_ended(0, "mask", "feathered by 0", "frames are as they are")
    call(*told).assert_ended(0)
    for index in range(COUNT):
        left = pixels(root / f"out/{index:06d}.png")[:, : 20 + 10 * index]
        np.testing.assert_array_equal(left, picture(index)[:, : 20 + 10 * index])


def test_a_mask_may_be_drawn_on_a_transparent_ground_or_smaller(call: Call, root: Path) -> None:
    drawn = np.zeros((32, 40, 4), np.uint8)
    drawn[:, 15:] = 255
    Image.fromarray(drawn).save(root / "drawn.png")
    options = [*ALONE, "--feather", "0", "--mask"]
    plain = film(call, root, "plain", *options, mask(root / "plain.png", 30))
    made = film(call, root, "drawn", *options, root / "drawn.png")
    for path in sorted(plain.iterdir()):
        assert (made / path.name).read_bytes() == path.read_bytes()


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--feather", "3"], ["--feather goes with a mask", "--mask"]),
        (["--reference2", "other.png"], ["--reference2 goes with a mask", "--mask"]),
        (["--mask", "masks", "--feather", "wide"], ["feather is 'wide'", "like 12"]),
        (["--mask", "masks", "--target", "both"], ["target is both", "leave --mask or"]),
        (["--mask", "nowhere"], ["nowhere (mask) does not exist; give a picture, or a folder"]),
        (["--mask", "few"], ["has no picture for 1 frame: img3.png"]),
        (["--mask", "tall.png"], ["tall.png (mask) is 80×99 px", "one shape"]),
        (["--mask", "damaged"], ["damaged/img1.png"]),
        (["--mask", "masks", "--reference2", "gone.png"], ["gone.png does not exist"]),
    ],
)
def test_what_cannot_work_is_refused_while_planning(
    call: Call, root: Path, monkeypatch: pytest.MonkeyPatch, options: list[str], words: list[str]
) -> None:
    monkeypatch.chdir(root)
    shutil.copytree("masks", "few")
    Path("few/img3.png").unlink()
    shutil.copytree("masks", "damaged")
    write_picture(Path("damaged/img1.png"))
    truncate(Path("damaged/img1.png"))
    mask(Path("tall.png"), 30, height=99)
    command = ["timelapse", "reference.png", "frames", "-o", "film.mp4", *ALONE, *options]
    for more in (["--dry-run"], []):
        ended = call(*command, *more)
        ended.assert_failed(ended.code, *words)
        assert ended.code in (1, 2)
    assert not Path("film.run").exists()


def test_plan_and_preview_know_masks_of_both_kinds(call: Call, root: Path) -> None:
    command = ["plan", root / "reference.png", root / "frames", "--dry-run", "--mask"]
    extra = ["--reference2", root / "other.png", "--feather", "2%"]
    told = call(*command, root / "masks", *extra, *ALONE)
    told.assert_ended(0, "feathered by 2%", "in the look of", "other.png")
    painted = ["plan", root / "frames", "--as", "analogy", "--key", f"0={root / 'other.png'}"]
    refused = call(*painted, "--mask", root / "masks", *extra, "--dry-run")
    refused.assert_ended(2, "--feather is not an option of analogy")
