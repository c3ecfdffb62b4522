"""Masked flow and displacement of textures with known motion."""

from __future__ import annotations

import math

import numpy as np
import pytest

from batch_analogy.report.evaluation.masked_flow import (
    MaskedFlow,
    at_borders,
    masked_flow_between,
    texture_displacement_px,
)
from tests.support.textures import HEIGHT, WIDTH, texture


def test_flow_of_a_pan() -> None:
    move = masked_flow_between(texture(1), texture(1, (3, -2)))
    inner = move.flow[20:-20, 20:-20]
    np.testing.assert_allclose(inner.mean(axis=(0, 1)), [3, -2], atol=0.1)
    assert move.visible[20:-20, 20:-20].mean() > 0.95
    assert not move.visible[:, -2:].any()  # what leaves the frame is not visible in the next
    assert 0.02 < move.masked_share < 0.25


def test_all_pixels_of_equal_frames_are_visible() -> None:
    move = masked_flow_between(texture(1), texture(1))
    assert not move.flow.any()
    assert move.masked_share == 0


def test_motion_boundaries() -> None:
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


def test_texture_that_moves_with_the_scene_is_not_displaced() -> None:
    assert texture_displacement_px(texture(2), texture(2, (3, -2)), known(3, -2)) < 0.15


def test_texture_that_sticks_to_the_screen_is_displaced_by_the_motion() -> None:
    displaced = texture_displacement_px(texture(2), texture(2), known(3, -2))
    assert displaced == pytest.approx(math.hypot(3, 2), abs=0.2)


def test_no_displacement_without_visible_pixels() -> None:
    unseen = MaskedFlow(known(1, 1).flow, np.zeros((HEIGHT, WIDTH), dtype=np.bool_))
    assert math.isnan(texture_displacement_px(texture(2), texture(2), unseen))
