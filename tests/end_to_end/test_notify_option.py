"""``--notify``: commands that end, lack frames and fail call a program."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from tests.support.command_line import HERE, Call, truncate, write_frames, write_picture

pytestmark = pytest.mark.timeout(300)


def told(log: Path) -> list[str]:
    return log.read_text().splitlines() if log.exists() else []


def test_runs_tell_how_they_end(
    call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    log = tmp_path / "log"
    notify = f'echo "$BATCH_ANALOGY_EVENT $BATCH_ANALOGY_DONE" >> {shlex.quote(str(log))}'
    frames, look = write_frames(tmp_path / "frames", 3), write_picture(tmp_path / "look.png", 5)
    truncate(frames / "img1.png")
    film = tmp_path / "night.mp4"
    made = ["timelapse", look, frames, "-o", film, *HERE]
    call(*made, "--notify", notify, "--dry-run").assert_ended(0)
    assert told(log) == []
    call(*made, "--notify", notify).assert_ended(3)
    assert told(log) == ["partial 2"]
    monkeypatch.setenv("BATCH_ANALOGY_NOTIFY", notify)
    call("resume", tmp_path / "night.run").assert_ended(3)
    (tmp_path / "other").mkdir()
    call("timelapse", look, tmp_path / "other", *HERE).assert_ended(1)
    assert [line.split()[0] for line in told(log)] == ["partial", "partial", "failed"]
    assert notify not in (tmp_path / "night.run" / "run.json").read_text()


def test_refuses_a_wrong_target_before_any_work(call: Call, tmp_path: Path) -> None:
    frames, look = write_frames(tmp_path / "frames", 2), write_picture(tmp_path / "look.png", 5)
    made = ["timelapse", look, frames, "-o", tmp_path / "night.mp4", *HERE]
    call(*made, "--notify", "no-such-program").assert_failed(2, "no command no-such-program")
    assert not (tmp_path / "night.run").exists()
