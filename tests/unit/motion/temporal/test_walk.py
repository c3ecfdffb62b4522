"""Walking through a span: the anchors, motions and ages that each frame is given."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from torch import Tensor

from batch_analogy.config.matching import AnalogyConfig
from batch_analogy.motion.flow.optical_flow import Motion
from batch_analogy.motion.flow.sampling import Luma
from batch_analogy.motion.temporal.interpolated import FromAnchor, Interpolated
from batch_analogy.motion.temporal.walk import (
    MatchedFrame,
    Rendered,
    Walk,
    digest,
    motion_picture,
)

SIZE = (64, 80)
PANNED = [0, 2, 5, 5, 6, 8]  # position of each frame; the last one is the next anchor
FRAME = torch.zeros(1, 3, *SIZE)


@dataclass
class PanMethod:
    """A method whose states are positions of a pan; it matches the frames it is told to match."""

    matches: tuple[int, ...] = ()
    followed: list[tuple[Interpolated[float], int]] = field(default_factory=list)

    def motion_luma(self, a: Tensor) -> Luma:
        return np.zeros(SIZE, np.float32)

    def clean_motion(self, anchor: FromAnchor[float], a: Tensor) -> FromAnchor[float]:
        return anchor

    def anchor(self, before: float, motions: Sequence[Motion], a: Tensor) -> float:
        return before + sum(moved(motion) for motion in motions)

    def follow(
        self, frame: Interpolated[float], a: Tensor, *, age: int
    ) -> float | Interpolated[float]:
        self.followed.append((frame, age))
        return position(frame.earlier) if position(frame.earlier) in self.matches else frame

    def render(self, a: Tensor, frame: float | Interpolated[float]) -> Rendered:
        return Rendered({})


def moved(motion: Motion) -> float:
    return round(float(np.median(motion.backward[..., 0])), 1)


def position(anchor: FromAnchor[float]) -> float:
    """Return where an anchor's motion leads to."""
    return anchor.state + moved(anchor.motion)


@pytest.fixture(scope="module")
def motions() -> list[Motion]:
    """The motions from frame to frame of a pan over a texture."""
    texture = np.random.default_rng(1).random((SIZE[0], SIZE[1] + 8), np.float32)
    lumas = [np.ascontiguousarray(texture[:, at : at + SIZE[1]]) for at in PANNED]
    found = []
    for k, step in enumerate(np.diff(PANNED)):
        backward = np.zeros((*SIZE, 2), np.float32)
        backward[..., 0] = step
        certain = np.ones(SIZE, np.float32)
        args = lumas[k], lumas[k + 1], backward, -backward, certain, certain
        found.append(Motion(*args, still=bool(step == 0)))
    return found


def walk_through(
    method: PanMethod, walk: Walk[float], numbers: Sequence[int]
) -> list[Interpolated[float]]:
    for number in numbers:
        walk.step(number, FRAME)
    return [frame for frame, _ in method.followed]


def test_each_frame_is_reached_from_both_anchors(motions: list[Motion]) -> None:
    method = PanMethod()
    frames = walk_through(method, Walk(method, 0.0, 8.0, motions), range(1, 5))
    for frame, wanted in zip(frames, PANNED[1:-1], strict=True):
        assert frame.later is not None
        assert position(frame.earlier) == wanted
        assert position(frame.later) == wanted
    assert [frame.position for frame in frames] == [0.25, 0.5, 0.5, 0.75]


def test_the_end_of_a_shot_has_no_later_anchor(motions: list[Motion]) -> None:
    method = PanMethod()
    frames = walk_through(method, Walk(method, 0.0, None, motions), range(1, 6))
    assert [frame.later for frame in frames] == [None] * 5
    assert position(frames[-1].earlier) == PANNED[-1]


def test_equal_frames_do_not_age(motions: list[Motion]) -> None:
    method = PanMethod()
    walk_through(method, Walk(method, 0.0, 8.0, motions), range(1, 5))
    assert [age for _, age in method.followed] == [1, 2, 2, 3]


@pytest.mark.parametrize(("reanchor", "ages"), [(True, [1, 2, 0, 1]), (False, [1, 2, 2, 3])])
def test_frames_follow_the_last_matched_one(
    motions: list[Motion], reanchor: bool, ages: list[int]
) -> None:
    method = PanMethod(matches=(5,))
    walk = Walk(method, 0.0, 8.0, motions, reanchor=reanchor)
    frames = walk_through(method, walk, range(1, 5))
    assert [frame.earlier.state for frame in frames] == [0.0, 0.0, 5.0, 5.0]
    assert [position(frame.earlier) for frame in frames] == PANNED[1:-1]
    assert [age for _, age in method.followed] == ages
    assert walk.matched == MatchedFrame(3, 5.0)  # matched twice, as the frames are equal


def test_skipping_frames_changes_nothing(motions: list[Motion]) -> None:
    method, skipping = PanMethod(), PanMethod()
    whole = walk_through(method, Walk(method, 0.0, 8.0, motions), range(1, 5))
    parts = walk_through(skipping, Walk(skipping, 0.0, 8.0, motions), [2, 4])
    for found, wanted in zip(parts, whole[1::2], strict=True):
        np.testing.assert_array_equal(found.earlier.motion.backward, wanted.earlier.motion.backward)
        np.testing.assert_array_equal(found.share, wanted.share)


def test_a_walk_is_resumed_from_a_matched_frame(motions: list[Motion]) -> None:
    method, resumed = PanMethod(matches=(2,)), PanMethod()
    first = Walk(method, 0.0, 8.0, motions)
    whole = walk_through(method, first, range(1, 5))
    again = Walk(resumed, 0.0, 8.0, motions)
    again.resume_from(MatchedFrame(1, 2.0))
    parts = walk_through(resumed, again, range(2, 5))
    assert first.matched == MatchedFrame(1, 2.0)
    for found, wanted in zip(parts, whole[1:], strict=True):
        assert found.earlier.state == wanted.earlier.state == 2.0
        np.testing.assert_array_equal(found.earlier.motion.backward, wanted.earlier.motion.backward)
    assert [age for _, age in resumed.followed] == [age for _, age in method.followed[1:]]


def test_a_frame_is_reduced_for_its_motion() -> None:
    a = torch.rand(1, 5, 900, 1600, generator=torch.Generator().manual_seed(1))
    small = motion_picture(a, AnalogyConfig())
    assert small.shape[2] == 3  # without masks and guides
    assert 240_000 < small.shape[0] * small.shape[1] <= 250_500
    assert small.flags.c_contiguous
    half = AnalogyConfig(ratio=0.5, two_scales=True)
    np.testing.assert_array_equal(motion_picture(a, half), small)  # whatever the ratio


def test_digests_are_equal_only_for_equal_frames() -> None:
    a = torch.rand(1, 3, 8, 9, generator=torch.Generator().manual_seed(1))
    assert digest(a) == digest(a.clone())
    changed = a.clone()
    changed[0, 0, 0, 0] += 1e-6
    assert digest(a) != digest(changed)
