"""Detection of stalled workers, with a simulated clock."""

from __future__ import annotations

from batch_analogy.jobs.drive.stalls import FIRST_FRAME_SECONDS, LEAST_SECONDS, MEDIANS, StallWatch


def test_a_given_limit_applies_from_the_beginning() -> None:
    watch = StallWatch(30.0)
    watch.heard("a", now=100.0)
    watch.heard("b", now=110.0)
    assert watch.overdue(now=130.0) == []
    assert watch.overdue(now=130.5) == ["a"]
    watch.heard("a", now=130.5)
    assert watch.overdue(now=140.5) == ["b"]


def test_a_worker_without_work_is_never_overdue() -> None:
    watch = StallWatch(1.0)
    watch.heard("a", now=0.0)
    watch.idle("a")
    watch.idle("a")
    assert watch.overdue(now=1e9) == []


def test_the_limit_grows_with_slow_frames() -> None:
    watch = StallWatch(None)
    assert watch.limit_seconds == FIRST_FRAME_SECONDS
    watch.frame_took(0.5)
    assert watch.limit_seconds == LEAST_SECONDS
    for _ in range(2):
        watch.frame_took(900.0)
    assert watch.limit_seconds == MEDIANS * 900.0


def test_the_limit_allows_for_the_slow_first_frame_of_a_span() -> None:
    watch = StallWatch(None, span=24)
    watch.frame_took(900.0)
    for _ in range(23):
        watch.frame_took(1.0)
    assert watch.limit_seconds == 3.0 * (900.0 + 23.0)


def test_one_slow_frame_does_not_raise_the_limit() -> None:
    watch = StallWatch(None)
    for seconds in (40.0, 40.0, 5000.0):
        watch.frame_took(seconds)
    assert watch.limit_seconds == MEDIANS * 40.0
