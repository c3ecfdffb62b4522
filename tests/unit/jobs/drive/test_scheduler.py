"""The scheduler's rules, without Ray and without a clock."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from batch_analogy.jobs.drive.blame import FAILURES, RECENT_FRAMES
from batch_analogy.jobs.drive.scheduler import (
    DEATHS_PER_FRAME,
    WASTED_PER_NODE,
    Scheduler,
    Suspect,
    Verdict,
    works_of,
)


def scheduler(*works: range, attempts: int = 3, deaths: int = 8, workers: str = "ab") -> Scheduler:
    made = Scheduler(works, max_attempts=attempts, max_worker_deaths=deaths)
    for name in workers:
        made.add_worker(name)
    return made


def test_longest_work_goes_first_and_ties_by_position() -> None:
    s = scheduler(range(0, 2), range(2, 5), range(5, 8), workers="abc")
    assert s.next_work("a") == (2, 3, 4)
    assert s.next_work("b") == (5, 6, 7)
    assert s.next_work("c") == (0, 1)


def test_a_worker_has_one_piece_of_work_at_a_time() -> None:
    s = scheduler(range(0, 2), range(2, 4))
    assert s.next_work("a") is not None
    assert s.next_work("a") is None
    assert s.in_hand() == ["a"]
    assert s.idle() == ["b"]


def test_finished_only_when_every_frame_is_done() -> None:
    s = scheduler(range(0, 2))
    s.next_work("a")
    s.frame_done("a", 0)
    assert not s.finished
    s.frame_done("a", 1)
    assert s.finished
    assert s.left == 0


def test_a_failed_frame_is_tried_on_another_worker() -> None:
    s = scheduler(range(0, 1))
    s.next_work("a")
    assert s.frame_failed("a", 0, retryable=True) is Verdict.RETRY
    s.work_ended("a")
    assert s.next_work("a") is None
    assert s.next_work("b") == (0,)


def test_a_failed_frame_returns_to_its_worker_when_there_is_no_other() -> None:
    s = scheduler(range(0, 1), workers="a")
    s.next_work("a")
    s.frame_failed("a", 0, retryable=True)
    s.work_ended("a")
    assert s.next_work("a") == (0,)


def test_a_frame_is_given_up_after_its_last_attempt() -> None:
    s = scheduler(range(0, 1), attempts=2)
    s.next_work("a")
    assert s.frame_failed("a", 0, retryable=True) is Verdict.RETRY
    s.work_ended("a")
    s.next_work("b")
    assert s.frame_failed("b", 0, retryable=True) is Verdict.GIVE_UP
    assert s.finished


def test_gives_up_a_frame_that_cannot_succeed_at_once() -> None:
    s = scheduler(range(0, 2))
    s.next_work("a")
    assert s.frame_failed("a", 0, retryable=False) is Verdict.GIVE_UP
    assert not s.finished
    s.frame_done("a", 1)
    assert s.finished


def test_unreadable_frames_do_not_make_a_worker_suspect() -> None:
    s = scheduler(range(0, 9))
    s.next_work("a")
    for index in range(9):
        s.frame_failed("a", index, retryable=False)
    assert s.suspect("a") is None


def test_a_worker_is_suspect_after_failures_of_different_frames() -> None:
    s = scheduler(range(0, 99))
    s.next_work("a")
    for index in range(FAILURES - 1):
        s.frame_failed("a", index, retryable=True)
    for index in range(FAILURES, FAILURES + RECENT_FRAMES):
        s.frame_done("a", index)
    s.frame_failed("a", 50, retryable=True)
    assert s.suspect("a") is None, "the first failures were long ago"
    s.frame_done("a", 51)
    s.frame_failed("a", 52, retryable=True)
    s.frame_failed("a", 53, retryable=True)
    assert s.suspect("a") is Suspect.WORKER


def test_one_frame_that_fails_again_and_again_does_not_make_its_worker_suspect() -> None:
    s = scheduler(range(0, 1), attempts=9, workers="a")
    for _ in range(8):
        assert s.next_work("a") == (0,)
        s.frame_failed("a", 0, retryable=True)
        s.work_ended("a")
    assert s.suspect("a") is None


def fail_everywhere(s: Scheduler, name: str, count: int) -> list[Suspect | None]:
    """Let a worker fail several pieces of work of one frame each."""
    seen = []
    for _ in range(count):
        work = s.next_work(name)
        assert work is not None
        s.frame_failed(name, work[0], retryable=True)
        s.work_ended(name)
        seen.append(s.suspect(name))
    return seen


def test_frames_that_fail_on_two_workers_make_neither_suspect() -> None:
    s = scheduler(*(range(i, i + 1) for i in range(30)))
    for _ in range(10):
        for name in "ab":
            assert fail_everywhere(s, name, 1) in ([None], [None])
    # a fails frame 0, then b fails it too, and so on: every frame fails on both workers


def test_blocks_a_node_whose_workers_fail_where_others_succeed() -> None:
    s = Scheduler([[i] for i in range(30)], max_attempts=3, max_worker_deaths=1)
    for name, node in (("a", "good"), ("b", "bad"), ("c", "bad"), ("d", "bad")):
        s.add_worker(name, node)
    assert fail_everywhere(s, "b", 1) == [None]
    assert fail_everywhere(s, "c", 1) == [None]
    assert fail_everywhere(s, "d", 1) == [Suspect.NODE]
    assert s.block_node("bad") == ["b", "c", "d"]
    assert s.blocked_nodes == {"bad"}
    assert not s.too_many_deaths, "one cause counts once"
    done = 0
    while (work := s.next_work("a")) is not None:
        for index in work:
            s.frame_done("a", index)
            done += 1
        s.work_ended("a")
    assert done == 30
    assert s.finished


def test_the_last_node_is_never_blocked() -> None:
    s = Scheduler([[i] for i in range(30)], max_attempts=3, max_worker_deaths=8)
    s.add_worker("a", "only")
    assert fail_everywhere(s, "a", 9)[-1] is Suspect.WORKER
    s.add_worker("b", "another")
    assert s.suspect("a") is Suspect.NODE


def test_a_node_on_which_no_worker_starts_is_blocked() -> None:
    s = Scheduler([[0]], max_attempts=3, max_worker_deaths=8)
    s.add_worker("a", "good")
    for number in range(WASTED_PER_NODE):
        assert not s.should_block("bad")
        s.worker_died(f"b{number}", "bad")
    assert s.should_block("bad")
    assert not s.should_block("good")


def test_blames_nobody_for_workers_that_leave_with_their_node() -> None:
    s = Scheduler([[0, 1]], max_attempts=3, max_worker_deaths=1)
    for number in range(20):
        s.add_worker(f"a{number}", f"node{number}")
        assert s.next_work(f"a{number}") == (0, 1)
        s.worker_left(f"a{number}")
    assert not s.too_many_deaths
    assert s.attempts(0) == 0


def test_disconnected_workers_do_not_end_the_run_but_their_frame_is_given_up() -> None:
    s = Scheduler([[0], [1]], max_attempts=3, max_worker_deaths=1)
    for number in range(DEATHS_PER_FRAME):
        s.add_worker(f"a{number}", "far")
        assert s.next_work(f"a{number}") == (0,)
        given_up = s.worker_died(f"a{number}", perhaps_cut_off=True)
    assert given_up == 0
    assert not s.too_many_deaths


def test_a_finished_frame_resets_the_count_of_deaths() -> None:
    s = scheduler(*(range(i, i + 1) for i in range(9)), deaths=1, workers="")
    for number in range(1, 9):
        s.worker_died("x")
        assert not s.too_many_deaths
        s.add_worker("a")
        work = s.next_work("a")
        assert work is not None
        s.frame_done("a", work[0])
        s.worker_left("a")
        assert s.deaths == 2 * number
    s.worker_died("x")
    s.worker_died("y")
    assert s.too_many_deaths


def test_a_failed_frame_is_tried_on_another_node() -> None:
    s = Scheduler([[0]], max_attempts=3, max_worker_deaths=8)
    for name, node in (("a", "near"), ("b", "near"), ("c", "far")):
        s.add_worker(name, node)
    assert fail_everywhere(s, "a", 1) == [None]
    assert s.next_work("b") is None
    s.worker_left("c")
    assert s.next_work("b") == (0,)


def test_a_failed_frame_is_tried_before_new_work() -> None:
    s = scheduler(range(0, 1), *(range(i, i + 5) for i in range(10, 90, 5)))
    assert s.next_work("a") == (10, 11, 12, 13, 14)
    s.frame_failed("a", 10, retryable=True)
    assert s.next_work("b") == (10,)


def test_hands_a_retired_workers_frames_to_another_without_blame() -> None:
    s = scheduler(range(0, 3))
    s.next_work("a")
    s.frame_done("a", 0)
    s.worker_retired("a")
    assert s.deaths == 1
    assert s.next_work("b") == (1, 2)
    assert s.attempts(1) == 0


def test_a_dead_workers_unfinished_frames_are_handed_out_again() -> None:
    s = scheduler(range(0, 4))
    s.next_work("a")
    s.frame_done("a", 0)
    assert s.worker_died("a") is None
    assert s.next_work("b") == (1, 2, 3)


def test_gives_up_a_frame_that_keeps_killing_workers_but_not_its_neighbours() -> None:
    s = scheduler(range(0, 3), workers="a")
    for death in range(1, DEATHS_PER_FRAME + 1):
        work = s.next_work("a")
        while work is not None and 0 not in work:  # the neighbours, once 0 stands alone
            for index in work:
                s.frame_done("a", index)
            s.work_ended("a")
            work = s.next_work("a")
        assert work is not None
        given_up = s.worker_died("a")
        assert given_up == (0 if death == DEATHS_PER_FRAME else None)
        s.add_worker("a")
    while (work := s.next_work("a")) is not None:
        for index in work:
            s.frame_done("a", index)
        s.work_ended("a")
    assert s.finished


def test_a_worker_that_died_before_it_was_ready_counts() -> None:
    s = scheduler(range(0, 1), deaths=1, workers="")
    assert s.worker_died("a") is None
    assert not s.too_many_deaths
    assert not s.ever_ready
    s.worker_died("b")
    assert s.too_many_deaths


def test_hands_out_again_frames_without_an_outcome() -> None:
    s = scheduler(range(0, 3))
    s.next_work("a")
    s.frame_done("a", 0)
    s.work_ended("a")
    assert s.next_work("b") == (1, 2)


@pytest.mark.parametrize(
    ("done", "expected"),
    [(set(), [[0, 1, 2], [3, 4, 5]]), ({1, 3}, [[0], [2], [4, 5]]), (set(range(6)), [])],
)
def test_works_are_unfinished_parts_of_segments(done: set[int], expected: list[list[int]]) -> None:
    assert works_of([(0, 3), (3, 6)], set(range(6)) - done) == expected


class RandomNight:
    """Workers that succeed, fail, die and leave at random."""

    def __init__(self, seed: int) -> None:
        self.chance = random.Random(seed)
        self.total = self.chance.randint(1, 40)
        segments = [(i, min(i + 5, self.total)) for i in range(0, self.total, 5)]
        works = works_of(segments, set(range(self.total)))
        self.s = Scheduler(works, max_attempts=3, max_worker_deaths=10**9)
        self.nodes = self.chance.choice(["x", "xy", "xyz"])
        self.names = iter(f"w{n}" for n in range(10**6))
        self.doing: dict[str, list[int]] = {}
        self.settled: Counter[int] = Counter()
        for _ in range(self.chance.randint(1, 4)):
            self.hire()

    def hire(self) -> None:
        self.s.add_worker(next(self.names), self.chance.choice(self.nodes))

    def dispatch(self) -> None:
        for name in self.s.idle():
            if (work := self.s.next_work(name)) is not None:
                self.doing[name] = list(work)
        in_hand = [index for frames in self.doing.values() for index in frames]
        assert len(in_hand) == len(set(in_hand)), "a frame is with two workers"
        assert self.doing, "nothing is being done and the work is not finished"

    def step(self) -> None:
        name = self.chance.choice(sorted(self.doing))
        draw = self.chance.random()
        if draw < 0.1:
            given_up = self.s.worker_died(name)
            self.settled.update([] if given_up is None else [given_up])
            self.lose(name)
        elif draw < 0.12:
            self.s.worker_left(name)
            self.lose(name)
        elif not self.doing[name] or draw < 0.15:
            self.s.work_ended(name)
            del self.doing[name]
        elif draw < 0.35:
            self.fail(name)
        else:
            index = self.doing[name].pop(0)
            self.s.frame_done(name, index)
            self.settled[index] += 1

    def fail(self, name: str) -> None:
        index = self.doing[name].pop(0)
        retryable = self.chance.random() < 0.7
        if self.s.frame_failed(name, index, retryable=retryable) is Verdict.GIVE_UP:
            self.settled[index] += 1
        match self.s.suspect(name):
            case Suspect.WORKER:
                self.s.worker_retired(name)
                self.lose(name)
            case Suspect.NODE:
                for gone in self.s.block_node(self.s.node_of(name) or ""):
                    self.doing.pop(gone, None)

    def lose(self, name: str) -> None:
        del self.doing[name]
        self.hire()


@pytest.mark.parametrize("seed", range(90))
def test_any_order_of_events_finishes_or_gives_up_every_frame_once(seed: int) -> None:
    night = RandomNight(seed)
    for _ in range(10_000):
        if night.s.finished:
            break
        night.dispatch()
        night.step()
    assert night.s.finished
    assert night.settled == Counter(range(night.total))
