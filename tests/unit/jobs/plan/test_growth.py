"""Frames found again in the plan of a grown folder, and the choices that are carried over."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from batch_analogy.jobs.plan.fingerprints import FileFingerprint
from batch_analogy.jobs.plan.frame_content import contents_of
from batch_analogy.jobs.plan.growth import carry_edits, find_growth, find_moves, keep_choices
from batch_analogy.jobs.plan.run_plan import (
    FramePlan,
    PlacedAmount,
    PlacedReference,
    Plan,
    Shot,
)
from tests.support import plans

COHERENT: dict[str, Any] = {"pixels": {"coherent": True}, "anchor_frames": 4}


def plan_of(names: str, *, cuts: tuple[int, ...] = (), ev: float = 0.0, **changes: Any) -> Plan:
    """Return a plan whose frames are called, and contain, one letter each."""
    frames = tuple(
        FramePlan(i, f"/in/{name}.png", f"{name}.png", 48, 64, 100, 7, f"hash {name}", None, ev)
        for i, name in enumerate(names)
    )
    edges = [0, *cuts, len(names)]
    shots = tuple(Shot(n, *edges[n : n + 2]) for n in range(len(edges) - 1))
    return msgspec.structs.replace(plans.plan(), frames=frames, shots=shots, **changes)


def test_finds_frames_by_name_and_content_and_twins_in_order() -> None:
    old, new = plan_of("abcb"), plan_of("xbabcb")
    assert find_moves(old, new) == {0: 2, 1: 1, 2: 4, 3: 3}
    renamed = msgspec.structs.replace(
        new, frames=tuple(msgspec.structs.replace(f, name=f"new {f.name}") for f in new.frames)
    )
    assert find_moves(plan_of("ac"), renamed) == {0: 2, 1: 4}


@pytest.mark.parametrize(
    ("before", "now", "done", "moves"),
    [
        ("abc", "abcd", {0, 1, 2}, {0: 0, 1: 1, 2: 2}),
        ("abc", "abc", {0}, {0: 0, 1: 1, 2: 2}),
        ("abc", "xaybc", {0}, {0: 1, 1: 3, 2: 4}),
        ("abc", "ab", set(), None),  # one is gone
        ("abc", "bca", set(), None),  # another order
    ],
)
def test_growth_keeps_all_frames_in_their_order(
    before: str, now: str, done: set[int], moves: dict[int, int] | None
) -> None:
    old, new = plan_of(before), plan_of(now)
    assert find_growth(old, new, done=done, overwrite=False) == moves
    assert find_growth(old, new, done=done, overwrite=True) is not None
    other = msgspec.structs.replace(new, pixels={"analogy": {"seed": 1}})
    assert find_growth(old, other, done=done, overwrite=True) is None


def test_a_changed_frame_may_be_replaced_until_it_is_finished() -> None:
    old = plan_of("abc")
    frames = (*old.frames[:2], msgspec.structs.replace(old.frames[2], blake2b="other"))
    new = msgspec.structs.replace(old, frames=(*frames, *plan_of("abcd").frames[3:]))
    assert find_growth(old, new, done={0, 1}, overwrite=False) == {0: 0, 1: 1}
    assert find_growth(old, new, done={0, 1, 2}, overwrite=False) is None


def test_cuts_between_old_neighbours_stay_and_others_are_found_anew() -> None:
    old = plan_of("abcdef", cuts=(3,), leave_out=frozenset({1, 4}))
    new = plan_of("abcdefgh", cuts=(2, 6, 7))
    carried = carry_edits(new, old, find_moves(old, new), deflickered=True)
    assert [shot.start for shot in carried.shots] == [0, 3, 6, 7]
    assert carried.leave_out == {1, 4}
    inserted = plan_of("abxcdef", cuts=(2, 3))
    carried = carry_edits(inserted, old, find_moves(old, inserted), deflickered=True)
    assert [shot.start for shot in carried.shots] == [0, 2, 3, 4]
    assert carried.leave_out == {1, 5}


def test_new_frames_begin_at_the_exposure_of_their_old_neighbours() -> None:
    old, new = plan_of("abc", ev=0.5), plan_of("abcdef", ev=0.2)
    carried = carry_edits(new, old, find_moves(old, new), deflickered=True)
    exposures = [frame.exposure_ev for frame in carried.frames]
    assert exposures[:4] == [0.5, 0.5, 0.5, 0.5]
    assert exposures[3] > exposures[4] > exposures[5] > 0.45
    off = carry_edits(new, old, find_moves(old, new), deflickered=False)
    assert [frame.exposure_ev for frame in off.frames] == [0.5] * 3 + [0.2] * 3


def test_the_content_of_a_frame_alone_does_not_depend_on_others() -> None:
    before, now = contents_of(plan_of("abc")), contents_of(plan_of("xabcd"))
    assert [before[n] for n in range(3)] == [now[n] for n in range(1, 4)]
    assert len(set(now.values())) == 5


def test_the_content_of_a_coherent_frame_counts_what_its_span_depends_on() -> None:
    before = contents_of(plan_of("abcdefghij", **COHERENT))
    appended = contents_of(plan_of("abcdefghijklmnop", **COHERENT))
    same = [index for index in range(10) if before[index] == appended[index]]
    assert same == [*range(9)]  # the last span has another end
    inserted = contents_of(plan_of("abcdeXfghij", **COHERENT))
    assert [index for index in range(10) if before[index] == inserted[index]] == [0, 1, 2, 3, 4]


def test_the_content_of_a_frame_between_references_counts_their_mix() -> None:
    def placed(plan: Plan, *places: int) -> Plan:
        references = tuple(
            msgspec.structs.replace(plan.all_references[0], frame=place) for place in places
        )
        return msgspec.structs.replace(plan, references=references)

    before = contents_of(placed(plan_of("abcde"), 0, 4))
    now = contents_of(placed(plan_of("abcdef"), 0, 4))
    assert [before[n] for n in range(5)] == [now[n] for n in range(5)]
    spread = contents_of(placed(plan_of("abcdef"), 0, 5))
    assert [n for n in range(5) if before[n] == spread[n]] == [0]


def test_the_white_balance_stays_when_a_raw_file_is_added_before_the_others() -> None:
    first, other = (2.0, 1.0, 1.5, 1.0), (2.5, 1.0, 1.2, 1.0)
    old = plan_of("bc", white_balance=first)
    assert keep_choices(plan_of("abc", white_balance=other), old).white_balance == first
    assert keep_choices(plan_of("ac", white_balance=other), old).white_balance == other
    assert keep_choices(plan_of("abc"), old).white_balance is None


@pytest.mark.parametrize("name", ["strength", "keep_colours", "references", "references2"])
def test_what_is_spread_evenly_stays_where_it_was_in_a_grown_folder(name: str) -> None:
    def spread(names: str, *places: int, says: str = "0,1", file: str = "/r/{}.png") -> Plan:
        pixels = {**plans.plan().pixels, "look": {"strength": says, "keep_colours": says}}
        plan = plan_of(names, pixels=pixels)
        prints = [FileFingerprint(file.format(n), 5, 6, f"hash {n}") for n in range(2)]
        placed: tuple[Any, ...] = tuple(map(PlacedAmount, places, (0.0, 1.0)))
        if name.startswith("references"):
            placed = tuple(map(PlacedReference, prints, places))
        return msgspec.structs.replace(plan, reference2=prints[0], **{name: placed})

    def places(plan: Plan) -> list[int]:
        return [one.frame for one in getattr(plan, name)]

    old, new = spread("abcde", 0, 4), spread("xabcdef", 0, 6)
    kept = keep_choices(new, old)
    assert places(kept) == [1, 5]
    before, now = contents_of(old), contents_of(kept)
    assert [before[n] for n in range(5)] == [now[n + 1] for n in range(5)]
    said = {"says": "0@0,1@100%", "file": "/r/{}@1.png"}
    assert places(keep_choices(spread("xabcdef", 0, 6, **said), spread("abcde", 0, 4, **said))) == [
        0,
        6,
    ]
    assert places(keep_choices(new, spread("gbcde", 0, 4))) == [0, 6]  # a placed frame is gone
