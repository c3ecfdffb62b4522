"""Metrics of small pictures, computed by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest

from batch_analogy.report.evaluation import frame_metrics
from batch_analogy.report.evaluation.frame_metrics import Flow, Mask, Picture

HEIGHT, WIDTH = 40, 60


@pytest.fixture
def noise() -> Picture:
    return np.random.default_rng(1).random((HEIGHT, WIDTH, 3), dtype=np.float32)


def plain(value: float) -> Picture:
    return np.full((HEIGHT, WIDTH, 3), value, dtype=np.float32)


def still() -> Flow:
    return np.zeros((HEIGHT, WIDTH, 2), dtype=np.float32)


def everywhere() -> Mask:
    return np.ones((HEIGHT, WIDTH), dtype=np.bool_)


def bars(*columns: int) -> Picture:
    """Draw bright bars, five pixels wide, on a dark ground."""
    picture = plain(0.1)
    for column in columns:
        picture[:, column : column + 5] = 0.9
    return picture


def test_a_pan_with_exact_flow_has_no_error(noise: Picture) -> None:
    later = np.roll(noise, (2, 3), axis=(0, 1))  # everything moves 3 px right and 2 px down
    flow = still() + np.float32([3, 2])
    visible = everywhere()
    visible[:, -3:] = visible[-2:] = False
    assert frame_metrics.warp_error(noise, later, flow, visible) == 0
    assert frame_metrics.warp_error(noise, later, still(), visible) > 0.1
    assert frame_metrics.warp_error(noise, later, -flow, visible) > 0.1


def test_warp_error_is_the_mean_square_of_visible_pixels() -> None:
    later = plain(0.5)
    later[:, 30:] += 0.2
    assert frame_metrics.warp_error(plain(0.5), later, still(), everywhere()) == pytest.approx(0.02)
    right = everywhere()
    right[:, :30] = False
    assert frame_metrics.warp_error(plain(0.5), later, still(), right) == pytest.approx(0.04)
    assert frame_metrics.warp_error(plain(0.5), later, still(), ~right) == 0
    one_channel = plain(0.5)
    one_channel[..., 1] += 0.3
    error = frame_metrics.warp_error(plain(0.5), one_channel, still(), everywhere())
    assert error == pytest.approx(0.03)


def test_no_warp_error_without_visible_pixels(noise: Picture) -> None:
    assert math.isnan(frame_metrics.warp_error(noise, noise, still(), ~everywhere()))


def test_mean_change() -> None:
    later = plain(0.5)
    later[:10] -= 0.2
    assert frame_metrics.mean_change(plain(0.5), later) == pytest.approx(0.05)


def test_sharpness_of_a_single_bright_pixel() -> None:
    picture = plain(0.0)
    picture[20, 30] = 0.5  # the Laplacian is −4 times that there, once in its four neighbours
    expected = (16 + 4) * 0.5**2 / (HEIGHT * WIDTH)
    assert frame_metrics.sharpness(picture) == pytest.approx(expected, rel=1e-5)
    assert frame_metrics.sharpness(plain(0.7)) == 0


def test_contrast_structure_ignores_brightness(noise: Picture) -> None:
    dim = noise * np.float32(0.8)
    other = np.random.default_rng(2).random(noise.shape, dtype=np.float32)
    assert frame_metrics.contrast_structure(dim, dim) == pytest.approx(1)
    assert frame_metrics.contrast_structure(dim, dim + np.float32(0.2)) == pytest.approx(
        1, abs=1e-6
    )
    assert frame_metrics.contrast_structure(noise, 1 - noise) < -0.9
    assert abs(frame_metrics.contrast_structure(noise, other)) < 0.1
    # Half the contrast: 2·½σ² / (σ² + ¼σ²) = 0.8 where σ² is far above C₂.
    half = frame_metrics.contrast_structure(noise, noise / 2)
    assert half == pytest.approx(0.8, abs=0.02)


def test_half_of_the_edges_found() -> None:
    two, one = bars(15, 40), bars(15)
    assert frame_metrics.edge_f1(two, two) == 1
    # The thresholds are shares of pixels, so the one bar's edges are drawn at both its sides.
    assert frame_metrics.edge_f1(one, two) == pytest.approx(
        2 / 3, abs=0.02
    )  # precision 1, recall ½
    assert frame_metrics.edge_f1(two, one) == pytest.approx(
        2 / 3, abs=0.02
    )  # precision ½, recall 1


def test_edges_may_be_two_pixels_off() -> None:
    assert frame_metrics.edge_f1(bars(20), bars(22)) > 0.95
    assert frame_metrics.edge_f1(bars(20), bars(29)) < 0.1


def test_edges_do_not_depend_on_contrast() -> None:
    assert frame_metrics.edge_f1(bars(15, 40) * np.float32(0.3), bars(15, 40)) == 1


def test_a_uniform_picture_has_no_edges() -> None:
    assert not frame_metrics.edges(plain(0.4)).any()
    assert math.isnan(frame_metrics.edge_f1(plain(0.4), bars(20)))


def test_subpixel_motion_blurs_little() -> None:
    y, x = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)

    def wave(shift: float) -> Picture:
        grey = 0.5 + 0.4 * np.sin((x - shift) * 2 * np.pi / 8) * np.cos(y * 2 * np.pi / 11)
        return np.repeat(grey[..., None], 3, axis=2).astype(np.float32)

    inner = np.zeros((HEIGHT, WIDTH), dtype=np.bool_)
    inner[3:-3, 3:-3] = True
    flow = still() + np.float32([0.3, 0])
    moved = frame_metrics.warp_error(wave(0), wave(0.3), flow, inner)
    unmoved = frame_metrics.warp_error(wave(0), wave(0.3), still(), inner)
    assert moved < unmoved / 40
