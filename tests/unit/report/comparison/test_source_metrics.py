"""Metrics of the source itself, of damaged pictures, and of other layouts."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
import torch

from batch_analogy.analogy.features.vgg import Vgg19
from batch_analogy.report.comparison.source_metrics import (
    Classes,
    SourceMetrics,
    SourceMetricValues,
    _squares,
    metrics_as_json,
)
from batch_analogy.report.evaluation.frame_metrics import Picture

SIDE = 80


def disc(x: float, radius: float = 20) -> Classes:
    """Draw a disc (1) on a ground (0)."""
    rows, columns = np.mgrid[:SIDE, :SIDE]
    return ((rows - SIDE / 2) ** 2 + (columns - x) ** 2 < radius**2).astype(np.int64)


def painted(classes: Classes) -> Picture:
    """Draw blue stripes on the disc and rough orange around it, fixed in position."""
    noise = np.random.default_rng(1).normal(0, 1, (SIDE, SIDE)).astype(np.float32)
    rough = 0.5 + 0.4 * cv2.GaussianBlur(noise, (0, 0), 1)[..., None] * np.ones(3)
    rows = np.mgrid[:SIDE, :SIDE][0]
    stripes = 0.5 + 0.4 * np.sin(rows * 2 * np.pi / 7)[..., None] * np.ones(3)
    ground, inside = rough * [1.0, 0.6, 0.2], stripes * [0.2, 0.4, 1.0]
    return np.where(classes[..., None] == 1, inside, ground).clip(0, 1).astype(np.float32)


HERE, THERE = disc(30), disc(52)


@pytest.fixture(scope="module")
def measures(network: Vgg19) -> SourceMetrics:
    return SourceMetrics(network, painted(HERE), HERE)


@pytest.fixture(scope="module")
def moved(measures: SourceMetrics) -> SourceMetricValues:
    """Measure the result of a perfect method."""
    return measures(painted(THERE), THERE)


def test_the_source_itself_has_the_best_values(measures: SourceMetrics) -> None:
    own = measures(painted(HERE), HERE)
    assert own.vgg19_sifd == pytest.approx(0, abs=1e-6)
    assert own.patch_coherence > 0.995
    assert own.layout_accuracy > 0.98


def test_a_perfect_picture_of_another_layout_has_good_values(moved: SourceMetricValues) -> None:
    assert moved.layout_accuracy > 0.97
    assert moved.patch_coherence > 0.5


def test_a_wrong_layout_lowers_the_accuracy(measures: SourceMetrics) -> None:
    """The source itself has the texture, but only the part of the layout that both share."""
    kept = measures(painted(HERE), THERE)
    shared = float((HERE == THERE).mean())
    assert kept.layout_accuracy == pytest.approx(shared, abs=0.04)
    assert kept.vgg19_sifd == pytest.approx(0, abs=1e-6)


def test_blur_and_noise_increase_the_distance(
    measures: SourceMetrics, moved: SourceMetricValues
) -> None:
    right = painted(THERE)
    blurred = [measures(cv2.GaussianBlur(right, (0, 0), s), THERE) for s in (0.7, 1.5, 3)]
    generator = np.random.default_rng(0)
    noise = generator.normal(0, 1, right.shape)
    noisy = [measures((right + s * noise).clip(0, 1).astype(np.float32), THERE) for s in (0.1, 0.3)]
    for spoilt in (blurred, noisy):
        distances = [moved.vgg19_sifd, *(figures.vgg19_sifd for figures in spoilt)]
        assert distances == sorted(distances)
        coherences = [moved.patch_coherence, *(figures.patch_coherence for figures in spoilt)]
        assert coherences[-1] < 0.8 * coherences[0]
    assert noisy[-1].vgg19_sifd > 3 * moved.vgg19_sifd


def test_flat_colours_have_the_layout_but_not_the_texture(
    measures: SourceMetrics, moved: SourceMetricValues
) -> None:
    means = np.stack([painted(HERE)[k == HERE].mean(axis=0) for k in range(2)])
    flat = measures(means[THERE].astype(np.float32), THERE)
    assert flat.layout_accuracy > 0.85
    assert flat.vgg19_sifd > 3 * moved.vgg19_sifd
    assert flat.patch_coherence < 0.5 * moved.patch_coherence


def test_accuracy_of_the_classifier_on_the_source(measures: SourceMetrics) -> None:
    assert 0.9 < measures.source_accuracy() <= 1


def test_a_layout_unrelated_to_the_picture_has_low_accuracy(network: Vgg19) -> None:
    """Classes that do not differ in texture are classified no better than by chance."""
    generator = np.random.default_rng(3)
    same = generator.random((SIDE, SIDE, 3), dtype=np.float32)
    classes = np.kron(generator.integers(0, 2, (10, 10)), np.ones((8, 8), np.int64))
    assert SourceMetrics(network, same, classes).source_accuracy() < 0.65


def test_accepts_other_sizes_than_the_source(measures: SourceMetrics) -> None:
    figures = measures(painted(THERE)[8:72, 16:], THERE[8:72, 16:])
    assert figures.layout_accuracy > 0.95
    assert set(metrics_as_json(figures)) == {"vgg19_sifd", "patch_coherence", "layout_accuracy"}
    with pytest.raises(ValueError, match="has classes of"):
        measures(painted(THERE), THERE[1:])


def test_equal_patches_are_interchangeable(network: Vgg19) -> None:
    """A uniform picture has only one patch, so every patch is coherent."""
    plain = np.full((48, 64, 3), 0.4, np.float32)
    classes = np.zeros((48, 64), np.int64)
    half = np.where(np.arange(64)[None, :, None] < 32, plain, plain + 0.3).astype(np.float32)
    measures = SourceMetrics(network, half, classes)
    assert measures(half, classes).patch_coherence > 0.98
    assert measures(half[:, 8:56], classes[:, 8:56]).patch_coherence > 0.9


def test_seams_lower_coherence(network: Vgg19) -> None:
    """Shuffled tiles of the source are incoherent at seams only, so less with larger tiles."""
    source = np.random.default_rng(2).random((64, 64, 3), dtype=np.float32)
    classes = np.zeros((64, 64), np.int64)
    measures = SourceMetrics(network, source, classes)

    def tiled(side: int) -> Picture:
        tiles = source.reshape(64 // side, side, 64 // side, side, 3).transpose(0, 2, 1, 3, 4)
        order = np.random.default_rng(0).permutation((64 // side) ** 2)
        mixed = tiles.reshape(-1, side, side, 3)[order].reshape(tiles.shape)
        return np.ascontiguousarray(mixed.transpose(0, 2, 1, 3, 4).reshape(source.shape))

    found = [measures(tiled(side), classes).patch_coherence for side in (32, 16, 8)]
    assert found == sorted(found, reverse=True)
    assert found[0] > 0.8
    assert found[-1] < 0.6


def test_squared_distances_by_hand() -> None:
    found = torch.cat(list(_squares(torch.tensor([[0.0, 0.0]]), torch.tensor([[3.0, 4.0]]))))
    assert found.tolist() == [[25.0]]
