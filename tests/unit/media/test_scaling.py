"""Pictures brought to the size of others."""

from __future__ import annotations

import numpy as np
import pytest

from batch_analogy.media.scaling import fit, is_same_shape
from tests.support.painted import camera_frame


@pytest.mark.parametrize(
    ("size", "other", "same"),
    [
        ((1080, 1920), (720, 1280), True),
        ((113, 200), (1080, 1920), True),
        ((1920, 1080), (200, 113), True),
        ((1080, 1920), (1080, 1920), True),
        ((1080, 1920), (1920, 1080), False),
        ((56, 72), (57, 72), False),
        ((3000, 4000), (1080, 1920), False),
    ],
)
def test_sizes_of_one_shape(size: tuple[int, int], other: tuple[int, int], same: bool) -> None:
    assert is_same_shape(size, other) is same
    assert is_same_shape(other, size) is same


def test_a_map_keeps_its_colours_and_a_picture_its_light() -> None:
    map_ = np.zeros((20, 30, 3), np.float32)
    map_[5:, 7:] = (1, 0, 0.5)
    scaled = fit(map_, (41, 61))
    assert np.unique(scaled.reshape(-1, 3), axis=0).tolist() == [[0, 0, 0], [1, 0, 0.5]]
    picture = np.asarray(camera_frame(0), np.float32) / np.float32(255)
    for size in ((28, 36), (112, 144)):
        scaled = fit(picture, size)
        assert scaled.shape == (*size, 3)
        assert abs(float(scaled.mean() - picture.mean())) < 0.005
        assert float(np.abs(fit(scaled, picture.shape[:2]) - picture).mean()) < 0.05
    assert fit(picture[..., :1], (28, 36)).shape == (28, 36, 1)
