"""States of workers, and numbers of finished segments."""

from __future__ import annotations

from batch_analogy.jobs.events import FrameDone, FrameFailed, RunEvent, WorkerLost, WorkersReady
from batch_analogy.jobs.folder.worker_states import KEPT_LOST, WorkerStates


def crew_of(*events: RunEvent) -> WorkerStates:
    worker_states = WorkerStates(clock=lambda: 100.0)
    for event in events:
        worker_states.observe(event)
    return worker_states


def ready(name: str) -> WorkersReady:
    return WorkersReady(name, 1, 2, "10.0.0.1", "cuda")


def done(name: str, index: int) -> FrameDone:
    return FrameDone(index, f"{index}.png", name, 2.0, 1, 0, 9, None, None)


def test_counts_the_frames_of_each_worker() -> None:
    failed = FrameFailed(7, "7.png", "styler-1", "torn", 1, will_retry=True)
    worker_states = crew_of(ready("styler-0"), ready("styler-1"), done("styler-0", 4), failed)
    first, second = worker_states.states()
    assert (first.name, first.node, first.device) == ("styler-0", "10.0.0.1", "cuda")
    assert (first.done, first.last_frame, first.last_seconds, first.heard_at) == (1, 4, 2.0, 100.0)
    assert (second.done, second.failed, second.lost) == (0, 1, None)


def test_shows_a_lost_worker_until_it_is_back() -> None:
    worker_states = crew_of(
        ready("inline"), done("inline", 0), WorkerLost("inline", "killed", 1, "inline")
    )
    assert [state.lost for state in worker_states.states()] == ["killed"]
    worker_states.observe(ready("inline"))
    assert [(state.lost, state.done) for state in worker_states.states()] == [(None, 1)]


def test_keeps_only_the_workers_lost_last() -> None:
    events = [WorkerLost(f"styler-{n}", "gone", n, None) for n in range(3 * KEPT_LOST)]
    names = [state.name for state in crew_of(ready("alive"), *events).states()]
    assert len(names) == KEPT_LOST + 1
    assert (names[0], names[-1]) == ("alive", f"styler-{3 * KEPT_LOST - 1}")
