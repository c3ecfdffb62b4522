"""Flow between two frames of the input with a visibility mask, and displacement of a texture.

Flow comes from ``motion.flow.optical_flow``; pixels are masked as Lai et al. do.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np

from batch_analogy.motion.flow.optical_flow import (
    dense_flow,
    estimate_motion,
    forward_backward_consistent,
)
from batch_analogy.report.evaluation.frame_metrics import Flow, Mask, Picture, luma, warp

_BOUNDARY_SHARE, _BOUNDARY_PX2 = 0.01, 0.002


@dataclass(frozen=True)
class MaskedFlow:
    """Flow from an earlier frame to a later one."""

    flow: Flow  # of the earlier frame's pixels
    visible: Mask  # pixels that are visible in the later frame and not at a motion boundary

    @property
    def masked_share(self) -> float:
        """Share of the earlier frame's pixels that do not count."""
        return float(1 - self.visible.mean())


def masked_flow_between(before: Picture, later: Picture) -> MaskedFlow:
    """Estimate flow between two frames of the input and mask unreliable pixels.

    A pixel is masked if it is occluded (forward and backward flow disagree) or is at a motion
    boundary, where flow is blurred.

    Args:
        before: the earlier frame, (H, W, 3) float32 RGB in [0, 1].
        later: the later frame, of the same size.

    Source: Ruder et al., Artistic style transfer for videos, 2016, §4.1 (eq. (5) and (6)), as Lai
    et al. 2018 use it.
    """
    motion = estimate_motion(luma(before), luma(later))
    visible = forward_backward_consistent(motion.forward, motion.backward) & ~at_borders(
        motion.forward
    )
    return MaskedFlow(motion.forward, visible)


def at_borders(flow: Flow) -> Mask:
    """Mark motion boundaries: |∇u|² + |∇v|² > 0.01 |w|² + 0.002, by central differences."""
    slopes = (np.gradient(flow[..., part], axis=axis) for part in (0, 1) for axis in (0, 1))
    steepness = np.sum([np.square(slope) for slope in slopes], axis=0)
    squared_length = np.square(flow).sum(axis=2)
    return np.asarray(steepness > _BOUNDARY_SHARE * squared_length + _BOUNDARY_PX2)


def texture_displacement_px(before: Picture, later: Picture, flow: MaskedFlow) -> float:
    """Measure the mean motion of the styled texture relative to the input's motion, in pixels.

    The later frame is warped back by the input's flow. The flow that remains between it and the
    earlier frame is the texture's own. For a texture that sticks to the screen while the scene
    moves, it is as large as the scene's motion.

    Args:
        before: the earlier frame of the styled film.
        later: the later one.
        flow: flow of the input between the two.

    Returns:
        At least 0; NaN if no pixel counts.

    Source: after tOF of Chu et al., Learning Temporal Coherence via Self-Supervision for GAN-based
    Video Generation, 2020, which compares the flow of two films frame by frame.
    """
    if not flow.visible.any():
        return float("nan")
    warped = warp(later, flow.flow)
    remaining = dense_flow(_luma_8_bits(before), _luma_8_bits(warped))
    lengths = np.hypot(remaining[..., 0], remaining[..., 1])
    return float(lengths[flow.visible].mean(dtype=np.float64))


def _luma_8_bits(picture: Picture) -> np.ndarray[tuple[int, ...], np.dtype[np.uint8]]:
    return np.asarray(cv2.convertScaleAbs(luma(picture).clip(0.0, 1.0), alpha=255.0))
