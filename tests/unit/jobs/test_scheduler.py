"""The rules of who does what, without Ray and without a clock."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from batch_analogy.jobs.scheduler import (
    DEATHS_PER_FRAME,
    FAILURES_PER_WORKER,
    Scheduler,
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


def test_a_frame_that_cannot_succeed_is_given_up_at_once_and_the_rest_goes_on() -> None:
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
    assert not s.is_suspect("a")


def test_a_worker_is_suspect_after_failures_in_a_row_only() -> None:
    s = scheduler(range(0, 9))
    s.next_work("a")
    for index in range(FAILURES_PER_WORKER - 1):
        s.frame_failed("a", index, retryable=True)
    s.frame_done("a", FAILURES_PER_WORKER - 1)
    assert not s.is_suspect("a")
    for index in range(FAILURES_PER_WORKER, 2 * FAILURES_PER_WORKER):
        s.frame_failed("a", index, retryable=True)
    assert s.is_suspect("a")


def test_a_retired_workers_frames_go_to_another_without_blame() -> None:
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


def test_a_frame_that_keeps_killing_is_given_up_and_its_neighbours_are_not() -> None:
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


def test_frames_that_a_worker_said_nothing_about_are_handed_out_again() -> None:
    s = scheduler(range(0, 3))
    s.next_work("a")
    s.frame_done("a", 0)
    s.work_ended("a")
    assert s.next_work("b") == (1, 2)


@pytest.mark.parametrize(
    ("done", "expected"),
    [(set(), [[0, 1, 2], [3, 4, 5]]), ({1, 3}, [[0], [2], [4, 5]]), (set(range(6)), [])],
)
def test_works_are_the_open_parts_of_segments(done: set[int], expected: list[list[int]]) -> None:
    assert works_of([(0, 3), (3, 6)], set(range(6)) - done) == expected


@pytest.mark.parametrize("seed", range(60))
def test_any_course_of_events_settles_every_frame_once(seed: int) -> None:
    chance = random.Random(seed)
    total = chance.randint(1, 40)
    works = works_of([(i, min(i + 5, total)) for i in range(0, total, 5)], set(range(total)))
    s = Scheduler(works, max_attempts=3, max_worker_deaths=10**9)
    names = iter(f"w{n}" for n in range(10**6))
    doing: dict[str, list[int]] = {}
    settled: Counter[int] = Counter()
    for _ in range(chance.randint(1, 4)):
        s.add_worker(next(names))
    for _ in range(10_000):
        if s.finished:
            break
        for name in s.idle():
            if (work := s.next_work(name)) is not None:
                doing[name] = list(work)
        in_hand = [index for frames in doing.values() for index in frames]
        assert len(in_hand) == len(set(in_hand)), "a frame is with two workers"
        assert doing, "nothing is being done and the work is not finished"
        name = chance.choice(sorted(doing))
        draw = chance.random()
        if draw < 0.1:
            given_up = s.worker_died(name)
            settled.update([] if given_up is None else [given_up])
            del doing[name]
            s.add_worker(next(names))
        elif not doing[name] or draw < 0.15:
            s.work_ended(name)
            del doing[name]
        elif draw < 0.35:
            index = doing[name].pop(0)
            if s.frame_failed(name, index, retryable=chance.random() < 0.7) is Verdict.GIVE_UP:
                settled[index] += 1
        else:
            index = doing[name].pop(0)
            s.frame_done(name, index)
            settled[index] += 1
    assert s.finished
    assert settled == Counter(range(total))
