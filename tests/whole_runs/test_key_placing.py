"""Painted pictures find their frames, however they are named, numbered and sized."""

from __future__ import annotations

import dataclasses
import os
import shutil
import unicodedata
from fractions import Fraction
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from batch_analogy.cli.plan_text import plan_notes
from batch_analogy.config.painting import PaintConfig, PaintedKeyframe
from batch_analogy.config.run import RunConfig
from batch_analogy.errors import InputError, UsageError
from batch_analogy.jobs.drive.open_run import dry_plan, open_run
from batch_analogy.jobs.plan.run_plan import Plan
from batch_analogy.jobs.store import RunStore
from batch_analogy.media.encoding import EncodingOptions
from batch_analogy.media.film import encode_film
from batch_analogy.media.stills import read_still, write_png
from tests.support.painted import SIZE, camera_frame, paint, painted_config, wide_frame, write_clip
from tests.support.runs import run_here

FRAMES = 6
CAFE = "caf\u00e9"


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Write a clip of stills, and the same as a video."""
    root = tmp_path_factory.mktemp("clip")
    write_clip(root, FRAMES)
    stills = [root / "in" / f"img{n:02d}.png" for n in range(FRAMES)]
    encoding = EncodingOptions("ffv1", 8)
    encode_film(stills, root / "clip.mkv", fps=Fraction(24), encoding=encoding)
    return root


def painted_as(root: Path, clip: Path, **shown: int) -> RunConfig:
    """Return a run of pictures that show frames: name of the key → the frame that it shows."""
    shutil.copytree(clip, root, dirs_exist_ok=True)
    keys = []
    for name, index in shown.items():
        path = root / "painted" / f"{name}.png"
        write_png(path, paint(camera_frame(index)))
        keys.append(PaintedKeyframe(painted=str(path), frame=name))
    return painted_config(root, PaintConfig(keys=tuple(keys), meaning=0.0))


def of_video(config: RunConfig, **changes: Any) -> RunConfig:
    video = str(Path(config.source).parent / "clip.mkv")
    return dataclasses.replace(config, source=video, keep_audio=False, **changes)


def placed(plan: Plan) -> list[tuple[int | None, str]]:
    assert plan.painting is not None
    return [(key.frame, key.placed_by) for key in plan.painting.keys]


def test_numbers_from_0_and_from_1_are_told_by_what_the_pictures_show(
    clip: Path, tmp_path: Path
) -> None:
    from_0 = painted_as(tmp_path / "a", clip, **{"1": 1, "0004": 4})
    assert placed(dry_plan(from_0)) == [(1, "content"), (4, "content")]
    from_1 = painted_as(tmp_path / "b", clip, **{"0001": 0, "0005": 4})
    plan = dry_plan(from_1)
    assert placed(plan) == [(0, "content"), (4, "content")]
    assert "NOTE: 0001.png shows frame 0 (img00.png)" in list(plan_notes(from_1, plan))


def test_numbers_of_a_video_are_told_before_it_is_extracted_and_stay(
    clip: Path, tmp_path: Path
) -> None:
    config = of_video(painted_as(tmp_path, clip, **{"000001": 0, "frame_0003": 2, "5": 4}))
    wanted = [(0, "content"), (2, "content"), (4, "content")]
    assert placed(dry_plan(config)) == wanted
    with open_run(config) as opened:
        assert placed(opened.plan) == wanted
    shutil.rmtree(RunStore(config.run_dir).input)
    with open_run(config) as opened:
        assert placed(opened.plan) == wanted
    part = of_video(painted_as(tmp_path / "part", clip, **{"2": 3, "4": 4}), start="0.04166")
    assert placed(dry_plan(part)) == [(2, "content"), (3, "content")]  # its first frame is frame 1


def test_a_picture_that_tells_nothing_counts_like_the_others(clip: Path, tmp_path: Path) -> None:
    config = painted_as(tmp_path, clip, **{"0002": 1, "0004": 3})
    flat = np.full((SIZE[1], SIZE[0], 3), 90, np.uint8)
    write_png(tmp_path / "painted" / "0004.png", flat)
    assert placed(dry_plan(config)) == [(1, "content"), (3, "number")]
    write_png(tmp_path / "painted" / "0002.png", flat)
    plan = dry_plan(config)
    assert placed(plan) == [(2, "guess"), (4, "guess")]
    notes = list(plan_notes(config, plan))
    assert any("0002.png was laid over frame 2 (img02.png), but may" in note for note in notes)
    with_first = painted_as(tmp_path / "b", clip, **{"0": 0, "0002": 2})
    write_png(tmp_path / "b" / "painted" / "0002.png", flat)
    assert placed(dry_plan(with_first)) == [(0, "number"), (2, "number")]


def test_names_match_in_any_composition_and_case(clip: Path, tmp_path: Path) -> None:
    config = painted_as(tmp_path, clip, img00=0)
    for index in range(FRAMES):
        name = unicodedata.normalize("NFC", f"{CAFE}{index}.png")
        os.rename(tmp_path / "in" / f"img{index:02d}.png", tmp_path / "in" / name)
    keys = []
    for name in (unicodedata.normalize("NFD", f"{CAFE}3"), f"{CAFE.upper()}1"):
        write_png(tmp_path / f"{name}.png", paint(camera_frame(0)))
        keys.append(PaintedKeyframe(painted=str(tmp_path / f"{name}.png"), frame=name))
    config = dataclasses.replace(config, painting=PaintConfig(keys=tuple(keys)))
    assert placed(dry_plan(config)) == [(3, "name"), (1, "name")]


@pytest.mark.parametrize("name", ["00000-img03", "img03_painted", "IMG03 (copy)", "00000-03"])
def test_a_name_may_hold_that_of_its_frame(clip: Path, tmp_path: Path, name: str) -> None:
    plan = dry_plan(painted_as(tmp_path, clip, **{name: 3}))
    assert placed(plan)[0][0] == 3


def test_the_number_of_a_name_that_counts_something_else(clip: Path, tmp_path: Path) -> None:
    config = painted_as(tmp_path, clip, **{"2043": 2, "00001-2044": 3})
    for index in range(FRAMES):
        old = tmp_path / "in" / f"img{index:02d}.png"
        old.rename(old.with_name(f"DSC_{2041 + index}.png"))
    assert placed(dry_plan(config)) == [(2, "number"), (3, "number")]


def test_frames_of_one_name_are_told_by_what_they_show(clip: Path, tmp_path: Path) -> None:
    config = painted_as(tmp_path, clip, a1=4)
    for index, name in ((0, "day1/a1.png"), (4, "day2/a1.png")):
        target = tmp_path / "in" / name
        target.parent.mkdir()
        shutil.move(tmp_path / "in" / f"img{index:02d}.png", target)
    config = dataclasses.replace(config, source=str(tmp_path / "in" / "*" / "*.png"))
    assert placed(dry_plan(config)) == [(1, "content")]
    write_png(tmp_path / "painted" / "a1.png", np.full((SIZE[1], SIZE[0], 3), 90, np.uint8))
    with pytest.raises(UsageError, match=r"keyframe a1 .* may be any of 2 frames"):
        dry_plan(config)


def test_a_painting_of_another_size_is_scaled(clip: Path, tmp_path: Path) -> None:
    config = painted_as(tmp_path, clip, img02=2)
    path = tmp_path / "painted" / "img02.png"
    large = cv2.resize(paint(camera_frame(2)), None, fx=2, fy=2, interpolation=cv2.INTER_CUBIC)
    write_png(path, large)
    plan = dry_plan(config)
    assert "NOTE: img02.png is scaled from 144×112 to 72×56 px" in list(plan_notes(config, plan))
    run_here(config)
    made = read_still(RunStore(config.run_dir).frame("b_prime", 2))
    wanted = cv2.resize(large, SIZE, interpolation=cv2.INTER_AREA).astype(np.float32) / 255
    assert float(np.abs(made - wanted).mean()) < 0.01
    write_png(path, large[:, :140])
    with pytest.raises(InputError, match=r"140×112 px, but img02\.png.*is 72×56"):
        dry_plan(config)


def test_masks_of_a_video_are_taken_in_order_and_scaled(clip: Path, tmp_path: Path) -> None:
    config = of_video(painted_as(tmp_path, clip, **{"0": 0}))
    for index in range(1, FRAMES + 1):
        mask = np.full((2 * SIZE[1], 2 * SIZE[0], 3), 40 * index, np.uint8)
        write_png(tmp_path / "masks" / f"{index:06d}.png", mask)
    assert config.painting is not None
    painting = dataclasses.replace(config.painting, mask=str(tmp_path / "masks"))
    config = dataclasses.replace(config, painting=painting)
    plan = dry_plan(config)
    assert plan.painting is not None
    assert plan.painting.mask is not None
    assert [Path(p).stem for p in plan.painting.mask.paths] == [f"{n:06d}" for n in range(1, 7)]
    assert any("masks: 6 scaled to" in note for note in plan_notes(config, plan))
    (tmp_path / "masks" / "000006.png").unlink()
    with pytest.raises(UsageError, match=r"no picture for 1 frame: 000000; .*there are 5"):
        dry_plan(config)


def test_a_name_that_is_only_a_number_is_compared_too(clip: Path, tmp_path: Path) -> None:
    config = painted_as(tmp_path, clip, **{"0001": 0, "0004": 3})
    for index in range(FRAMES):
        (tmp_path / "in" / f"img{index:02d}.png").rename(tmp_path / "in" / f"{index:04d}.png")
    assert placed(dry_plan(config)) == [(0, "content"), (3, "content")]
    for name in ("0001", "0004"):
        write_png(tmp_path / "painted" / f"{name}.png", np.full((SIZE[1], SIZE[0], 3), 9, np.uint8))
    assert placed(dry_plan(config)) == [(1, "name"), (4, "name")]


def test_masks_of_stills_that_count_from_1_are_taken_in_order(clip: Path, tmp_path: Path) -> None:
    config = painted_as(tmp_path, clip, img00=0)
    mask = np.full((SIZE[1], SIZE[0], 3), 255, np.uint8)
    for index in range(FRAMES):
        write_png(tmp_path / "masks" / f"img{index + 1:02d}.png", mask)
    assert config.painting is not None
    painting = dataclasses.replace(config.painting, mask=str(tmp_path / "masks"))
    config = dataclasses.replace(config, painting=painting)
    plan = dry_plan(config)
    assert plan.painting is not None
    assert plan.painting.mask is not None
    assert plan.painting.mask.of(0).name == "img01.png"
    assert any("masks" in note and "in order" in note for note in plan_notes(config, plan))
    (tmp_path / "masks" / "img03.png").unlink()
    with pytest.raises(UsageError, match=r"no picture for 2 frames: img00\.png, img03\.png"):
        dry_plan(config)


def test_pictures_of_a_film_at_another_rate_find_what_they_show(tmp_path: Path) -> None:
    """Their numbers mean no frame, or another one; times in names do so too."""
    stills = [tmp_path / "clip" / "in" / f"img{n:02d}.png" for n in range(24)]
    for index, still in enumerate(stills):
        write_png(still, wide_frame(index))
    lossless = EncodingOptions("ffv1", 8)
    encode_film(stills, tmp_path / "clip" / "clip.mkv", fps=Fraction(10), encoding=lossless)
    keys = {"0051": 20, "0011": 4, "clip 00.00.01.500": 15}  # at 25 a second, from 1; seconds
    made = painted_as(tmp_path / "run", tmp_path / "clip", **keys)
    for key, shown in keys.items():
        few_colours = wide_frame(shown) // 64 * 64
        write_png(tmp_path / "run" / "painted" / f"{key}.png", few_colours)
    for config in (made, of_video(made)):
        plan = dry_plan(config)
        assert placed(plan) == [(20, "content"), (4, "content"), (15, "content")]
        notes = list(plan_notes(config, plan))
        assert any(note.startswith("NOTE: 0051.png shows frame 20") for note in notes)
    write_png(
        tmp_path / "run" / "painted" / "0051.png", np.full((SIZE[1], SIZE[0], 3), 9, np.uint8)
    )
    with pytest.raises(
        UsageError, match=r"0051 .* shows none of them clearly.*--key FRAME=PAINTED"
    ):
        dry_plan(made)
