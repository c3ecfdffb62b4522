"""Detect static regions, in which noise alone produces up to a pixel of spurious flow.

A painted texture carried along that flow would jitter where the scene is static. So each window is
tested for how much of the difference between two frames a shift explains. A shift explains almost
nothing of noise. If it explains so little, although a shift of a tenth of a pixel would have been
detected, the flow is set to zero. Windows with too little texture to decide follow those around
them.

Only motion between matched frames is tested, never single steps that are added up later: a slow
drift is followed again as soon as it has reached a tenth of a pixel.

Source: the least squares of Lucas and Kanade 1981, as a score test (Rao 1948) of no motion;
docs/method.md, "Static regions".
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from batch_analogy.analogy.correspondence.smoothness_prior import pull_push
from batch_analogy.motion.flow.optical_flow import Motion
from batch_analogy.motion.flow.photometry import remove_light_change
from batch_analogy.motion.flow.sampling import Flow, Luma

_THRESHOLD = 25.0  # χ² with two degrees of freedom: by noise alone, one window in 300,000
_DETECTABLE_PX = 0.1  # shift that a window must be able to detect before it is called static
_MAX_NOISE_PX = 1.0  # longer flow is never noise
_WINDOW_SHARE = 0.05  # radius of a window (a box filter, twice), of the frame's mean side
_DOWNSCALE = 4  # windows are summed at this fraction of the size
_ROUNDING_VARIANCE = 1 / 255**2 / 6  # of the difference of two values rounded to bytes
_SOFT_PX = 9  # width of the transition between static and moving


def suppress_noise_flow(motion: Motion) -> Motion:
    """Zero the flow in static regions and leave it unchanged elsewhere."""
    if motion.still:
        return motion
    short = (_is_short(motion.backward) & _is_short(motion.forward)).astype(np.float32)
    if not short.any():
        return motion
    static = short * _static_regions(motion)
    window = (_SOFT_PX, _SOFT_PX)
    static = cv2.erode(static, np.ones(window, np.uint8), borderType=cv2.BORDER_REPLICATE)
    moving = 1.0 - cv2.blur(static, window, borderType=cv2.BORDER_REPLICATE)
    moving = np.where(moving < 1e-4, 0, moving).astype(np.float32)[..., None]  # 1 - 81/81, rounded
    return replace(motion, backward=motion.backward * moving, forward=motion.forward * moving)


def _is_short(flow: Flow) -> NDArray[np.bool_]:
    return np.asarray(np.square(flow).sum(axis=2) < _MAX_NOISE_PX**2, np.bool_)


def _static_regions(motion: Motion) -> NDArray[np.float32]:
    """Test every window for motion, (H, W) float32: 1 where static."""
    before, now = motion.match_exposure(motion.before), motion.now
    difference = remove_light_change(now - before, motion.confidence > 0)
    across, down = _gradients(np.asarray((before + now) / 2, np.float32))
    noise_across, noise_down = _gradients(difference)
    maps = (
        across * across, across * down, down * down, across * difference, down * difference,
        np.square(difference), np.square(cv2.blur(difference, (3, 3))) * 9,
        (np.square(noise_across) + np.square(noise_down)) / 8,
        np.ones_like(difference),
    )  # fmt: skip
    radius = _WINDOW_SHARE * np.sqrt(now.size) / _DOWNSCALE
    side = 2 * max(1, round(radius)) + 1
    xx, xy, yy, xd, yd, power, slow_power, noise, inside = (_window_means(m, side) for m in maps)
    count = (1.5 * side * _DOWNSCALE) ** 2 * inside  # effective pixels of a triangular window
    xx, xy, yy, xd, yd, noise = (m / inside for m in (xx, xy, yy, xd, yd, noise))
    # Coarse noise, as from compression, has more power in its 3×3 means.
    power = np.maximum(np.maximum(power, slow_power) / inside, _ROUNDING_VARIANCE)
    mean, deviation = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)  # eigenvalues: mean ± deviation
    determinant = np.maximum(mean**2 - deviation**2, 1e-16)
    explained = (yy * xd**2 - 2 * xy * xd * yd + xx * yd**2) / determinant
    moving = count * explained > _THRESHOLD * power
    decided = count * (mean - deviation - noise) * _DETECTABLE_PX**2 > _THRESHOLD * power
    static = _spread(~moving, moving | decided)
    # A window beside a moving object sees little of its motion, so static regions shrink by one.
    static = cv2.erode(static, np.ones((side, side), np.uint8), borderType=cv2.BORDER_REPLICATE)
    full = cv2.resize(static, now.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(full > 0.5, np.float32)


def _gradients(luma: Luma) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Compute derivatives per pixel, across and down, smoothed by (1 2 1)/4 the other way."""
    orders = (1, 0), (0, 1)
    across, down = (cv2.Sobel(luma, cv2.CV_32F, *order, ksize=3, scale=1 / 8) for order in orders)
    return np.asarray(across, np.float32), np.asarray(down, np.float32)


def _window_means(values: NDArray[Any], side: int) -> NDArray[np.float64]:
    """Compute weighted means over windows at the reduced size; pixels outside count as 0."""
    small = tuple(-(-n // _DOWNSCALE) for n in values.shape[::-1])
    means = cv2.resize(values, small, interpolation=cv2.INTER_AREA)
    for _ in range(2):
        means = cv2.blur(means, (side, side), borderType=cv2.BORDER_CONSTANT)
    return np.asarray(means, np.float64)


def _spread(values: NDArray[np.bool_], decided: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Spread values from decided windows to the others by majority, (h, w) float32: 0 or 1."""
    maps = [torch.from_numpy(m.astype(np.float32))[None, None] for m in (values, decided)]
    return np.asarray(pull_push(maps[0], maps[1])[0, 0].numpy() > 0.5, np.float32)
