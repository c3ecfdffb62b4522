"""What may change between two plans of a run, and how a change that may not is named."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import msgspec
import pytest

from batch_analogy.errors import PlanChangedError
from batch_analogy.jobs.plan.colour_spaces import NamedSpace
from batch_analogy.jobs.plan.fingerprints import FileFingerprint
from batch_analogy.jobs.plan.plan_changes import check_continues
from batch_analogy.jobs.plan.run_plan import Plan, Shot
from batch_analogy.jobs.plan.segments import cut_segments
from tests.support.plans import plan


def with_frame(old: Plan, index: int, **changes: Any) -> Plan:
    frames = list(old.frames)
    frames[index] = msgspec.structs.replace(frames[index], **changes)
    return msgspec.structs.replace(old, frames=tuple(frames))


@pytest.mark.parametrize(
    ("changes", "named"),
    [
        ({"pixels": {**plan().pixels, "analogy": {"seed": 1, "ratio": 1.0}}}, "analogy.seed was 0"),
        ({"pixels": {**plan().pixels, "target": "both"}}, "target was frames, is both"),
        ({"weights_sha256": "v" * 64}, "weights' content"),
        ({"device": "cuda"}, "device was cpu, is cuda"),
        ({"version": "0.2.0"}, r"version was 0\.1\.0"),
        ({"reference": FileFingerprint("/ref.png", 5, 6, "other")}, r"reference /ref\.png"),
        (
            {"named_space": NamedSpace("studio.ocio", "ACEScg", "0123456789")},
            r"was what they say, is ACEScg \(conversion 01234567\)",
        ),
        ({"video": FileFingerprint("/v.mp4", 1, 2, "vhash")}, "came from pictures"),
    ],
)
def test_names_a_changed_setting_and_changes_the_hash(changes: dict[str, Any], named: str) -> None:
    new = plan(**changes)
    assert new.plan_hash != plan().plan_hash
    with pytest.raises(PlanChangedError, match=named):
        check_continues(plan(), new, done=set())


def test_refuses_another_number_of_frames_and_other_names() -> None:
    with pytest.raises(PlanChangedError, match="were 4 frames, there are 5"):
        check_continues(plan(4), plan(5), done=set())
    with pytest.raises(PlanChangedError, match=r"frame 2 was 2\.png, is x\.png"):
        check_continues(plan(), with_frame(plan(), 2, name="x.png"), done=set())


def test_an_unfinished_frame_may_change_and_a_finished_one_may_not() -> None:
    new = with_frame(plan(), 2, blake2b="other")
    assert check_continues(plan(), new, done={0, 1}) == {2}
    with pytest.raises(PlanChangedError, match=r"content of frame 2 \(2\.png\) has changed"):
        check_continues(plan(), new, done={2})


def test_settings_that_affect_no_pixel_may_change() -> None:
    new = plan(fps=Fraction(10), segments=cut_segments([Shot(0, 0, 4)], 1), segment_frames=1)
    moved = with_frame(new, 1, source="/elsewhere/1.png", mtime_ns=99)
    assert check_continues(plan(), moved, done={0, 1, 2, 3}) == set()
    assert moved.plan_hash == plan().plan_hash


def test_a_configuration_of_colour_spaces_may_move_but_not_convert_otherwise() -> None:
    old = plan(named_space=NamedSpace("/studio.ocio", "ACEScg", "same"))
    moved = plan(named_space=NamedSpace("/elsewhere/studio.ocio", "ACES - ACEScg", "same"))
    assert check_continues(old, moved, done={0}) == set()
    assert moved.plan_hash == old.plan_hash
    edited = plan(named_space=NamedSpace("/studio.ocio", "ACEScg", "another"))
    with pytest.raises(PlanChangedError, match="the colour space of the frames was ACEScg"):
        check_continues(old, edited, done={0})
