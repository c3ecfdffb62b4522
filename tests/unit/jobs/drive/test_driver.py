"""The real driver with scripted workers and a simulated clock."""

from __future__ import annotations

import itertools
import json
import math
import os
from pathlib import Path

import pytest

from batch_analogy.errors import ClusterError, JobError, OutputDiskError
from batch_analogy.jobs.drive.driver import (
    GROW_SECONDS,
    MOST_MEMORY_LOSSES,
    POLL_SECONDS,
    SYNC_SECONDS,
)
from batch_analogy.jobs.drive.scheduler import DEATHS_PER_FRAME
from batch_analogy.jobs.events import (
    FrameDone,
    FrameFailed,
    LossCause,
    NodeBlocked,
    RunEvent,
    Stopping,
    WorkerLost,
    WorkersMissing,
    WorkersReady,
)
from tests.support.simulated_pool import End, Life
from tests.support.simulated_runs import FRAME_SECONDS, START_SECONDS, Stage


def singles(count: int) -> list[range]:
    return [range(i, i + 1) for i in range(count)]


def test_the_longest_piece_goes_first_and_every_frame_is_done_once(tmp_path: Path) -> None:
    works = [range(0, 2), range(2, 5), range(5, 8), range(8, 9)]
    stage = Stage(tmp_path, works, workers=1).run()
    assert [frames for _, frames in stage.pool.submitted] == [(2, 3, 4), (5, 6, 7), (0, 1), (8,)]
    assert stage.done() == list(range(9))
    assert stage.clock() == pytest.approx(START_SECONDS + 9 * FRAME_SECONDS)


def test_no_worker_has_more_than_one_piece_of_work(tmp_path: Path) -> None:
    stage = Stage(tmp_path, [range(i, i + 3) for i in range(0, 30, 3)], workers=3)
    most = 0

    def count(event: RunEvent) -> None:
        nonlocal most
        ended = stage.pool.events["Ended"]
        most = max(most, len(stage.pool.submitted) - ended)

    stage.driver.on_event = count
    stage.run()  # the pool refuses work for a busy worker
    assert most == 3
    assert stage.done() == list(range(30))


def test_a_failed_frame_is_tried_on_another_worker_of_another_node(tmp_path: Path) -> None:
    def ends(worker: str, node: str, index: int, attempt: int) -> End:
        return "may be tried again" if index == 0 and attempt == 1 else "done"

    lives = {name: Life(node, START_SECONDS) for name, node in HOMES.items()}
    stage = Stage(tmp_path, singles(6), workers=3, lives=lives, ends=ends).run()
    (failure,) = stage.heard(FrameFailed)
    (line,) = [line for line in stage.journaled("done") if line["index"] == 0]
    assert (failure.worker, failure.attempt, failure.will_retry) == ("styler-0", 1, True)
    assert (line["worker"], line["attempt"]) == ("styler-2", 2)
    assert stage.done() == list(range(6))


HOMES = {"styler-0": "near", "styler-1": "near", "styler-2": "far"}


def test_gives_up_a_frame_after_three_attempts_and_makes_the_rest(tmp_path: Path) -> None:
    def ends(worker: str, node: str, index: int, attempt: int) -> End:
        return "may be tried again" if index == 4 else "done"

    stage = Stage(tmp_path, singles(9), workers=3, ends=ends).run()
    assert [(e.attempt, e.will_retry) for e in stage.heard(FrameFailed)] == [
        (1, True),
        (2, True),
        (3, False),
    ]
    assert len({event.worker for event in stage.heard(FrameFailed)}) == 3
    (line,) = stage.journaled("failed")
    assert (line["index"], line["retryable"]) == (4, True)
    assert stage.done() == [0, 1, 2, 3, 5, 6, 7, 8]
    assert stage.heard(WorkerLost) == []


def test_a_run_continues_without_a_node_that_fails_where_others_succeed(tmp_path: Path) -> None:
    def life(worker: str, avoided: frozenset[str]) -> Life:
        node = ("good", "bad", "fair")[int(worker[7:]) % 3]
        return Life("spare" if node in avoided else node, START_SECONDS)

    def ends(worker: str, node: str, index: int, attempt: int) -> End:
        return "may be tried again" if node == "bad" else "done"

    stage = Stage(tmp_path, singles(60), workers=6, lives=life, ends=ends).run()
    (blocked,) = stage.heard(NodeBlocked)
    assert blocked.node == "bad"
    lost = stage.heard(WorkerLost)
    assert {(event.worker, event.cause) for event in lost} == {
        ("styler-1", "blocked"),
        ("styler-4", "blocked"),
    }
    assert [event.replacement for event in lost] == ["styler-6", "styler-7"]
    assert stage.pool.removed == ["styler-1", "styler-4"]
    when = stage.told_at[stage.events.index(blocked)]
    assert when <= START_SECONDS + 3 * FRAME_SECONDS, "three different frames are enough"
    assert stage.done() == list(range(60))
    assert stage.done_by("styler-1", "styler-4") == []
    assert stage.done_by("styler-6") or stage.done_by("styler-7")
    assert stage.journaled("failed") == []
    nodes = [line["node"] for line in stage.journaled("worker_ready")]
    assert nodes.count("bad") == 2, "nothing is started there again"


def test_removes_a_worker_that_starts_on_a_blocked_node(tmp_path: Path) -> None:
    late = Life("bad", START_SECONDS + 9 * FRAME_SECONDS)
    lives = {"styler-0": Life("bad", START_SECONDS), "styler-2": late}

    def ends(worker: str, node: str, index: int, attempt: int) -> End:
        return "may be tried again" if node == "bad" else "done"

    stage = Stage(tmp_path, singles(20), workers=3, lives=lives, ends=ends).run()
    told = [(event.worker, event.cause) for event in stage.heard(WorkerLost)]
    assert ("styler-2", "blocked") in told
    assert "styler-2" not in {worker for worker, _ in stage.pool.submitted}
    assert len(stage.heard(NodeBlocked)) == 1
    assert stage.done() == list(range(20))


def test_kills_a_silent_worker_after_the_stall_time_out(tmp_path: Path) -> None:
    def ends(worker: str, node: str, index: int, attempt: int) -> End:
        return "silence" if (index, attempt) == (0, 1) else "done"

    stage = Stage(tmp_path, singles(12), ends=ends, stall_timeout_seconds=33.0).run()
    (lost,) = stage.heard(WorkerLost)
    assert (lost.worker, lost.cause, lost.replacement) == ("styler-0", "stalled", "styler-2")
    assert "--stall-timeout" in lost.message
    when = stage.told_at[stage.events.index(lost)]
    assert START_SECONDS + 33.0 < when <= START_SECONDS + 33.0 + FRAME_SECONDS
    assert stage.pool.removed == ["styler-0"]
    (line,) = [line for line in stage.journaled("done") if line["index"] == 0]
    assert line["attempt"] == 2, "the frame that it was making may be the cause"
    assert stage.done() == list(range(12))


def test_derives_the_stall_limit_from_finished_frames(tmp_path: Path) -> None:
    def ends(worker: str, node: str, index: int, attempt: int) -> End:
        return "silence" if (index, attempt) == (1, 1) else "done"

    stage = Stage(tmp_path, singles(90), ends=ends).run()
    (lost,) = stage.heard(WorkerLost)
    when = stage.told_at[stage.events.index(lost)]
    assert 600.0 < when - START_SECONDS <= 600.0 + FRAME_SECONDS
    assert stage.done() == list(range(90))


@pytest.mark.parametrize(("allowed", "finishes"), [(2, True), (1, False), (0, False)])
def test_more_failed_frames_than_allowed_end_the_run(
    tmp_path: Path, allowed: int, finishes: bool
) -> None:
    def ends(worker: str, node: str, index: int, attempt: int) -> End:
        return "hopeless" if index in (2, 5) else "done"

    stage = Stage(tmp_path, singles(9), workers=1, ends=ends, max_failed=allowed)
    if finishes:
        stage.run()
        assert stage.done() == [0, 1, 3, 4, 6, 7, 8]
        return
    with pytest.raises(JobError, match=rf"{allowed + 1} frames failed.*--max-failed {allowed}"):
        stage.run()
    assert stage.done() == [[0, 1], [0, 1, 3, 4]][allowed], "what was finished is kept"
    assert stage.pool.hours[0].gone_at > 0, "the workers are stopped"


def test_reports_a_late_worker_and_uses_it(tmp_path: Path) -> None:
    lives = {"styler-1": Life("far", 400.0)}
    stage = Stage(tmp_path, singles(60), lives=lives, start_timeout_seconds=300.0).run()
    (missing,) = stage.heard(WorkersMissing)
    assert (missing.ready, missing.wanted) == (1, 2)
    assert stage.told_at[stage.events.index(missing)] == pytest.approx(300.0, abs=FRAME_SECONDS)
    assert len(stage.done_by("styler-1")) == pytest.approx(10, abs=1)
    assert stage.done() == list(range(60))


def test_adds_workers_for_waiting_work_while_there_is_room(tmp_path: Path) -> None:
    stage = Stage(tmp_path, singles(40), workers=1, places=4).run()
    assert [event.worker for event in stage.heard(WorkersReady)] == [
        f"styler-{number}" for number in range(4)
    ]
    late = GROW_SECONDS + START_SECONDS + POLL_SECONDS
    assert stage.clock() <= late + 40 / 4 * FRAME_SECONDS + 2 * FRAME_SECONDS
    few = Stage(tmp_path / "few", [range(0, 30)], workers=1, places=4).run()
    assert len(few.heard(WorkersReady)) == 1, "one piece of work is for one worker"


@pytest.mark.parametrize(
    ("cause", "attempt"),
    [("node lost", 1), ("memory", 1), ("died", 2), ("unreachable", 2), ("broke", 2)],
)
def test_replaces_a_lost_worker_and_makes_its_frames(
    tmp_path: Path, cause: LossCause, attempt: int
) -> None:
    lives = {"styler-0": Life("near", START_SECONDS, 2.5 * FRAME_SECONDS, cause)}
    stage = Stage(tmp_path, [range(0, 5), range(5, 10)], lives=lives).run()
    (lost,) = stage.heard(WorkerLost)
    assert (lost.cause, lost.replacement) == (cause, "styler-2")
    assert stage.pool.submitted[2] == ("styler-2", (2, 3, 4)), "its finished frames are kept"
    assert stage.done() == list(range(10))
    (line,) = [line for line in stage.journaled("done") if line["index"] == 2]
    assert line["attempt"] == attempt, "a lost node does not count against a frame"
    assert stage.clock() == pytest.approx(2 * START_SECONDS + 5.5 * FRAME_SECONDS)


@pytest.mark.parametrize(("losses", "goes_on"), [(MOST_MEMORY_LOSSES, True), (60, False)])
def test_lack_of_memory_costs_frames_only_if_it_is_the_rule(
    tmp_path: Path, losses: int, goes_on: bool
) -> None:
    lives = {
        f"styler-{n}": Life("near", START_SECONDS, 0.5 * FRAME_SECONDS, "memory")
        for n in range(losses)
    }
    stage = Stage(tmp_path, [range(0, 3)], workers=1, lives=lives).run()
    assert stage.done() == ([0, 1, 2] if goes_on else [])
    assert len(stage.journaled("failed")) == (0 if goes_on else 3)
    if goes_on:
        assert len(stage.heard(WorkerLost)) == losses


def test_distinguishes_a_frame_that_kills_its_workers_from_an_unreadable_one(
    tmp_path: Path,
) -> None:
    def ends(worker: str, node: str, index: int, attempt: int) -> End:
        return {3: "hopeless", 7: "worker dies"}.get(index, "done")  # type: ignore[return-value]

    stage = Stage(tmp_path, [range(0, 5), range(5, 10)], ends=ends).run()
    hopeless, deadly = stage.journaled("failed")
    assert (hopeless["index"], hopeless["attempt"], hopeless["retryable"]) == (3, 1, False)
    assert hopeless["message"] == "the frame cannot be read"
    assert (deadly["index"], deadly["attempt"], deadly["retryable"]) == (7, DEATHS_PER_FRAME, True)
    assert deadly["message"].startswith("workers died while making it")
    lost = stage.heard(WorkerLost)
    assert [event.cause for event in lost] == ["died"] * DEATHS_PER_FRAME
    assert stage.done() == [0, 1, 2, 4, 5, 6, 8, 9]


def test_a_worker_that_fails_frame_after_frame_is_retired(tmp_path: Path) -> None:
    def ends(worker: str, node: str, index: int, attempt: int) -> End:
        return "may be tried again" if worker == "styler-1" else "done"

    stage = Stage(tmp_path, singles(30), workers=3, ends=ends).run()
    (lost,) = stage.heard(WorkerLost)
    assert (lost.worker, lost.cause, lost.replacement) == ("styler-1", "retired", "styler-3")
    assert stage.done() == list(range(30))
    assert len(stage.done_by("styler-3")) > 3


def test_too_many_lost_workers_without_a_finished_frame_end_the_run(tmp_path: Path) -> None:
    lives = {f"styler-{n}": Life("near", START_SECONDS, 1.0) for n in range(99)}
    stage = Stage(tmp_path, singles(30), workers=1, lives=lives, max_worker_deaths=4)
    with pytest.raises(JobError, match=r"5 workers were lost.*it was lost"):
        stage.run()
    assert len(stage.journaled("worker_lost")) == 5


def test_nodes_that_come_and_go_do_not_end_the_run(tmp_path: Path) -> None:
    lives = {
        f"styler-{n}": Life(f"spot-{n}", START_SECONDS, 1.5 * FRAME_SECONDS, "node lost")
        for n in range(99)
    }
    stage = Stage(tmp_path, singles(30), workers=1, lives=lives, max_worker_deaths=0).run()
    assert stage.done() == list(range(30))
    assert len(stage.heard(WorkerLost)) == 29


def test_disconnected_workers_do_not_end_the_run_but_count_against_their_frame(
    tmp_path: Path,
) -> None:
    lives = {
        f"styler-{n}": Life("far", START_SECONDS, 0.5 * FRAME_SECONDS, "unreachable")
        for n in range(DEATHS_PER_FRAME)
    }
    stage = Stage(tmp_path, singles(9), workers=1, lives=lives, max_worker_deaths=0).run()
    (line,) = stage.journaled("failed")
    assert (line["index"], line["attempt"]) == (0, DEATHS_PER_FRAME)
    assert stage.done() == list(range(1, 9))


@pytest.mark.parametrize(
    ("life", "seconds", "words"),
    [
        (Life("near", START_SECONDS, starts=False), START_SECONDS, "no worker could be started"),
        (Life("near", math.inf), 300.0, "no worker started within 300 s: 2 of 2 places are taken"),
    ],
)
def test_a_run_without_workers_ends(tmp_path: Path, life: Life, seconds: float, words: str) -> None:
    stage = Stage(tmp_path, singles(3), lives=lambda worker, avoided: life)
    with pytest.raises(ClusterError, match=words):
        stage.run()
    assert stage.clock() == pytest.approx(seconds, abs=2 * POLL_SECONDS)


def test_a_full_disk_ends_the_run_at_once(tmp_path: Path) -> None:
    def ends(worker: str, node: str, index: int, attempt: int) -> End:
        return "disk" if index == 2 else "done"

    stage = Stage(tmp_path, singles(9), workers=1, ends=ends)
    with pytest.raises(OutputDiskError, match="full"):
        stage.run()
    assert stage.done() == [0, 1]
    assert stage.journaled("failed") == []


def test_syncs_the_journal_at_intervals_and_at_the_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    synced: list[tuple[float, int]] = []
    stage = Stage(tmp_path, singles(60), workers=20)

    def fsync(file: int) -> None:
        if os.path.samestat(os.fstat(file), stage.journal_path.stat()):
            synced.append((stage.clock(), len(stage.done())))

    monkeypatch.setattr(os, "fsync", fsync)
    stage.run()
    assert synced[-1][1] == 60
    gaps = [after[0] - before[0] for before, after in itertools.pairwise(synced[:-1])]
    assert min(gaps) >= SYNC_SECONDS
    assert max(gaps) <= FRAME_SECONDS
    assert len(synced) > 2


def test_the_first_request_to_stop_lets_workers_finish_their_frames(tmp_path: Path) -> None:
    lives = {"styler-1": Life("near", START_SECONDS + 3.0)}
    stage = Stage(tmp_path, [range(0, 10), range(10, 20), range(20, 30)], lives=lives)
    hear = stage.driver.on_event

    def stop_at_the_third(event: RunEvent) -> None:
        hear(event)
        stage.stop.requested |= isinstance(event, FrameDone) and event.done == 3

    stage.driver.on_event = stop_at_the_third
    stage.run()
    assert [event.in_hand for event in stage.heard(Stopping)] == [1]
    assert stage.done() == [0, 1, 10, 11]
    assert len(stage.pool.submitted) == 2
    assert not stage.scheduler.finished
    until = START_SECONDS + 3.0 + 2 * FRAME_SECONDS
    assert stage.clock() == pytest.approx(until, abs=POLL_SECONDS)


def test_status_is_up_to_date_during_a_run(tmp_path: Path) -> None:
    stage = Stage(tmp_path, singles(20), workers=3, shown=True)
    hear = stage.driver.on_event
    seen: list[dict[str, object]] = []

    def look(event: RunEvent) -> None:
        hear(event)
        if isinstance(event, FrameDone) and event.done == 10:
            seen.append(json.loads((tmp_path / "status.json").read_text()))

    stage.driver.on_event = look
    stage.run()
    (status,) = seen
    assert (status["state"], status["total"], status["workers"]) == ("running", 20, 3)
    assert status["done"] == 9  # three a round; the tenth is being told of
    assert status["rate"] == pytest.approx(3 / FRAME_SECONDS)
    assert status["eta_seconds"] == pytest.approx(11 / 3 * FRAME_SECONDS)
