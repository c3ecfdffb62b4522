"""Carrying along known motion: by fractions of a cell, over many frames, not into new regions."""

from __future__ import annotations

import numpy as np
import torch

from batch_analogy.analogy.nnf import initial_position
from batch_analogy.motion.flow.optical_flow import Motion
from batch_analogy.motion.temporal.carry import (
    average_over_cells,
    carry_domain,
    carry_grid,
    carry_range,
    extend_transforms,
)


def pan(size: tuple[int, int], dx: float, dy: float, confidence: float = 1.0) -> Motion:
    """Make the motion of a frame whose pixels were at (+dx, +dy) in the frame before."""
    backward = np.broadcast_to(np.float32([dx, dy]), (*size, 2)).copy()
    confidences = np.full(size, confidence, np.float32)
    luma = np.zeros(size, np.float32)
    return Motion(luma, luma, backward, -backward, confidences, confidences)


def test_a_third_of_a_cell_per_frame_is_one_cell_after_three_frames() -> None:
    field = initial_position((12, 16), (12, 16))
    for _ in range(3):
        field = carry_domain(field, pan((12, 16), 1 / 3, -1 / 3)).expected
    inner = (field - initial_position((12, 16), (12, 16)))[:, :, 3:-3, 3:-3]
    torch.testing.assert_close(inner[:, 0], torch.full_like(inner[:, 0], -1.0))
    torch.testing.assert_close(inner[:, 1], torch.full_like(inner[:, 1], 1.0))


def test_a_border_between_two_matches_moves_and_stays_sharp() -> None:
    field = initial_position((10, 20), (10, 60))
    field[:, 1, :, 10:] += 30.0
    moved = carry_domain(field, pan((10, 20), 4.0, 0.0)).expected
    assert moved[0, 1, 5, 5] < 45 < moved[0, 1, 5, 6]


def test_a_border_moves_by_fractions_of_a_cell() -> None:
    field = initial_position((6, 80), (6, 80))
    field[:, 1, :, 60:] += 100.0
    for _ in range(4):
        field = carry_domain(field, pan((6, 80), 7.4, 0.0)).expected
    border = int((field[0, 1, 3] > 100).nonzero()[0])
    assert border == 60 - round(4 * 7.4)  # in whole cells each time, it would be at 32


def test_matches_into_a_frame_move_with_their_pixels() -> None:
    field = initial_position((9, 9), (30, 30))
    carried = carry_range(field, pan((30, 30), 1.5, 0.25), (30, 30))
    torch.testing.assert_close(carried.expected[:, 0], field[:, 0] - 0.25)
    torch.testing.assert_close(carried.expected[:, 1], field[:, 1] - 1.5)


def test_a_colour_grid_moves_by_fractions_of_a_cell() -> None:
    ramp = torch.arange(10.0).view(1, 1, 1, 1, 10).expand(1, 12, 3, 8, 10).contiguous()
    grid, confidence = carry_grid(ramp, (8.0, 10.0), pan((32, 40), 2.0, 0.0), (32, 40))
    torch.testing.assert_close(grid[0, 0, 0, 4, 2:7], torch.arange(2.0, 7.0) + 0.5)
    assert confidence.min() == 1.0
    _, unknown = carry_grid(ramp, (8.0, 10.0), pan((32, 40), 2.0, 0.0, confidence=0.0), (32, 40))
    assert unknown.max() == 0.0


def test_a_colour_grid_has_no_seam_where_motion_becomes_unknown() -> None:
    motion = pan((80, 160), 16.0, 0.0)
    motion.confidence[:, 80:] = 0.0
    ramp = torch.arange(40.0).view(1, 1, 1, 1, 40).expand(1, 12, 2, 20, 40)
    carried, confidence = carry_grid(ramp, (20.0, 40.0), motion, (80, 160))
    torch.testing.assert_close(carried[..., :30], ramp[..., :30] + 4.0, atol=0.05, rtol=0)
    assert confidence[..., 30:].max() == 0.0


def test_known_cells_keep_their_transforms_and_new_ones_continue_them() -> None:
    draw = torch.Generator().manual_seed(3)
    carried = 0.4 + 0.01 * torch.rand(1, 12, 2, 20, 60, generator=draw)
    confidence = torch.ones(1, 1, 20, 60)
    confidence[..., :20] = 0.7  # most of each cell could be followed
    confidence[..., 30:] = 0.0
    extended = extend_transforms(carried, torch.zeros_like(carried), confidence)
    torch.testing.assert_close(extended[..., :30], carried[..., :30])
    assert (extended[..., 1:] - extended[..., :-1])[..., 29:].abs().max() < 0.08  # of a step of 0.4
    assert extended[..., 45:].abs().max() == 0.0
    nothing = extend_transforms(carried, torch.zeros_like(carried), torch.zeros_like(confidence))
    assert nothing.abs().max() == 0.0


def test_pixels_are_averaged_over_cells() -> None:
    grid = torch.zeros(1, 12, 2, 3, 4)
    values = np.repeat(np.arange(8, dtype=np.float32), 2)[None].repeat(10, axis=0)  # (10, 16)
    means = average_over_cells(values, grid, (2.5, 4.0), (10, 16))
    torch.testing.assert_close(means[0, 0], torch.tensor([0.5, 2.5, 4.5, 6.5]).expand(3, 4))


def test_motion_estimated_at_another_size_is_scaled() -> None:
    field = initial_position((20, 40), (20, 40))
    carried = carry_domain(field, pan((10, 20), 2.0, 1.0))
    inner = (carried.expected - field)[:, :, 4:-4, 6:-6]
    torch.testing.assert_close(inner[:, 0], torch.full_like(inner[:, 0], 2.0))
    torch.testing.assert_close(inner[:, 1], torch.full_like(inner[:, 1], 4.0))
