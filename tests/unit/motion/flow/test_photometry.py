"""Luma, exposure and light of frames."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from batch_analogy.motion.flow.photometry import (
    apply_exposure,
    brightness,
    exposure_along,
    exposure_between,
    regional_light_change,
    remove_light_change,
)
from batch_analogy.motion.flow.sampling import destinations, sample

SIZE = (60, 80)


@pytest.fixture
def texture() -> NDArray[np.float32]:
    return np.random.default_rng(3).random(SIZE, np.float32) * np.float32(0.4)


def test_luma_of_primaries_and_white() -> None:
    picture = np.eye(3, dtype=np.float32)[None]
    np.testing.assert_allclose(brightness(picture)[0], [0.299, 0.587, 0.114])
    assert brightness(np.ones((1, 1, 3), np.float32))[0, 0] == pytest.approx(1.0)


def test_exposure_is_a_gain_and_a_lift(texture: NDArray[np.float32]) -> None:
    now = texture * np.float32(1.5) + np.float32(0.1)
    gain, lift = exposure_between(texture, now)
    assert (gain, lift) == pytest.approx((1.5, 0.1), abs=1e-4)
    np.testing.assert_allclose(apply_exposure(texture, (gain, lift)), now, atol=1e-4)


def test_exposure_is_measured_where_both_frames_show_the_same_content(
    texture: NDArray[np.float32],
) -> None:
    """A bright region that only the later frame shows does not count."""
    now = texture * np.float32(1.2)
    visible = np.ones(SIZE, np.bool_)
    visible[:, 50:] = False
    now[~visible] = 1.0
    own = destinations(np.zeros((*SIZE, 2), np.float32))
    assert exposure_along(texture, now, own, visible)[0] == pytest.approx(1.2, abs=0.01)
    nothing = np.zeros(SIZE, np.bool_)
    assert exposure_along(texture, now, own, nothing) == exposure_between(texture, now)


def test_light_by_region_is_separated_from_patterns() -> None:
    visible = np.ones(SIZE, np.bool_)
    light = np.broadcast_to(np.linspace(-0.1, 0.1, SIZE[1], dtype=np.float32), SIZE).copy()
    checks = np.indices(SIZE).sum(axis=0) % 2 * np.float32(0.2) - np.float32(0.1)
    found = regional_light_change(light + checks, visible)
    np.testing.assert_allclose(found[10:-10, 10:-10], light[10:-10, 10:-10], atol=0.02)
    rest = remove_light_change(light + checks, visible)
    np.testing.assert_allclose(rest[10:-10, 10:-10], checks[10:-10, 10:-10], atol=0.02)


def test_values_are_read_along_a_flow(texture: NDArray[np.float32]) -> None:
    flow = np.zeros((*SIZE, 2), np.float32)
    flow[..., 0], flow[..., 1] = 2.0, -1.0
    read = sample(texture, destinations(flow))
    np.testing.assert_allclose(read[1:, :-2], texture[:-1, 2:], atol=1e-6)
    np.testing.assert_allclose(read[0, :-2], texture[0, 2:], atol=1e-6)  # edges are replicated
