"""Errors of a disk that pass, and those that do not."""

from __future__ import annotations

import errno
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from batch_analogy import patience
from batch_analogy.errors import FrameError, OutputDiskError
from batch_analogy.files import atomic_write_bytes, move_into_place
from batch_analogy.patience import PASSING_ON_READING, passes, patiently


def failing(number: int, times: int) -> Callable[[], str]:
    """Return work that raises an OSError so many times, and then succeeds."""
    left = [number] * times

    def work() -> str:
        if left:
            raise OSError(left.pop(), "it fails")
        return "done"

    return work


def test_repeats_until_the_error_has_passed() -> None:
    begun: list[int] = []
    assert patiently(failing(errno.EBUSY, 4), 60, again=lambda: begun.append(1)) == "done"
    assert len(begun) == 4


def test_gives_up_after_the_time_that_it_was_given(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(patience.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(patience.time, "sleep", lambda wait: now.append(now.pop() + wait))
    for seconds, told in ((4.0, 0), (200.0, 1)):
        begun = now[0]
        with pytest.raises(OSError, match="it fails"):
            patiently(failing(errno.ESTALE, 10**6), seconds)
        assert now[0] - begun == pytest.approx(seconds)
        assert caplog.text.count("tried again for") == told


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EROFS, errno.ENOENT])
def test_does_not_wait_for_what_does_not_pass(number: int) -> None:
    work = failing(number, 1)
    with pytest.raises(OSError, match="it fails"):
        patiently(work, 60)
    assert work() == "done"


def test_finds_the_error_of_the_disk_behind_another() -> None:
    error = OutputDiskError("cannot write")
    error.__cause__ = OSError(errno.EACCES, "held open")
    assert passes(error)
    assert not passes(error, PASSING_ON_READING)
    assert not passes(FrameError("damaged"))


@pytest.mark.parametrize("number", [errno.EBUSY, errno.EACCES, errno.ESTALE])
def test_a_file_that_is_held_open_is_replaced_later(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    replace, refusals = os.replace, [number] * 3

    def refuse(old: Path, new: Path) -> None:
        if refusals:
            raise OSError(refusals.pop(), "held open", str(old), None, str(new))
        replace(old, new)

    monkeypatch.setattr(os, "replace", refuse)
    atomic_write_bytes(tmp_path / "a", b"new")
    refusals += [number]
    move_into_place(tmp_path / "a", tmp_path / "b")
    assert (tmp_path / "b").read_bytes() == b"new"
    monkeypatch.setattr(patience, "PATIENCE_SECONDS", 0.5)
    refusals += [number] * 1000
    with pytest.raises(OutputDiskError, match="cannot write"):
        atomic_write_bytes(tmp_path / "b", b"newer")
    assert [path.name for path in tmp_path.iterdir()] == ["b"]
