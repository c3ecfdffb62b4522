"""Optical flow between two frames, both ways, and where it can be believed.

Flow is OpenCV's DIS (Kroeger et al. 2016) on brightness. A pixel's flow is believed where going
there and back leads home (Sundaram et al. 2010, constants of Ruder et al. 2016 and Lai et al.
2018) and where the frame it comes from looks alike there, a change of exposure allowed for.
"""

from __future__ import annotations

import functools
import math
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

Luma = NDArray[np.float32]
"""(H, W) float32 brightness in [0, 1]."""

Flow = NDArray[np.float32]
"""(H, W, 2) float32 displacement (dx, dy) in pixels."""

Result = TypeVar("Result")

_AWAY_SHARE, _AWAY_PX2 = 0.01, 0.5  # there and back may miss by so much, squared
_AWAY_MOST_PX2 = 9.0
_ALIKE = 0.08  # brightness this far apart: e⁻¹ of the trust
_LIGHT_SHARE = 0.05  # of a frame's mean side: radius within which light changes together …
_LIGHT_MOST = 0.16  # … by so much at most
_LIGHT_COARSENESS = 4  # pixels in one by which it is found
_WIDENED_PX = 5  # side of the window whose least trusted pixel counts
_SEEN_ENOUGH = 0.05  # share of a frame by which its exposure can be told
_LEAST_SIDE_PX = 64  # DIS needs a few patches each way
_LEVELS = np.float32(255.0)  # the refinement's own constants are for brightness up to this
_REFINE_DOUBT = 0.2
_REFINE_ROUNDS, _REFINE_ITERATIONS, _REFINE_SMOOTHNESS = 20, 10, 80.0
_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True)
class Motion:
    """How one frame follows from a frame before it."""

    before: Luma  # the earlier frame
    now: Luma  # the later one
    backward: Flow  # of the later frame's pixels: where they were, minus where they are
    forward: Flow  # of the earlier frame's pixels: where they will be, minus where they are
    confidence: Luma  # of the later frame's pixels: how far ``backward`` can be believed, 0 … 1
    confidence_before: Luma  # of the earlier frame's pixels: how far ``forward`` can
    still: bool = False  # the frames are equal

    def reversed(self) -> Motion:
        """The motion from the later frame to the earlier one."""
        return Motion(
            self.now,
            self.before,
            self.forward,
            self.backward,
            self.confidence_before,
            self.confidence,
            self.still,
        )

    def then(self, onward: Motion) -> Motion:
        """This motion and the one that follows it as one: from the first frame to the third.

        Small errors of the steps add up, so flow is sought once more between the two frames, from
        where the steps have led; each pixel keeps what is believed more: that the third frame looks
        like the first there and both ways lead home, whatever was believed of the steps.
        """
        if onward.still:
            return self
        if self.still:
            return onward
        backward = onward.backward + sample(self.backward, destinations(onward.backward))
        forward = self.forward + sample(onward.forward, destinations(self.forward))
        composed = _judged(self.before, onward.now, backward, forward)
        return _better(composed, _sought(self.before, onward.now, composed))

    def refined(self) -> Motion:
        """This motion to a smaller part of a pixel, where that is believed as much.

        DIS works at half the size. What it is off by adds up over many motions in a row.
        """
        if self.still:
            return self
        exposure = _exposure_along(
            self.before, self.now, destinations(self.backward), self.confidence > 0
        )
        before, now = _as_exposed(self.before, exposure) * _LEVELS, self.now * _LEVELS
        backward, forward = _both_ways(
            _refined, (self.backward, now, before), (self.forward, before, now)
        )
        return _better(_judged(self.before, self.now, backward, forward), self, _REFINE_DOUBT)

    def global_light_change(self) -> float:
        """By how much what both frames show has another brightness and contrast: 0 … 1."""
        seen = self.confidence > 0
        if self.still or seen.mean() < _SEEN_ENOUGH:
            return 0.0
        was, now = sample(self.before, destinations(self.backward))[seen], self.now[seen]
        means = float(now.mean(dtype=np.float64)) - float(was.mean(dtype=np.float64))
        contrasts = float(now.std(dtype=np.float64)) - float(was.std(dtype=np.float64))
        return abs(means) + abs(contrasts)

    def local_light_change(self) -> Luma:
        """By how much regions of the later frame have another brightness; 0 where nothing is known.

        A vignette, a flare or a shadow may leave the frame as bright as it was.
        """
        apart = self.now - sample(self.before, destinations(self.backward))
        return np.asarray(np.abs(_light(_smooth(apart), self.confidence > 0)), np.float32)


def alike(motion: Motion, before: NDArray[np.float32]) -> NDArray[np.float32]:
    """The earlier frame of a motion, (H, W[, C]), in the exposure of the later one."""
    exposure = _exposure_along(
        motion.before, motion.now, destinations(motion.backward), motion.confidence > 0
    )
    return _as_exposed(before, exposure)


def colour_similarity(
    motion: Motion, before: NDArray[np.float32], now: NDArray[np.float32]
) -> Luma:
    """How far pixels have the colour of where they were, whatever their brightness: 0 … 1.

    Args:
        motion: between two frames. before: the earlier one, (H, W, 3) RGB. now: the later one.
    """
    seen = motion.confidence > 0
    was = sample(alike(motion, before), destinations(motion.backward))
    change = (was - brightness(was)[..., None]) - (now - brightness(now)[..., None])
    parts = [remove_light_change(_smooth(change[..., part]), seen) for part in range(3)]
    away = (np.square(parts[0]) + np.square(parts[1]) + np.square(parts[2])) / 3
    return np.asarray(np.exp(-away / np.float32(_ALIKE**2)), np.float32)


def brightness(picture: NDArray[np.float32]) -> Luma:
    """(H, W, 3) float32 RGB → (H, W)."""
    red, green, blue = _LUMA  # not a matrix product: BLAS rounds by the number of threads
    grey = picture[..., 0] * red + picture[..., 1] * green + picture[..., 2] * blue
    return np.ascontiguousarray(grey, np.float32)


def estimate_motion(before: Luma, now: Luma) -> Motion:
    """The motion between two frames of one size.

    Args:
        before: the earlier frame. now: the later one.

    Returns:
        Flow both ways and its trust; the same for any number of threads.
    """
    if before.shape == now.shape and np.array_equal(before, now):
        still = np.zeros((*now.shape, 2), np.float32)
        confidence = np.ones(now.shape, np.float32)
        return Motion(before, now, still, still, confidence, confidence, still=True)
    return _sought(before, now)


def _sought(before: Luma, now: Luma, near: Motion | None = None) -> Motion:
    """The motion between two frames, near another one where that is given."""
    guesses: tuple[Flow | None, Flow | None] = (None, None)
    if near is None:
        exposure = _exposure(before, now)
    else:
        exposure = _exposure_along(before, now, destinations(near.backward), near.confidence > 0)
        guesses = near.backward, near.forward
    first, second = _bytes(_as_exposed(before, exposure)), _bytes(now)
    backward, forward = _both_ways(
        dense_flow, (second, first, guesses[0]), (first, second, guesses[1])
    )
    return _judged(before, now, backward, forward)


def _both_ways(work: Callable[..., Result], backward: Any, forward: Any) -> tuple[Result, Result]:
    """The same work for both directions at once; it lets other threads run.

    Args:
        work: what is to be done. backward: its arguments for one direction. forward: for the other.
    """
    there = _other_thread().submit(work, *forward)
    try:
        here = work(*backward)
    finally:
        wait([there])
    return here, there.result()


@functools.lru_cache(maxsize=1)
def _other_thread() -> ThreadPoolExecutor:
    """One thread for all calls: OpenCV keeps a kilobyte for ever of each that it has run in."""
    return ThreadPoolExecutor(1, "flow")


os.register_at_fork(after_in_child=_other_thread.cache_clear)  # a forked child has no such thread


def _better(a: Motion, b: Motion, doubt: float = 0.0) -> Motion:
    """Of two motions between the same frames, at each pixel the one that is believed more.

    The first one may be believed less by so much.
    """
    now, before = (
        a.confidence >= b.confidence - doubt,
        a.confidence_before >= b.confidence_before - doubt,
    )
    return Motion(
        a.before,
        a.now,
        np.where(now[..., None], a.backward, b.backward),
        np.where(before[..., None], a.forward, b.forward),
        np.where(now, a.confidence, b.confidence),
        np.where(before, a.confidence_before, b.confidence_before),
    )


def _judged(before: Luma, now: Luma, backward: Flow, forward: Flow) -> Motion:
    """A motion with how far it can be believed."""
    there = destinations(backward), destinations(forward)
    home, home_before = _both_ways(
        _returning, (backward, forward, there[0]), (forward, backward, there[1])
    )
    alike = _as_exposed(before, _exposure_along(before, now, there[0], home))
    confidence, confidence_before = _both_ways(
        _trust, (there[0], home, now, alike), (there[1], home_before, alike, now)
    )
    return Motion(before, now, backward, forward, confidence, confidence_before)


def dense_flow(start: NDArray[np.uint8], stop: NDArray[np.uint8], near: Flow | None = None) -> Flow:
    """Where each pixel of one frame lies in another, by DIS at its medium preset.

    Args:
        start: (H, W) uint8. stop: likewise.
        near: about where, if that is known.
    """
    method = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    if min(start.shape) < _LEAST_SIDE_PX:
        wide = [(0, max(0, _LEAST_SIDE_PX - side)) for side in start.shape]
        first, second = (np.pad(grey, wide, mode="edge") for grey in (start, stop))
        guess = None if near is None else np.pad(near, [*wide, (0, 0)], mode="edge")
        flow = method.calc(first, second, guess)[: start.shape[0], : start.shape[1]]
    else:
        flow = method.calc(start, stop, None if near is None else near.copy())
    return np.ascontiguousarray(flow, np.float32)


def _refined(flow: Flow, start: Luma, stop: Luma) -> Flow:
    method = cv2.VariationalRefinement.create()
    method.setFixedPointIterations(_REFINE_ROUNDS)
    method.setSorIterations(_REFINE_ITERATIONS)
    method.setAlpha(_REFINE_SMOOTHNESS)
    across, down = (np.ascontiguousarray(flow[..., axis]) for axis in range(2))
    method.calcUV(start, stop, across, down)
    return np.stack([across, down], axis=-1)


def forward_backward_consistent(flow: Flow, backward: Flow) -> NDArray[np.bool_]:
    """Where going by one flow and back by the other leads home: False where occluded.

    Args:
        flow: from this frame to the other. backward: from the other to this.

    Returns:
        (H, W) bool, by |w + ŵ|² ≤ 0.01 (|w|² + |ŵ|²) + 0.5, nowhere more than 3² px, and inside
        the other frame.
    """
    return _returning(flow, backward, destinations(flow))


def _returning(flow: Flow, backward: Flow, there: Flow) -> NDArray[np.bool_]:
    answer = sample(backward, there)
    missed = _square_length(flow + answer)
    length = _square_length(flow) + _square_length(answer)
    height, width = flow.shape[:2]
    x, y = there[..., 0], there[..., 1]
    inside = (x >= -0.5) & (y >= -0.5) & (x < width - 0.5) & (y < height - 0.5)
    home = missed <= np.minimum(_AWAY_SHARE * length + _AWAY_PX2, _AWAY_MOST_PX2)
    return np.asarray(home & inside, np.bool_)


def _square_length(flow: Flow) -> Luma:
    """|w|², by two products: NumPy's sums over so short an axis are slow."""
    return np.asarray(flow[..., 0] * flow[..., 0] + flow[..., 1] * flow[..., 1], np.float32)


def sample(values: NDArray[np.float32], at: NDArray[np.float32]) -> NDArray[np.float32]:
    """Read (H, W[, C]) values at (h, w, 2) positions (x, y); bilinear, edges held."""
    read = cv2.remap(values, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(read, np.float32)


def _trust(there: Flow, home: NDArray[np.bool_], own: Luma, other: Luma) -> Luma:
    difference = remove_light_change(_smooth(sample(other, there) - own), home)
    alike = np.exp(-np.square(difference / np.float32(_ALIKE)))
    trust = (alike * home).astype(np.float32)
    kernel = np.ones((_WIDENED_PX, _WIDENED_PX), np.uint8)
    return np.asarray(cv2.erode(trust, kernel, borderType=cv2.BORDER_REPLICATE), np.float32)


def _smooth(difference: Luma) -> Luma:
    """Noise of single pixels says nothing about where they come from."""
    return np.asarray(cv2.blur(difference, (3, 3), borderType=cv2.BORDER_REPLICATE), np.float32)


def remove_light_change(difference: Luma, home: NDArray[np.bool_]) -> Luma:
    """Differences of brightness without light: that says nothing about where pixels come from.

    What is found in the wrong place differs in its pattern.
    """
    return np.asarray(difference - _light(difference, home), np.float32)


def _light(difference: Luma, home: NDArray[np.bool_]) -> Luma:
    """What whole regions' differences have in common: lenses darken corners, the sun moves."""
    small = tuple(-(-side // _LIGHT_COARSENESS) for side in difference.shape[::-1])
    side = 2 * round(_LIGHT_SHARE * math.sqrt(small[0] * small[1])) + 1
    common = np.where(home, difference.clip(-_LIGHT_MOST, _LIGHT_MOST), 0).astype(np.float32)
    maps = common, home.astype(np.float32)
    parts = [cv2.resize(m, small, interpolation=cv2.INTER_AREA) for m in maps]
    for _ in range(2):
        parts = [cv2.blur(m, (side, side), borderType=cv2.BORDER_CONSTANT) for m in parts]
    light = np.asarray(parts[0] / np.maximum(parts[1], 0.1), np.float32)
    whole = cv2.resize(light, difference.shape[::-1], interpolation=cv2.INTER_LINEAR)
    return np.asarray(whole, np.float32)


def _exposure(before: Luma, now: Luma) -> tuple[float, float]:
    """The gain and lift that give one set of pixels the mean and contrast of the other."""
    gain = float(now.std(dtype=np.float64)) / max(float(before.std(dtype=np.float64)), 1e-3)
    gain = min(max(gain, 0.5), 2.0)
    return gain, float(now.mean(dtype=np.float64)) - gain * float(before.mean(dtype=np.float64))


def _exposure_along(
    before: Luma, now: Luma, there: Flow, seen: NDArray[np.bool_]
) -> tuple[float, float]:
    """``_exposure`` by the pixels that both frames show.

    Frames far apart show different things, which says nothing about their exposure.
    """
    if seen.mean() < _SEEN_ENOUGH:
        return _exposure(before, now)
    return _exposure(sample(before, there)[seen], now[seen])


def _as_exposed(before: NDArray[np.float32], exposure: tuple[float, float]) -> NDArray[np.float32]:
    gain, lift = exposure
    return (before * np.float32(gain) + np.float32(lift)).clip(0.0, 1.0)


def destinations(flow: Flow) -> NDArray[np.float32]:
    """Where each pixel goes, (H, W, 2) as (x, y)."""
    there = flow.copy()
    there[..., 0] += np.arange(flow.shape[1], dtype=np.float32)
    there[..., 1] += np.arange(flow.shape[0], dtype=np.float32)[:, None]
    return there


def _bytes(grey: Luma) -> NDArray[np.uint8]:
    return (grey * 255.0 + 0.5).clip(0, 255).astype(np.uint8)
