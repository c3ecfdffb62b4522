"""Cut detection: every cut is found, and nothing else is taken for one."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import skimage.data

from batch_analogy.colour import to_linear, to_srgb
from batch_analogy.motion.shots.cuts import find_cuts
from batch_analogy.motion.shots.frame_stats import FrameStats, compute_frame_stats

HEIGHT, WIDTH = 90, 160


def photo(name: str) -> np.ndarray:
    return getattr(skimage.data, name)()[..., :3].astype(np.float32) / 255


def shot(
    name: str, count: int, *, speed: float = 2.0, ev: list[float] | None = None
) -> list[FrameStats]:
    """A camera that pans over a photograph, ``speed`` px a frame, each at its exposure."""
    picture, stats = photo(name), []
    rng = np.random.default_rng(0)
    for k in range(count):
        view = np.array([[1.5, 0, 20 + speed * k], [0, 1.5, 10 + 0.5 * speed * k]])
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        frame = cv2.warpAffine(
            picture, view, (WIDTH, HEIGHT), flags=flags, borderMode=cv2.BORDER_REFLECT_101
        )
        light = np.clip(to_linear(frame) * 2.0 ** (ev[k] if ev else 0.0), 0, 1)
        noisy = to_srgb(light.astype(np.float32)) + rng.normal(0, 2 / 255, frame.shape)
        stats.append(compute_frame_stats(np.clip(noisy, 0, 1).astype(np.float32)))
    return stats


def test_cuts_are_found_to_the_frame() -> None:
    stats = [*shot("astronaut", 12), *shot("coffee", 9), *shot("chelsea", 15), *shot("rocket", 8)]
    assert find_cuts(stats) == [12, 21, 36]


@pytest.mark.parametrize("change", [-1.0, 1.0])
def test_a_step_in_exposure_is_not_a_cut(change: float) -> None:
    for name in ("astronaut", "coffee", "rocket"):
        assert find_cuts(shot(name, 20, ev=[0.0] * 10 + [change] * 10)) == []


@pytest.mark.parametrize("frames", [1, 2])
def test_a_flash_is_not_a_cut(frames: int) -> None:
    ev = [0.0] * 10 + [4.0] * frames + [0.0] * 8
    assert find_cuts(shot("coffee", len(ev), ev=ev)) == []


def test_a_ramp_to_night_is_not_a_cut() -> None:
    assert find_cuts(shot("chelsea", 40, speed=0.0, ev=list(np.linspace(0, -7, 40)))) == []


def test_a_fast_pan_is_not_a_cut() -> None:
    assert find_cuts(shot("astronaut", 15, speed=12.0)) == []


def test_black_frames_make_one_cut_between_scenes_and_none_within_a_scene() -> None:
    fade = [*np.linspace(0, -6, 8), *[-14.0] * 4, *np.linspace(-6, 0, 8)]
    first, second = shot("coffee", 20, speed=0, ev=fade), shot("astronaut", 20, speed=0, ev=fade)
    assert find_cuts(first) == []
    parted = find_cuts([*first[:10], *second[10:]])
    assert len(parted) == 1
    assert 6 <= parted[0] <= 13


def test_unreadable_frames_neither_hide_nor_cause_a_cut() -> None:
    stats: list[FrameStats | None] = [*shot("astronaut", 10), *shot("coffee", 10)]
    stats[4] = stats[15] = None
    assert find_cuts(stats) == [10]
    assert find_cuts([None] * 5) == []
    assert find_cuts(stats[:1]) == []


@pytest.mark.parametrize("frames", [2, 3, 4])
def test_a_few_frames_far_apart_are_one_shot(frames: int) -> None:
    assert find_cuts(shot("astronaut", frames, speed=25.0)) == []


def test_unrelated_pictures_are_one_shot() -> None:
    """No change stands out if every frame is a different scene, as ``--help`` says."""
    names = ["astronaut", "coffee", "chelsea", "rocket"]
    assert find_cuts([shot(names[k % 4], 1)[0] for k in range(16)]) == []
