"""How much of the look each frame of a plan gets."""

from __future__ import annotations

from fractions import Fraction

import msgspec
import pytest

from batch_analogy.config.amounts import WHOLE, LookShare, parse_amounts
from batch_analogy.errors import PlanChangedError, UsageError
from batch_analogy.jobs.plan.frame_looks import look_of, share_of
from batch_analogy.jobs.plan.plan_changes import check_continues
from batch_analogy.jobs.plan.references import place_amounts
from batch_analogy.jobs.plan.run_plan import PlacedAmount, Plan
from tests.support.plans import plan


def placed(text: str, count: int = 11, fps: Fraction | None = None) -> list[tuple[int, float]]:
    amounts = parse_amounts("--strength", text)
    found = place_amounts("--strength", amounts, plan(count).frames, fps)
    return [(amount.frame, amount.value) for amount in found]


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("0.4", [(0, 0.4)]),
        ("0,1", [(0, 0), (10, 1)]),
        ("0,1,0.5", [(0, 0), (5, 1), (10, 0.5)]),
        ("1@60%,0@2", [(2, 0), (6, 1)]),
    ],
)
def test_amounts_are_placed_like_references(text: str, places: list[tuple[int, float]]) -> None:
    assert placed(text) == places


def test_amounts_are_placed_by_times_of_a_video() -> None:
    assert placed("0@0s,1@0.5s", fps=Fraction(10)) == [(0, 0), (5, 1)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("0@3,1", "one without, 1"),
        ("0@3,1@3", "both 0 and 1 at frame 3"),
        ("0@11,1@3", "numbered 0 to 10"),
        ("0@nowhere,1@3", "no frame is called 'nowhere'"),
        (",".join(["1"] * 12), "12 amounts for 11 frames"),
    ],
)
def test_bad_places_are_named_with_the_option(text: str, words: str) -> None:
    with pytest.raises(UsageError, match=f"--strength.*{words}"):
        placed(text)


def faded(count: int = 11) -> Plan:
    amounts = (PlacedAmount(2, 0.0), PlacedAmount(6, 1.0))
    new = plan(count, pixels={**plan().pixels, "look": {"strength": "0@2,1@6"}})
    return msgspec.structs.replace(new, strength=amounts)


def test_frames_fade_as_references_do() -> None:
    strengths = [share_of(faded(), index).strength for index in range(8)]
    assert strengths == [0, 0, 0, pytest.approx(0.15625), 0.5, pytest.approx(0.84375), 1, 1]
    assert share_of(plan(), 3) == WHOLE
    assert share_of(faded(), 0) == LookShare(0.0, 0.0)


def test_only_frames_with_another_share_have_another_look() -> None:
    before = msgspec.structs.replace(faded(), strength=(PlacedAmount(0, 0.5),))
    changed = [i for i in range(11) if look_of(before, i) != look_of(faded(), i)]
    assert changed == [0, 1, 2, 3, 5, 6, 7, 8, 9, 10]
    assert [look_of(faded(), i) for i in (6, 10)] == [None, None]


def test_another_look_is_refused_by_name_unless_its_frames_may_be_made_again() -> None:
    with pytest.raises(
        PlanChangedError, match=r"strength was the default, is 0@2,1@6\..*--overwrite"
    ):
        check_continues(plan(11), faded(), done={3})
    assert check_continues(plan(11), faded(), done={3}, look=False) == set()
    assert plan(11).plan_hash != faded().plan_hash
