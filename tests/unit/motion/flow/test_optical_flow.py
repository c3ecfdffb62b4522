"""Motion between frames: known motion is found, occluded and new regions are not trusted."""

from __future__ import annotations

import functools
import itertools
import threading

import cv2
import numpy as np
import pytest
import skimage.data

from batch_analogy.motion.flow.optical_flow import (
    Motion,
    estimate_motion,
    forward_backward_consistent,
)
from batch_analogy.motion.flow.photometry import brightness
from batch_analogy.motion.flow.sampling import Luma

SIZE = (120, 160)


@pytest.fixture(scope="module")
def cat() -> Luma:
    return brightness(skimage.data.chelsea().astype(np.float32) / 255)


def view(picture: Luma, right: float, down: float) -> Luma:
    """Return a window of a picture; its content moves left as the window moves right."""
    matrix = np.float32([[0.6, 0, -40 - right], [0, 0.6, -20 - down]])
    window = cv2.warpAffine(picture, matrix, SIZE[::-1], flags=cv2.INTER_AREA)
    return np.asarray(window, np.float32)


@pytest.mark.parametrize(("right", "down"), [(4.0, -2.0), (0.3, 0.1)])
def test_finds_a_pan_to_a_fraction_of_a_pixel(cat: Luma, right: float, down: float) -> None:
    motion = estimate_motion(view(cat, 0, 0), view(cat, right, down))
    inner = motion.backward[12:-12, 12:-12]
    error = np.hypot(inner[..., 0] - right, inner[..., 1] - down)
    assert np.median(error) < 0.1
    assert np.median(motion.confidence[12:-12, 12:-12]) > 0.9


def test_equal_frames_have_no_motion_and_full_confidence(cat: Luma) -> None:
    motion = estimate_motion(cat, cat.copy())
    assert not motion.backward.any()
    assert not motion.forward.any()
    assert motion.confidence.min() == 1.0


def test_a_change_of_exposure_does_not_lower_confidence(cat: Luma) -> None:
    motion = estimate_motion(view(cat, 0, 0), view(cat, 2, 1) * np.float32(0.7))
    assert np.median(motion.confidence) > 0.8


def test_a_bright_region_that_enters_the_frame_is_not_a_change_of_exposure(cat: Luma) -> None:
    """A long pan from a dark into a bright scene: the part visible in both frames is the same."""
    scene = np.concatenate([cat * np.float32(0.4), 0.6 + 0.4 * cat], axis=1)
    frames = [view(scene, 100 + 6 * k, 0) for k in range(11)]
    steps = [estimate_motion(*pair) for pair in itertools.pairwise(frames)]
    whole = steps[0]
    for step in steps[1:]:
        whole = whole.then(step)
    visible = np.s_[15:-15, 15:-75]
    assert np.median(np.abs(whole.backward[visible] - [60, 0])) < 0.1
    assert (whole.confidence[visible] > 0.5).mean() > 0.95


def test_refining_a_long_motion_lowers_its_error(cat: Luma) -> None:
    first, last = view(cat, 0, 0), view(cat, 7.3, -2.4)
    found = estimate_motion(first, last)
    refined = found.refined()
    visible = np.s_[12:-12, 12:-12]
    before, after = (np.median(np.abs(m.backward[visible] - [7.3, -2.4])) for m in (found, refined))
    assert after < 0.75 * before
    assert refined.confidence[visible].mean() > found.confidence[visible].mean() - 0.01


def test_refining_does_not_depend_on_the_number_of_threads(cat: Luma) -> None:
    found = estimate_motion(view(cat, 0, 0), view(cat, 3.4, 1.2))
    threads = cv2.getNumThreads()
    try:
        flows = []
        for number in (1, 2, 3):
            cv2.setNumThreads(number)
            flows.append(found.refined().backward)
    finally:
        cv2.setNumThreads(threads)
    np.testing.assert_array_equal(flows[0], flows[1])
    np.testing.assert_array_equal(flows[0], flows[2])


def test_regions_that_enter_the_frame_are_not_trusted(cat: Luma) -> None:
    motion = estimate_motion(view(cat, 0, 0), view(cat, 12, 0))
    assert motion.confidence[:, -10:].max() < 0.5  # it was outside
    assert np.median(motion.confidence[:, 20:-30]) > 0.8


def test_regions_uncovered_by_a_moving_object_are_not_trusted(cat: Luma) -> None:
    before, now = view(cat, 0, 0), view(cat, 0, 0)
    box = np.tile(np.float32([0.05, 0.95]), (40, 15))
    before[40:80, 40:70], now[40:80, 55:85] = box, box
    motion = estimate_motion(before, now)
    assert motion.confidence[45:75, 42:52].mean() < 0.3
    assert motion.confidence[:30].mean() > 0.8


def test_flows_that_disagree_or_leave_the_frame_are_inconsistent() -> None:
    there = np.zeros((8, 10, 2), np.float32)
    there[..., 0] = 2.0
    backward = np.zeros((8, 10, 2), np.float32)
    backward[..., 0] = -2.0
    assert forward_backward_consistent(there, backward)[:, :8].all()
    assert not forward_backward_consistent(there, backward)[
        :, 8:
    ].any()  # it leads out of the frame
    assert not forward_backward_consistent(there, there).any()


def test_frames_smaller_than_dis_needs_are_padded(cat: Luma) -> None:
    motion = estimate_motion(cat[:20, :40], cat[1:21, :40])
    assert motion.backward.shape == (20, 40, 2)


def test_repeated_calls_start_no_new_threads(cat: Luma) -> None:
    estimate_motion(view(cat, 0, 0), view(cat, 2, 1))
    threads = {thread.ident for thread in threading.enumerate()}
    for _ in range(3):
        estimate_motion(view(cat, 0, 0), view(cat, 2, 1))
    assert {thread.ident for thread in threading.enumerate()} == threads


def test_global_light_change_ignores_motion_and_noise(cat: Luma) -> None:
    noise = np.random.default_rng(5).normal(0, 2 / 255, SIZE).astype(np.float32)
    moved, brighter = view(cat, 5, 2) + noise, view(cat, 5, 2) * np.float32(1.15)
    assert estimate_motion(view(cat, 0, 0), moved).global_light_change() < 0.005
    assert estimate_motion(view(cat, 0, 0), brighter).global_light_change() > 0.04
    assert estimate_motion(cat, cat).global_light_change() == 0.0


def test_local_light_change_finds_light_that_moves_across_the_frame(cat: Luma) -> None:
    noise = np.random.default_rng(5).normal(0, 2 / 255, SIZE).astype(np.float32)
    slope = np.linspace(-0.08, 0.08, SIZE[1], dtype=np.float32)
    tilted = estimate_motion(view(cat, 0, 0), view(cat, 5, 2) + noise + slope)
    assert tilted.global_light_change() < 0.02
    here = tilted.local_light_change()
    assert abs(float(here[20:-20, 10:25].mean()) - 0.07) < 0.02
    assert abs(float(here[20:-20, 75:85].mean())) < 0.02
    assert (
        estimate_motion(view(cat, 0, 0), view(cat, 5, 2) + noise).local_light_change().max() < 0.006
    )


def test_a_vignette_does_not_lower_confidence(cat: Luma) -> None:
    rows, columns = np.mgrid[: SIZE[0], : SIZE[1]].astype(np.float32)
    away = np.hypot(rows / SIZE[0] - 0.5, columns / SIZE[1] - 0.5)
    lens = (1 - 0.9 * away).clip(0.05)
    frames = [view(cat, 6 * k, 2 * k) * lens for k in range(6)]
    steps = [estimate_motion(*pair) for pair in itertools.pairwise(frames)]
    motion = functools.reduce(Motion.then, steps)
    assert (motion.confidence[15:-15, 15:-45] > 0.5).mean() > 0.9
    other = estimate_motion(view(cat, 0, 0), view(cat, 0, 0)[::-1].copy())
    assert (other.confidence > 0.5).mean() < 0.05  # a different scene is still not trusted
