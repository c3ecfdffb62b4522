"""Edits of a plan by the page: what they change, what they refuse, what is made again."""

from __future__ import annotations

import pytest

from batch_analogy.errors import UsageError
from batch_analogy.jobs.plan.plan_edits import PlanEdit, apply_edit, frames_made_again
from batch_analogy.jobs.plan.run_plan import Shot
from batch_analogy.jobs.plan.segments import cut_segments
from tests.support.plans import plan

COHERENT = {"target": "frames", "coherent": True}


def test_frames_are_left_out_and_taken_back() -> None:
    change = apply_edit(plan(9), PlanEdit(leave_out="3,5-7"))
    assert change.after.leave_out == {3, 5, 6, 7}
    assert change.lines == (("leave_out", "", "3,5-7"),)
    back = apply_edit(change.after, PlanEdit(take_back="5-6"))
    assert back.after.leave_out == {3, 7}
    assert frames_made_again(change, range(9)) == []


def test_a_cut_is_added_and_removed_and_segments_follow() -> None:
    change = apply_edit(plan(9), PlanEdit(cut=4))
    assert change.after.shots == (Shot(0, 0, 4), Shot(1, 4, 9))
    assert change.after.segments == cut_segments(change.after.shots, 3)
    assert [line[0] for line in change.lines] == ["shots begin at", "segments"]
    back = apply_edit(change.after, PlanEdit(join=4))
    assert back.after.shots == plan(9).shots


def test_an_exposure_makes_its_frame_again() -> None:
    change = apply_edit(plan(9), PlanEdit(exposure_frames="2-3", exposure_ev=0.5))
    assert [frame.exposure_ev for frame in change.after.frames[1:5]] == [0, 0.5, 0.5, 0]
    assert change.lines == (("exposure_ev of 2-3", "0", "0.5"),)
    assert frames_made_again(change, [1, 2, 5]) == [2]


def test_a_cut_in_a_coherent_film_makes_frames_again() -> None:
    change = apply_edit(plan(9, pixels=COHERENT), PlanEdit(cut=4))
    again = frames_made_again(change, range(9))
    assert {4, 5, 6, 7, 8} <= set(again)


@pytest.mark.parametrize(
    ("edit", "words"),
    [
        (PlanEdit(leave_out="9"), "there is no frame 9"),
        (PlanEdit(leave_out="0-8"), "keep at least one"),
        (PlanEdit(leave_out="x"), "is not a frame number"),
        (PlanEdit(cut=0), "no shot can begin at frame 0"),
        (PlanEdit(cut=9), "no shot can begin at frame 9"),
        (PlanEdit(join=4), "no cut lies before frame 4"),
        (PlanEdit(exposure_frames="1", exposure_ev=99.0), "it must be a number from -8 to 8"),
        (PlanEdit(exposure_frames="1", exposure_ev=float("nan")), "it must be a number from"),
        (PlanEdit(take_back="1"), "this changes nothing"),
        (PlanEdit(), "this changes nothing"),
    ],
)
def test_what_is_not_allowed_is_refused(edit: PlanEdit, words: str) -> None:
    with pytest.raises(UsageError, match=words):
        apply_edit(plan(9), edit)
