"""Painted runs: keyframes are kept and carried along motion, in any order of frames."""

from __future__ import annotations

import dataclasses
import json
import shutil
from pathlib import Path
from typing import Any

import cv2
import msgspec
import numpy as np
import pytest

from batch_analogy.cli.plan_text import plan_notes
from batch_analogy.config.painting import GuideFiles, PaintConfig, PaintedKeyframe
from batch_analogy.config.run import RunConfig
from batch_analogy.errors import InputError, JobError, PlanChangedError, UsageError
from batch_analogy.jobs.drive.keyframe_choice import MIN_SPACING_FRAMES, best_keyframes
from batch_analogy.jobs.drive.open_run import dry_plan, load_run, open_run
from batch_analogy.jobs.drive.suggest_keyframes import suggest_keyframes
from batch_analogy.jobs.plan.plan_file import read_plan
from batch_analogy.jobs.store import RunStore
from batch_analogy.media.stills import read_still, write_png
from tests.support.painted import (
    PAN,
    SIZE,
    camera_frame,
    keys,
    paint,
    painted_config,
    write_clip,
)
from tests.support.plans import plan as sample_plan
from tests.support.runs import frame_bytes, frame_identity, run_here, worked_on

FRAMES = 9
EVERY = 3
PLAIN = {"meaning": 0.0}  # the network has tests of its own


@pytest.fixture(scope="module")
def clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("clip")
    write_clip(root, FRAMES)
    keys(root, 1, 7)
    return root


def keyed(clip: Path, root: Path, *frames: int, **settings: Any) -> RunConfig:
    shutil.copytree(clip, root, dirs_exist_ok=True)
    painting = PaintConfig(keys=keys(root, *frames), **PLAIN)
    short = {"segment_frames": EVERY, "anchor_frames": EVERY}
    return painted_config(root, painting, **{**short, **settings})


def run(config: RunConfig) -> dict[str, bytes]:
    result = open_run(config).execute()
    assert (result.done, result.interrupted) == (result.total, False)
    return frame_bytes(config.run_dir)


def shown(config: RunConfig, index: int) -> np.ndarray[Any, Any]:
    return read_still(config.run_dir / "frames" / "b_prime" / f"{index:06d}.png")


@pytest.fixture(scope="module")
def whole(clip: Path, tmp_path_factory: pytest.TempPathFactory) -> RunConfig:
    config = keyed(clip, tmp_path_factory.mktemp("whole"), 1, 7)
    run(config)
    return config


def test_keyframes_are_shown_as_they_were_painted(whole: RunConfig) -> None:
    for index in (1, 7):
        np.testing.assert_array_equal(
            np.rint(shown(whole, index) * 255).astype(np.uint8), paint(camera_frame(index))
        )


def test_paint_moves_with_what_it_was_painted_on(whole: RunConfig) -> None:
    """The grain of the painting, which is in no frame, moves as the camera does."""
    for index, key in ((0, 1), (3, 1), (8, 7)):
        dx, dy = (round((key - index) * step) for step in PAN)
        inner = slice(16, SIZE[1] - 16), slice(16, SIZE[0] - 16)
        here = shown(whole, index)[inner]
        there = np.roll(paint(camera_frame(key)) / 255, (dy, dx), axis=(0, 1))[inner]
        still = paint(camera_frame(key))[inner] / 255
        assert np.abs(here - there).mean() < 0.01
        assert np.abs(here - still).mean() > 0.05


def test_order_and_interruptions_change_no_byte(
    clip: Path, tmp_path: Path, whole: RunConfig
) -> None:
    frames = frame_bytes(whole.run_dir)
    assert len(frames) == FRAMES
    config = keyed(clip, tmp_path, 1, 7, segment_frames=2)
    for few in ({4}, {8, 0}, {5, 6}):
        with open_run(config) as opened:
            opened.only(few).execute()
    state = config.run_dir / "state"
    sorted(state.glob("anchor-*"))[0].unlink()
    sorted(state.glob("anchor-*"))[-1].write_bytes(b"damaged")
    assert load_run(config.run_dir).execute().done == FRAMES
    assert frame_bytes(config.run_dir) == frames
    assert not state.exists()


def test_follows_a_pair_that_is_not_from_the_clip(clip: Path, tmp_path: Path) -> None:
    config = keyed(clip, tmp_path, 1)
    example = tmp_path / "example.png"
    write_png(example, camera_frame(4)[:48, :64])
    write_png(tmp_path / "made.png", 255 - camera_frame(4)[:48, :64])
    key = PaintedKeyframe(painted=str(tmp_path / "made.png"), example=str(example))
    painting = PaintConfig(keys=(key,), **PLAIN)
    config = dataclasses.replace(config, painting=painting, reference=Path(key.painted))
    frames = run(config)
    assert len(frames) == FRAMES
    wanted = 1.0 - camera_frame(4) / 255  # the example's colours, inverted, wherever they are
    assert np.abs(shown(config, 4) - wanted).mean() < 0.06


def maps_of(root: Path) -> RunConfig:
    """Write a map with two labels side by side, and a frame with one above the other."""
    labels = np.array([[230, 30, 30], [200, 60, 40]], np.uint8)  # similar, but not equal
    dark, light = (shade + np.arange(48) % 3 * 20 for shade in (20, 180))
    where = np.arange(48) >= 24
    seen = np.where(where, light, dark).astype(np.uint8)
    write_png(root / "map.png", np.tile(labels[where.astype(int)], (40, 1, 1)))
    write_png(root / "land.png", np.tile(seen[:, None].repeat(3, axis=1), (40, 1, 1)))
    write_png(root / "in" / "one.png", np.tile(labels[where.astype(int)][:, None], (1, 40, 1)))
    key = PaintedKeyframe(painted=str(root / "land.png"), example=str(root / "map.png"))
    return painted_config(root, PaintConfig.for_preset("numbers", keys=(key,)))


def test_texture_by_numbers(tmp_path: Path) -> None:
    (tmp_path / "in").mkdir()
    config = maps_of(tmp_path)
    run(config)
    made = shown(config, 0)
    assert made.shape == (48, 40, 3)
    assert float(np.mean(made[:24] < 0.3)) > 0.95
    assert float(np.mean(made[24:] > 0.6)) > 0.95


def test_refuses_a_photograph_as_a_label_map(clip: Path, tmp_path: Path) -> None:
    config = keyed(clip, tmp_path, 1)
    write_png(tmp_path / "photo.png", camera_frame(1))
    key = PaintedKeyframe(
        painted=str(tmp_path / "painted01.png"), example=str(tmp_path / "photo.png")
    )
    painting = PaintConfig.for_preset("numbers", keys=(key,))
    with pytest.raises(InputError, match=r"photo\.png: .* flat colours"):
        dry_plan(dataclasses.replace(config, painting=painting))


def test_settings_of_synthesis_change_the_result(clip: Path, tmp_path: Path) -> None:
    made = {}
    for number, settings in enumerate(({}, {"kappa": 3.0}, {"patch": 9}, {"uniformity": 0.0})):
        config = keyed(clip, tmp_path / str(number), 1, temporal="off")
        painting = PaintConfig(keys=keys(tmp_path / str(number), 1), **PLAIN, **settings)
        config = dataclasses.replace(config, painting=painting)
        with open_run(config) as opened:
            opened.only({5}).execute()
        made[number] = shown(config, 5).tobytes()
    assert len(set(made.values())) == 4


def test_paints_each_frame_by_itself(clip: Path, tmp_path: Path, whole: RunConfig) -> None:
    alone = keyed(clip, tmp_path, 1, 7, temporal="off")
    run(alone)
    np.testing.assert_array_equal(shown(alone, 7), shown(whole, 7))
    assert np.abs(shown(alone, 4) - shown(whole, 4)).mean() > 0.005


def test_the_frame_shows_through_transparent_paint_and_masks(clip: Path, tmp_path: Path) -> None:
    config = keyed(clip, tmp_path, 1, 7)
    left = np.zeros((SIZE[1], SIZE[0], 1), np.uint8)
    left[:, : SIZE[0] // 2] = 255
    pixels = np.concatenate([paint(camera_frame(1)), left], axis=2)
    cv2.imwrite(str(tmp_path / "painted01.png"), pixels[..., [2, 1, 0, 3]])
    upper = np.zeros((SIZE[1], SIZE[0], 3), np.uint8)
    upper[:28] = 255
    for index in range(FRAMES):
        write_png(tmp_path / "mask" / f"img{index:02d}.png", upper)
    assert config.painting is not None
    painting = dataclasses.replace(
        config.painting, keys=config.painting.keys[:1], mask=str(tmp_path / "mask")
    )
    config = dataclasses.replace(config, painting=painting)
    with open_run(config) as opened:
        opened.only({1, 2}).execute()
    frame, made = camera_frame(1) / 255, shown(config, 1)
    np.testing.assert_allclose(made[:, SIZE[0] // 2 :], frame[:, SIZE[0] // 2 :], atol=2e-2)
    np.testing.assert_allclose(made[28:], frame[28:], atol=2e-2)
    painted = paint(camera_frame(1))[:28, : SIZE[0] // 2] / 255
    np.testing.assert_allclose(made[:28, : SIZE[0] // 2], painted, atol=2e-2)
    still_there = camera_frame(2) / 255
    np.testing.assert_allclose(shown(config, 2)[:, -16:], still_there[:, -16:], atol=2e-2)


def repainted(config: RunConfig, *frames: int) -> RunConfig:
    """Return the same run with these keyframes."""
    assert config.painting is not None
    painted = dataclasses.replace(config.painting, keys=keys(Path(config.source).parent, *frames))
    return dataclasses.replace(config, painting=painted, reference=Path(painted.keys[0].painted))


def kept(before: dict[str, tuple[int, int]], after: dict[str, tuple[int, int]]) -> list[int]:
    """Return the frames whose file has not been rewritten."""
    return sorted(int(Path(name).stem) for name, mark in before.items() if after[name] == mark)


def test_a_new_keyframe_makes_again_only_the_frames_that_depend_on_it(
    clip: Path, tmp_path: Path, whole: RunConfig
) -> None:
    config = keyed(clip, tmp_path, 1)
    run_here(config)
    files = frame_identity(config.run_dir)
    more = repainted(config, 1, 7)
    _, events = run_here(more)
    assert worked_on(events) == [5, 6, 7, 8]
    assert kept(files, frame_identity(config.run_dir)) == [0, 1, 2, 3, 4]
    assert frame_bytes(more.run_dir) == frame_bytes(whole.run_dir), "as if both had been there"
    assert worked_on(run_here(more)[1]) == []


def test_a_keyframe_may_be_repainted_or_removed(
    clip: Path, tmp_path: Path, whole: RunConfig
) -> None:
    config = keyed(clip, tmp_path, 1, 7)
    run_here(config)
    write_png(tmp_path / "painted07.png", 255 - paint(camera_frame(7)))
    _, events = run_here(config)
    assert worked_on(events) == [5, 6, 7, 8]
    np.testing.assert_allclose(shown(config, 7), 1 - paint(camera_frame(7)) / 255, atol=1e-3)
    fewer = repainted(config, 1)
    assert worked_on(run_here(fewer)[1]) == [5, 6, 7, 8]
    alone = keyed(clip, tmp_path / "alone", 1)
    assert frame_bytes(fewer.run_dir) == run(alone)


def test_does_not_adopt_frames_of_an_earlier_keyframe(clip: Path, tmp_path: Path) -> None:
    """The driver died with frame 8 on the disk, and its keyframe has changed since."""
    config = keyed(clip, tmp_path, 1)
    run_here(config)
    store = RunStore(config.run_dir)
    lines = store.journal.read_text().splitlines(keepends=True)
    lost = [n for n, line in enumerate(lines) if json.loads(line).get("index") == 8]
    store.journal.write_text("".join(line for n, line in enumerate(lines) if n not in lost))
    assert worked_on(run_here(repainted(config, 1, 7))[1]) == [5, 6, 7, 8]


def test_a_new_keyframe_affects_only_the_nearest_independent_frames(
    clip: Path, tmp_path: Path
) -> None:
    config = keyed(clip, tmp_path, 1, temporal="off")
    with open_run(config) as opened:
        opened.only({0, 1, 3, 6, 8}).execute()
    with open_run(repainted(config, 1, 7)) as opened:
        assert opened.resume_state.done == {0, 1, 3}


def test_refuses_other_guides_or_pictures_in_the_same_run_folder(
    clip: Path, tmp_path: Path
) -> None:
    config = keyed(clip, tmp_path, 1)
    with open_run(config) as opened:
        opened.only({1}).execute()
    assert config.painting is not None
    white = np.full((SIZE[1], SIZE[0], 3), 255, np.uint8)
    write_png(tmp_path / "mask.png", white)
    masked = dataclasses.replace(config.painting, mask=str(tmp_path / "mask.png"))
    with pytest.raises(PlanChangedError, match="A, A', the guides or the mask have changed"):
        open_run(dataclasses.replace(config, painting=masked))


@pytest.mark.parametrize("frame", ["img99.png", "99", "nothing"])
def test_refuses_a_keyframe_of_a_frame_that_does_not_exist(
    clip: Path, tmp_path: Path, frame: str
) -> None:
    config = keyed(clip, tmp_path, 1)
    key = PaintedKeyframe(painted=str(tmp_path / "painted01.png"), frame=frame)
    config = dataclasses.replace(config, painting=PaintConfig(keys=(key,)))
    words = rf"keyframe {frame}.*is not a frame of.*9 frames are img00.png to"
    with pytest.raises(UsageError, match=words):
        dry_plan(config)


def test_refuses_painted_pictures_of_another_size(clip: Path, tmp_path: Path) -> None:
    config = keyed(clip, tmp_path, 1)
    write_png(tmp_path / "painted01.png", paint(camera_frame(1))[:40])
    with pytest.raises(InputError, match=r"72×40 px, but img01\.png.*is 72×56"):
        dry_plan(config)


def test_refuses_guides_that_are_missing_for_some_frames(clip: Path, tmp_path: Path) -> None:
    config = keyed(clip, tmp_path, 1)
    source, targets = tmp_path / "source.png", tmp_path / "targets"
    write_png(source, camera_frame(1))
    for index in range(FRAMES - 2):
        write_png(targets / f"img{index:02d}.png", camera_frame(index))
    guide = GuideFiles(source=str(source), target=str(targets), weight=2)
    assert config.painting is not None
    painting = dataclasses.replace(config.painting, guides=(guide,))
    with pytest.raises(UsageError, match=r"no picture for 2 frames: img07\.png, img08\.png"):
        dry_plan(dataclasses.replace(config, painting=painting))


def test_refuses_two_paintings_of_one_frame(clip: Path, tmp_path: Path) -> None:
    config = keyed(clip, tmp_path, 1)
    shutil.copy(tmp_path / "painted01.png", tmp_path / "again.png")
    twice = (*keys(tmp_path, 1), PaintedKeyframe(painted=str(tmp_path / "again.png"), frame="1"))
    with pytest.raises(UsageError, match="painted twice"):
        dry_plan(dataclasses.replace(config, painting=PaintConfig(keys=twice)))


def test_follows_guides_made_by_hand(clip: Path, tmp_path: Path) -> None:
    """With all other weights at 0, the guide alone decides the matches."""
    shutil.copytree(clip, tmp_path, dirs_exist_ok=True)
    columns = np.broadcast_to(np.arange(SIZE[0]) < SIZE[0] // 2, SIZE[::-1])
    sides = np.repeat(np.where(columns, 0, 255).astype(np.uint8)[..., None], 3, axis=2)
    write_png(tmp_path / "src.png", sides)
    write_png(tmp_path / "tgt.png", sides[:, ::-1])
    write_png(tmp_path / "made.png", sides // 2 + 60)
    key = PaintedKeyframe(
        painted=str(tmp_path / "made.png"), example=str(tmp_path / "in" / "img00.png")
    )
    guide = GuideFiles(source=str(tmp_path / "src.png"), target=str(tmp_path / "tgt.png"), weight=9)
    painting = PaintConfig(keys=(key,), guides=(guide,), colour=0, edges=0, meaning=0)
    config = painted_config(tmp_path, painting, temporal="off")
    with open_run(config) as opened:
        opened.only({3}).execute()
    made = shown(config, 3)
    assert made[:, : SIZE[0] // 2 - 4].mean() > 0.6
    assert made[:, SIZE[0] // 2 + 4 :].mean() < 0.35


def test_the_plan_stores_the_painted_pictures(whole: RunConfig) -> None:
    plan = read_plan(whole.run_dir / "plan.json")
    assert plan is not None
    assert plan.keyframes == {1: 0, 7: 1}
    assert plan.painting is not None
    assert Path(plan.painting.keys[1].painted.path).name == "painted07.png"


def test_suggests_the_keyframe_where_most_frames_fit_badly() -> None:
    plan = msgspec.structs.replace(sample_plan(60), anchor_frames=24)
    misfits = {i: 0.0 for i in range(60)} | {i: 0.5 for i in range(30, 50)} | {5: 0.9}
    best = best_keyframes(plan, misfits, 2)
    assert 36 <= best[0].index <= 43
    assert len(best) == 2
    assert abs(best[1].index - best[0].index) >= MIN_SPACING_FRAMES


def test_reports_a_shot_without_a_keyframe(clip: Path, tmp_path: Path) -> None:
    config = keyed(clip, tmp_path, 1, shots=(0, 6))
    plan = dry_plan(config)
    (text,) = [text for text in plan_notes(config, plan) if "WARNING" in text]
    assert "a cut separates frames 6-8 from every keyframe" in text
    frames = run(config)
    assert len(frames) == FRAMES
    wanted = paint(camera_frame(7)) / 255
    assert np.abs(shown(config, 7) - wanted).mean() < 0.2  # chosen by its content


def test_reports_transparency_of_a_but_not_of_the_painting(clip: Path, tmp_path: Path) -> None:
    config = keyed(clip, tmp_path, 1)
    half = np.full((SIZE[1], SIZE[0], 1), 255, np.uint8)
    half[:20] = 0
    cv2.imwrite(str(tmp_path / "a.png"), np.concatenate([camera_frame(1), half], axis=2))
    key = PaintedKeyframe(painted=config.painting.keys[0].painted, example=str(tmp_path / "a.png"))  # type: ignore[union-attr]
    config = dataclasses.replace(config, painting=PaintConfig(keys=(key,)))
    (text,) = [text for text in plan_notes(config, dry_plan(config)) if "WARNING" in text]
    assert "a.png has transparency" in text


def test_suggest_needs_a_painted_run(clip: Path, tmp_path: Path, whole: RunConfig) -> None:
    assert all(one.index not in (1, 7) for one in suggest_keyframes(whole.run_dir, 3))
    config = keyed(clip, tmp_path, 1)
    with open_run(config):
        pass
    with pytest.raises(JobError, match="no frame of the run"):
        suggest_keyframes(config.run_dir, 1)
