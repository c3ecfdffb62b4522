"""Cutting of spans, what frames depend on, and anchors that are no longer needed."""

from __future__ import annotations

import itertools

import msgspec
import pytest

from batch_analogy.config.run import SPANS_PER_RESET
from batch_analogy.jobs.drive.scheduler import Scheduler
from batch_analogy.jobs.plan.dependencies import DependencyGraph, SpanContext
from batch_analogy.jobs.plan.fingerprints import FileFingerprint
from batch_analogy.jobs.plan.paint_inputs import PaintedPicture, PaintInputs
from batch_analogy.jobs.plan.run_plan import FramePlan, Plan, Shot
from tests.support.plans import plan as sample_plan


def plan_of(sizes: list[int], cuts: tuple[int, ...] = ()) -> Plan:
    """Return a plan of frames of these widths; 0 is an unusable one."""
    frames = tuple(
        FramePlan(k, f"f{k}", f"f{k}", 8, width, 1, 1, "x", None if width else "broken")
        for k, width in enumerate(sizes)
    )
    edges = [0, *cuts, len(sizes)]
    shots = tuple(Shot(n, a, b) for n, (a, b) in enumerate(itertools.pairwise(edges)))
    return msgspec.structs.replace(sample_plan(len(sizes)), frames=frames, shots=shots)


def dependencies(plan: Plan, *known: int) -> DependencyGraph:
    return DependencyGraph(plan, lambda start: start in known)


def names(context: SpanContext) -> tuple[list[int], int, int | None]:
    following = context.following.start if context.following else None
    return [span.start for span in context.leading], context.own.start, following


def test_cuts_spans_by_index_inside_shots() -> None:
    film = dependencies(plan_of([8] * 14, cuts=(6,)))
    assert names(film.context(1)) == ([], 0, 4)
    assert names(film.context(5)) == ([0], 4, None)  # the shot ends
    assert names(film.context(6)) == ([], 6, 10)
    assert names(film.context(13)) == ([6], 10, None)


def test_a_context_begins_at_an_existing_anchor() -> None:
    film = dependencies(plan_of([8] * 20), 8)
    assert names(film.context(17)) == ([8, 12], 16, None)
    assert names(film.context(9)) == ([], 8, 12)
    assert names(film.context(5)) == ([0], 4, 8)
    assert film.context(5).leading[0].independent


def test_an_anchor_is_independent_after_many_spans() -> None:
    film = dependencies(plan_of([8] * (4 * SPANS_PER_RESET + 8)))
    last = 4 * SPANS_PER_RESET + 5
    assert names(film.context(last)) == ([4 * SPANS_PER_RESET], 4 * SPANS_PER_RESET + 4, None)
    begins = [span.start for span in film.spans() if span.independent]
    assert begins == [0, 4 * SPANS_PER_RESET]


def test_frames_that_depend_on_the_fewest_anchors_are_handed_out_first() -> None:
    film = dependencies(plan_of([8] * (4 * SPANS_PER_RESET + 8)))
    works = [range(first, first + 4) for first in range(0, 4 * SPANS_PER_RESET + 8, 4)]
    scheduler = Scheduler(works, max_attempts=3, max_worker_deaths=8, depth=film.depth)
    handed = []
    for name in "abcd":
        scheduler.add_worker(name)
        work = scheduler.next_work(name)
        assert work is not None
        handed.append(work[0])
    assert handed == [0, 4 * SPANS_PER_RESET, 4, 4 * SPANS_PER_RESET + 4]


def edited(frames: int, index: int, ev: float = 0.5) -> set[int]:
    """Return the frames whose provenance changes with the exposure of this one."""
    before = plan_of([8] * frames)
    changed = msgspec.structs.replace(before.frames[index], exposure_ev=ev)
    after = msgspec.structs.replace(
        before, frames=(*before.frames[:index], changed, *before.frames[index + 1 :])
    )
    was, now = dependencies(before), dependencies(after)
    return {k for k in range(frames) if was.provenance(k) != now.provenance(k)}


def test_an_edited_exposure_affects_its_span_and_all_dependent_spans() -> None:
    era = 4 * SPANS_PER_RESET
    assert edited(era + 8, 0, 0.0) == set()
    assert edited(era + 8, 9) == set(range(9, era)), "not the anchor of its own span"
    assert edited(era + 8, 8) == {5, 6, 7} | set(range(8, era)), "an anchor serves both sides"
    assert edited(era + 8, era) == set(range(era - 3, era + 8))
    assert edited(era + 8, era + 5) == set(range(era + 5, era + 8))


def test_a_shot_that_ends_earlier_affects_its_last_span() -> None:
    was, now = dependencies(plan_of([8] * 16)), dependencies(plan_of([8] * 16, cuts=(10,)))
    assert {k for k in range(10) if was.provenance(k) != now.provenance(k)} == {9}


def test_frames_of_a_span_share_their_context() -> None:
    asked: list[int] = []

    def known(start: int) -> bool:
        asked.append(start)
        return True

    found = DependencyGraph(plan_of([8] * 12), known).contexts([4, 5, 6, 8])
    assert found[0] is found[1] is found[2]
    assert [context.own.start for context in found] == [4, 4, 4, 8]
    assert asked == [4, 8]


def test_leaves_unusable_frames_out_of_spans() -> None:
    film = dependencies(plan_of([8, 8, 0, 8, 0, 0, 8, 8, 8]))
    assert [frame.index for frame in film.context(3).own.frames] == [0, 1, 3]
    assert names(film.context(7)) == ([0], 6, 8)
    with pytest.raises(ValueError, match="no span"):
        dependencies(plan_of([8, 0])).context(1)


def test_makes_no_span_without_usable_frames() -> None:
    film = dependencies(plan_of([8] * 4 + [0] * 4 + [8] * 4))
    assert names(film.context(9)) == ([0], 8, None)
    assert names(film.context(2)) == ([], 0, 8)


def test_begins_a_new_chain_where_the_frame_size_changes() -> None:
    film = dependencies(plan_of([8] * 3 + [16] * 6))
    assert names(film.context(2)) == ([], 0, None)
    assert names(film.context(4)) == ([], 3, 7)


def test_an_anchor_is_unneeded_when_nothing_depends_on_it() -> None:
    film = dependencies(plan_of([8] * 16), 0, 4, 8, 12)
    assert film.unneeded_anchors(3, {0, 1, 2, 3}) == [0]
    assert film.unneeded_anchors(7, {4, 5, 6, 7}) == []  # the span before it is not done
    assert film.unneeded_anchors(7, set(range(8))) == [0, 4]
    assert film.unneeded_anchors(15, set(range(16))) == [8]  # the last one is always kept


def test_an_anchor_is_kept_until_the_next_one_is_made() -> None:
    assert dependencies(plan_of([8] * 16), 0).unneeded_anchors(3, {0, 1, 2, 3}) == []


def keyed(plan: Plan, *frames: int) -> Plan:
    """Return the plan with these frames painted."""
    mark = FileFingerprint("/p.png", 1, 1, "x")
    return msgspec.structs.replace(
        plan, painting=PaintInputs(tuple(PaintedPicture(mark, k) for k in frames))
    )


def test_keyframes_are_anchors_and_the_others_depend_on_the_nearer_one() -> None:
    film = dependencies(keyed(plan_of([8] * 24), 6, 18))
    spans = film.spans()
    assert [(s.start, s.backward, s.independent) for s in spans] == [
        (0, True, False),
        (2, True, False),
        (6, False, True),
        (10, False, False),
        (14, True, False),
        (18, False, True),
        (22, False, False),
        (23, False, False),
    ]
    assert [s.start for s in spans if s.is_keyframe] == [6, 18]
    assert [s.key for s in spans] == [0, 0, 0, 0, 1, 1, 1, 1]
    middle = film.context(11)
    assert [s.start for s in middle.spans] == [6, 10, 14, 18]
    assert [s.start for s in film.context(0).spans] == [0, 2, 6]


def test_keeps_an_anchor_until_the_earlier_one_made_from_it_exists() -> None:
    plan = keyed(plan_of([8] * 12), 11)
    assert [s.start for s in dependencies(plan).spans()] == [0, 3, 7, 11]
    everything = set(range(12))
    assert 3 not in dependencies(plan, 3, 7).unneeded_anchors(4, everything)
    assert 3 in dependencies(plan, 0, 3, 7).unneeded_anchors(4, everything)


def test_a_shot_without_a_keyframe_uses_the_nearest_one() -> None:
    spans = dependencies(keyed(plan_of([8] * 12, cuts=(6,)), 1)).spans()
    assert [(s.start, s.key, s.independent) for s in spans if s.start >= 6] == [
        (6, 0, True),
        (10, 0, False),
        (11, 0, False),
    ]


def test_a_new_keyframe_moves_no_anchor_near_the_others() -> None:
    """Frames that are nearer to another keyframe, by whole spans, are not made again."""
    plan = plan_of([8] * 60)
    was, now = dependencies(keyed(plan, 10)), dependencies(keyed(plan, 10, 50))
    changed = {k for k in range(60) if was.provenance(k) != now.provenance(k)}
    assert changed == set(range(31, 60))
    starts = [span.start for span in now.spans()]
    assert starts == [0, 2, 6, 10, 14, 18, 22, 26, 30, 34, 38, 42, 46, 50, 54, 58, 59]


@pytest.mark.parametrize("gap", range(2, 40))
def test_no_span_between_keyframes_is_long_and_the_middle_one_is_not_short(gap: int) -> None:
    chain = dependencies(keyed(plan_of([8] * (gap + 1)), 0, gap)).spans()
    assert all(len(span.frames) <= 4 for span in chain)
    (crossing,) = [a for a, b in itertools.pairwise(chain) if (a.key, b.key) == (0, 1)]
    assert len(crossing.frames) >= min(gap, 2)


def test_the_painted_picture_is_part_of_the_provenance() -> None:
    plan = keyed(plan_of([8] * 24), 6, 18)
    assert plan.painting is not None
    first, second = plan.painting.keys
    other = msgspec.structs.replace(first, painted=FileFingerprint("/p.png", 1, 1, "y"))
    changed = msgspec.structs.replace(plan, painting=PaintInputs((other, second)))
    was, now = dependencies(plan), dependencies(changed)
    assert {k for k in range(24) if was.provenance(k) != now.provenance(k)} == set(range(14))
    swapped = msgspec.structs.replace(plan, painting=PaintInputs((second, first)))
    assert all(was.provenance(k) == dependencies(swapped).provenance(k) for k in range(24)), (
        "in any order"
    )


def test_the_last_frame_is_an_anchor_unless_one_is_near() -> None:
    far, near = (
        DependencyGraph(msgspec.structs.replace(plan_of([8] * count), anchor_frames=12))
        for count in (17, 16)
    )
    assert names(far.context(14)) == ([0], 12, 16)
    assert names(far.context(16)) == ([0, 12], 16, None)
    assert names(near.context(14)) == ([0], 12, None)
