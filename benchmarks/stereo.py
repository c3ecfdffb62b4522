"""Error of matches on a stereo pair with measured disparity.

    python -m benchmarks.stereo [--quality draft standard] [--width 256]

The pair is scikit-image's motorcycle (Middlebury 2014) at a small width. The right view is
re-graded to a warm sunset, so that colours alone do not match. Reports the share of cells with a
measured disparity whose match is off by at most 5 % of the width, and the errors in pixels.
"""

from __future__ import annotations

import argparse
from typing import Any

import numpy as np

from batch_analogy.analogy.deep import deep_image_analogy
from batch_analogy.analogy.features.vgg import load_network
from batch_analogy.analogy.features.weights import resolve_weights
from batch_analogy.config.matching import AnalogyConfig
from benchmarks.common import as_tensor, report
from benchmarks.known import stereo_views


def measure(quality: str, width: int) -> dict[str, Any]:
    left, right, disparity = stereo_views(width)
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
