"""Check that the metrics of ``compare`` rank pictures correctly: textures, degraded in steps.

The source is a picture of two textures laid out by a map. The right picture, which a perfect method
would make, shows the same textures, cropped elsewhere, laid out by another map. It is degraded in
known steps: by blur, by noise, by a shifted layout, and by a texture that the source does not have.
Each metric should rank the steps in order.

    python -m benchmarks.measures [--side 96]

Textures come with scikit-image (CC0).
"""

from __future__ import annotations

import argparse
import statistics
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import stats
from skimage import data

from batch_analogy.analogy.features.vgg import load_network
from batch_analogy.analogy.features.weights import resolve_weights
from batch_analogy.report.comparison.source_metrics import SourceMetrics, metrics_as_json
from batch_analogy.report.evaluation.frame_metrics import Picture
from benchmarks.common import report, timed

Classes = NDArray[np.int64]
Planes = dict[str, NDArray[np.float32]]

TINTS = {"grass": (0.6, 0.9, 0.3), "gravel": (0.9, 0.8, 0.7), "brick": (1.0, 0.6, 0.5)}
PAIRS = (("grass", "gravel"), ("brick", "grass"), ("gravel", "brick"))
STEPS: dict[str, tuple[float, ...]] = {
    "blur_sigma_px": (0.0, 0.7, 1.5, 3.0),
    "noise_sigma": (0.0, 0.05, 0.1, 0.2),
    "layout_shift_of_side": (0.0, 0.1, 0.2, 0.4),
    "share_of_other_texture": (0.0, 0.2, 0.5, 1.0),
}
JUDGED_BY = {
    "blur_sigma_px": ("vgg19_sifd", "patch_coherence"),
    "noise_sigma": ("vgg19_sifd", "patch_coherence"),
    "layout_shift_of_side": ("layout_accuracy",),
    "share_of_other_texture": ("vgg19_sifd", "patch_coherence"),
}
"""Kind of degradation → metrics that should rank its steps."""


def textures() -> Planes:
    """Return the textures by name, (512, 512, 3) float32 in [0, 1]."""
    greys = {"grass": data.grass(), "gravel": data.gravel(), "brick": data.brick()}
    return {
        name: np.asarray(grey[..., None] / 255 * np.array(TINTS[name]), np.float32)
        for name, grey in greys.items()
    }


def disc(side: int, column: float) -> Classes:
    """Return a map of a disc (1) on ground (0), centred at this share of the width."""
    y, x = np.mgrid[:side, :side]
    inside = (y - side * 0.5) ** 2 + (x - side * column) ** 2 < (side * 0.22) ** 2
    return np.asarray(inside, np.int64)


def laid(planes: Planes, pair: tuple[str, str], classes: Classes, corner: int) -> Picture:
    """Lay out two textures by a map, cropped at a corner."""
    side = len(classes)
    ground, thing = (planes[name][corner : corner + side, corner : corner + side] for name in pair)
    return np.where(classes[..., None] == 1, thing, ground)


class Case:
    """One pair of textures."""

    def __init__(self, planes: Planes, pair: tuple[str, str], side: int) -> None:
        self.planes, self.pair, self.side = planes, pair, side
        self.own, self.wanted = disc(side, 0.3), disc(side, 0.6)
        self.corner = 512 - side  # the source is cropped at 0, so the two share no pixels
        self.source = laid(planes, pair, self.own, 0)
        self.right = laid(planes, pair, self.wanted, self.corner)

    def spoilt(self, kind: str, step: float) -> Picture:
        """Degrade the right picture by a step."""
        makers: dict[str, Callable[[float], Picture]] = {
            "blur_sigma_px": self._blurred,
            "noise_sigma": self._noisy,
            "layout_shift_of_side": self._shifted,
            "share_of_other_texture": self._mixed,
        }
        return self.right if step == 0 else np.ascontiguousarray(makers[kind](step), np.float32)

    def flat(self) -> Picture:
        """Draw the layout in the mean colour of each class."""
        means = np.stack([self.source[self.own == k].mean(axis=0) for k in range(2)])
        return np.asarray(means[self.wanted], np.float32)

    def _blurred(self, sigma: float) -> Picture:
        return np.asarray(cv2.GaussianBlur(self.right, (0, 0), sigma), np.float32)

    def _noisy(self, sigma: float) -> Picture:
        noise = np.random.default_rng(0).normal(0, sigma, self.right.shape)
        return np.asarray((self.right + noise).clip(0, 1), np.float32)

    def _shifted(self, share: float) -> Picture:
        return laid(self.planes, self.pair, disc(self.side, 0.6 - share), self.corner)

    def _mixed(self, share: float) -> Picture:
        """Give the lower part a texture that the source does not have."""
        other = next(name for name in self.planes if name not in self.pair)
        picture = self.right.copy()
        top = round(self.side * (1 - share))
        picture[top:] = self.planes[other][top : self.side, : self.side]
        return picture


def judged(case: Case, measures: SourceMetrics) -> dict[str, Any]:
    """Measure every step of every degradation, and how well the metrics rank the steps."""
    found: dict[str, Any] = {}
    for kind, steps in STEPS.items():
        rows = [metrics_as_json(measures(case.spoilt(kind, s), case.wanted)) for s in steps]
        order = {}
        for name in JUDGED_BY[kind]:
            sign = 1 if name == "vgg19_sifd" else -1  # lower is worse for the others
            values = [sign * row[name] for row in rows]
            order[name] = round(float(stats.spearmanr(steps, values).statistic), 3)
        found[kind] = {"figures": dict(zip(map(str, steps), rows, strict=True)), "order": order}
    return found


def main() -> None:
    """Print the benchmark's JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--side", type=int, default=96, help="of the pictures, pixels")
    parser.add_argument("--runs", type=int, default=3)
    options = parser.parse_args()
    network, planes = load_network(resolve_weights()), textures()
    cases: dict[str, Any] = {}
    for pair in PAIRS:
        case = Case(planes, pair, options.side)
        measures = SourceMetrics(network, case.source, case.own)
        cases[" and ".join(pair)] = {
            "source_accuracy": round(measures.source_accuracy(), 4),
            "source": metrics_as_json(measures(case.source, case.own)),
            "colours_alone": metrics_as_json(measures(case.flat(), case.wanted)),
            "spoilt": judged(case, measures),
        }
    first = Case(planes, PAIRS[0], options.side)
    measures = SourceMetrics(network, first.source, first.own)
    results = {
        "side_px": options.side,
        "order_of_steps": summary(cases),
        "seconds_a_picture": timed(lambda: measures(first.right, first.wanted), options.runs),
        "cases": cases,
    }
    report("measures", results)


def summary(cases: dict[str, Any]) -> dict[str, Any]:
    """Return, per kind and metric, the median and lowest rank correlation with the steps."""
    order: dict[str, Any] = {}
    for kind, names in JUDGED_BY.items():
        order[kind] = {}
        for name in names:
            values = [case["spoilt"][kind]["order"][name] for case in cases.values()]
            order[kind][name] = {"median": statistics.median(values), "lowest": min(values)}
    return order


if __name__ == "__main__":
    main()
