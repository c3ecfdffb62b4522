"""The command status, once and with --watch."""

from __future__ import annotations

import dataclasses
import json
import os
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
import typer

from batch_analogy.cli.console import Console
from batch_analogy.cli.outcome import note_dashboard
from batch_analogy.cli.run_watcher import QUIET_SECONDS, RunWatcher
from batch_analogy.cli.status import (
    WATCH_SECONDS,
    StatusWatch,
    status,
    summary,
    summary_rows,
)
from batch_analogy.config.run import ExecutionConfig, RunConfig
from batch_analogy.jobs.events import PoolStarted
from batch_analogy.jobs.folder.journal import DoneLine, Journal
from batch_analogy.jobs.folder.manifest import new_manifest, write_manifest
from batch_analogy.jobs.folder.run_status import read_status, write_status
from batch_analogy.jobs.folder.worker_states import WorkerState
from batch_analogy.jobs.plan.plan_file import write_plan
from batch_analogy.jobs.store import RunStore
from tests.support.plans import plan

FRAMES = 100


class Night:
    """The folder of a run that this process pretends to drive."""

    def __init__(self, run_dir: Path) -> None:
        self.store = RunStore(run_dir)
        self.store.open()
        write_plan(self.store.plan, plan(FRAMES))
        config = RunConfig(
            command="timelapse",
            reference=Path("reference.jpg"),
            source="in",
            output=Path("film.mp4"),
            run_dir=run_dir,
        )
        write_manifest(self.store.manifest, new_manifest("run", config, plan(FRAMES)))
        self.now = 0.0
        self.set_state("running")

    def set_state(self, state: str, **fields: Any) -> None:
        found = read_status(self.store.run_dir)
        facts = {"pid": os.getpid(), "host": socket.gethostname(), "updated_at": time.time()}
        write_status(self.store, msgspec.structs.replace(found, state=state, **facts, **fields))

    def do_frame(self, index: int) -> None:
        with Journal(self.store.journal) as journal:
            journal.append(DoneLine(index=index, input=None, output_bytes={}, seconds=2.0))

    def sleeping(self, end: int) -> Callable[[float], None]:
        """Return a sleep that finishes a frame each time, and the run after ``end`` frames."""

        def sleep(seconds: float) -> None:
            index = round(self.now / WATCH_SECONDS)
            self.now += seconds
            self.do_frame(index)
            self.set_state("running" if index + 1 < end else "partial", rate=0.5, eta_seconds=60.0)

        return sleep

    def watch(self, *, end: int, json_lines: bool = False, terminal: bool = False) -> StatusWatch:
        return StatusWatch(
            self.store.run_dir,
            Console(json_lines),
            terminal=terminal,
            clock=lambda: self.now,
            sleep=self.sleeping(end),
        )


@pytest.fixture
def night(tmp_path: Path) -> Iterator[Night]:
    made = Night(tmp_path / "night.run")
    yield made
    made.store.close()


def test_without_a_terminal_a_line_is_printed_every_30_seconds(
    night: Night, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = night.watch(end=40).watch_until_end()
    assert ended is not None
    assert (ended.state, ended.done) == ("partial", 40)
    lines = capsys.readouterr().out.splitlines()
    step = round(QUIET_SECONDS / WATCH_SECONDS)
    assert [int(line.split()[1]) for line in lines] == [0, step, 2 * step]
    assert lines[1] == f"running: {step} of 100 done, 2.0 s per frame, 0 workers, 1 min 0 s left"


def test_json_has_a_line_for_every_change(night: Night, capsys: pytest.CaptureFixture[str]) -> None:
    night.watch(end=5, json_lines=True).watch_until_end()
    lines = [json.loads(line) for line in capsys.readouterr().out.splitlines()]
    assert [line["status"]["done"] for line in lines] == [0, 1, 2, 3, 4]
    assert {line["event"] for line in lines} == {"status"}


def test_a_terminal_is_redrawn(night: Night, capsys: pytest.CaptureFixture[str]) -> None:
    night.watch(end=3, terminal=True).watch_until_end()
    assert "2 of 100 done, 98 left" in capsys.readouterr().out


def test_control_c_stops_watching(night: Night, capsys: pytest.CaptureFixture[str]) -> None:
    def interrupted(seconds: float) -> None:
        raise KeyboardInterrupt

    watch = dataclasses.replace(night.watch(end=3), sleep=interrupted)
    assert watch.watch_until_end() is None
    assert "the run continues" in capsys.readouterr().err


def test_watching_a_run_that_is_not_active_ends_at_once(
    night: Night, capsys: pytest.CaptureFixture[str]
) -> None:
    night.set_state("interrupted")
    ended = night.watch(end=9).watch_until_end()
    assert ended is not None
    assert (ended.state, night.now) == ("interrupted", 0.0)
    assert capsys.readouterr().out == ""


def test_segments_workers_and_the_dashboard_are_shown(
    night: Night, capsys: pytest.CaptureFixture[str]
) -> None:
    for index in (0, 1, 2, 3):
        night.do_frame(index)
    states = (
        WorkerState("styler-0", "n1", "cuda", 3, 1, 2, 2.0, time.time()),
        WorkerState("styler-1", "n2", "cuda", lost="its node is gone"),
    )
    night.set_state(
        "running", worker_states=states, dashboard_url="http://h:8265", token_hint="ray get-token"
    )
    with pytest.raises(typer.Exit) as ended:
        status(run_dir=night.store.run_dir, watch=False, json_lines=False)
    assert ended.value.exit_code == 0
    rows = [line.split(maxsplit=1) for line in capsys.readouterr().out.splitlines()]
    assert ["frames", "4 of 100 done, 96 left"] in rows
    assert ["segments", "1 of 34 done"] in rows
    assert ["worker", "styler-1 was lost: its node is gone"] in rows
    (worker,) = [text for name, text in rows if text.startswith("styler-0")]
    assert worker.startswith("styler-0 on n1 (cuda): 3 done, 1 failed, frame 2 in 2.0 s, last seen")
    assert ["dashboard", "http://h:8265"] in rows
    assert ["login", "ray get-token"] in rows


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        (None, ["dashboard: http://h:8265 (it ends with this command)"]),
        ("auto", ["dashboard: http://h:8265", "dashboard login: ray get-token"]),
        ("none", []),
    ],
)
def test_the_dashboard_is_also_named_at_the_end(
    address: str | None, expected: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    config = RunConfig(
        command="timelapse",
        reference=Path("r.png"),
        source="in",
        output=Path("f.mp4"),
        run_dir=Path("f.run"),
        execution=ExecutionConfig(address=address),
    )
    with RunWatcher(Console(), terminal=False) as watcher:
        if address != "none":
            watcher(PoolStarted("ray", 2, 1, "http://h:8265", "ray get-token"))
        assert ("http://h:8265" in capsys.readouterr().err) == (address != "none")
        note_dashboard(Console(), config, watcher)
    assert capsys.readouterr().err.splitlines() == expected


def test_a_run_being_planned_shows_its_progress(tmp_path: Path) -> None:
    night = Night(tmp_path / "film.run")
    night.set_state("planning", message="checking 40 of 300 frames", total=0)
    found = read_status(night.store.run_dir)
    assert summary(found) == "planning: checking 40 of 300 frames"
    names = [name for name, _ in summary_rows(found, None)]
    assert names[:2] == ["state", "command"]
