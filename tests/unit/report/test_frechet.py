from __future__ import annotations

import numpy as np
import pytest
from scipy import linalg

from batch_analogy.report.frechet import frechet_distance


def cloud(seed: int, count: int, values: int) -> np.ndarray:
    generator = np.random.default_rng(seed)
    return generator.normal(seed, 1 + seed, (count, values)) @ generator.normal(size=(values,) * 2)


def by_the_formula(x: np.ndarray, y: np.ndarray) -> float:
    a, b = (np.cov(points.T, bias=True) for points in (x, y))
    root = linalg.sqrtm(a @ b).real
    away = x.mean(axis=0) - y.mean(axis=0)
    return float(away @ away + np.trace(a + b - 2 * root))


def test_one_value_by_hand() -> None:
    """Normal distributions on a line: (μ − μ')² + (σ − σ')²."""
    x, y = np.array([[1.0], [5.0]]), np.array([[0.0], [1.0], [2.0], [1.0]])
    assert frechet_distance(x, y) == pytest.approx((3 - 1) ** 2 + (2 - 0.5**0.5) ** 2)


def test_agrees_with_the_formula_for_regular_covariances() -> None:
    x, y = cloud(0, 400, 5), cloud(1, 300, 5)
    assert frechet_distance(x, y) == pytest.approx(by_the_formula(x, y), rel=1e-6)


@pytest.mark.parametrize(("own", "other"), [(400, 300), (7, 300), (5, 9), (1, 1), (1, 50)])
def test_distance_is_zero_for_equal_clouds_and_symmetric(own: int, other: int) -> None:
    """Clouds may have fewer points than dimensions (sixteen)."""
    x, y = cloud(0, own, 16), cloud(1, other, 16)
    assert frechet_distance(x, x) == pytest.approx(0, abs=1e-7 * float(np.square(x).mean() + 1))
    assert frechet_distance(x, y) == pytest.approx(frechet_distance(y, x), rel=1e-9)
    assert frechet_distance(x, y) > 0


def test_order_of_points_and_a_common_shift_do_not_matter() -> None:
    x, y = cloud(0, 20, 16), cloud(1, 30, 16)
    distance = frechet_distance(x, y)
    assert frechet_distance(x[::-1], y) == pytest.approx(distance)
    assert frechet_distance(x + 3, y + 3) == pytest.approx(distance)
    assert frechet_distance(2 * x, 2 * y) == pytest.approx(4 * distance)


def test_rejects_clouds_that_cannot_be_compared() -> None:
    with pytest.raises(ValueError, match="cannot be compared"):
        frechet_distance(np.zeros((4, 2)), np.zeros((4, 3)))
    with pytest.raises(ValueError, match="cannot be compared"):
        frechet_distance(np.zeros((0, 2)), np.zeros((4, 2)))
