"""What the page is told of a run."""

from __future__ import annotations

import json
import socket
from pathlib import Path

import pytest

from batch_analogy.errors import UsageError
from batch_analogy.jobs.folder.journal import Journal, ResetLine
from batch_analogy.jobs.folder.run_status import RunStatus, write_status
from batch_analogy.serve import run_view
from batch_analogy.serve.run_view import RunView
from tests.support.served import failed_line, finish_frame, write_run


def test_a_snapshot_shows_states_cuts_and_counts(tmp_path: Path) -> None:
    found = RunView(write_run(tmp_path)).snapshot()
    assert found["states"] == "dddddddd.f.."
    assert found["shots"] == [0, 5]
    counts = {name: found["status"][name] for name in ("total", "done", "failed", "left")}
    assert counts == {"total": 12, "done": 8, "failed": 1, "left": 3}
    assert (found["width"], found["height"], found["layers"]) == (80, 64, ["a_prime"])
    json.dumps(found)


def test_changes_are_what_came_since_a_look(tmp_path: Path) -> None:
    view = RunView(write_run(tmp_path))
    generation, plan = view.generation, view.plan_generation
    assert view.changes(generation, plan)["changed"] == []
    with Journal(view.store.journal) as journal:
        finish_frame(view.store, journal, 8)
        journal.append(ResetLine(index=0))
    view.refresh()
    assert view.changes(generation, plan)["changed"] == [(0, "."), (8, "d")]
    assert "changed" not in view.changes(generation, plan - 1)


def test_many_changes_are_sent_as_states(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_view, "MAX_CHANGES", 3)
    view = RunView(write_run(tmp_path))
    assert view.changes(0, view.plan_generation)["states"] == "dddddddd.f.."


def test_an_edited_plan_is_read_again_and_a_bad_one_is_told(tmp_path: Path) -> None:
    view = RunView(write_run(tmp_path))
    plan = view.plan_generation
    text = view.store.plan.read_text()
    view.store.plan.write_text(text.replace('"leave_out": ""', '"leave_out": "10-11"'))
    view.refresh()
    assert view.plan_generation == plan + 1
    assert view.snapshot()["states"] == "dddddddd.fxx"
    view.store.plan.write_text(text.replace('"leave_out": ""', '"leave_out": "99"'))
    view.refresh()
    found = view.snapshot()
    assert "there is no frame 99" in found["status"]["problem"]
    assert found["states"] == "dddddddd.fxx"


def test_a_new_journal_begins_anew(tmp_path: Path) -> None:
    view = RunView(write_run(tmp_path))
    view.store.journal.unlink()
    view.refresh()
    assert view.snapshot()["states"] == "." * 12


def test_a_failure_has_its_trace(tmp_path: Path) -> None:
    (failure,) = RunView(write_run(tmp_path)).failures()
    assert failure["index"] == 9
    assert failure["message"] == "it is damaged"
    assert failure["traceback"].startswith("Traceback")


def test_facts_of_a_frame(tmp_path: Path) -> None:
    view = RunView(write_run(tmp_path))
    found = view.frame(6)
    assert found is not None
    assert (found["name"], found["shot"], found["seconds"]) == ("img6.png", [5, 12], 1.6)
    assert view.frame(12) is None
    json.dumps(found)


def test_a_run_whose_driver_is_gone_is_stopped(tmp_path: Path) -> None:
    folder = write_run(tmp_path)
    status = RunStatus(
        state="running", command="timelapse", source="", output="", run_dir="", rate=2.0,
        host=socket.gethostname(),
    )  # fmt: skip
    view = RunView(folder)
    write_status(view.store, status)
    view.refresh()
    found = view.status()
    assert (found["state"], found["rate"]) == ("stopped", None)


def test_times_are_binned(tmp_path: Path) -> None:
    found = RunView(write_run(tmp_path, done=range(10), failed=())).times()
    assert found[0] == {"frame": 0, "mean": 1.0, "highest": 1.0}
    assert len(found) == 10


def test_an_empty_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="there is no run in"):
        RunView(tmp_path)


def test_a_frame_that_failed_and_was_made_is_done(tmp_path: Path) -> None:
    view = RunView(write_run(tmp_path))
    with Journal(view.store.journal) as journal:
        journal.append(failed_line(8))
        finish_frame(view.store, journal, 8)
    view.refresh()
    assert view.snapshot()["states"][8] == "d"
