"""The benchmark of the metrics of ``compare``: its degraded pictures, and their order."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("skimage", reason="the sample pictures come with scikit-image")

from batch_analogy.analogy.features.vgg import Vgg19
from batch_analogy.report.comparison.source_metrics import SourceMetrics
from benchmarks.measures import JUDGED_BY, PAIRS, STEPS, Case, judged, summary, textures

SIDE = 32


def test_each_step_differs_more_from_the_right_picture() -> None:
    case = Case(textures(), PAIRS[0], SIDE)
    for kind, steps in STEPS.items():
        away = [float(np.abs(case.spoilt(kind, s) - case.right).mean()) for s in steps]
        assert away == sorted(away)
        assert away[0] == 0 < away[1]


def test_source_and_right_picture_share_no_pixels() -> None:
    case = Case(textures(), PAIRS[0], SIDE)
    assert case.corner >= SIDE  # the two are cut out of other places
    same = (case.source == case.right).all(axis=2)[case.own == case.wanted]
    assert same.mean() < 0.01


def test_metrics_rank_the_steps(network: Vgg19) -> None:
    case = Case(textures(), PAIRS[0], SIDE)
    found = judged(case, SourceMetrics(network, case.source, case.own))
    assert found["layout_shift_of_side"]["order"]["layout_accuracy"] == 1
    assert found["blur_sigma_px"]["order"]["vgg19_sifd"] > 0.5
    told = summary({"one": {"spoilt": found}})
    assert told.keys() == JUDGED_BY.keys()
    assert told["noise_sigma"]["vgg19_sifd"]["median"] <= 1
