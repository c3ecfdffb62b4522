"""Anchors of a painted run are loaded whole, or not at all."""

from __future__ import annotations

import itertools
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from safetensors import safe_open
from safetensors.torch import load_file, save_file

from batch_analogy.analogy.nnf import initial_position
from batch_analogy.config.matching import AnalogyConfig
from batch_analogy.config.painting import PaintConfig, PaintedKeyframe
from batch_analogy.jobs.store import RunStore
from batch_analogy.jobs.work.anchor_cache import AnchorCache
from batch_analogy.jobs.work.painted_frames import PAINTED_FORMAT
from batch_analogy.motion.flow.optical_flow import estimate_motion
from batch_analogy.motion.temporal.painter import KeyframePainter, PaintedState
from batch_analogy.motion.temporal.painting_synthesis import (
    ExtraChannels,
    Painting,
    PaintingSynthesiser,
)

SIZE = (96, 128)
STEP = 0.3  # pixels to the left from frame to frame
FRAMES = 7
HALF = FRAMES // 2


def frame(number: int) -> torch.Tensor:
    """Return a frame (1, 3, H, W) of a texture that moves by fractions of a pixel."""
    noise = np.random.default_rng(3).random((SIZE[0], SIZE[1] + 8, 3), np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 2.0)
    soft = (soft - soft.min()) / (soft.max() - soft.min())
    shift = np.array([[1, 0, -STEP * number], [0, 1, 0]], np.float32)
    moved = cv2.warpAffine(soft, shift, soft.shape[1::-1], flags=cv2.INTER_CUBIC)
    return torch.from_numpy(moved[:, : SIZE[1]].clip(0, 1).transpose(2, 0, 1).copy())[None]


def anchors() -> tuple[PaintedState, PaintedState, NDArray[np.float32]]:
    """Return two anchors after a keyframe, and the displacement of the second one's matches."""
    first = frame(0)
    painting = Painting(first, torch.cat([first, torch.ones_like(first[:, :1])], dim=1))
    keys = (PaintedKeyframe(painted="p.png", frame="0"),)
    paint = PaintConfig(keys=keys, meaning=0.0)
    painter = KeyframePainter(
        PaintingSynthesiser(None, AnalogyConfig(), paint, lambda key: painting, ExtraChannels())
    )
    greys = [painter.motion_luma(frame(number)) for number in range(FRAMES)]
    motions = [estimate_motion(a, b) for a, b in itertools.pairwise(greys)]
    key = painter.begin(first, 0, painted=True)
    one = painter.anchor(key, motions[:HALF], frame(HALF))
    two = painter.anchor(one, motions[HALF:], frame(FRAMES - 1))
    moved = two.field[:, :2] - initial_position(SIZE, SIZE)
    return one, two, moved[0, 1, 16:-16, 16:-16].numpy()


def test_anchors_do_not_drift_from_their_origin() -> None:
    one, two, moved = anchors()
    assert one.from_origin is not None
    assert two.from_origin is not None
    off_px = 0.04 + 1 / 64  # errors of an origin anchor and of OpenCV's shifts
    assert abs(float(moved.mean()) - STEP * (FRAMES - 1)) < off_px
    scale = SIZE[1] / two.from_origin.backward.shape[1]
    since = np.median(two.from_origin.backward[..., 0]) * scale
    assert abs(float(since) - float(moved.mean())) < 0.02, "the motion agrees with the matches"


def test_loads_an_anchor_as_it_was_saved(tmp_path: Path) -> None:
    _, two, _ = anchors()
    kept = AnchorCache(RunStore(tmp_path), "plan", "cpu", PAINTED_FORMAT)
    kept.save(3, two)
    found = kept.load(3)
    assert found is not None
    assert (found.digest, found.key) == (two.digest, two.key)
    torch.testing.assert_close(found.field, two.field, rtol=0, atol=0)
    torch.testing.assert_close(found.cost, two.cost, rtol=0, atol=0)
    np.testing.assert_array_equal(found.colours, two.colours)
    assert found.from_origin is not None
    assert two.from_origin is not None
    np.testing.assert_array_equal(found.from_origin.backward, two.from_origin.backward)
    np.testing.assert_array_equal(
        found.from_origin.confidence_before, two.from_origin.confidence_before
    )


def test_deletes_an_anchor_of_another_version(tmp_path: Path) -> None:
    """An earlier version wrote it without a tensor that this one needs."""
    _, two, _ = anchors()
    store = RunStore(tmp_path)
    kept = AnchorCache(store, "plan", "cpu", PAINTED_FORMAT)
    kept.save(3, two)
    path = store.anchor(3, 0)
    tensors = {name: value for name, value in load_file(path).items() if name != "colours"}
    with safe_open(path, framework="pt") as file:
        facts = file.metadata()
    save_file(tensors, path, facts)
    assert kept.load(3) is None
    assert not path.exists()
