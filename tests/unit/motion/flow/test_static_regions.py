"""What stands is told from what creeps, whatever flow makes of the noise."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data
from scipy import ndimage

from batch_analogy.motion.flow.drift_correction import correct_drift
from batch_analogy.motion.flow.optical_flow import Luma, brightness, estimate_motion
from batch_analogy.motion.flow.static_regions import suppress_noise_flow

SIZE = (160, 220)
NOISE = 2 / 255


@pytest.fixture(scope="module")
def scene() -> Luma:
    photo = brightness(skimage.data.coffee().astype(np.float32) / 255)
    return np.asarray(ndimage.gaussian_filter(photo, 0.7), np.float32)


def view(scene: Luma, right: float, seed: int, noise: float = NOISE) -> Luma:
    """A frame with noise of its own; the camera has gone so many pixels to the right."""
    rows, columns = np.mgrid[60 : 60 + SIZE[0], 150 : 150 + SIZE[1]]
    seen = ndimage.map_coordinates(scene, [rows, columns + right], order=3)
    grain = np.random.default_rng(seed).normal(0, noise, SIZE)
    return np.asarray(np.rint(255 * (seen + grain)).clip(0, 255) / 255, np.float32)


def test_noise_does_not_move(scene: Luma) -> None:
    found = estimate_motion(view(scene, 0, 1), view(scene, 0, 2))
    assert np.hypot(*found.backward.transpose(2, 0, 1)).mean() > 0.02
    stands = suppress_noise_flow(found)
    assert (stands.backward == 0).all(axis=2).mean() > 0.95
    assert (stands.forward == 0).all(axis=2).mean() > 0.95
    assert np.array_equal(stands.confidence, found.confidence)


@pytest.mark.parametrize("noise", [0.0, NOISE])
@pytest.mark.parametrize("right", [0.15, 0.3, 4.0])
def test_what_moves_by_a_part_of_a_pixel_is_left_alone(
    scene: Luma, right: float, noise: float
) -> None:
    found = estimate_motion(view(scene, 0, 1, noise), view(scene, right, 2, noise))
    moves = suppress_noise_flow(found)
    assert np.array_equal(moves.backward, found.backward)
    assert np.array_equal(moves.forward, found.forward)


def test_a_brighter_frame_stands_as_well(scene: Luma) -> None:
    found = estimate_motion(view(scene, 0, 1), view(scene, 0, 2) * np.float32(0.9))
    assert (suppress_noise_flow(found).backward == 0).all(axis=2).mean() > 0.9


def test_what_moves_before_what_stands_goes_on(scene: Luma) -> None:
    before, now = view(scene, 0, 1), view(scene, 0, 2)
    thing = view(scene[::-1].copy(), 0, 3)[40:100, 60:120]
    before[50:110, 60:120], now[50:110, 60:120] = thing, np.roll(thing, 1, axis=1)
    found = estimate_motion(before, now)
    half = suppress_noise_flow(found)
    thing_moved = np.s_[54:106, 64:116]
    np.testing.assert_allclose(half.backward[thing_moved], found.backward[thing_moved], atol=0.05)
    assert (half.backward[:, 190:] == 0).all(axis=2).mean() > 0.8


def test_what_creeps_is_let_go_in_time(scene: Luma) -> None:
    """From anchor to anchor by less than can be seen: from the root it is seen."""
    frames = [view(scene, 0.03 * k, k) for k in range(11)]
    from_origin, went = None, [0.0]
    for k, frame in enumerate(frames[1:]):
        step, from_origin = correct_drift(from_origin, estimate_motion(frames[k], frame).refined())
        went.append(went[-1] + float(np.median(step.backward[40:-40, 40:-40, 0])))
    assert went[1] == 0.0
    assert from_origin is not None
    assert abs(went[-1] - float(np.median(from_origin.backward[40:-40, 40:-40, 0]))) < 0.05
    assert 0.25 < went[-1] < 0.45  # flow in noise goes too far by a third, not by half
