"""The journal: its records, and recovery after a cut at any byte."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from batch_analogy.errors import OutputDiskError, UsageError
from batch_analogy.jobs.folder import journal as journal_module
from batch_analogy.jobs.folder.journal import (
    DoneLine,
    DoneRecord,
    FailedLine,
    Journal,
    ResetLine,
    RetryLine,
    WorkerLostLine,
    read_history,
)
from tests.support.runs import fill, small_disk


def append_done(journal: Journal, index: int) -> None:
    journal.append(DoneLine(index=index, input="h", output_bytes={"a_prime": 5}, seconds=1.0))


def append_many(journal: Journal, count: int) -> None:
    for index in range(1, count):
        append_done(journal, index)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """Mount a real disk of 64 KiB."""
    yield from small_disk(tmp_path / "tiny", "64k")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    path = tmp_path / "journal.jsonl"
    with Journal(path) as journal:
        for index in range(3):
            append_done(journal, index)
    return path


def test_reads_back_what_was_appended(path: Path) -> None:
    history = read_history(path)
    assert sorted(history.done) == [0, 1, 2]
    assert history.done[1].output_bytes == {"a_prime": 5}


def test_without_a_journal_the_history_is_empty(tmp_path: Path) -> None:
    assert read_history(tmp_path / "none").done == {}


def test_later_lines_win(path: Path) -> None:
    with Journal(path) as journal:
        journal.append(FailedLine(index=1, input="h", message="m", retryable=True))
        journal.append(ResetLine(index=2))
        journal.append(FailedLine(index=7, input=None, message="m", retryable=False))
        append_done(journal, 7)
    history = read_history(path)
    assert sorted(history.done) == [0, 7]
    assert sorted(history.failed) == [1]
    assert history.failed[1].retryable


@pytest.mark.parametrize(
    "record",
    [
        {},
        {"input": None},
        {"exposure_ev": -0.25, "shot_start": 4, "misfit": 0.125, "provenance": "a b"},
    ],
)
def test_reads_back_every_field_of_a_finished_frame(tmp_path: Path, record: dict[str, Any]) -> None:
    path = tmp_path / "journal.jsonl"
    fields: dict[str, Any] = {
        "index": 3,
        "input": "h",
        "output_bytes": {"a_prime": 5, "b": 6},
        "seconds": 1.5,
        **record,
    }
    with Journal(path) as journal:
        journal.append(DoneLine(**fields, name="n", notes=("x",), stages={"read": 0.5}, attempt=2))
    assert read_history(path).done == {3: DoneRecord(**fields)}


def test_ignores_lines_for_people_and_lines_of_later_versions(path: Path) -> None:
    before = read_history(path)
    with Journal(path) as journal:
        journal.append(RetryLine(index=1, name="n", message="m", worker="w", attempt=1))
        journal.append(WorkerLostLine(worker="w", message="m", cause="died"))
    with path.open("a") as file:
        file.write('{"event": "celebrated", "index": "yes"}\n')
    assert read_history(path) == before


def test_keeps_names_that_are_not_utf_8(path: Path) -> None:
    with Journal(path) as journal:
        journal.append(FailedLine(index=1, input="h", message="caf\udce9.png", retryable=True))
    assert path.read_bytes().endswith(b"\n")
    assert read_history(path).failed[1].message == "caf\udce9.png"


@pytest.mark.parametrize(
    ("line", "words"),
    [
        ('{"event": "done", "index": 1}', "missing required field `input`"),
        ('{"event": "failed", "index": "1"}', r"Expected `int`, got `str` - at `\$.index`"),
        ('{"index": 1}', "missing required field `event`"),
        ("[]", "Expected `object`, got `array`"),
        ("[" * 100_000, "damaged"),
        ('{"event": "reset", "index": 1e999}', "out of range"),
    ],
)
def test_reports_what_is_wrong_with_a_line(path: Path, line: str, words: str) -> None:
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], line, lines[2]]) + "\n")
    with pytest.raises(UsageError, match=f"line 2 is damaged.*{words}|line 2 is {words}"):
        read_history(path)


@pytest.mark.parametrize("tail_bytes", [7, 1 << 16])
def test_keeps_whole_lines_after_a_cut_at_any_byte_and_appends_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, tail_bytes: int
) -> None:
    monkeypatch.setattr(journal_module, "TAIL_BYTES", tail_bytes)
    whole = tmp_path / "whole.jsonl"
    with Journal(whole) as journal:
        for index in range(3):
            append_done(journal, index)
    data = whole.read_bytes()
    for cut in range(len(data) + 1):
        path = tmp_path / "cut.jsonl"
        path.write_bytes(data[:cut])
        kept = data[:cut].count(b"\n")
        assert sorted(read_history(path).done) == list(range(kept))
        with Journal(path) as journal:
            append_done(journal, 9)
        lines = path.read_text().splitlines()
        assert [json.loads(line)["index"] for line in lines] == [*range(kept), 9]


@pytest.mark.parametrize("tail_bytes", [7, 1 << 16])
def test_ignores_and_cuts_off_a_last_line_of_zeros(
    path: Path, monkeypatch: pytest.MonkeyPatch, tail_bytes: int
) -> None:
    monkeypatch.setattr(journal_module, "TAIL_BYTES", tail_bytes)
    with path.open("ab") as file:
        file.write(b"\0" * 40 + b"\n")
    assert sorted(read_history(path).done) == [0, 1, 2]
    with Journal(path) as journal:
        append_done(journal, 3)
    assert sorted(read_history(path).done) == [0, 1, 2, 3]


def test_names_a_damaged_line_before_the_last(path: Path) -> None:
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], "{broken", lines[2]]) + "\n")
    with pytest.raises(UsageError, match="line 2 is damaged"):
        read_history(path)


def test_a_full_disk_is_a_disk_error_and_appending_works_again_later(tiny_disk: Path) -> None:
    filler = tiny_disk / "filler"
    with Journal(tiny_disk / "journal.jsonl") as journal:
        append_done(journal, 0)
        fill(filler)
        with pytest.raises(OutputDiskError, match="full"):
            append_many(journal, 1000)
        filler.unlink()
    with Journal(tiny_disk / "journal.jsonl") as journal:
        append_done(journal, 5000)
    assert {0, 5000} <= set(read_history(tiny_disk / "journal.jsonl").done)
