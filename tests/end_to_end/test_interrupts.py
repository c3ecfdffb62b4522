"""Ctrl-C: the first one finishes the frames in progress, the second one stops at once."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import time
from pathlib import Path

import pytest

from tests.support.command_line import HERE, Call, frame_times, start, start_and_wait, write_frames
from tests.support.processes.paced import PATIENCE_SECONDS, Paced

FRAMES = 8


def interrupt(run: Paced) -> str:
    """Press Ctrl-C, wait until the run ends, and return its stderr."""
    os.kill(run.process.pid, signal.SIGINT)
    return ended(run)


def ended(run: Paced) -> str:
    """Wait until an interrupted run ends, and return its stderr."""
    err = run.end()
    assert run.process.returncode == 130, err
    assert "Traceback" not in err
    return err


def wait_until_deep_in_work(pid: int) -> None:
    """Wait until a process has used two seconds of CPU time, however busy the machine is."""

    def computed() -> float:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    begun, deadline = computed(), time.monotonic() + PATIENCE_SECONDS
    while computed() < begun + 2.0:
        assert time.monotonic() < deadline, "the process does nothing"
        time.sleep(0.1)


@pytest.mark.parametrize("command", ["timelapse", "stylize", "resume", "retry", "preview"])
def test_control_c_exits_with_130_and_names_the_command_to_continue(
    command: str, call: Call, reference: Path, tmp_path: Path
) -> None:
    frames = write_frames(tmp_path / "frames", FRAMES)
    run_dir = tmp_path / "film.run"
    what = [reference, frames, "-o", tmp_path / "film.mp4", *HERE]
    if command in ("resume", "retry"):
        call("plan", *what).assert_ended(0)
        what = [run_dir, *(["--failed"] if command == "retry" else [])]
    if command == "preview":
        what += ["--frames", str(FRAMES)]
    err = interrupt(start_and_wait([command, *what]))
    assert "finishing the frames in progress; Ctrl-C again aborts" in err
    assert f"batch-analogy resume {run_dir}" in err
    before = frame_times(run_dir)
    assert 1 <= len(before) < FRAMES
    state = "planned" if command == "preview" else "interrupted"
    call("status", run_dir).assert_ended(0, state, f"{len(before)} of {FRAMES} done")
    assert not list((run_dir / "frames").rglob(".tmp*")), "a frame in progress was not finished"
    if command == "timelapse":
        call("resume", run_dir).assert_ended(0, f"{FRAMES} of {FRAMES} frames done")
        assert frame_times(run_dir).items() >= before.items()
        call("status", run_dir).assert_ended(0, "finished", f"{FRAMES} of {FRAMES} done")


def test_the_second_control_c_stops_at_once(call: Call, reference: Path, tmp_path: Path) -> None:
    frames = write_frames(tmp_path / "frames", 3)
    slow = ["--quality", "paper", "--size", "0.2", "--address", "none"]
    run_dir = tmp_path / "slow.run"
    command = ["timelapse", reference, frames, "-o", tmp_path / "slow.mp4", *slow]
    run = start_and_wait(command, "workers-ready")
    run.let_go()
    wait_until_deep_in_work(run.process.pid)  # a frame of this size and quality takes minutes
    for patience in (0.5, 30.0, 60.0):  # while a kernel computes, two signals count as one
        os.kill(run.process.pid, signal.SIGINT)
        with contextlib.suppress(subprocess.TimeoutExpired):
            run.process.wait(patience)
            break
    err = ended(run)
    assert "error: interrupted" in err
    assert f"to continue: batch-analogy resume {run_dir}" in err
    call("status", run_dir).assert_ended(0, "interrupted", "0 of 3 done")


def test_control_c_stops_watching_but_not_the_run(reference: Path, tmp_path: Path) -> None:
    frames = write_frames(tmp_path / "frames", FRAMES)
    command = ["timelapse", reference, frames, "-o", tmp_path / "film.mp4", *HERE]
    run = start_and_wait(command)  # pauses until its output is read, so the watch finds it active
    watch = start("status", tmp_path / "film.run", "--watch")
    assert watch.stdout is not None
    assert watch.stdout.readline().startswith("running: ")
    os.kill(watch.pid, signal.SIGINT)
    _, err = watch.communicate(timeout=PATIENCE_SECONDS)
    assert watch.returncode == 0
    assert "no longer watching; the run continues" in err
    assert run.process.poll() is None
    interrupt(run)
