"""Flow at motion boundaries: a textured square moves over a static textured scene."""

from __future__ import annotations

import cv2
import numba
import numpy as np
import pytest
from numpy.typing import NDArray

from batch_analogy.motion.flow.motion_boundaries import cpu, reference, sharpen_boundaries
from batch_analogy.motion.flow.optical_flow import Motion, estimate_motion
from batch_analogy.motion.flow.photometry import brightness

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
    """Select pixels whose flow is wrong by more than half a pixel."""
    truth = np.where(on_square(), np.float32(-STEP), np.float32(0.0))
    return np.hypot(motion.backward[..., 0] - truth, motion.backward[..., 1]) > 0.5


def boundary() -> NDArray[np.bool_]:
    """Select four pixels on either side of the outline, except those just uncovered."""
    mask = on_square().astype(np.uint8)
    window = np.ones((9, 9), np.uint8)
    near = (cv2.dilate(mask, window) - cv2.erode(mask, window)).astype(bool)
    return near & ~uncovered()


def uncovered() -> NDArray[np.bool_]:
    """Select the pixels that the square hid in the earlier frame."""
    mask = np.zeros(SIZE, np.bool_)
    mask[SQUARE, SQUARE.start : SQUARE.start + STEP] = True
    return mask


def test_flow_is_right_up_to_the_boundary(motion: Motion) -> None:
    sharp = sharpen_boundaries(motion, frame(STEP), frame(0))
    assert wrong(motion)[boundary()].mean() > 0.3, "else there is nothing to correct"
    assert wrong(sharp)[boundary()].mean() < 0.05
    assert (motion.confidence[boundary()] > 0.5).mean() < 0.6
    assert (sharp.confidence[boundary()] > 0.5).mean() > 0.9


def test_uncovered_regions_are_not_trusted(motion: Motion) -> None:
    sharp = sharpen_boundaries(motion, frame(STEP), frame(0))
    assert (sharp.confidence[uncovered()] > 0.5).mean() < 0.15
    untouched = cv2.dilate(on_square().astype(np.uint8), np.ones((61, 61), np.uint8)) == 0
    np.testing.assert_array_equal(sharp.confidence[untouched], motion.confidence[untouched])


def test_a_hidden_region_is_recognised_by_colour_alone() -> None:
    """A red square moves over a green scene of the same luma; what it hid is new."""
    light = texture(1, 0.3, 0.4).mean(axis=2)
    red, green = (np.stack([light + by for by in tint], axis=2) for tint in (RED, GREEN))
    before, now = green.copy(), green.astype(np.float32)
    before[SQUARE, SQUARE] = red[SQUARE, SQUARE]
    before = before.astype(np.float32)
    flow, confidence = np.zeros((*SIZE, 2), np.float32), np.ones(SIZE, np.float32)
    trusted = Motion(brightness(before), brightness(now), flow, flow, confidence, confidence)
    sharp = sharpen_boundaries(trusted, now, before)
    hidden = np.zeros(SIZE, np.bool_)
    hidden[SQUARE, SQUARE] = True
    assert np.abs(trusted.before - trusted.now).max() < 1e-3, "else luma would show it"
    assert (sharp.confidence[hidden] > 0.5).mean() < 0.01
    assert (sharp.confidence[~hidden] > 0.5).mean() > 0.9


def test_a_change_of_light_or_of_its_colour_does_not_lower_confidence() -> None:
    before = texture(1, 0.2, 0.6)
    now = before * np.array([0.85, 0.8, 0.72], np.float32)
    sharp = sharpen_boundaries(estimate_motion(brightness(before), brightness(now)), now, before)
    assert (sharp.confidence > 0.5).mean() > 0.95


def test_equal_frames_are_returned_unchanged() -> None:
    luma = brightness(frame(0))
    still = estimate_motion(luma, luma)
    assert sharpen_boundaries(still, frame(0), frame(0)) is still


def test_accepts_a_large_frame_that_consists_of_boundaries() -> None:
    """These are more pixels than OpenCV reads in one row."""
    draw = np.random.default_rng(5)
    now = draw.random((200, 260, 3), np.float32)
    before = draw.random((200, 260, 3), np.float32)
    unlike = estimate_motion(brightness(before), brightness(now))
    sharp = sharpen_boundaries(unlike, now, before)
    assert sharp.confidence.shape == (200, 260)
    assert (sharp.confidence > 0.5).mean() < 0.2


def test_the_result_does_not_depend_on_the_number_of_threads(motion: Motion) -> None:
    many = sharpen_boundaries(motion, frame(STEP), frame(0))
    threads = numba.get_num_threads()
    try:
        numba.set_num_threads(1)
        one = sharpen_boundaries(motion, frame(STEP), frame(0))
    finally:
        numba.set_num_threads(threads)
    np.testing.assert_array_equal(one.backward, many.backward)
    np.testing.assert_array_equal(one.confidence, many.confidence)


def test_the_kernel_equals_the_reference(motion: Motion) -> None:
    draw = np.random.default_rng(4)
    rows, columns = (draw.integers(0, side, 300) for side in SIZE)  # windows past the edge too
    settings = {"reach": 16, "step": 4, "colour_scale": 0.09, "untrusted_weight": 0.02}
    arguments = motion.backward, motion.confidence, frame(STEP), rows, columns
    found = cpu.weighted_medians(*arguments, **settings)
    np.testing.assert_array_equal(found, reference.weighted_medians(*arguments, **settings))
