"""What ``benchmarks.deflicker`` compares."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.deflicker import RAMPS, SPREADS, Series, course_error, errors, ramp


def test_ramps_fall_by_about_six_stops() -> None:
    for kind in RAMPS:
        assert np.ptp(ramp(kind, 1000)) == pytest.approx(0 if kind == "no ramp" else 6, abs=0.6)


def test_errors_have_one_deviation() -> None:
    for spread in SPREADS:
        wrong = errors(spread, (2000, 120), np.random.default_rng(0))
        assert wrong.std() == pytest.approx(0.3 / np.sqrt(3), rel=0.05)
    even = errors("even", (2000, 120), np.random.default_rng(0))
    assert 0.299 < np.abs(even).max() <= 0.3


@pytest.mark.parametrize(
    ("course", "left", "within"),
    [("none", pytest.approx(1), 0.0), ("truth", pytest.approx(0, abs=1e-9), 1.0)],
)
def test_nothing_done_leaves_all_and_the_truth_nothing(
    course: str, left: object, within: float
) -> None:
    truth = ramp("sunset", 120)

    def find(at: Series, values: Series) -> Series:
        return values if course == "none" else truth

    found = course_error(truth, "even", 5, find)
    assert found["flicker_left"]["median"] == left
    assert found["share_of_seeds_within_0.05_ev"] == within
    assert found["error_highest_ev"]["median"] == pytest.approx(0.3 * (1 - within), abs=0.02)
