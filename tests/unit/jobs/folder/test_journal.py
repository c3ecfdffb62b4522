"""The journal survives being cut anywhere."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from batch_analogy.errors import OutputDiskError, UsageError
from batch_analogy.jobs.folder import journal as journal_module
from batch_analogy.jobs.folder.journal import Journal, read_history
from tests.support.runs import fill, small_disk


def append_done(journal: Journal, index: int) -> None:
    journal.append("done", index=index, input="h", output_bytes={"a_prime": 5}, seconds=1.0)


def append_many(journal: Journal, count: int) -> None:
    for index in range(1, count):
        append_done(journal, index)


@pytest.fixture
def tiny_disk(tmp_path: Path) -> Iterator[Path]:
    """A real disk of 64 KiB."""
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


def test_no_journal_is_an_empty_history(tmp_path: Path) -> None:
    assert read_history(tmp_path / "none").done == {}


def test_later_lines_win(path: Path) -> None:
    with Journal(path) as journal:
        journal.append("failed", index=1, input="h", message="m", retryable=True)
        journal.append("reset", index=2)
        journal.append("failed", index=7, input=None, message="m", retryable=False)
        append_done(journal, 7)
    history = read_history(path)
    assert sorted(history.done) == [0, 7]
    assert sorted(history.failed) == [1]
    assert history.failed[1].retryable


@pytest.mark.parametrize("tail_bytes", [7, 1 << 16])
def test_cut_at_any_byte_keeps_the_whole_lines_and_can_be_appended_to(
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
def test_a_last_line_of_zeros_is_left_out_and_cut_off(
    path: Path, monkeypatch: pytest.MonkeyPatch, tail_bytes: int
) -> None:
    monkeypatch.setattr(journal_module, "TAIL_BYTES", tail_bytes)
    with path.open("ab") as file:
        file.write(b"\0" * 40 + b"\n")
    assert sorted(read_history(path).done) == [0, 1, 2]
    with Journal(path) as journal:
        append_done(journal, 3)
    assert sorted(read_history(path).done) == [0, 1, 2, 3]


def test_a_damaged_line_in_the_middle_is_named(path: Path) -> None:
    lines = path.read_text().splitlines()
    path.write_text("\n".join([lines[0], "{broken", lines[2]]) + "\n")
    with pytest.raises(UsageError, match="line 2 is damaged"):
        read_history(path)


def test_a_full_disk_is_a_disk_error_and_the_journal_goes_on_later(tiny_disk: Path) -> None:
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
