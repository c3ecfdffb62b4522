"""Interpolated frames: choice of the matched frame, and equal frames, which count as one."""

from __future__ import annotations

import numpy as np
import torch

from batch_analogy.analogy.nnf import initial_position
from batch_analogy.motion.flow.optical_flow import Motion, estimate_motion
from batch_analogy.motion.temporal.interpolated import (
    FromAnchor,
    Interpolated,
    count_changes,
    interpolate,
    motions_from_end,
)

SIZE = (16, 24)


def motion(dx: float = 0.0, confidence: float = 1.0) -> Motion:
    backward = np.broadcast_to(np.float32([dx, 0.0]), (*SIZE, 2)).copy()
    confidences = np.full(SIZE, confidence, np.float32)
    luma = np.zeros(SIZE, np.float32)
    return Motion(luma, luma, backward, -backward, confidences, confidences)


def halves(left: float, right: float) -> Motion:
    """Make a still motion with one confidence in each half of the frame."""
    confidences = np.full(SIZE, left, np.float32)
    confidences[:, SIZE[1] // 2 :] = right
    still = np.zeros((*SIZE, 2), np.float32)
    return Motion(confidences, confidences, still, still, confidences, confidences)


def share(earlier: Motion, later: Motion, ages: tuple[int, int]) -> np.ndarray:
    found = interpolate(FromAnchor("earlier", earlier), FromAnchor("later", later), ages).share
    assert found is not None
    return found


def test_the_nearer_matched_frame_prevails_where_both_are_visible() -> None:
    assert share(motion(), motion(), (2, 22)).max() == 0.0
    assert share(motion(), motion(), (22, 2)).min() == 1.0
    middle = share(motion(), motion(), (12, 12))
    np.testing.assert_allclose(middle, 0.5, atol=1e-6)


def test_a_pixel_takes_its_match_from_the_frame_where_it_is_visible() -> None:
    found = share(halves(1.0, 0.0), halves(0.0, 1.0), (2, 22))
    assert found[:, :8].max() == 0.0
    assert found[:, -8:].min() > 0.8


def test_everything_visible_in_the_nearer_frame_is_taken_from_it() -> None:
    middle = SIZE[1] // 2
    assert share(halves(1.0, 1.0), halves(0.0, 1.0), (23, 1))[:, middle:].min() == 1.0
    assert share(halves(0.0, 1.0), halves(1.0, 1.0), (1, 23))[:, middle:].max() == 0.0


def test_without_a_later_frame_everything_is_taken_from_the_earlier() -> None:
    alone = interpolate(FromAnchor("earlier", motion(2.0)), None, (3, 0))
    field = initial_position(SIZE, SIZE)
    chosen = alone.carry_selected((field, None), "domain", SIZE)
    torch.testing.assert_close(chosen.expected[..., :-3], field[..., 2:-1])
    assert alone.anchors == [alone.earlier]


def test_a_field_is_selected_by_the_larger_share() -> None:
    frame = Interpolated(
        FromAnchor("a", motion()), FromAnchor("b", motion()), halves(0.2, 0.9).confidence
    )
    field = initial_position(SIZE, SIZE)
    chosen = frame.carry_selected((field, field + 100.0), "domain", SIZE).expected
    torch.testing.assert_close(chosen[..., :11], field[..., :11])
    torch.testing.assert_close(chosen[..., 13:], field[..., 13:] + 100.0)


def test_colour_grids_are_mixed_by_the_distance_to_the_matched_frames() -> None:
    grids = torch.zeros(1, 12, 2, 4, 6), torch.ones(1, 12, 2, 4, 6)
    near = interpolate(FromAnchor("a", motion()), FromAnchor("b", motion()), (1, 3))
    mixed, _ = near.carry_mixed_grid(grids, (4.0, 6.0), "domain", SIZE)
    torch.testing.assert_close(mixed, torch.full_like(mixed, 0.25))
    one = interpolate(FromAnchor("a", motion(confidence=0.0)), FromAnchor("b", motion()), (1, 3))
    known, confidence = one.carry_mixed_grid(grids, (4.0, 6.0), "domain", SIZE)
    assert known.min() > 0.9  # only b is known
    assert confidence.min() > 0.9
    neither = interpolate(
        FromAnchor("a", motion(confidence=0.0)), FromAnchor("b", motion(confidence=0.0)), (1, 3)
    )
    assert neither.carry_mixed_grid(grids, (4.0, 6.0), "domain", SIZE)[1].max() == 0.0


def test_colours_have_no_seam_where_a_matched_frame_ends() -> None:
    size, grids = (160, 240), (torch.zeros(1, 12, 2, 40, 60), torch.ones(1, 12, 2, 40, 60))
    still = np.zeros((*size, 2), np.float32)
    sees = np.zeros(size, np.float32)
    sees[:, :100] = 1.0

    def side(name: str, confidence: np.ndarray) -> FromAnchor[str]:
        luma = np.zeros(size, np.float32)
        return FromAnchor(name, Motion(luma, luma, still, still, confidence, confidence))

    for earlier in (np.zeros(size, np.float32), np.ones(size, np.float32)):
        frame = interpolate(side("a", earlier), side("b", sees), (2, 3))
        mixed, _ = frame.carry_mixed_grid(grids, (40.0, 60.0), "domain", size)
        steps = (mixed[..., 1:] - mixed[..., :-1]).abs()
        assert steps.max() < 0.08
        assert mixed.max() - mixed.min() > 0.2


def test_motions_from_the_end_lead_to_each_frame() -> None:
    steps = [motion(1.0), motion(2.0), motion(4.0)]
    found = motions_from_end(steps)
    assert [float(m.backward[8, 12, 0]) for m in found] == [-6.0, -4.0]


def test_equal_frames_count_as_one() -> None:
    luma = np.random.default_rng(0).random(SIZE).astype(np.float32)
    still = estimate_motion(luma, luma.copy())
    assert count_changes([motion(1.0), still, still, motion(1.0)]) == 2
    step = motion(1.0)
    assert step.then(still) is step
    assert still.then(step) is step
