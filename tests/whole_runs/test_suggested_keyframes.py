"""A suggested keyframe improves the film: something comes into view after the first one."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import cv2
import numpy as np
import skimage.data

from batch_analogy.config.painting import PaintConfig, PaintedKeyframe
from batch_analogy.config.run import RunConfig
from batch_analogy.jobs.drive.open_run import open_run
from batch_analogy.jobs.drive.suggest_keyframes import suggest_keyframes
from batch_analogy.media.stills import read_still, write_png
from tests.support.painted import SIZE, Picture, camera_frame, paint, painted_config

FRAMES = 16
COMES, STOPS = 5, 13  # frames in which a disc moves into the picture


def frame(index: int) -> Picture:
    """Return a frame of a still scene on which a cup appears after a while."""
    picture = camera_frame(0).copy()
    x = SIZE[0] + 14 - 4 * (min(index, STOPS) - COMES)
    cup = np.roll(skimage.data.coffee()[100:156, 200:272], x - SIZE[0] // 2, axis=1)
    disc = cv2.circle(np.zeros(picture.shape[:2], np.uint8), (x, 28), 14, 1, -1)
    picture[disc > 0] = cup[disc > 0]
    return picture


def with_keys(root: Path, *frames: int) -> RunConfig:
    for index in frames:
        write_png(root / f"painted{index:02d}.png", paint(frame(index)))
    keys = tuple(
        PaintedKeyframe(painted=str(root / f"painted{index:02d}.png"), frame=f"img{index:02d}.png")
        for index in frames
    )
    config = painted_config(root, PaintConfig(keys=keys, meaning=0.0))
    return dataclasses.replace(config, run_dir=root / f"of-{len(frames)}-{frames[-1]}.run")


def error(config: RunConfig) -> float:
    """Return the difference of all frames from what the painter would have made of them."""
    assert open_run(config, overwrite=True).execute().done == FRAMES
    frames = config.run_dir / "frames" / "b_prime"
    return sum(
        float(np.square(read_still(frames / f"{k:06d}.png") - paint(frame(k)) / 255).mean())
        for k in range(FRAMES)
    )


def test_painting_the_suggested_frame_improves_most(tmp_path: Path) -> None:
    for index in range(FRAMES):
        write_png(tmp_path / "in" / f"img{index:02d}.png", frame(index))
    alone = with_keys(tmp_path, 0)
    unmended = error(alone)
    best = suggest_keyframes(alone.run_dir, 1)[0].index
    assert best > COMES + 2, "most of the cup is seen"
    mended = error(with_keys(tmp_path, 0, best))
    assert mended < 0.8 * unmended
    assert mended < error(with_keys(tmp_path, 0, COMES + 4)), "too early, though nearer"
    assert mended < 1.2 * error(with_keys(tmp_path, 0, FRAMES - 1)), "as good as any"


def test_suggests_nothing_if_everything_is_painted(tmp_path: Path) -> None:
    for index in range(4):
        write_png(tmp_path / "in" / f"img{index:02d}.png", frame(0))
    config = with_keys(tmp_path, 0)
    with open_run(config) as opened:
        opened.only({0, 2}).execute()
    assert suggest_keyframes(config.run_dir, 3) == []
