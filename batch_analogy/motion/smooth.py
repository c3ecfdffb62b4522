"""The smooth course of values that jump about it from frame to frame."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from scipy.linalg import solveh_banded
from scipy.ndimage import median_filter

Series = npt.NDArray[np.float64]  # (N,), one value a frame

PILOT_HALF_WINDOW = 15
"""Frames on either side by which outliers are told at first."""

STIFFNESSES = 10.0 ** np.arange(1.5, 9.1, 0.25)
"""From about 5 frames on either side to about 400; beyond them there is the straight line."""

_DEARER = 1.4  # than by the plain criterion each degree of freedom counts: it would follow noise
_PILOT_ROUNDS, _ROUNDS = 4, 3
_OUTLIER = 6.0  # medians of what values are apart
_LEAST_TRUST = 1e-3
_FRAMES_AT_ONCE = 1 << 14  # whose windows are held in memory
_FIRST_BEND = 4.73004  # of a free beam: cosh(b) cos(b) = 1; the next are odd multiples of pi/2


def smooth_course(frames: Series, values: Series) -> Series:
    """The course of the values without what jumps from frame to frame.

    The stiffest course is taken that foretells values it has not seen as well as any: a straight
    line if nothing speaks against it. Its ends go straight on, outliers count little.

    Args:
        frames: (N,) rising whole frame numbers, at least five. values: (N,)

    Source: the smoother of Whittaker 1923 with differences of second order; its stiffness by
    generalised cross-validation (Craven and Wahba 1978), degrees of freedom weighed as Kim and Gu
    2004 advise; robust weights of Cleveland 1979.
    """
    places = (frames - frames[0]).astype(np.int64)  # frames that were not seen lie between
    seen = np.zeros(places[-1] + 1, bool)
    seen[places] = True
    wanted = np.zeros(len(seen))
    wanted[places] = values
    trust = np.zeros(len(seen))
    trust[places] = _pilot_trust(frames, values)
    for _ in range(_ROUNDS):
        course = _by_foresight(wanted, trust)
        trust[places] = _trust(np.abs(wanted - course)[places])
    return np.asarray(course[places], np.float64)


def local_lines(frames: Series, values: Series, half: int, trust: Series) -> Series:
    """At each frame the line fitted around it.

    Args:
        frames: (N,) rising frame numbers.
        values: (N,)
        half: frames on either side that count, by tricube weights; near the ends as many in all.
        trust: (N,) weights of the values.

    Source: local linear regression, Cleveland 1979.
    """
    fitted = np.empty(len(values))
    window = np.arange(min(2 * half + 1, len(values)))
    for start in range(0, len(values), _FRAMES_AT_ONCE):
        part = np.arange(start, min(start + _FRAMES_AT_ONCE, len(values)))
        around = np.clip(part - half, 0, len(values) - len(window))[:, None] + window
        apart = frames[around] - frames[part][:, None]
        reach = np.abs(apart).max(axis=1, keepdims=True) + 1.0
        weight = (1.0 - np.abs(apart / reach) ** 3) ** 3 * trust[around]
        w0, w1, w2 = weight.sum(1), (weight * apart).sum(1), (weight * apart**2).sum(1)
        y0, y1 = (weight * values[around]).sum(1), (weight * apart * values[around]).sum(1)
        fitted[part] = (w2 * y0 - w1 * y1) / np.maximum(w0 * w2 - w1 * w1, 1e-12)
    return fitted


def _pilot_trust(frames: Series, values: Series) -> Series:
    """Weights of the values by what a course of fixed width says of them."""
    trust = np.ones(len(values))
    for _ in range(_PILOT_ROUNDS):
        course = local_lines(frames, values, PILOT_HALF_WINDOW, trust)
        trust = _trust(np.abs(values - course))
    return trust


def _trust(apart: Series) -> Series:
    """Bisquare weights, (N,) in (0, 1], of values so far from their course.

    Where it is bent, values may be far from it all around; that makes no outliers of them.
    """
    usual = median_filter(apart, 2 * PILOT_HALF_WINDOW + 1, mode="mirror")
    scale = np.maximum(_OUTLIER * np.maximum(usual, np.median(apart)), 1e-6)
    inside = np.maximum(1.0 - np.square(apart / scale), 0.0)
    return np.asarray(np.maximum(np.square(inside), _LEAST_TRUST), np.float64)


def _by_foresight(values: Series, trust: Series) -> Series:
    """The course whose stiffness foretells best.

    Args:
        values: (N,) on consecutive frames. trust: (N,) their weights; 0 where there is none.
    """
    bends, total = _second_differences(len(values)), trust.sum()
    count = int(np.count_nonzero(trust))
    course = _line(values, trust)
    least = _foresight(values - course, trust, 2.0 / count)
    for stiffness in STIFFNESSES[::-1]:
        share = _freedom(len(values), stiffness * count / total) / count
        if _DEARER * share >= 1.0:
            break  # softer ones have more freedom yet
        system = stiffness * bends
        system[-1] += trust
        found = solveh_banded(system, trust * values, check_finite=False)
        if (error := _foresight(values - found, trust, share)) < least:
            course, least = found, error
    return course


def _foresight(apart: Series, trust: Series, share: float) -> float:
    """How far values lie from a course that had not seen them, squared; ``share``: its freedom."""
    return float((trust * np.square(apart)).sum() / trust.sum() / (1.0 - _DEARER * share) ** 2)


def _line(values: Series, trust: Series) -> Series:
    """The straight line through the values."""
    at = np.arange(len(values)) - (trust * np.arange(len(values))).sum() / trust.sum()
    slope = (trust * at * values).sum() / (trust * at * at).sum()
    return np.asarray((trust * values).sum() / trust.sum() + slope * at)


def _second_differences(count: int) -> Series:
    """DᵀD of the second differences, its upper bands as ``solveh_banded`` has them: (3, N)."""
    bands = np.zeros((3, count))
    for place, factor in enumerate((1.0, -2.0, 1.0)):
        bands[2, place : count - 2 + place] += factor**2
    bands[1, 1:-1] -= 2.0
    bands[1, 2:] -= 2.0
    bands[0, 2:] = 1.0
    return bands


def _freedom(count: int, stiffness: float) -> float:
    """Degrees of freedom of a course over so many frames, to a hundredth of them.

    Its modes are those by which a beam of free ends swings; those that cost nothing are two.
    """
    at = (2 * np.arange(1, count - 1) + 1) * (np.pi / 2)
    at[0] = _FIRST_BEND
    cost = (2 * np.sin(np.minimum(at / count, np.pi) / 2)) ** 4
    return float(2.0 + (1.0 / (1.0 + stiffness * cost)).sum())
