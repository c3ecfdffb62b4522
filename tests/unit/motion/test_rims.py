"""Motion up to the rims: a square that moves over a still scene, both of them with texture."""

from __future__ import annotations

import cv2
import numba
import numpy as np
import pytest
from numpy.typing import NDArray

from batch_analogy.motion.flow import Motion, brightness, motion_between
from batch_analogy.motion.rims import sharpened

SIZE = (96, 128)
SQUARE = slice(30, 66)  # rows, and columns in the earlier frame
STEP = 5  # pixels to the right


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
    return motion_between(brightness(frame(0)), brightness(frame(STEP)))


def on_square() -> NDArray[np.bool_]:
    mask = np.zeros(SIZE, np.bool_)
    mask[SQUARE, SQUARE.start + STEP : SQUARE.stop + STEP] = True
    return mask


def wrong(motion: Motion) -> NDArray[np.bool_]:
    """Pixels whose flow is more than half a pixel off."""
    truth = np.where(on_square(), np.float32(-STEP), np.float32(0.0))
    return np.hypot(motion.back[..., 0] - truth, motion.back[..., 1]) > 0.5


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
    sharp = sharpened(motion, frame(STEP))
    assert wrong(motion)[rim()].mean() > 0.3, "else there is nothing to mend"
    assert wrong(sharp)[rim()].mean() < 0.05
    assert (motion.sure[rim()] > 0.5).mean() < 0.6
    assert (sharp.sure[rim()] > 0.5).mean() > 0.9


def test_what_has_just_come_into_view_is_not_believed(motion: Motion) -> None:
    sharp = sharpened(motion, frame(STEP))
    assert (sharp.sure[new()] > 0.5).mean() < 0.15
    untouched = cv2.dilate(on_square().astype(np.uint8), np.ones((61, 61), np.uint8)) == 0
    np.testing.assert_array_equal(sharp.sure[untouched], motion.sure[untouched])


def test_frames_that_are_equal_have_no_rims() -> None:
    grey = brightness(frame(0))
    still = motion_between(grey, grey)
    assert sharpened(still, frame(0)) is still


def test_a_large_frame_may_be_all_rims() -> None:
    """More pixels than OpenCV reads in one row."""
    draw = np.random.default_rng(5)
    now = draw.random((200, 260, 3), np.float32)
    unlike = motion_between(draw.random((200, 260), np.float32), brightness(now))
    sharp = sharpened(unlike, now)
    assert sharp.sure.shape == (200, 260)
    assert (sharp.sure > 0.5).mean() < 0.2


def test_threads_change_no_bit(motion: Motion) -> None:
    many = sharpened(motion, frame(STEP))
    threads = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        one = sharpened(motion, frame(STEP))
    finally:
        numba.set_num_threads(threads)
    np.testing.assert_array_equal(one.back, many.back)
    np.testing.assert_array_equal(one.sure, many.sure)
