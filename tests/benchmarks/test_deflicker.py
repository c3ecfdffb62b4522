"""Simulated exposures of ``benchmarks.deflicker``, and the measures of their correction."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.deflicker import RAMPS, SPREADS, Series, course_error, errors, ramp


def test_ramps_span_about_six_stops() -> None:
    for kind in RAMPS:
        assert np.ptp(ramp(kind, 1000)) == pytest.approx(0 if kind == "no ramp" else 6, abs=0.6)


def test_errors_of_all_distributions_have_the_same_deviation() -> None:
    for spread in SPREADS:
        wrong = errors(spread, (2000, 120), np.random.default_rng(0))
        assert wrong.std() == pytest.approx(0.3 / np.sqrt(3), rel=0.05)
    even = errors("even", (2000, 120), np.random.default_rng(0))
    assert 0.299 < np.abs(even).max() <= 0.3


@pytest.mark.parametrize(
    ("course", "left", "within"),
    [("none", pytest.approx(1), 0.0), ("truth", pytest.approx(0, abs=1e-9), 1.0)],
)
def test_flicker_left_is_one_without_correction_and_zero_for_the_truth(
    course: str, left: object, within: float
) -> None:
    truth = ramp("sunset", 120)

    def find(at: Series, values: Series) -> Series:
        return values if course == "none" else truth

    found = course_error(truth, "even", 5, find)
    assert found["flicker_left"]["median"] == left
    assert found["share_of_seeds_within_0.05_ev"] == within
    assert found["error_highest_ev"]["median"] == pytest.approx(0.3 * (1 - within), abs=0.02)
