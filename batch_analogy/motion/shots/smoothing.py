"""The likeliest smooth course of values: how stiff it is, and how what jumps about it is spread.

A course is a penalised fit: the least sum of trust times |value - course|^power / power and of
half the stiffness times its squared second differences. Power 2 is Whittaker's smoother and fits
what is normally spread; a higher one fits what has hard bounds, as the play of a shutter or an
aperture has. There it comes far nearer to the truth: the outermost values say most.

Both numbers are those that make the values likeliest when every course is thought possible, stiff
ones more than bent ones. Values spread normally or with long tails get power 2 by that.

Source: Whittaker 1923; restricted likelihood as Wahba 1985 and Wood 2011, by Laplace's method;
the spread is Subbotin's 1923, whose powers robust regression chooses by the data since Money 1982.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

Series = npt.NDArray[np.float64]  # (N,), one value a frame

POWERS = (2.0, 4.0, 8.0)

STIFFNESSES = 10.0 ** np.arange(9.0, 1.4, -0.25)
"""From about 400 frames on either side to about 5, for values a standard deviation apart."""

_BEND_MUST_GAIN = 4.0  # in twice the log-likelihood, or the straight line is kept
_HOPELESS = 20.0  # by so much less likely than the best: softer ones are not tried
_STIFFER = 3  # of STIFFNESSES, that the search of a higher power starts before the last one's
_LEAST_WEIGHT = 1e-3  # keeps a step finite where all values lie on the course
_STEPS, _HALVINGS = 40, 8
_SETTLED = 1e-5  # of what is minimised


@dataclass(frozen=True)
class _Fit:
    course: Series
    surprise: float  # minus twice the log-likelihood of the values
    place: int  # in STIFFNESSES; -1 is the straight line


@dataclass(frozen=True)
class _Values:
    """Values on consecutive frames in units in which they are about 1 from their course."""

    values: Series
    trust: Series  # weights; 0 where there is no value
    power: float
    unit: float

    @property
    def count(self) -> int:
        return int(np.count_nonzero(self.trust))

    def weigh(self, course: Series) -> tuple[Series, Series]:
        """How the misfit bends at a course and how it pulls there; power 2 does so everywhere."""
        apart = self.values - course
        weight = self.trust * np.abs(apart) ** (self.power - 2.0)
        if self.power == 2.0:
            return weight, weight * apart
        return (self.power - 1.0) * weight + _LEAST_WEIGHT, weight * apart

    def misfit(self, course: Series) -> float:
        apart = np.abs(self.values - course)
        return float((self.trust * apart**self.power).sum() / self.power)

    def surprise(self, cost: float, log_volume: float) -> float:
        """Minus twice the log of the likelihood of all courses around the best one.

        Args:
            cost: what the best course minimises, the spread's scale not counted.
            log_volume: log-determinant of how that bends there, less that of the penalty.
        """
        power, count = self.power, self.count
        free = 2.0 * count / power - 2.0
        spread = (1.0 - 1.0 / power) * math.log(power) - math.log(2.0) - math.lgamma(1.0 / power)
        scale = free * (1.0 + math.log(max(2.0 * cost, 1e-300) / free))
        units = 2.0 * (count - 2.0) * math.log(self.unit)
        return scale + log_volume - 2.0 * count * spread + units


def likelihood_smooth(values: Series, trust: Series) -> Series:
    """The course that makes the values likeliest.

    Args:
        values: (N,) on consecutive frames; any number where there is none.
        trust: (N,) their weights; 0 where there is no value. At least five are above it.

    Returns:
        (N,) a straight line if nothing speaks against it.
    """
    best, unit = None, 1.0
    for power in POWERS:
        given = _Values(values / unit, trust, power, unit)
        if power >= given.count:  # too few to tell how they are spread
            break
        start = _Fit(_line(given.values, trust), math.inf, -1) if best is None else best
        found = _search(given, start.course if best is None else start.course / unit, start.place)
        if best is not None and found.surprise >= best.surprise:
            break
        best = _Fit(found.course * unit, found.surprise, found.place)
        apart = values - best.course
        unit = max(float(np.sqrt((trust * np.square(apart)).sum() / trust.sum())), 1e-6)
    assert best is not None
    return best.course


def _search(given: _Values, course: Series, place: int) -> _Fit:
    """The likeliest course of this power, from a stiff one on.

    Args:
        given: the values.
        course: where to begin.
        place: its stiffness.
    """
    found = _straight(given)
    best = _Fit(found.course, found.surprise - _BEND_MUST_GAIN, -1)
    for softer in range(max(place - _STIFFER, 0), len(STIFFNESSES)):
        fit = _bent(given, course, softer)
        course = fit.course
        if fit.surprise < best.surprise:
            best = fit
        elif fit.surprise > best.surprise + _HOPELESS and softer > place:
            break
    return best


def _bent(given: _Values, course: Series, place: int) -> _Fit:
    """The best course of one stiffness, by Newton's method from another."""
    from scipy.linalg import cho_solve_banded, cholesky_banded  # every worker would import it

    stiffness = float(STIFFNESSES[place])
    bends = stiffness * _second_differences(len(course))
    cost = _cost(given, course, stiffness)
    for _ in range(_STEPS):
        weight, pull = given.weigh(course)
        system = bends.copy()
        system[-1] += weight
        factor = cholesky_banded(system, check_finite=False)
        aim = cho_solve_banded((factor, False), weight * course + pull, check_finite=False)
        before = cost
        course, cost = _step(given, course, aim, stiffness, cost)
        if given.power == 2.0 or before - cost <= _SETTLED * before:
            break
    volume = 2.0 * np.log(factor[-1]).sum() - (len(course) - 2) * math.log(stiffness)
    return _Fit(course, given.surprise(cost, float(volume)), place)


def _step(
    given: _Values, course: Series, aim: Series, stiffness: float, cost: float
) -> tuple[Series, float]:
    """Go as far towards the aim as that makes it better, and what it costs there."""
    for halving in range(_HALVINGS):
        there = course + 0.5**halving * (aim - course)
        reached = _cost(given, there, stiffness)
        if reached < cost or given.power == 2.0:
            return there, reached
    return course, cost


def _cost(given: _Values, course: Series, stiffness: float) -> float:
    return given.misfit(course) + 0.5 * stiffness * float(np.square(np.diff(course, 2)).sum())


def _straight(given: _Values) -> _Fit:
    """The best straight line."""
    course = _line(given.values, given.trust)
    basis = np.stack([np.ones(len(course)), np.arange(len(course), dtype=np.float64)])
    cost = given.misfit(course)
    for _ in range(_STEPS):
        weight, pull = given.weigh(course)
        system = (basis * weight) @ basis.T
        move = np.linalg.solve(system, basis @ pull) @ basis
        before = cost
        course, cost = _step(given, course, course + move, 0.0, cost)
        if given.power == 2.0 or before - cost <= _SETTLED * before:
            break
    return _Fit(course, given.surprise(cost, float(np.linalg.slogdet(system)[1])), -1)


def _line(values: Series, trust: Series) -> Series:
    """The straight line of least squares."""
    at = np.arange(len(values)) - (trust * np.arange(len(values))).sum() / trust.sum()
    slope = (trust * at * values).sum() / (trust * at * at).sum()
    return np.asarray((trust * values).sum() / trust.sum() + slope * at)


def _second_differences(count: int) -> Series:
    """DᵀD of the second differences, its upper bands as ``cholesky_banded`` has them: (3, N)."""
    bands = np.zeros((3, count))
    for place, factor in enumerate((1.0, -2.0, 1.0)):
        bands[2, place : count - 2 + place] += factor**2
    bands[1, 1:-1] -= 2.0
    bands[1, 2:] -= 2.0
    bands[0, 2:] = 1.0
    return bands
