"""Dense maps over a frame (luma, flow, confidence), and functions that read them along a flow."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

Luma = NDArray[np.float32]
"""(H, W) float32 luma in [0, 1]."""

ConfidenceMap = NDArray[np.float32]
"""(H, W) float32 in [0, 1]: how far the flow of each pixel can be trusted."""

Flow = NDArray[np.float32]
"""(H, W, 2) float32 displacement (dx, dy) in pixels."""


def sample(values: NDArray[np.float32], at: NDArray[np.float32]) -> NDArray[np.float32]:
    """Read (H, W[, C]) values at (h, w, 2) positions (x, y): bilinear, edges replicated."""
    read = cv2.remap(values, at, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(read, np.float32)


def destinations(flow: Flow) -> NDArray[np.float32]:
    """Return the position that each pixel moves to, (H, W, 2) as (x, y)."""
    positions = flow.copy()
    positions[..., 0] += np.arange(flow.shape[1], dtype=np.float32)
    positions[..., 1] += np.arange(flow.shape[0], dtype=np.float32)[:, None]
    return positions
