"""How right the matches are, where the truth is known: a stereo pair with measured disparity.

    python -m benchmarks.stereo [--quality draft standard] [--width 256]

scikit-image's motorcycle pair (Middlebury 2014) at a small width; the right view is re-graded to
a warm sunset, so that colours alone no longer match. Counts the cells with a measured disparity
whose match lies within 5 % of the width of it, and the median error in pixels.
"""

from __future__ import annotations

import argparse
from typing import Any

import cv2
import numpy as np
import skimage.data
from numpy.typing import NDArray

from batch_analogy.analogy.deep import deep_image_analogy
from batch_analogy.analogy.features import load_network
from batch_analogy.analogy.weights import resolve_weights
from batch_analogy.config import AnalogyConfig
from benchmarks.common import as_tensor, report

Picture = NDArray[np.uint8]


def sunset(picture: Picture) -> Picture:
    """Re-grade to a warm sunset: reds lifted, blues sunk, brighter at the top, harder contrast."""
    x = picture.astype(np.float32) / 255.0
    x = x ** np.float32([0.75, 1.05, 1.5]) * np.float32([1.0, 0.82, 0.62]) + np.float32(
        [0.06, 0, 0]
    )
    glow = np.linspace(1.15, 0.8, len(x), dtype=np.float32)[:, None, None]
    return np.round(np.clip(x * glow, 0, 1) * 255).astype(np.uint8)


def stereo_pair(width: int) -> tuple[Picture, Picture, NDArray[np.float32]]:
    """Left view, re-graded right view, and the left view's disparity in pixels (NaN: unknown)."""
    left, right, disparity = skimage.data.stereo_motorcycle()
    scale = width / left.shape[1]
    size = (width, round(left.shape[0] * scale))
    left, right = (cv2.resize(v, size, interpolation=cv2.INTER_AREA) for v in (left, right))
    disparity = np.where(np.isfinite(disparity), disparity, np.nan).astype(np.float32)
    disparity = cv2.resize(disparity, size, interpolation=cv2.INTER_NEAREST) * np.float32(scale)
    return left, sunset(right), disparity


def measure(quality: str, width: int) -> dict[str, Any]:
    left, right, disparity = stereo_pair(width)
    config = AnalogyConfig.for_preset("photo-to-photo", quality=quality, refine="none")
    network = load_network(resolve_weights())
    result = deep_image_analogy(as_tensor(left), as_tensor(right), config=config, network=network)
    truth = np.stack([-disparity, np.zeros_like(disparity)], axis=-1)
    inside = np.arange(left.shape[1])[None] - disparity >= 0  # NaN compares false
    error = np.linalg.norm(result.flow_ab() - truth, axis=-1)[inside]
    return {
        "share_within_5_percent": round(float((error <= 0.05 * width).mean()), 4),
        "median_error_px": round(float(np.median(error)), 3),
        "mean_error_px": round(float(error.mean()), 3),
        "cells": int(inside.sum()),
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quality", nargs="+", default=["draft", "standard"])
    parser.add_argument("--width", type=int, default=256)
    options = parser.parse_args()
    report("stereo", {q: measure(q, options.width) for q in options.quality})


if __name__ == "__main__":
    main()
