"""Which course makes values likeliest."""

from __future__ import annotations

import numpy as np
import pytest

from batch_analogy.motion.shots import smoothing
from batch_analogy.motion.shots.smoothing import (
    STIFFNESSES,
    Series,
    _bent,
    _line,
    _second_differences,
    _straight,
    _Values,
    likelihood_smooth,
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
def test_the_bands_are_those_of_the_matrix(count: int) -> None:
    differences = np.diff(np.eye(count), 2, axis=0)
    whole, bands = differences.T @ differences, _second_differences(count)
    for offset in range(3):
        np.testing.assert_array_equal(bands[2 - offset, offset:], np.diag(whole, offset))


@pytest.mark.parametrize("seed", range(3))
def test_power_2_has_the_likelihood_of_second_differences(seed: int) -> None:
    values = np.random.default_rng(seed).normal(0, 0.2, 40) + np.linspace(0, 1, 40) ** 2
    bends = np.diff(np.eye(40), 2, axis=0)
    seen = bends @ values

    def dense(softness: float) -> float:
        spread = softness * np.eye(38) + bends @ bends.T
        misfit = seen @ np.linalg.solve(spread, seen)
        return float(38 * np.log(misfit) + np.linalg.slogdet(spread)[1])

    given = _Values(values, np.ones(40), 2.0, 1.0)
    straight = _straight(given)
    for place in (0, 12, 30):
        found = _bent(given, straight.course, place)
        expected = dense(1 / STIFFNESSES[place]) - dense(0.0)
        assert found.surprise - straight.surprise == pytest.approx(expected, abs=1e-5)


def test_units_do_not_matter() -> None:
    values = SUNSET + np.random.default_rng(0).uniform(-0.3, 0.3, FRAMES)
    for power in (2.0, 4.0):
        given = [_Values(values / unit, ALL, power, unit) for unit in (0.1, 0.3, 1.0)]
        fits = [_straight(each).surprise for each in given]
        np.testing.assert_allclose(fits, fits[0], atol=0.01)
    np.testing.assert_allclose(
        likelihood_smooth(10 * values, ALL), 10 * likelihood_smooth(values, ALL), atol=0.01
    )


def test_noise_of_hard_bounds_leaves_half_the_error_of_the_least_squares_line() -> None:
    noise = np.random.default_rng(0).uniform(-0.3, 0.3, (40, FRAMES))
    squares = [_line(LINE + values, ALL) - LINE for values in noise]
    assert rms_off(LINE, noise) < 0.6 * np.median(np.sqrt(np.square(squares).mean(axis=1)))


@pytest.mark.parametrize("tails", ["normal", "long"])
def test_other_noise_is_smoothed_as_well_as_by_squares(
    tails: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(0)
    size = (40, FRAMES)
    noise = rng.normal(0, 0.2, size) if tails == "normal" else 0.2 * rng.standard_t(5, size)
    chosen = rms_off(SUNSET, noise)
    monkeypatch.setattr(smoothing, "POWERS", (2.0,))
    assert chosen < 1.1 * rms_off(SUNSET, noise)


def test_a_line_without_noise_is_that_line() -> None:
    np.testing.assert_allclose(likelihood_smooth(LINE, ALL), LINE, atol=1e-6)
    np.testing.assert_allclose(likelihood_smooth(SUNSET, ALL), SUNSET, atol=0.01)


def test_two_levels_by_turns_leave_the_middle() -> None:
    values = np.where(AT % 2 == 0, 0.2, -0.2)
    np.testing.assert_allclose(likelihood_smooth(LINE + values, ALL), LINE, atol=0.01)


def test_nothing_is_where_nothing_is_trusted() -> None:
    trust = ALL.copy()
    trust[40:60] = 0
    values = np.where(trust > 0, LINE, 99.0)
    np.testing.assert_allclose(likelihood_smooth(values, trust), LINE, atol=1e-4)
