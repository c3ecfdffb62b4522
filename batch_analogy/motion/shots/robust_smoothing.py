"""The smooth course of values that jump about it from frame to frame."""

from __future__ import annotations

import numpy as np

from batch_analogy.motion.shots.smoothing import Series, likelihood_smooth

PILOT_HALF_WINDOW = 15
"""Frames on either side by which outliers are told at first."""

_PILOT_ROUNDS, _ROUNDS = 4, 3
_OUTLIER = 6.0  # weighted_medians of what values are apart
_LEAST_TRUST = 1e-3
_FRAMES_AT_ONCE = 1 << 14  # whose windows are held in memory


def robust_smooth(frames: Series, values: Series) -> Series:
    """The course of the values without what jumps from frame to frame.

    The course is taken that makes the values likeliest, a straight line if nothing speaks against
    it. Its ends go straight on, outliers count little.

    Args:
        frames: (N,) rising whole frame numbers, at least five. values: (N,)

    Source: ``likeliest``; robust weights of Cleveland 1979.
    """
    places = (frames - frames[0]).astype(np.int64)  # frames that were not seen lie between
    seen = np.zeros(places[-1] + 1, bool)
    seen[places] = True
    wanted = np.zeros(len(seen))
    wanted[places] = values
    trust = np.zeros(len(seen))
    trust[places] = _pilot_trust(frames, values)
    for _ in range(_ROUNDS):
        course = likelihood_smooth(wanted, trust)
        trust[places] = _trust(np.abs(wanted - course)[places])
    return np.asarray(course[places], np.float64)


def local_linear_fit(frames: Series, values: Series, half: int, trust: Series) -> Series:
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
        course = local_linear_fit(frames, values, PILOT_HALF_WINDOW, trust)
        trust = _trust(np.abs(values - course))
    return trust


def _trust(apart: Series) -> Series:
    """Bisquare weights, (N,) in (0, 1], of values so far from their course.

    Where it is bent, values may be far from it all around; that makes no outliers of them.
    """
    usual = _running_median(apart, PILOT_HALF_WINDOW)
    scale = np.maximum(_OUTLIER * np.maximum(usual, np.median(apart)), 1e-6)
    inside = np.maximum(1.0 - np.square(apart / scale), 0.0)
    return np.asarray(np.maximum(np.square(inside), _LEAST_TRUST), np.float64)


def _running_median(values: Series, half: int) -> Series:
    """(N,) weighted_medians of the values around each, mirrored at the ends."""
    around = np.lib.stride_tricks.sliding_window_view(
        np.pad(values, half, mode="reflect"), 2 * half + 1
    )
    parts = range(0, len(values), _FRAMES_AT_ONCE)
    return np.concatenate([np.median(around[k : k + _FRAMES_AT_ONCE], axis=1) for k in parts])
