"""Motion up to the rims: a square that moves over a still scene, both of them with texture."""

from __future__ import annotations

import cv2
import numba
import numpy as np
import pytest
from numpy.typing import NDArray

from batch_analogy.motion.flow.motion_boundaries import sharpen_boundaries
from batch_analogy.motion.flow.optical_flow import Motion, brightness, estimate_motion

SIZE = (96, 128)
SQUARE = slice(30, 66)  # rows, and columns in the earlier frame
STEP = 5  # pixels to the right
RED, GREEN = (0.35, -0.15, -0.145), (-0.15, 0.08, -0.019)  # of equal brightness


def texture(seed: int, low: float, high: float) -> NDArray[np.float32]:
    noise = np.random.default_rng(seed).random((*SIZE, 3), np.float32)
    soft = cv2.GaussianBlur(noise, (0, 0), 1.5)
    soft = (soft - soft.min()) / (soft.max() - soft.min())
    return np.asarray(low + (high - low) * soft, np.float32)


def frame(shift: int) -> NDArray[np.float32]:
    picture = texture(1, 0.0, 0.5)
    columns = slice(SQUARE.start + shift, SQUARE.stop + shift)
    picture[SQUARE, columns] = texture(2, 0.6, 1.0)[SQUARE, SQUARE]
    return picture


@pytest.fixture(scope="module")
def motion() -> Motion:
    return estimate_motion(brightness(frame(0)), brightness(frame(STEP)))


def on_square() -> NDArray[np.bool_]:
    mask = np.zeros(SIZE, np.bool_)
    mask[SQUARE, SQUARE.start + STEP : SQUARE.stop + STEP] = True
    return mask


def wrong(motion: Motion) -> NDArray[np.bool_]:
    """Pixels whose flow is more than half a pixel off."""
    truth = np.where(on_square(), np.float32(-STEP), np.float32(0.0))
    return np.hypot(motion.backward[..., 0] - truth, motion.backward[..., 1]) > 0.5


def rim() -> NDArray[np.bool_]:
    """Four pixels to either side of where the square ends; not what has just come into view."""
    mask = on_square().astype(np.uint8)
    window = np.ones((9, 9), np.uint8)
    near = (cv2.dilate(mask, window) - cv2.erode(mask, window)).astype(bool)
    return near & ~new()


def new() -> NDArray[np.bool_]:
    """What the square hid in the earlier frame."""
    mask = np.zeros(SIZE, np.bool_)
    mask[SQUARE, SQUARE.start : SQUARE.start + STEP] = True
    return mask


def test_flow_is_right_up_to_the_rim(motion: Motion) -> None:
    sharp = sharpen_boundaries(motion, frame(STEP), frame(0))
    assert wrong(motion)[rim()].mean() > 0.3, "else there is nothing to mend"
    assert wrong(sharp)[rim()].mean() < 0.05
    assert (motion.confidence[rim()] > 0.5).mean() < 0.6
    assert (sharp.confidence[rim()] > 0.5).mean() > 0.9


def test_what_has_just_come_into_view_is_not_believed(motion: Motion) -> None:
    sharp = sharpen_boundaries(motion, frame(STEP), frame(0))
    assert (sharp.confidence[new()] > 0.5).mean() < 0.15
    untouched = cv2.dilate(on_square().astype(np.uint8), np.ones((61, 61), np.uint8)) == 0
    np.testing.assert_array_equal(sharp.confidence[untouched], motion.confidence[untouched])


def test_what_hid_a_place_is_told_by_its_colour_where_it_was_as_bright() -> None:
    """A red square flies over a green scene and is as bright; what it hid is not seen before."""
    light = texture(1, 0.3, 0.4).mean(axis=2)
    red, green = (np.stack([light + by for by in tint], axis=2) for tint in (RED, GREEN))
    before, now = green.copy(), green.astype(np.float32)
    before[SQUARE, SQUARE] = red[SQUARE, SQUARE]
    before = before.astype(np.float32)
    flow, confidence = np.zeros((*SIZE, 2), np.float32), np.ones(SIZE, np.float32)
    believed = Motion(brightness(before), brightness(now), flow, flow, confidence, confidence)
    sharp = sharpen_boundaries(believed, now, before)
    hidden = np.zeros(SIZE, np.bool_)
    hidden[SQUARE, SQUARE] = True
    assert np.abs(believed.before - believed.now).max() < 1e-3, "else brightness would tell"
    assert (sharp.confidence[hidden] > 0.5).mean() < 0.01
    assert (sharp.confidence[~hidden] > 0.5).mean() > 0.9


def test_a_change_of_light_or_of_its_colour_hides_nothing() -> None:
    before = texture(1, 0.2, 0.6)
    now = before * np.array([0.85, 0.8, 0.72], np.float32)
    sharp = sharpen_boundaries(estimate_motion(brightness(before), brightness(now)), now, before)
    assert (sharp.confidence > 0.5).mean() > 0.95


def test_frames_that_are_equal_have_no_rims() -> None:
    grey = brightness(frame(0))
    still = estimate_motion(grey, grey)
    assert sharpen_boundaries(still, frame(0), frame(0)) is still


def test_a_large_frame_may_be_all_rims() -> None:
    """More pixels than OpenCV reads in one row."""
    draw = np.random.default_rng(5)
    now = draw.random((200, 260, 3), np.float32)
    before = draw.random((200, 260, 3), np.float32)
    unlike = estimate_motion(brightness(before), brightness(now))
    sharp = sharpen_boundaries(unlike, now, before)
    assert sharp.confidence.shape == (200, 260)
    assert (sharp.confidence > 0.5).mean() < 0.2


def test_threads_change_no_bit(motion: Motion) -> None:
    many = sharpen_boundaries(motion, frame(STEP), frame(0))
    threads = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        one = sharpen_boundaries(motion, frame(STEP), frame(0))
    finally:
        numba.set_num_threads(threads)
    np.testing.assert_array_equal(one.backward, many.backward)
    np.testing.assert_array_equal(one.confidence, many.confidence)
