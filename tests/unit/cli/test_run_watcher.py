from __future__ import annotations

import dataclasses
import json
from pathlib import Path
from typing import get_args

import pytest

from batch_analogy.cli.console import Console
from batch_analogy.cli.run_watcher import RunWatcher, describe, event_name
from batch_analogy.jobs import events

SAMPLES: list[events.RunEvent] = [
    events.InputGrew(before=5, now=7, kept=4, again=1),
    events.PlanProgress("checking", 3, None),
    events.RunOpened(Path("night.run"), total=9, done=2, failed=1, adopted=1, segments=2),
    events.PoolStarted("ray", 2, 1, "http://127.0.0.1:8265", "ray get-auth-token"),
    events.WorkersReady("styler-0", 1, 2, "10.0.0.1", "cpu"),
    events.FrameDone(4, "img4.png", "styler-0", 2.0, 5, 1, 9, 0.5, 192.0),
    events.FrameFailed(5, "img5.png", "styler-0", "it is cut short", 1, will_retry=False),
    events.WorkerLost("styler-0", "killed", 1, "styler-2", "died"),
    events.NodeBlocked("10.0.0.2", "its workers failed"),
    events.WorkersMissing(1, 2, "each asks for 1 CPU"),
    events.Stopping(2),
    events.FilmProgress(Path("night.mp4"), 3, 9),
    events.FilmWritten(Path("night.mp4"), 9, 64, 96, 0.375, (5,)),
]


def frame(done: int, total: int = 100) -> events.FrameDone:
    return events.FrameDone(done - 1, f"{done}.png", "inline", 1.0, done, 0, total, 2.0, 30.0)


def test_there_is_a_sample_of_every_event() -> None:
    assert {type(sample) for sample in SAMPLES} == set(get_args(events.RunEvent))


@pytest.mark.parametrize("event", SAMPLES, ids=event_name)
def test_every_event_has_a_line_and_a_json_line(
    event: events.RunEvent, capsys: pytest.CaptureFixture[str]
) -> None:
    with RunWatcher(Console(json_lines=True), terminal=False) as watcher:
        watcher(event)
    streams = capsys.readouterr()
    assert streams.err == describe(event) + "\n"
    line = json.loads(streams.out)
    assert line.pop("event") == event_name(event)
    assert line.keys() == {field.name for field in dataclasses.fields(event)}


def test_lines_contain_counts_addresses_and_reasons() -> None:
    text = {type(event): describe(event) for event in SAMPLES}
    pace = "2.0 s per frame, 3 min 12 s left"
    assert text[events.FrameDone] == f"5 of 9 frames done, 1 failed, {pace}"
    assert "http://127.0.0.1:8265" in text[events.PoolStarted]
    assert "get-auth-token" in text[events.PoolStarted]
    assert "img5.png" in text[events.FrameFailed]
    assert "given up" in text[events.FrameFailed]


def test_without_a_terminal_counts_are_printed_every_30_seconds(
    capsys: pytest.CaptureFixture[str],
) -> None:
    seconds = [0.0]
    with RunWatcher(Console(), terminal=False, clock=lambda: seconds[0]) as watcher:
        for done in range(1, 101):
            watcher(frame(done))
            seconds[0] += 1.0
    counts = [int(line.split()[0]) for line in capsys.readouterr().err.splitlines()]
    assert counts == [1, 31, 61, 91, 100]


def test_json_lists_every_frame(capsys: pytest.CaptureFixture[str]) -> None:
    with RunWatcher(Console(json_lines=True), terminal=False, clock=lambda: 0.0) as watcher:
        for done in range(1, 11):
            watcher(frame(done, total=10))
    assert len(capsys.readouterr().out.splitlines()) == 10


def test_on_a_terminal_a_bar_is_drawn_and_stdout_stays_clean(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with RunWatcher(Console(), terminal=True) as watcher:
        for event in SAMPLES:
            watcher(event)
    streams = capsys.readouterr()
    assert streams.out == ""
    assert "frame 5 (img5.png) failed, given up: it is cut short" in streams.err
