"""The smooth course of values that jump about it."""

from __future__ import annotations

import numpy as np
import pytest

from batch_analogy.motion.shots.robust_smoothing import robust_smooth
from batch_analogy.motion.shots.smoothing import Series

FRAMES = 120
AT = np.arange(FRAMES, dtype=np.float64)
SUNSET = -6 / (1 + np.exp(-10 * (AT / FRAMES - 0.5)))
LINE = -6 * AT / FRAMES


def worst(truth: Series, seed: int, height: float) -> float:
    values = truth + np.random.default_rng(seed).uniform(-height, height, FRAMES)
    return float(np.abs(robust_smooth(AT, values) - truth).max())


def test_nine_in_ten_noisy_lines_are_found_to_a_twentieth_even_at_their_ends() -> None:
    assert np.quantile([worst(LINE, seed, 0.3) for seed in range(40)], 0.9) < 0.05


def test_a_sunset_is_kept() -> None:
    assert np.median([worst(SUNSET, seed, 0.3) for seed in range(40)]) < 0.1
    assert worst(SUNSET, 0, 0.01) < 0.02


@pytest.mark.parametrize("wrong", [slice(0, 3), slice(57, 63), slice(-3, None)])
def test_some_wrong_frames_bend_nothing(wrong: slice) -> None:
    values = LINE + np.random.default_rng(0).uniform(-0.1, 0.1, FRAMES)
    before = robust_smooth(AT, values)
    values[wrong] -= 1.5
    np.testing.assert_allclose(robust_smooth(AT, values), before, atol=0.05)


@pytest.mark.parametrize(("gap", "error"), [(slice(30, 45), 0.06), (slice(20, 60), 0.2)])
def test_frames_that_are_missing_leave_a_gap(gap: slice, error: float) -> None:
    seen = np.delete(AT, gap)
    truth = SUNSET[seen.astype(int)]
    np.testing.assert_allclose(robust_smooth(seen, truth), truth, atol=error)


def test_five_values_are_enough() -> None:
    np.testing.assert_allclose(robust_smooth(AT[:5], 2 * AT[:5] + 1), 2 * AT[:5] + 1, atol=1e-9)
