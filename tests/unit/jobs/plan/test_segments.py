"""Segments: how frames are divided among workers."""

from __future__ import annotations

from batch_analogy.jobs.plan.run_plan import Shot
from batch_analogy.jobs.plan.segments import cut_segments


def test_segments_stay_within_shots_and_contain_every_frame_once() -> None:
    segments = cut_segments([Shot(0, 0, 7), Shot(1, 7, 9), Shot(2, 9, 20)], 4)
    assert [index for s in segments for index in range(s.start, s.stop)] == list(range(20))
    assert all(s.stop - s.start <= 4 for s in segments)
    assert {7, 9} <= {s.start for s in segments}
