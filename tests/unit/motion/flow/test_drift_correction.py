"""Drift correction: errors of successive motions do not add up."""

from __future__ import annotations

import functools
import itertools

import cv2
import numpy as np
import pytest
import skimage.data

from batch_analogy.motion.flow.drift_correction import correct_drift
from batch_analogy.motion.flow.optical_flow import Motion, estimate_motion
from batch_analogy.motion.flow.photometry import brightness
from batch_analogy.motion.flow.sampling import Flow, Luma, destinations
from batch_analogy.motion.flow.sampling import sample as read

SIZE = (112, 144)
ANCHORS = 5
INNER = np.s_[24:-24, 40:-24]  # visible in all of them


@pytest.fixture(scope="module")
def cat() -> Luma:
    return brightness(skimage.data.chelsea().astype(np.float32) / 255)


def view(picture: Luma, right: float, down: float = 0.0) -> Luma:
    """Return a window of a picture; its content moves left as the window moves right."""
    matrix = np.float32([[0.6, 0, -20 - right], [0, 0.6, -20 - down]])
    window = cv2.warpAffine(picture, matrix, SIZE[::-1], flags=cv2.INTER_AREA)
    return np.asarray(window, np.float32)


def with_error(motion: Motion, by: tuple[float, float]) -> Motion:
    """Add an error to a motion, in both directions."""
    backward, forward = motion.backward + np.float32(by), motion.forward - np.float32(by)
    return Motion(
        motion.before, motion.now, backward, forward, motion.confidence, motion.confidence_before
    )


def chained(first: Flow, second: Flow) -> Flow:
    return np.asarray(second + read(first, destinations(second)), np.float32)


def test_errors_of_successive_anchors_do_not_add_up(cat: Luma) -> None:
    frames = [view(cat, 4.3 * k, 1.6 * k) for k in range(ANCHORS)]
    from_origin: Motion | None = None
    backward_flows: list[Flow] = []
    forward_flows: list[Flow] = []
    for before, now in itertools.pairwise(frames):
        wrong = with_error(estimate_motion(before, now).refined(), (0.2, -0.1))
        motion, from_origin = correct_drift(from_origin, wrong)
        backward_flows.append(
            chained(backward_flows[-1], motion.backward) if backward_flows else motion.backward
        )
        forward_flows.append(
            chained(motion.forward, forward_flows[-1]) if forward_flows else motion.forward
        )
    goal = np.float32([4.3, 1.6]) * (ANCHORS - 1)
    for flow, wanted in ((backward_flows[-1], goal), (forward_flows[-1], -goal)):
        error = np.linalg.norm(np.median(flow[INNER] - wanted, axis=(0, 1)))
        assert error < 0.15  # the four together would be 0.9 px off


def test_an_anchor_that_shows_little_of_its_origin_becomes_an_origin(cat: Luma) -> None:
    frames = [view(cat, 8 * k) for k in range(12)]
    steps = [estimate_motion(*pair) for pair in itertools.pairwise(frames)]
    first, second = (functools.reduce(Motion.then, part) for part in (steps[:3], steps[3:]))
    motion, from_origin = correct_drift(None, first)
    assert motion is first
    assert from_origin is not None
    assert correct_drift(from_origin, second)[1] is None


def test_an_origin_that_contradicts_the_motion_is_ignored(cat: Luma) -> None:
    frames = [view(cat, 3.0 * k) for k in range(3)]
    first, second = (estimate_motion(*pair) for pair in itertools.pairwise(frames))
    motion, _ = correct_drift(with_error(first, (2.5, 0.0)), second)
    assert np.abs(motion.backward - second.backward)[INNER].max() < 1e-5


def test_equal_frames_change_nothing(cat: Luma) -> None:
    first = estimate_motion(view(cat, 0), view(cat, 3))
    still = estimate_motion(view(cat, 3), view(cat, 3))
    assert correct_drift(first, still) == (still, first)
    assert correct_drift(still, first) == (first, first)
