"""The status of a run: its pace, and how it is read back from the folder."""

from __future__ import annotations

import socket
from pathlib import Path
from typing import Any

import msgspec
import pytest

from batch_analogy.config.run import RunConfig
from batch_analogy.errors import UsageError
from batch_analogy.jobs.events import PlanProgress, ignore
from batch_analogy.jobs.folder.journal import DoneLine, FailedLine, Journal, JournalLine, ResetLine
from batch_analogy.jobs.folder.manifest import new_manifest, write_manifest
from batch_analogy.jobs.folder.planning_status import PlanningStatus
from batch_analogy.jobs.folder.run_status import (
    RECENT_FRAMES,
    Pace,
    RunState,
    RunStatus,
    read_status,
    write_status,
    written_status,
)
from batch_analogy.jobs.folder.worker_states import WorkerState
from batch_analogy.jobs.plan.plan_file import write_plan
from batch_analogy.jobs.store import RunStore
from tests.support.plans import plan


def test_pace_is_unknown_before_the_first_frame() -> None:
    assert Pace().rate(2) is None
    assert Pace().eta_seconds(5, 2) is None


def test_pace_is_the_median_so_that_a_slow_first_frame_does_not_count() -> None:
    pace = Pace()
    for seconds in (60.0, 2.0, 2.0):
        pace.add(seconds)
    assert pace.rate(4) == pytest.approx(2.0)
    assert pace.eta_seconds(8, 4) == pytest.approx(4.0)


def test_pace_of_a_coherent_film_is_the_mean_over_whole_spans() -> None:
    pace = Pace(span=4)
    for seconds in (17.0, 1.0, 1.0, 1.0) * 3:
        pace.add(seconds)
    assert pace.rate(1) == pytest.approx(0.2)
    assert pace.eta_seconds(8, 4) == pytest.approx(8 * 5.0 / 2)  # two spans, two workers


def test_pace_forgets_old_frames() -> None:
    pace = Pace()
    for seconds in [50.0] * 100 + [1.0] * RECENT_FRAMES:
        pace.add(seconds)
    assert pace.rate(1) == pytest.approx(1.0)


def test_one_remaining_frame_is_made_by_one_worker() -> None:
    pace = Pace()
    pace.add(10.0)
    assert pace.eta_seconds(1, 8) == pytest.approx(10.0)


def config_of(run_dir: Path) -> RunConfig:
    return RunConfig(
        command="timelapse",
        reference=Path("reference.jpg"),
        source="in",
        output=Path("film.mp4"),
        run_dir=run_dir,
    )


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    """The folder of a run of six frames in two segments, whose frame 2 is left out."""
    store = RunStore(tmp_path / "film.run")
    planned = plan(6, leave_out=frozenset({2}))
    write_plan(store.plan, planned)
    write_manifest(store.manifest, new_manifest("run", config_of(store.run_dir), planned))
    return store


def status(state: RunState, **fields: Any) -> RunStatus:
    return RunStatus(
        state=state,
        command="timelapse",
        source="in",
        output="film.mp4",
        run_dir="elsewhere",
        host=socket.gethostname(),
        **fields,
    )


def done(index: int) -> JournalLine:
    return DoneLine(index=index, input="h", output_bytes={}, seconds=1.0)


def failed(index: int) -> JournalLine:
    return FailedLine(index=index, input="h", message="broken", retryable=False)


@pytest.mark.parametrize(
    ("lines", "counts", "segments_done"),
    [
        ((), (0, 5, ()), 0),
        ((done(0), done(1)), (2, 3, ()), 1),  # frame 2 of the first segment is left out
        ((done(0), done(0)), (1, 4, ()), 0),
        ((done(0), ResetLine(index=0)), (0, 5, ()), 0),
        ((done(2),), (0, 5, ()), 0),
        ((done(0), failed(4)), (1, 3, (4,)), 0),
        ((failed(4), done(4)), (1, 4, ()), 0),
        ((failed(2),), (0, 5, ()), 0),
        (tuple(map(done, (0, 1, 3, 4, 5))), (5, 0, ()), 2),
    ],
)
def test_counts_frames_from_the_journal(
    store: RunStore,
    lines: tuple[JournalLine, ...],
    counts: tuple[int, int, tuple[int, ...]],
    segments_done: int,
) -> None:
    with Journal(store.journal) as journal:
        for line in lines:
            journal.append(line)
    found = read_status(store.run_dir)
    assert found.total == 5
    assert (found.done, found.left, tuple(frame.index for frame in found.failed)) == counts
    assert (found.segments_done, found.segments) == (segments_done, 2)


@pytest.mark.parametrize(
    ("written", "driven", "read"),
    [
        (None, False, "stopped"),
        ("running", True, "running"),
        ("running", False, "stopped"),  # its driver was killed
        ("encoding", False, "stopped"),
        ("planning", False, "stopped"),
        ("finished", False, "finished"),
        ("failed", False, "failed"),
        ("planned", True, "planned"),
    ],
)
def test_returns_the_written_state_unless_its_driver_is_gone(
    store: RunStore, written: RunState | None, driven: bool, read: str
) -> None:
    workers = (WorkerState("w", "n", "cpu"),)
    if written is not None:
        write_status(store, status(written, workers=1, worker_states=workers, message="words"))
    if driven:
        store.open()
    found = read_status(store.run_dir)
    store.close()
    assert (found.state, found.run_dir) == (read, str(store.run_dir))
    assert found.worker_states == (workers if read == "running" else ())
    assert found.message == ("" if written in (None, "planning") else "words")


def test_shows_nothing_of_an_earlier_run_during_planning(store: RunStore) -> None:
    with Journal(store.journal) as journal:
        journal.append(done(0))
    before = status("finished", films=("film.mp4",), done=5)
    write_status(store, before)
    store.open()
    planning = PlanningStatus(store, config_of(store.run_dir))
    planning.write()
    found = read_status(store.run_dir)
    assert (found.state, found.films, found.total, found.done) == ("planning", (), 0, 0)
    planning.restore()
    store.close()
    assert written_status(store) == before


def test_reports_planning_progress_at_most_once_a_second(tmp_path: Path) -> None:
    store, now = RunStore(tmp_path / "film.run"), [10.0]
    store.open()
    planning = PlanningStatus(store, config_of(store.run_dir), lambda: now[0])
    listen = planning.listen(ignore)
    for seconds in (0.0, 0.4, 0.7):
        now[0] += seconds
        listen(PlanProgress("checking", int(10 * now[0]), 200))
    assert read_status(store.run_dir).message == "checking 111 of 200 frames"
    listen(PlanProgress("checking", 200, 200))
    assert read_status(store.run_dir).message == "checking 111 of 200 frames"
    store.close()
    assert read_status(store.run_dir).state == "stopped"  # though it was killed before its plan


def test_names_a_damaged_status(store: RunStore) -> None:
    store.status.write_text('{"state": ')
    with pytest.raises(UsageError, match=r"status\.json cannot be read .*delete it"):
        read_status(store.run_dir)
    write_status(store, msgspec.structs.replace(status("finished"), pid="1"))
    with pytest.raises(UsageError, match=r"status\.json: pid: expected int, got str; delete it"):
        read_status(store.run_dir)


def test_a_folder_without_a_run_has_no_status(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no run in"):
        read_status(tmp_path)
