"""Optical flow between two frames, in both directions, with a confidence for each pixel.

Flow is OpenCV's DIS (Kroeger et al. 2016) on luma. A pixel's flow is trusted where the forward and
the backward flow agree (Sundaram et al. 2010; constants of Ruder et al. 2016 and Lai et al. 2018)
and where both frames look alike once their exposure is matched.

Source: docs/method.md, "Optical flow".
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor, wait
from dataclasses import dataclass
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from batch_analogy.motion.flow.photometry import (
    MIN_VISIBLE_SHARE,
    SIMILARITY_SCALE,
    apply_exposure,
    denoise,
    exposure_along,
    exposure_between,
    regional_light_change,
    remove_light_change,
)
from batch_analogy.motion.flow.sampling import ConfidenceMap, Flow, Luma, destinations, sample

Result = TypeVar("Result")

_CONSISTENCY_SHARE, _CONSISTENCY_PX2 = 0.01, 0.5  # squared forward-backward error allowed …
_CONSISTENCY_LIMIT_PX2 = 9.0  # … and its upper limit
_EROSION_PX = 5  # side of the window whose least confident pixel counts
_MIN_SIDE_PX = 64  # DIS needs a few patches in each direction
_REFINE_RANGE = np.float32(255.0)  # the refinement's constants are for luma in [0, 255]
_REFINE_TOLERANCE = 0.2  # refined flow wins unless its confidence is lower by more than this
_REFINE_ROUNDS, _REFINE_ITERATIONS, _REFINE_SMOOTHNESS = 20, 10, 80.0


@dataclass(frozen=True)
class Motion:
    """Dense motion between two frames of one size, ``before`` and ``now``.

    Attributes:
        before: the earlier frame. now: the later one.
        backward: displacement from each pixel of ``now`` to its position in ``before``.
        forward: displacement from each pixel of ``before`` to its position in ``now``.
        confidence: of ``backward``. confidence_before: of ``forward``.
        still: whether the two frames are equal.
    """

    before: Luma
    now: Luma
    backward: Flow
    forward: Flow
    confidence: ConfidenceMap
    confidence_before: ConfidenceMap
    still: bool = False

    def reversed(self) -> Motion:
        """Return the motion from the later frame to the earlier one."""
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
        """Compose this motion with the one that follows it: from the first frame to the third.

        Small errors of composed steps add up. So flow is estimated once more between the two end
        frames, starting from the composed flow, and each pixel keeps the more confident of the
        two. Confidence is computed from the end frames only.

        Source: docs/method.md, "Confidence of composed flow".
        """
        if onward.still:
            return self
        if self.still:
            return onward
        backward = onward.backward + sample(self.backward, destinations(onward.backward))
        forward = self.forward + sample(onward.forward, destinations(self.forward))
        composed = _with_confidence(self.before, onward.now, backward, forward)
        return _more_confident(composed, _estimate(self.before, onward.now, composed))

    def refined(self) -> Motion:
        """Refine the flow to a smaller fraction of a pixel, unless that lowers confidence.

        DIS works at half the resolution, and its errors would add up over many motions in a row.
        """
        if self.still:
            return self
        before = apply_exposure(self.before, self._exposure()) * _REFINE_RANGE
        now = self.now * _REFINE_RANGE
        backward, forward = _in_both_directions(
            _refine_flow, (self.backward, now, before), (self.forward, before, now)
        )
        refined = _with_confidence(self.before, self.now, backward, forward)
        return _more_confident(refined, self, _REFINE_TOLERANCE)

    def match_exposure(self, before: NDArray[np.float32]) -> NDArray[np.float32]:
        """Adjust a picture of the earlier frame, (H, W[, C]), to the exposure of the later one."""
        return apply_exposure(before, self._exposure())

    def global_light_change(self) -> float:
        """Return the change of mean luma plus that of contrast, over pixels visible in both."""
        visible = self.confidence > 0
        if self.still or visible.mean() < MIN_VISIBLE_SHARE:
            return 0.0
        was = sample(self.before, destinations(self.backward))[visible]
        now = self.now[visible]
        mean = float(now.mean(dtype=np.float64)) - float(was.mean(dtype=np.float64))
        contrast = float(now.std(dtype=np.float64)) - float(was.std(dtype=np.float64))
        return abs(mean) + abs(contrast)

    def local_light_change(self) -> Luma:
        """Return the absolute change of luma by region, (H, W); 0 where it is unknown.

        A vignette, a flare or a shadow may leave the brightness of the whole frame unchanged.
        """
        difference = self.now - sample(self.before, destinations(self.backward))
        change = regional_light_change(denoise(difference), self.confidence > 0)
        return np.asarray(np.abs(change), np.float32)

    def _exposure(self) -> tuple[float, float]:
        positions = destinations(self.backward)
        return exposure_along(self.before, self.now, positions, self.confidence > 0)


def estimate_motion(before: Luma, now: Luma) -> Motion:
    """Estimate the motion between two frames of one size.

    Args:
        before: the earlier frame. now: the later one.

    Returns:
        Flow in both directions with its confidence; the same for any number of threads.
    """
    if before.shape == now.shape and np.array_equal(before, now):
        zero = np.zeros((*now.shape, 2), np.float32)
        certain = np.ones(now.shape, np.float32)
        return Motion(before, now, zero, zero, certain, certain, still=True)
    return _estimate(before, now)


def _estimate(before: Luma, now: Luma, guess: Motion | None = None) -> Motion:
    """Estimate the motion between two frames, starting from ``guess`` if it is given."""
    guesses: tuple[Flow | None, Flow | None] = (None, None)
    if guess is None:
        exposure = exposure_between(before, now)
    else:
        positions = destinations(guess.backward)
        exposure = exposure_along(before, now, positions, guess.confidence > 0)
        guesses = guess.backward, guess.forward
    first, second = _to_bytes(apply_exposure(before, exposure)), _to_bytes(now)
    backward, forward = _in_both_directions(
        dense_flow, (second, first, guesses[0]), (first, second, guesses[1])
    )
    return _with_confidence(before, now, backward, forward)


def _in_both_directions(
    work: Callable[..., Result], backward: Any, forward: Any
) -> tuple[Result, Result]:
    """Call ``work`` with two sets of arguments in parallel, the second on the helper thread."""
    other = _helper_thread().submit(work, *forward)
    try:
        own = work(*backward)
    finally:
        wait([other])
    return own, other.result()


@functools.lru_cache(maxsize=1)
def _helper_thread() -> ThreadPoolExecutor:
    """Return the thread that all calls share: OpenCV leaks a kilobyte for each thread."""
    return ThreadPoolExecutor(1, "flow")


os.register_at_fork(after_in_child=_helper_thread.cache_clear)  # a forked child lacks this thread


def _more_confident(a: Motion, b: Motion, tolerance: float = 0.0) -> Motion:
    """Choose for each pixel the more confident of two motions between the same frames.

    ``a`` wins unless its confidence is lower by more than ``tolerance``.
    """
    now = a.confidence >= b.confidence - tolerance
    before = a.confidence_before >= b.confidence_before - tolerance
    return Motion(
        a.before,
        a.now,
        np.where(now[..., None], a.backward, b.backward),
        np.where(before[..., None], a.forward, b.forward),
        np.where(now, a.confidence, b.confidence),
        np.where(before, a.confidence_before, b.confidence_before),
    )


def _with_confidence(before: Luma, now: Luma, backward: Flow, forward: Flow) -> Motion:
    """Build a motion from its two flows, with the confidence of both."""
    was, will_be = destinations(backward), destinations(forward)
    visible, visible_before = _in_both_directions(
        _consistent, (backward, forward, was), (forward, backward, will_be)
    )
    matched = apply_exposure(before, exposure_along(before, now, was, visible))
    confidence, confidence_before = _in_both_directions(
        _confidence, (was, visible, now, matched), (will_be, visible_before, matched, now)
    )
    return Motion(before, now, backward, forward, confidence, confidence_before)


def dense_flow(
    start: NDArray[np.uint8], stop: NDArray[np.uint8], guess: Flow | None = None
) -> Flow:
    """Estimate the flow from one frame to another by DIS at its medium preset.

    Args:
        start: (H, W) uint8. stop: likewise.
        guess: flow to start from, if one is known.
    """
    method = cv2.DISOpticalFlow.create(cv2.DISOPTICAL_FLOW_PRESET_MEDIUM)
    if min(start.shape) < _MIN_SIDE_PX:
        padding = [(0, max(0, _MIN_SIDE_PX - side)) for side in start.shape]
        first, second = (np.pad(frame, padding, mode="edge") for frame in (start, stop))
        padded = None if guess is None else np.pad(guess, [*padding, (0, 0)], mode="edge")
        flow = method.calc(first, second, padded)[: start.shape[0], : start.shape[1]]
    else:
        flow = method.calc(start, stop, None if guess is None else guess.copy())
    return np.ascontiguousarray(flow, np.float32)


def _refine_flow(flow: Flow, start: Luma, stop: Luma) -> Flow:
    method = cv2.VariationalRefinement.create()
    method.setFixedPointIterations(_REFINE_ROUNDS)
    method.setSorIterations(_REFINE_ITERATIONS)
    method.setAlpha(_REFINE_SMOOTHNESS)
    across, down = (np.ascontiguousarray(flow[..., axis]) for axis in range(2))
    method.calcUV(start, stop, across, down)
    return np.stack([across, down], axis=-1)


def forward_backward_consistent(flow: Flow, backward: Flow) -> NDArray[np.bool_]:
    """Check forward-backward consistency: False where a pixel is occluded or leaves the frame.

    Args:
        flow: from this frame to the other. backward: from the other frame to this one.

    Returns:
        (H, W) bool: |w + ŵ|² ≤ min(0.01 (|w|² + |ŵ|²) + 0.5, 3²), and inside the other frame.
    """
    return _consistent(flow, backward, destinations(flow))


def _consistent(flow: Flow, backward: Flow, positions: NDArray[np.float32]) -> NDArray[np.bool_]:
    """Check ``flow`` against ``backward``, given the ``destinations`` of ``flow``."""
    returned = sample(backward, positions)
    error = _squared_length(flow + returned)
    length = _squared_length(flow) + _squared_length(returned)
    height, width = flow.shape[:2]
    x, y = positions[..., 0], positions[..., 1]
    inside = (x >= -0.5) & (y >= -0.5) & (x < width - 0.5) & (y < height - 0.5)
    allowed = np.minimum(_CONSISTENCY_SHARE * length + _CONSISTENCY_PX2, _CONSISTENCY_LIMIT_PX2)
    return np.asarray((error <= allowed) & inside, np.bool_)


def _squared_length(flow: Flow) -> NDArray[np.float32]:
    """Return |w|²; NumPy's sum over an axis of two would be slow."""
    return np.asarray(flow[..., 0] * flow[..., 0] + flow[..., 1] * flow[..., 1], np.float32)


def _confidence(
    positions: NDArray[np.float32], visible: NDArray[np.bool_], own: Luma, other: Luma
) -> ConfidenceMap:
    """Compute confidence from each pixel's similarity to its match; 0 if it is not visible."""
    difference = remove_light_change(denoise(sample(other, positions) - own), visible)
    similarity = np.exp(-np.square(difference / np.float32(SIMILARITY_SCALE)))
    confidence = (similarity * visible).astype(np.float32)
    kernel = np.ones((_EROSION_PX, _EROSION_PX), np.uint8)
    return np.asarray(cv2.erode(confidence, kernel, borderType=cv2.BORDER_REPLICATE), np.float32)


def _to_bytes(luma: Luma) -> NDArray[np.uint8]:
    return (luma * 255.0 + 0.5).clip(0, 255).astype(np.uint8)
