"""Static regions are distinguished from slow motion, however noisy the flow is."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data
from scipy import ndimage

from batch_analogy.motion.flow.drift_correction import correct_drift
from batch_analogy.motion.flow.optical_flow import estimate_motion
from batch_analogy.motion.flow.photometry import brightness
from batch_analogy.motion.flow.sampling import Luma
from batch_analogy.motion.flow.static_regions import suppress_noise_flow

SIZE = (160, 220)
NOISE = 2 / 255


@pytest.fixture(scope="module")
def scene() -> Luma:
    photo = brightness(skimage.data.coffee().astype(np.float32) / 255)
    return np.asarray(ndimage.gaussian_filter(photo, 0.7), np.float32)


def view(scene: Luma, right: float, seed: int, noise: float = NOISE) -> Luma:
    """Return a frame with its own noise, from a camera moved this many pixels to the right."""
    rows, columns = np.mgrid[60 : 60 + SIZE[0], 150 : 150 + SIZE[1]]
    window = ndimage.map_coordinates(scene, [rows, columns + right], order=3)
    grain = np.random.default_rng(seed).normal(0, noise, SIZE)
    return np.asarray(np.rint(255 * (window + grain)).clip(0, 255) / 255, np.float32)


def test_flow_caused_by_noise_is_zeroed(scene: Luma) -> None:
    found = estimate_motion(view(scene, 0, 1), view(scene, 0, 2))
    assert np.hypot(*found.backward.transpose(2, 0, 1)).mean() > 0.02
    static = suppress_noise_flow(found)
    assert (static.backward == 0).all(axis=2).mean() > 0.95
    assert (static.forward == 0).all(axis=2).mean() > 0.95
    assert np.array_equal(static.confidence, found.confidence)


@pytest.mark.parametrize("noise", [0.0, NOISE])
@pytest.mark.parametrize("right", [0.15, 0.3, 4.0])
def test_motion_of_a_fraction_of_a_pixel_is_left_unchanged(
    scene: Luma, right: float, noise: float
) -> None:
    found = estimate_motion(view(scene, 0, 1, noise), view(scene, right, 2, noise))
    moving = suppress_noise_flow(found)
    assert np.array_equal(moving.backward, found.backward)
    assert np.array_equal(moving.forward, found.forward)


def test_a_change_of_brightness_is_static(scene: Luma) -> None:
    found = estimate_motion(view(scene, 0, 1), view(scene, 0, 2) * np.float32(0.9))
    assert (suppress_noise_flow(found).backward == 0).all(axis=2).mean() > 0.9


def test_an_object_moving_over_a_static_scene_keeps_its_motion(scene: Luma) -> None:
    before, now = view(scene, 0, 1), view(scene, 0, 2)
    box = view(scene[::-1].copy(), 0, 3)[40:100, 60:120]
    before[50:110, 60:120], now[50:110, 60:120] = box, np.roll(box, 1, axis=1)
    found = estimate_motion(before, now)
    partly_static = suppress_noise_flow(found)
    box_moved = np.s_[54:106, 64:116]
    np.testing.assert_allclose(
        partly_static.backward[box_moved], found.backward[box_moved], atol=0.05
    )
    assert (partly_static.backward[:, 190:] == 0).all(axis=2).mean() > 0.8


def test_slow_drift_is_followed_from_the_origin_anchor(scene: Luma) -> None:
    """Too slow to be detected from anchor to anchor, it is detected from the origin anchor."""
    frames = [view(scene, 0.03 * k, k) for k in range(11)]
    from_origin, went = None, [0.0]
    for k, frame in enumerate(frames[1:]):
        step, from_origin = correct_drift(from_origin, estimate_motion(frames[k], frame).refined())
        went.append(went[-1] + float(np.median(step.backward[40:-40, 40:-40, 0])))
    assert went[1] == 0.0
    assert from_origin is not None
    assert abs(went[-1] - float(np.median(from_origin.backward[40:-40, 40:-40, 0]))) < 0.05
    assert 0.25 < went[-1] < 0.45  # noise lengthens the flow by a third, not by half
