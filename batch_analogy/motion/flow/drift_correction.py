"""Correct drift between anchors, by motion estimated directly from an earlier origin anchor.

Every motion from one anchor to the next has a small error, and these errors add up from anchor to
anchor: a pan of 0.3 px a frame is 0.05 px off after 24 frames and 0.18 px after 96. Estimated
directly between the first frame and the 97th, starting from the composed flow, it is 0.04 px off.
So each anchor keeps its motion from the origin anchor, an earlier anchor of which at least half is
still visible, and the next motion is corrected until both agree. Regions that have not moved since
the origin anchor stay exactly in place from anchor to anchor.

Source: loop closure against keyframes in visual odometry (Klein and Murray 2007); docs/method.md,
"Drift correction".
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from batch_analogy.motion.flow.optical_flow import Motion
from batch_analogy.motion.flow.sampling import ConfidenceMap, Flow, destinations, sample
from batch_analogy.motion.flow.static_regions import suppress_noise_flow

_TRUSTED = 0.5
_MIN_VISIBLE_SHARE = 0.5  # an anchor that shows less of its origin anchor becomes one itself
_MAX_CORRECTION_PX = 1.0  # where they differ by more, one of the two motions is wrong
_INVERSE_ROUNDS = 4
_SOFT_PX = 9  # width of the transition between corrected and uncorrected flow


def motion_between_anchors(
    from_origin: Motion | None, motions: Sequence[Motion]
) -> tuple[Motion, Motion | None]:
    """Compose the motions from frame to frame between two anchors; return as ``correct_drift``."""
    motion = motions[0]
    for onward in motions[1:]:
        motion = motion.then(onward)
    return correct_drift(from_origin, motion.refined())


def correct_drift(from_origin: Motion | None, motion: Motion) -> tuple[Motion, Motion | None]:
    """Correct the motion between two anchors until it agrees with that from the origin anchor.

    Args:
        from_origin: from the origin anchor to the earlier anchor; None if that is the origin.
        motion: from the earlier anchor to the later one.

    Returns:
        The corrected motion, and the motion from the origin anchor to the later anchor; None if
        the later anchor shows too little of the origin and becomes the next origin anchor itself.
    """
    if motion.still:
        return motion, from_origin
    if from_origin is None or from_origin.still:
        motion = suppress_noise_flow(motion)
        return motion, _if_visible(motion)
    whole = suppress_noise_flow(from_origin.then(motion).refined())
    corrected = Motion(
        motion.before,
        motion.now,
        _corrected_backward(from_origin, motion, whole),
        _corrected_forward(from_origin, motion, whole),
        motion.confidence,
        motion.confidence_before,
    )
    return corrected, _if_visible(whole)


def _if_visible(whole: Motion) -> Motion | None:
    """Return a motion from the origin anchor, or None if too little of the anchor is visible."""
    return whole if (whole.confidence > _TRUSTED).mean() >= _MIN_VISIBLE_SHARE else None


def _corrected_backward(from_origin: Motion, motion: Motion, whole: Motion) -> Flow:
    """Correct the flow to the earlier anchor via the origin anchor."""
    in_origin = destinations(whole.backward)
    in_earlier = _inverse(from_origin.backward, in_origin, destinations(motion.backward))
    confidence = np.minimum(whole.confidence, sample(from_origin.confidence, in_earlier))
    change = in_earlier - destinations(motion.backward)
    corrected = _add_trusted(motion.backward, change, confidence)
    return _keep_static(corrected, whole.backward, from_origin.backward)


def _corrected_forward(from_origin: Motion, motion: Motion, whole: Motion) -> Flow:
    """Correct the flow to the later anchor via the origin anchor."""
    own = destinations(np.zeros_like(motion.forward))
    in_origin = _inverse(from_origin.forward, own, destinations(from_origin.backward))
    in_later = in_origin + sample(whole.forward, in_origin)
    confidence = np.minimum(from_origin.confidence, sample(whole.confidence_before, in_origin))
    change = in_later - destinations(motion.forward)
    corrected = _add_trusted(motion.forward, change, confidence)
    return _keep_static(corrected, whole.forward, from_origin.forward)


def _keep_static(flow: Flow, *from_origin: Flow) -> Flow:
    """Zero a flow where neither anchor moved relative to the origin anchor."""
    moved = np.logical_or.reduce([f.any(axis=2) for f in from_origin])
    return np.asarray(np.where(moved[..., None], flow, 0), np.float32)


def _inverse(
    flow: Flow, goal: NDArray[np.float32], guess: NDArray[np.float32]
) -> NDArray[np.float32]:
    """Find the positions, (H, W, 2) as (x, y), that a flow maps to ``goal``."""
    start = guess
    for _ in range(_INVERSE_ROUNDS):
        start = start + (goal - start - sample(flow, start))
    return np.asarray(start, np.float32)


def _add_trusted(flow: Flow, change: Flow, confidence: ConfidenceMap) -> Flow:
    """Add a change to a flow where it is small and trusted, with soft transitions."""
    small = np.square(change).sum(axis=2) < _MAX_CORRECTION_PX**2
    share = (small & (confidence > _TRUSTED)).astype(np.float32)
    window = (_SOFT_PX, _SOFT_PX)
    share = cv2.erode(share, np.ones(window, np.uint8), borderType=cv2.BORDER_REPLICATE)
    share = cv2.blur(share, window, borderType=cv2.BORDER_REPLICATE)
    added = share[..., None] * np.where(small[..., None], change, 0)
    return np.asarray(flow + added, np.float32)
