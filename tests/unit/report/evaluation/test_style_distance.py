from __future__ import annotations

import numpy as np
import pytest

from batch_analogy.analogy.features.vgg import Vgg19
from batch_analogy.config.matching import AnalogyConfig
from batch_analogy.report.evaluation.frame_metrics import Picture
from batch_analogy.report.evaluation.style_distance import StyleDistance

SMALL = AnalogyConfig(min_side_px=64)


def stripes(phase: float, *, upright: bool = False, side: int = 128) -> Picture:
    """Draw red and blue stripes whose width is not a multiple of the network's strides."""
    y, x = np.mgrid[:side, :side].astype(np.float32)
    wave = 0.5 + 0.5 * np.sin((x if upright else y) * 2 * np.pi / 11 + phase)
    return np.stack([wave, 0.2 * wave, 1 - wave], axis=-1).astype(np.float32)


@pytest.fixture(scope="module")
def distance(network: Vgg19) -> StyleDistance:
    return StyleDistance(network, stripes(0), SMALL)


def test_distance_of_the_reference_to_itself_is_zero(distance: StyleDistance) -> None:
    assert distance(stripes(0)) == pytest.approx(0, abs=1e-6)


def test_the_same_texture_shifted_and_larger_is_close(distance: StyleDistance) -> None:
    elsewhere, larger = distance(stripes(2.0)), distance(stripes(1.0, side=192))
    turned = distance(stripes(0, upright=True))
    noise = distance(np.random.default_rng(0).random((128, 128, 3), dtype=np.float32))
    assert elsewhere < 0.1
    assert larger < 0.3
    assert turned > 2 * larger
    assert noise > 2 * larger


def test_mixing_in_another_texture_increases_the_distance(distance: StyleDistance) -> None:
    grey = np.full((128, 128, 3), 0.5, dtype=np.float32)
    steps = [distance((stripes(0) * (1 - k) + grey * k).astype(np.float32)) for k in (0.2, 0.5, 1)]
    assert steps == sorted(steps)
    assert steps[0] > 0.01
