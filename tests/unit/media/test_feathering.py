"""Soft edges of masks, and pictures laid over each other by them."""

from __future__ import annotations

import numpy as np
import pytest

from batch_analogy.media.feathering import feathered
from batch_analogy.media.oklab import Oklab
from batch_analogy.media.partial_look import lay_over

EDGE = 40


def half() -> np.ndarray:
    coverage = np.zeros((30, 80, 1), np.float32)
    coverage[:, EDGE:] = 1
    return coverage


@pytest.mark.parametrize("width", [4, 12, 30])
def test_an_edge_becomes_a_ramp_of_that_width_around_it(width: int) -> None:
    ramp = feathered(half(), width)[15, :, 0]
    reach = width // 2
    assert (ramp[: EDGE - reach] == 0).all()
    assert (ramp[EDGE + reach :] == 1).all()
    assert (np.diff(ramp[EDGE - reach - 1 : EDGE + reach + 1]) > 0).sum() >= width - 2
    assert ramp[EDGE - 1] + ramp[EDGE] == pytest.approx(1, abs=1e-5)


def test_less_than_a_pixel_changes_nothing_and_borders_are_no_edges() -> None:
    assert feathered(half(), 0.9) is not None
    np.testing.assert_array_equal(feathered(half(), 0.9), half())
    np.testing.assert_array_equal(feathered(np.ones((9, 9, 1), np.float32), 6), 1)


def test_pictures_are_themselves_except_at_edges_which_are_mixed_evenly() -> None:
    rng = np.random.default_rng(2)
    outside, inside = (rng.random((30, 80, 3), np.float32) * 0.4 + 0.3 for _ in range(2))
    coverage = half()
    coverage[:, EDGE] = 0.25
    laid = lay_over(outside, inside, coverage)
    np.testing.assert_array_equal(laid[:, :EDGE], outside[:, :EDGE])
    np.testing.assert_array_equal(laid[:, EDGE + 1 :], inside[:, EDGE + 1 :])
    mixed, first, second = (Oklab().from_pixels(p[:, EDGE]) for p in (laid, outside, inside))
    np.testing.assert_allclose(mixed, first + 0.25 * (second - first), atol=1e-4)
