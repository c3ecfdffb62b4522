"""What stands still though its flow does not: of noise alone, flow finds up to a pixel.

Carried along that, a painted texture trembles where the scene stands. So it is tested, window by
window, how much of the difference of two frames a shift explains. Of noise it explains next to
nothing; where that is so, though a tenth of a pixel would have been seen, the flow is set to zero.
Windows that are too plain to tell go with those around them.

Tested are motions from a matched frame to another, never steps that are to be added up: what creeps
is let go as soon as it has come a tenth of a pixel.

Source: the least squares of Lucas and Kanade 1981, as a score test (Rao 1948) of no motion.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import torch
from numpy.typing import NDArray

from batch_analogy.analogy.correspondence.smoothness_prior import pull_push
from batch_analogy.motion.flow.optical_flow import Flow, Luma, Motion, alike, remove_light_change

_CHANCE = 25.0  # χ² with two degrees of freedom: one window in 300,000 by noise alone
_SEEN_PX = 0.1  # a shift that has to be seen where a window is to say that there is none
_NOISE_PX = 1.0  # longer flow is not of noise
_WINDOW_SHARE = 0.05  # radius of a window (twice a box), of a frame's mean side
_COARSENESS = 4  # pixels in one by which windows are summed up
_ROUNDING = 1 / 255**2 / 6  # variance of the difference of two bytes that are rounded
_SOFT_PX = 9  # over which what stands goes over into what moves


def suppress_noise_flow(motion: Motion) -> Motion:
    """A motion without the flow that noise alone explains: zero there, unchanged elsewhere."""
    if motion.still:
        return motion
    near = (_short(motion.backward) & _short(motion.forward)).astype(np.float32)
    if not near.any():
        return motion
    stands = near * _stands(motion)
    window = (_SOFT_PX, _SOFT_PX)
    stands = cv2.erode(stands, np.ones(window, np.uint8), borderType=cv2.BORDER_REPLICATE)
    moves = 1.0 - cv2.blur(stands, window, borderType=cv2.BORDER_REPLICATE)
    moves = np.where(moves < 1e-4, 0, moves).astype(np.float32)[..., None]  # 1 - 81/81, rounded
    return replace(motion, backward=motion.backward * moves, forward=motion.forward * moves)


def _short(flow: Flow) -> NDArray[np.bool_]:
    return np.asarray(np.square(flow).sum(axis=2) < _NOISE_PX**2, np.bool_)


def _stands(motion: Motion) -> Luma:
    """(H, W) float32: 1 where no shift is seen, though it would be, or would be around there."""
    before, now = alike(motion, motion.before), motion.now
    differs = remove_light_change(now - before, motion.confidence > 0)
    across, down = _slopes(np.asarray((before + now) / 2, np.float32))
    noise_across, noise_down = _slopes(differs)
    maps = (
        across * across, across * down, down * down, across * differs, down * differs,
        np.square(differs), np.square(cv2.blur(differs, (3, 3))) * 9,
        (np.square(noise_across) + np.square(noise_down)) / 8,
        np.ones_like(differs),
    )  # fmt: skip
    radius = _WINDOW_SHARE * np.sqrt(now.size) / _COARSENESS
    side = 2 * max(1, round(radius)) + 1
    xx, xy, yy, xd, yd, power, slow_power, noise, inside = (_sums(m, side) for m in maps)
    count = (1.5 * side * _COARSENESS) ** 2 * inside  # of a triangle's weights
    xx, xy, yy, xd, yd, noise = (m / inside for m in (xx, xy, yy, xd, yd, noise))
    power = np.maximum(np.maximum(power, slow_power) / inside, _ROUNDING)  # noise may be coarse
    common, apart = (xx + yy) / 2, np.hypot((xx - yy) / 2, xy)
    determinant = np.maximum(common**2 - apart**2, 1e-16)
    explained = (yy * xd**2 - 2 * xy * xd * yd + xx * yd**2) / determinant
    moves = count * explained > _CHANCE * power
    told = count * (common - apart - noise) * _SEEN_PX**2 > _CHANCE * power
    stands = _spread(~moves, moves | told)
    # A window beside what moves sees little of it, one in its midst more: it moves up to its rim.
    stands = cv2.erode(stands, np.ones((side, side), np.uint8), borderType=cv2.BORDER_REPLICATE)
    whole = cv2.resize(stands, now.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(whole > 0.5, np.float32)


def _slopes(grey: Luma) -> tuple[Luma, Luma]:
    """Derivatives a pixel, across and down, smoothed by (1 2 1)/4 the other way."""
    orders = (1, 0), (0, 1)
    across, down = (cv2.Sobel(grey, cv2.CV_32F, *order, ksize=3, scale=1 / 8) for order in orders)
    return np.asarray(across, np.float32), np.asarray(down, np.float32)


def _sums(values: NDArray[Any], side: int) -> NDArray[np.float64]:
    """Weighted means over windows, less than that at the frame's edges: at a coarser size."""
    small = tuple(-(-n // _COARSENESS) for n in values.shape[::-1])
    means = cv2.resize(values, small, interpolation=cv2.INTER_AREA)
    for _ in range(2):
        means = cv2.blur(means, (side, side), borderType=cv2.BORDER_CONSTANT)
    return np.asarray(means, np.float64)


def _spread(values: NDArray[np.bool_], told: NDArray[np.bool_]) -> Luma:
    """1 where windows that can tell say so, or most of those around that can."""
    maps = [torch.from_numpy(m.astype(np.float32))[None, None] for m in (values, told)]
    return np.asarray(pull_push(maps[0], maps[1])[0, 0].numpy() > 0.5, np.float32)
