"""The frame that a painted picture shows, told by its outlines."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest

from batch_analogy.motion.shots.likeness import Pixels, clear_winner, likeness
from tests.support.painted import Picture, camera_frame, paint


def pixels(picture: Picture) -> Pixels:
    return np.asarray(picture, np.float32) / np.float32(255)


FILTERS: dict[str, Callable[[Picture], Picture]] = {
    "inverted with grain": paint,
    "smoothed": cv2.stylization,
    "median": lambda frame: cv2.medianBlur(frame, 5),
    "few colours": lambda frame: frame // 64 * 64,
    "grey": lambda frame: cv2.cvtColor(cv2.cvtColor(frame, cv2.COLOR_RGB2GRAY), cv2.COLOR_GRAY2RGB),
}


@pytest.mark.parametrize("name", FILTERS)
@pytest.mark.parametrize("shown", [0, 1, 2])
def test_a_filtered_frame_is_told_from_its_neighbours(name: str, shown: int) -> None:
    frames = [pixels(camera_frame(3 + n)) for n in range(3)]
    found = likeness(pixels(FILTERS[name](camera_frame(3 + shown))), frames)
    assert found is not None
    assert clear_winner(found) == shown


def test_a_picture_that_shows_none_of_the_frames_has_no_winner() -> None:
    frames = [pixels(camera_frame(n)) for n in range(3)]
    noise = np.random.default_rng(0).integers(0, 255, (56, 72, 3))
    for picture in (noise, np.full((56, 72, 3), 9)):
        found = likeness(pixels(picture.astype(np.uint8)), frames)
        assert found is not None
        assert clear_winner(found) is None


def test_frames_that_do_not_differ_are_not_compared() -> None:
    still = pixels(camera_frame(1))
    assert likeness(still, [still, still + np.float32(0.005)]) is None


def test_a_larger_picture_of_the_same_shape_can_be_compared() -> None:
    large = cv2.resize(paint(camera_frame(4)), None, fx=2.5, fy=2.5)
    found = likeness(pixels(large), [pixels(camera_frame(n)) for n in (3, 4)])
    assert found is not None
    assert clear_winner(found) == 1
