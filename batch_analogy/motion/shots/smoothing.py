"""Smooth a series robustly; likelihood chooses the stiffness and the distribution of the errors.

The smooth curve is a penalised fit: it minimises the sum of weight · |value − curve|^power / power
plus half the stiffness times the sum of its squared second differences. Power 2 is Whittaker's
smoother and fits normally distributed errors. A higher power fits errors with hard bounds, such as
the mechanical play of a shutter or an aperture, and is far more accurate there, because the extreme
values carry most information. The power and the stiffness are chosen by marginal likelihood, under
a prior that allows every curve and prefers stiff ones. Errors that are normal or have long tails
then get power 2.

Source: Whittaker 1923; restricted likelihood of Wahba 1985 and Wood 2011, by Laplace's method; the
error distribution of Subbotin 1923, with its power chosen from the data as in robust regression
since Money 1982; robust weights and local lines of Cleveland 1979; docs/method.md, "Deflicker".
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Series = npt.NDArray[np.float64]
"""(N,) float64, one value per frame."""

POWERS = (2.0, 4.0, 8.0)

STIFFNESSES = 10.0 ** np.arange(9.0, 1.4, -0.25)
"""Stiffnesses to try: averaging over about 400 frames on either side to 5, for a deviation of 1."""

PILOT_HALF_WINDOW = 15
"""Frames on either side over which outliers are detected in the first rounds."""

_PILOT_ROUNDS, _ROUNDS = 4, 3
_OUTLIER = 6.0  # distance of an outlier to the curve, in median distances
_MIN_ROBUST_WEIGHT = 1e-3
_WINDOWS_AT_ONCE = 1 << 14  # frames whose windows are in memory together
_MIN_BEND_GAIN = 4.0  # of twice the log-likelihood, over that of the straight line
_MAX_DEVIANCE_EXCESS = 20.0  # the search for softer curves ends at one that is less likely by this
_HEAD_START = 3  # entries of STIFFNESSES by which a higher power starts before the last best one
_MIN_CURVATURE = 1e-3  # keeps a step finite where all values lie on the curve
_STEPS, _HALVINGS = 40, 8
_CONVERGED = 1e-5  # relative change of the minimised cost


def robust_smooth(frames: Series, values: Series) -> Series:
    """Fit the most likely smooth curve, with little weight for outliers.

    A straight line is kept unless a bent one is clearly more likely. Beyond its ends the curve
    continues straight.

    Args:
        frames: (N,) rising whole frame numbers, at least five. values: (N,)
    """
    places = (frames - frames[0]).astype(np.int64)  # frames that could not be read leave gaps
    wanted = np.zeros(places[-1] + 1)
    wanted[places] = values
    weights = np.zeros(len(wanted))
    weights[places] = _pilot_weights(frames, values)
    for _ in range(_ROUNDS):
        curve = likelihood_smooth(wanted, weights)
        weights[places] = _robust_weights(np.abs(wanted - curve)[places])
    return np.asarray(curve[places], np.float64)


def local_linear_fit(frames: Series, values: Series, half: int, weights: Series) -> Series:
    """Fit a line around each frame and evaluate it there (local linear regression).

    Args:
        frames: (N,) rising frame numbers.
        values: (N,)
        half: frames on either side in the window, by tricube weights; near the ends the window
            keeps its size.
        weights: (N,) of the values.
    """
    fitted = np.empty(len(values))
    window = np.arange(min(2 * half + 1, len(values)))
    for start in range(0, len(values), _WINDOWS_AT_ONCE):
        part = np.arange(start, min(start + _WINDOWS_AT_ONCE, len(values)))
        around = np.clip(part - half, 0, len(values) - len(window))[:, None] + window
        offsets = frames[around] - frames[part][:, None]
        reach = np.abs(offsets).max(axis=1, keepdims=True) + 1.0
        weight = (1.0 - np.abs(offsets / reach) ** 3) ** 3 * weights[around]
        w0, w1, w2 = weight.sum(1), (weight * offsets).sum(1), (weight * offsets**2).sum(1)
        y0, y1 = (weight * values[around]).sum(1), (weight * offsets * values[around]).sum(1)
        fitted[part] = (w2 * y0 - w1 * y1) / np.maximum(w0 * w2 - w1 * w1, 1e-12)
    return fitted


def likelihood_smooth(values: Series, weights: Series) -> Series:
    """Fit the smooth curve that makes the values most likely.

    Args:
        values: (N,) on consecutive frames; arbitrary where missing.
        weights: (N,) of the values; 0 where missing. At least five are above 0.

    Returns:
        (N,) the curve; a straight line unless a bent one is clearly more likely.
    """
    best, unit = None, 1.0
    for power in POWERS:
        given = _Values(values / unit, weights, power, unit)
        if power >= given.count:  # too few to judge their distribution
            break
        start = _Fit(_line(given.values, weights), math.inf, -1) if best is None else best
        found = _search(given, start.curve if best is None else start.curve / unit, start.index)
        if best is not None and found.deviance >= best.deviance:
            break
        best = _Fit(found.curve * unit, found.deviance, found.index)
        residuals = values - best.curve
        unit = max(float(np.sqrt((weights * np.square(residuals)).sum() / weights.sum())), 1e-6)
    assert best is not None
    return best.curve


@dataclass(frozen=True)
class _Fit:
    curve: Series
    deviance: float  # minus twice the log-likelihood of the values
    index: int  # in STIFFNESSES; -1 is the straight line


@dataclass(frozen=True)
class _Values:
    """Values on consecutive frames, scaled so that they are about 1 away from their curve."""

    values: Series
    weights: Series  # 0 where there is no value
    power: float
    unit: float

    @property
    def count(self) -> int:
        return int(np.count_nonzero(self.weights))

    def derivatives(self, curve: Series) -> tuple[Series, Series]:
        """Return the misfit's second derivative at a curve, and its negative first derivative.

        For power 2 the second derivative is the same everywhere.
        """
        residuals = self.values - curve
        weight = self.weights * np.abs(residuals) ** (self.power - 2.0)
        if self.power == 2.0:
            return weight, weight * residuals
        return (self.power - 1.0) * weight + _MIN_CURVATURE, weight * residuals

    def misfit(self, curve: Series) -> float:
        residuals = np.abs(self.values - curve)
        return float((self.weights * residuals**self.power).sum() / self.power)

    def deviance(self, cost: float, log_volume: float) -> float:
        """Return minus twice the marginal log-likelihood, integrated around the best curve.

        Args:
            cost: the minimised cost, without the scale of the errors.
            log_volume: log-determinant of its second derivative, less that of the penalty.
        """
        power, count = self.power, self.count
        free = 2.0 * count / power - 2.0
        spread = (1.0 - 1.0 / power) * math.log(power) - math.log(2.0) - math.lgamma(1.0 / power)
        scale = free * (1.0 + math.log(max(2.0 * cost, 1e-300) / free))
        units = 2.0 * (count - 2.0) * math.log(self.unit)
        return scale + log_volume - 2.0 * count * spread + units


def _search(given: _Values, curve: Series, index: int) -> _Fit:
    """Find the most likely curve for one power, from stiff to soft.

    Args:
        given: the values.
        curve: the initial curve.
        index: index of its stiffness in ``STIFFNESSES``.
    """
    found = _straight_fit(given)
    best = _Fit(found.curve, found.deviance - _MIN_BEND_GAIN, -1)
    for softer in range(max(index - _HEAD_START, 0), len(STIFFNESSES)):
        fit = _bent_fit(given, curve, softer)
        curve = fit.curve
        if fit.deviance < best.deviance:
            best = fit
        elif fit.deviance > best.deviance + _MAX_DEVIANCE_EXCESS and softer > index:
            break
    return best


def _bent_fit(given: _Values, curve: Series, index: int) -> _Fit:
    """Find the best curve of one stiffness by Newton's method, starting from another curve."""
    from scipy.linalg import cho_solve_banded, cholesky_banded  # slow, and not needed by workers

    stiffness = float(STIFFNESSES[index])
    penalty = stiffness * _second_differences(len(curve))
    cost = _cost(given, curve, stiffness)
    for _ in range(_STEPS):
        weight, pull = given.derivatives(curve)
        system = penalty.copy()
        system[-1] += weight
        factor = cholesky_banded(system, check_finite=False)
        aim = cho_solve_banded((factor, False), weight * curve + pull, check_finite=False)
        before = cost
        curve, cost = _step(given, curve, aim, stiffness, cost)
        if given.power == 2.0 or before - cost <= _CONVERGED * before:
            break
    volume = 2.0 * np.log(factor[-1]).sum() - (len(curve) - 2) * math.log(stiffness)
    return _Fit(curve, given.deviance(cost, float(volume)), index)


def _step(
    given: _Values, curve: Series, aim: Series, stiffness: float, cost: float
) -> tuple[Series, float]:
    """Step towards ``aim``, halving the step while the cost rises; return curve and cost."""
    for halving in range(_HALVINGS):
        moved = curve + 0.5**halving * (aim - curve)
        reached = _cost(given, moved, stiffness)
        if reached < cost or given.power == 2.0:
            return moved, reached
    return curve, cost


def _cost(given: _Values, curve: Series, stiffness: float) -> float:
    return given.misfit(curve) + 0.5 * stiffness * float(np.square(np.diff(curve, 2)).sum())


def _straight_fit(given: _Values) -> _Fit:
    """Find the best straight line."""
    curve = _line(given.values, given.weights)
    basis = np.stack([np.ones(len(curve)), np.arange(len(curve), dtype=np.float64)])
    cost = given.misfit(curve)
    for _ in range(_STEPS):
        weight, pull = given.derivatives(curve)
        system = (basis * weight) @ basis.T
        move = np.linalg.solve(system, basis @ pull) @ basis
        before = cost
        curve, cost = _step(given, curve, curve + move, 0.0, cost)
        if given.power == 2.0 or before - cost <= _CONVERGED * before:
            break
    return _Fit(curve, given.deviance(cost, float(np.linalg.slogdet(system)[1])), -1)


def _line(values: Series, weights: Series) -> Series:
    """Fit a straight line by weighted least squares."""
    at = np.arange(len(values)) - (weights * np.arange(len(values))).sum() / weights.sum()
    slope = (weights * at * values).sum() / (weights * at * at).sum()
    return np.asarray((weights * values).sum() / weights.sum() + slope * at)


def _second_differences(count: int) -> Series:
    """Return DᵀD of the second differences as upper bands for ``cholesky_banded``, (3, N)."""
    bands = np.zeros((3, count))
    for offset, factor in enumerate((1.0, -2.0, 1.0)):
        bands[2, offset : count - 2 + offset] += factor**2
    bands[1, 1:-1] -= 2.0
    bands[1, 2:] -= 2.0
    bands[0, 2:] = 1.0
    return bands


def _pilot_weights(frames: Series, values: Series) -> Series:
    """Compute robust weights from a local linear fit of fixed width."""
    weights = np.ones(len(values))
    for _ in range(_PILOT_ROUNDS):
        curve = local_linear_fit(frames, values, PILOT_HALF_WINDOW, weights)
        weights = _robust_weights(np.abs(values - curve))
    return weights


def _robust_weights(residuals: Series) -> Series:
    """Compute bisquare weights, (N,) in (0, 1], from absolute residuals.

    Residuals are judged against those around them: all of them may be large where the curve bends,
    which does not make them outliers.
    """
    usual = _running_median(residuals, PILOT_HALF_WINDOW)
    scale = np.maximum(_OUTLIER * np.maximum(usual, np.median(residuals)), 1e-6)
    inside = np.maximum(1.0 - np.square(residuals / scale), 0.0)
    return np.asarray(np.maximum(np.square(inside), _MIN_ROBUST_WEIGHT), np.float64)


def _running_median(values: Series, half: int) -> Series:
    """Compute the median of the values around each, (N,), mirrored at the ends."""
    around = np.lib.stride_tricks.sliding_window_view(
        np.pad(values, half, mode="reflect"), 2 * half + 1
    )
    parts = range(0, len(values), _WINDOWS_AT_ONCE)
    return np.concatenate([np.median(around[k : k + _WINDOWS_AT_ONCE], axis=1) for k in parts])
