"""Anchor after anchor without drift: motion is also sought from the first of them, the *root*.

Every motion from one anchor to the next is off by a little, and carried from anchor to anchor the
errors add up: a pan of 0.3 px a frame is 0.05 px off after 24 frames and 0.18 px after 96. Sought
directly between the first frame and the 97th, from where the steps have led, it is 0.04 px off. So
each anchor keeps how it follows from the root, and the next motion is bent until both agree. What
stands still as seen from the root (``standing``) stays as it is from anchor to anchor.

Source: as loops are closed against key frames in visual odometry (Klein and Murray 2007).
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np

from batch_analogy.motion.flow.optical_flow import Flow, Luma, Motion, destinations, sample
from batch_analogy.motion.flow.static_regions import suppress_noise_flow

_BELIEVED = 0.5
_SEEN_SHARE = 0.5  # of an anchor, in its root; where less is left, it is a root itself
_BENT_PX = 1.0  # where the root says something else altogether, one of them is wrong
_INVERSE_ROUNDS = 4
_SOFT_PX = 9  # over which what is bent goes over into what is not


def motion_between_anchors(
    from_origin: Motion | None, motions: Sequence[Motion]
) -> tuple[Motion, Motion | None]:
    """``correct_drift`` along the motions from frame to frame between two anchors."""
    motion = motions[0]
    for onward in motions[1:]:
        motion = motion.then(onward)
    return correct_drift(from_origin, motion.refined())


def correct_drift(from_origin: Motion | None, motion: Motion) -> tuple[Motion, Motion | None]:
    """The motion between two anchors as their root says it.

    Args:
        from_origin: from the root to the earlier anchor; None: that is the root.
        motion: from the earlier anchor to the later one.

    Returns:
        The motion between them, and that from the root to the later one: None if too little of the
        root can be seen in it, so that it is the next root.
    """
    if motion.still:
        return motion, from_origin
    if from_origin is None or from_origin.still:
        motion = suppress_noise_flow(motion)
        return motion, _kept(motion)
    whole = suppress_noise_flow(from_origin.then(motion).refined())
    bent = Motion(
        motion.before,
        motion.now,
        _corrected_backward(from_origin, motion, whole),
        _corrected_forward(from_origin, motion, whole),
        motion.confidence,
        motion.confidence_before,
    )
    return bent, _kept(whole)


def _kept(whole: Motion) -> Motion | None:
    return whole if (whole.confidence > _BELIEVED).mean() >= _SEEN_SHARE else None


def _corrected_backward(from_origin: Motion, motion: Motion, whole: Motion) -> Flow:
    """To where the earlier anchor shows what the root shows where the later one comes from."""
    root = destinations(whole.backward)
    before = _inverse(from_origin.backward, root, destinations(motion.backward))
    confidence = np.minimum(whole.confidence, sample(from_origin.confidence, before))
    bent = _bent(motion.backward, before - destinations(motion.backward), confidence)
    return _at_rest(bent, whole.backward, from_origin.backward)


def _corrected_forward(from_origin: Motion, motion: Motion, whole: Motion) -> Flow:
    """To where the later anchor shows what the root shows where the earlier one comes from."""
    own = destinations(np.zeros_like(motion.forward))
    root = _inverse(from_origin.forward, own, destinations(from_origin.backward))
    after = root + sample(whole.forward, root)
    confidence = np.minimum(from_origin.confidence, sample(whole.confidence_before, root))
    bent = _bent(motion.forward, after - destinations(motion.forward), confidence)
    return _at_rest(bent, whole.forward, from_origin.forward)


def _at_rest(flow: Flow, *whole: Flow) -> Flow:
    """A flow that is nothing where both anchors are where they were in their root."""
    moved = np.logical_or.reduce([f.any(axis=2) for f in whole])
    return np.asarray(np.where(moved[..., None], flow, 0), np.float32)


def _inverse(flow: Flow, goal: Flow, near: Flow) -> Flow:
    """From where a flow leads to these places, (H, W, 2) as (x, y), near others."""
    start = near
    for _ in range(_INVERSE_ROUNDS):
        start = start + (goal - start - sample(flow, start))
    return np.asarray(start, np.float32)


def _bent(flow: Flow, by: Flow, confidence: Luma) -> Flow:
    """A flow changed by so much where that is believed, softly at the borders of it."""
    near = np.square(by).sum(axis=2) < _BENT_PX**2
    share = (near & (confidence > _BELIEVED)).astype(np.float32)
    window = (_SOFT_PX, _SOFT_PX)
    share = cv2.erode(share, np.ones(window, np.uint8), borderType=cv2.BORDER_REPLICATE)
    share = cv2.blur(share, window, borderType=cv2.BORDER_REPLICATE)
    return np.asarray(flow + share[..., None] * np.where(near[..., None], by, 0), np.float32)
