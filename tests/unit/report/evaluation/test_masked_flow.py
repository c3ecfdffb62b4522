"""Flow between frames as evaluations use it, on textures whose motion is known."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest

from batch_analogy.report.evaluation.frame_metrics import Picture
from batch_analogy.report.evaluation.masked_flow import (
    MaskedFlow,
    at_borders,
    masked_flow_between,
    texture_displacement_px,
)

HEIGHT, WIDTH = 120, 160


def texture(seed: int, shift: tuple[float, float] = (0, 0)) -> Picture:
    """Smooth noise; ``shift`` moves it by (x, y) pixels."""
    large = np.random.default_rng(seed).random((HEIGHT + 40, WIDTH + 40, 3), dtype=np.float32)
    large = cv2.GaussianBlur(large, (0, 0), 2.0)
    large = (large - large.min()) / (large.max() - large.min())
    view = np.float32([[1, 0, shift[0] - 20], [0, 1, shift[1] - 20]])
    return np.asarray(cv2.warpAffine(large, view, (WIDTH, HEIGHT), flags=cv2.INTER_CUBIC))


def test_a_pan_is_followed() -> None:
    move = masked_flow_between(texture(1), texture(1, (3, -2)))
    inner = move.flow[20:-20, 20:-20]
    np.testing.assert_allclose(inner.mean(axis=(0, 1)), [3, -2], atol=0.1)
    assert move.visible[20:-20, 20:-20].mean() > 0.95
    assert not move.visible[:, -2:].any()  # what leaves the frame is not visible in the next
    assert 0.02 < move.masked_share < 0.25


def test_equal_frames_are_seen_whole() -> None:
    move = masked_flow_between(texture(1), texture(1))
    assert not move.flow.any()
    assert move.masked_share == 0


def test_borders_of_two_motions() -> None:
    flow = np.zeros((10, 20, 2), dtype=np.float32)
    flow[:, 10:, 0] = 4
    borders = at_borders(flow)
    # Central differences are 2 px beside the step: 4 > 0.01·16 + 0.002.
    assert borders[:, 9:11].all()
    assert not borders[:, :9].any()
    assert not borders[:, 11:].any()
    slow = np.zeros((10, 20, 2), dtype=np.float32)
    slow[..., 1] = np.linspace(0, 0.5, 20)  # 0.026² < 0.002
    assert not at_borders(slow).any()


def known(x: float, y: float) -> MaskedFlow:
    flow = np.full((HEIGHT, WIDTH, 2), (x, y), dtype=np.float32)
    visible = np.zeros((HEIGHT, WIDTH), dtype=np.bool_)
    visible[20:-20, 20:-20] = True
    return MaskedFlow(flow, visible)


def test_texture_that_goes_along_is_not_displaced() -> None:
    assert texture_displacement_px(texture(2), texture(2, (3, -2)), known(3, -2)) < 0.15


def test_texture_that_sticks_to_the_screen_is_displaced_by_the_motion() -> None:
    displaced = texture_displacement_px(texture(2), texture(2), known(3, -2))
    assert displaced == pytest.approx(math.hypot(3, 2), abs=0.2)


def test_nothing_seen_nothing_displaced() -> None:
    unseen = MaskedFlow(known(1, 1).flow, np.zeros((HEIGHT, WIDTH), dtype=np.bool_))
    assert math.isnan(texture_displacement_px(texture(2), texture(2), unseen))
