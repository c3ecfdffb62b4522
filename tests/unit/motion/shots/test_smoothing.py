"""Penalised smoothing with power and stiffness chosen by likelihood, and robust weights."""

from __future__ import annotations

import numpy as np
import pytest

from batch_analogy.motion.shots import smoothing
from batch_analogy.motion.shots.smoothing import (
    STIFFNESSES,
    Series,
    _bent_fit,
    _line,
    _second_differences,
    _straight_fit,
    _Values,
    likelihood_smooth,
    robust_smooth,
)

FRAMES = 120
AT = np.arange(FRAMES, dtype=np.float64)
LINE = -6 * AT / FRAMES
SUNSET = -6 / (1 + np.exp(-10 * (AT / FRAMES - 0.5)))
ALL = np.ones(FRAMES)


def rms_off(truth: Series, noise: Series) -> float:
    off = [likelihood_smooth(truth + values, ALL) - truth for values in noise]
    return float(np.median(np.sqrt(np.square(off).mean(axis=1))))


@pytest.mark.parametrize("count", [5, 6, 40])
def test_second_differences_give_the_bands_of_the_matrix(count: int) -> None:
    differences = np.diff(np.eye(count), 2, axis=0)
    whole, bands = differences.T @ differences, _second_differences(count)
    for offset in range(3):
        np.testing.assert_array_equal(bands[2 - offset, offset:], np.diag(whole, offset))


@pytest.mark.parametrize("seed", range(3))
def test_power_2_has_the_likelihood_of_second_differences(seed: int) -> None:
    values = np.random.default_rng(seed).normal(0, 0.2, 40) + np.linspace(0, 1, 40) ** 2
    bends = np.diff(np.eye(40), 2, axis=0)
    bent = bends @ values

    def dense(softness: float) -> float:
        spread = softness * np.eye(38) + bends @ bends.T
        misfit = bent @ np.linalg.solve(spread, bent)
        return float(38 * np.log(misfit) + np.linalg.slogdet(spread)[1])

    given = _Values(values, np.ones(40), 2.0, 1.0)
    straight = _straight_fit(given)
    for place in (0, 12, 30):
        found = _bent_fit(given, straight.curve, place)
        expected = dense(1 / STIFFNESSES[place]) - dense(0.0)
        assert found.deviance - straight.deviance == pytest.approx(expected, abs=1e-5)


def test_smoothing_does_not_depend_on_units() -> None:
    values = SUNSET + np.random.default_rng(0).uniform(-0.3, 0.3, FRAMES)
    for power in (2.0, 4.0):
        given = [_Values(values / unit, ALL, power, unit) for unit in (0.1, 0.3, 1.0)]
        fits = [_straight_fit(each).deviance for each in given]
        np.testing.assert_allclose(fits, fits[0], atol=0.01)
    np.testing.assert_allclose(
        likelihood_smooth(10 * values, ALL), 10 * likelihood_smooth(values, ALL), atol=0.01
    )


def test_bounded_noise_leaves_half_the_error_of_a_least_squares_line() -> None:
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, (40, FRAMES))
    squares = [_line(LINE + values, ALL) - LINE for values in noise]
    assert rms_off(LINE, noise) < 0.6 * np.median(np.sqrt(np.square(squares).mean(axis=1)))


@pytest.mark.parametrize("tails", ["normal", "long"])
def test_other_noise_is_smoothed_as_well_as_by_least_squares(
    tails: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    size = (40, FRAMES)
    noise = rng.normal(0, 0.2, size) if tails == "normal" else 0.2 * rng.standard_t(5, size)
    chosen = rms_off(SUNSET, noise)
    monkeypatch.setattr(smoothing, "POWERS", (2.0,))
    assert chosen < 1.1 * rms_off(SUNSET, noise)


def test_values_without_noise_are_returned() -> None:
    np.testing.assert_allclose(likelihood_smooth(LINE, ALL), LINE, atol=1e-6)
    np.testing.assert_allclose(likelihood_smooth(SUNSET, ALL), SUNSET, atol=0.01)


def test_alternating_values_are_smoothed_to_their_middle() -> None:
    values = np.where(AT % 2 == 0, 0.2, -0.2)
    np.testing.assert_allclose(likelihood_smooth(LINE + values, ALL), LINE, atol=0.01)


def test_values_of_weight_zero_have_no_effect() -> None:
    weights = ALL.copy()
    weights[40:60] = 0
    values = np.where(weights > 0, LINE, 99.0)
    np.testing.assert_allclose(likelihood_smooth(values, weights), LINE, atol=1e-4)


def worst_error(truth: Series, seed: int, height: float) -> float:
    values = truth + np.random.default_rng(seed).uniform(-height, height, FRAMES)
    return float(np.abs(robust_smooth(AT, values) - truth).max())


def test_nine_of_ten_noisy_lines_are_found_to_within_a_twentieth_even_at_their_ends() -> None:
    assert np.quantile([worst_error(LINE, seed, 0.3) for seed in range(40)], 0.9) < 0.05


def test_a_sunset_is_preserved() -> None:
    assert np.median([worst_error(SUNSET, seed, 0.3) for seed in range(40)]) < 0.1
    assert worst_error(SUNSET, 0, 0.01) < 0.02


@pytest.mark.parametrize("wrong", [slice(0, 3), slice(57, 63), slice(-3, None)])
def test_a_few_wrong_frames_do_not_bend_the_curve(wrong: slice) -> None:
    values = LINE + np.random.default_rng(0).uniform(-0.1, 0.1, FRAMES)
    before = robust_smooth(AT, values)
    values[wrong] -= 1.5
    np.testing.assert_allclose(robust_smooth(AT, values), before, atol=0.05)


@pytest.mark.parametrize(("gap", "error"), [(slice(30, 45), 0.06), (slice(20, 60), 0.2)])
def test_the_curve_continues_through_missing_frames(gap: slice, error: float) -> None:
    readable = np.delete(AT, gap)
    truth = SUNSET[readable.astype(int)]
    np.testing.assert_allclose(robust_smooth(readable, truth), truth, atol=error)


def test_five_values_are_enough() -> None:
    np.testing.assert_allclose(robust_smooth(AT[:5], 2 * AT[:5] + 1), 2 * AT[:5] + 1, atol=1e-9)
