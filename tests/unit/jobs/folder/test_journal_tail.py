"""Following a journal: only whole and new lines are read, and a new journal is noticed."""

from __future__ import annotations

from pathlib import Path

import pytest

from batch_analogy.jobs.folder import journal_tail
from batch_analogy.jobs.folder.journal import DoneLine, Journal
from batch_analogy.jobs.folder.journal_tail import JournalTail, read_line
from tests.support.served import done_line, failed_line


def indices(tail: JournalTail) -> list[int]:
    return [getattr(line, "index", -1) for _, line in tail.read()]


def test_reads_each_line_once_and_waits_for_a_torn_one(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    tail = JournalTail(path)
    assert indices(tail) == []
    with Journal(path) as journal:
        journal.append(done_line(3, 9))
        assert indices(tail) == [3]
        journal.append(failed_line(4))
    whole = path.read_bytes()
    path.write_bytes(whole + whole[:20])
    assert indices(tail) == [4]
    with path.open("ab") as file:
        file.write(whole[20:])
    assert indices(tail) == [3, 4]
    assert not tail.was_replaced()


def test_begins_anew_with_a_new_journal(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    tail = JournalTail(path)
    with Journal(path) as journal:
        journal.append(done_line(3, 9))
    assert indices(tail) == [3]
    path.unlink()
    assert tail.was_replaced()
    with Journal(path) as journal:
        journal.append(done_line(5, 9))
    tail.was_replaced()
    assert indices(tail) == [5]


def test_passes_over_a_damaged_line(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with Journal(path) as journal:
        journal.append(done_line(1, 9))
    path.write_bytes(b"{\n" + path.read_bytes())
    assert indices(JournalTail(path)) == [1]


def test_a_long_journal_is_read_in_parts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal_tail, "LOOK_BYTES", 400)
    path = tmp_path / "journal.jsonl"
    with Journal(path) as journal:
        for index in range(40):
            journal.append(done_line(index, 9))
    assert indices(JournalTail(path)) == [*range(40)]


def test_a_line_is_found_by_its_offset(tmp_path: Path) -> None:
    path = tmp_path / "journal.jsonl"
    with Journal(path) as journal:
        for index in range(3):
            journal.append(done_line(index, 9))
    offset = [at for at, _ in JournalTail(path).read()][2]
    line = read_line(path, offset)
    assert isinstance(line, DoneLine)
    assert line.index == 2
    assert read_line(path, 10**6) is None
    assert read_line(tmp_path / "gone", 0) is None
