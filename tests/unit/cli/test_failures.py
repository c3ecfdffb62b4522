from __future__ import annotations

import errno
import json
import subprocess
import sys

import pytest
import typer

from batch_analogy import errors
from batch_analogy.cli.failures import exit_code, reports_failures


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.ConfigError("x"), 2),
        (errors.OutputExistsError("x"), 2),
        (errors.PlanChangedError("x"), 2),
        (errors.FrameError("x"), 1),
        (errors.InputError("x"), 1),
        (errors.RunLockedError("x"), 1),
        (errors.WeightsError("x"), 4),
        (errors.OutputDiskError("x"), 4),
        (errors.FilmError("x"), 4),
        (errors.ClusterError("x"), 4),
        (errors.BatchAnalogyError("x"), 1),
        (KeyboardInterrupt(), 130),
        (RuntimeError("x"), 1),
    ],
    ids=lambda value: type(value).__name__,
)
def test_each_class_of_errors_has_its_exit_code(error: BaseException, code: int) -> None:
    assert exit_code(error) == code


def fail(error: BaseException, *, json_lines: bool = False) -> int:
    @reports_failures
    def command(*, json_lines: bool) -> int:
        raise error

    with pytest.raises(typer.Exit) as ended:
        command(json_lines=json_lines)
    return ended.value.exit_code


def test_an_expected_error_is_reported_in_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert fail(errors.WeightsError("the weights are missing. Get them.")) == 4
    streams = capsys.readouterr()
    assert streams.err == "error: the weights are missing. Get them.\n"
    assert streams.out == ""


def test_an_error_of_the_machine_is_no_bug(capsys: pytest.CaptureFixture[str]) -> None:
    assert fail(OSError(errno.ENOSPC, "No space left on device", "/night/film")) == 4
    assert capsys.readouterr().err == (
        "error: cannot use /night/film: the disk is full; free some space and run the same command "
        "again\n"
    )
    assert fail(OSError(errno.EMFILE, "Too many open files")) == 4
    assert "too many files are open; raise the limit" in capsys.readouterr().err
    assert fail(RuntimeError("can't start new thread")) == 4
    assert "no more processes may be started; raise the limit" in capsys.readouterr().err
    assert fail(BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")) == 4
    assert "no more processes may be started" in capsys.readouterr().err
    assert fail(FileNotFoundError(errno.ENOENT, "No usable temporary directory found")) == 4
    assert "set TMPDIR to one" in capsys.readouterr().err
    assert fail(MemoryError()) == 4
    assert "there is not enough memory" in capsys.readouterr().err
    assert fail(OSError(errno.EDOM, "odd")) == 1
    assert "a bug in batch-analogy: OSError" in capsys.readouterr().err


def test_a_failure_is_also_a_json_line(capsys: pytest.CaptureFixture[str]) -> None:
    fail(errors.UsageError("no such folder"), json_lines=True)
    assert json.loads(capsys.readouterr().out) == {
        "event": "error",
        "error": "UsageError",
        "message": "no such folder",
        "exit_code": 2,
    }


def test_a_bug_is_reported_in_one_line_unless_debugging(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("BATCH_ANALOGY_DEBUG", raising=False)
    assert fail(ZeroDivisionError("division\nby zero")) == 1
    message = capsys.readouterr().err
    assert message.count("\n") == 1
    assert "ZeroDivisionError: division by zero" in message
    assert "BATCH_ANALOGY_DEBUG=1" in message
    monkeypatch.setenv("BATCH_ANALOGY_DEBUG", "1")
    fail(ZeroDivisionError("division by zero"))
    assert "Traceback" in capsys.readouterr().err


def test_the_exit_code_of_a_command_without_errors_is_kept() -> None:
    @reports_failures
    def command(*, json_lines: bool) -> int:
        return 3

    with pytest.raises(typer.Exit) as ended:
        command(json_lines=False)
    assert ended.value.exit_code == 3


UNREAD = """
import sys
from batch_analogy.cli.console import Console
from batch_analogy.cli.failures import reports_failures

@reports_failures
def command(*, json_lines: bool) -> int:
    sys.stdin.readline()
    console = Console(json_lines)
    console.result("result")
    console.event("result")
    return 0

command(json_lines=bool(int(sys.argv[1])))
"""


def run_unread(stream: str, *command: str) -> tuple[int, str, str]:
    """Run Python code with one stream closed; return the exit code, stdout and stderr."""
    process = subprocess.Popen(
        [sys.executable, "-c", *command],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    getattr(process, stream).close()
    setattr(process, stream, None)
    out, err = process.communicate("now\n")
    return process.returncode, out or "", err or ""


@pytest.mark.parametrize("json_lines", ["0", "1"])
def test_a_reader_that_has_ended_is_not_reported_as_a_bug(json_lines: str) -> None:
    """Covers ``batch-analogy status … | head -1``."""
    _, _, said = run_unread("stdout", UNREAD, json_lines)
    assert said.splitlines()[0] == "stopped: the reader of the output has ended"
    assert "bug" not in said
    assert "BrokenPipe" not in said


UNHEARD = """
import sys
from batch_analogy.cli.console import Console

sys.stdin.readline()
console = Console()
console.note("1 of 2 frames done")
console.note("2 of 2 frames done")
console.result("film.mp4")
"""


def test_work_continues_when_stderr_is_closed() -> None:
    """Covers a closed terminal, and the end of the reader of ``batch-analogy … 2>&1 | tee``."""
    assert run_unread("stderr", UNHEARD) == (0, "film.mp4\n", "")
