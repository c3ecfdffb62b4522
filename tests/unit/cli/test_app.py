from __future__ import annotations

import os
import subprocess
import sys

import pytest

from batch_analogy import __version__
from batch_analogy.cli.app import main

COMMANDS = [
    "pair",
    "timelapse",
    "stylize",
    "analogy",
    "suggest",
    "plan",
    "preview",
    "status",
    "serve",
    "resume",
    "retry",
    "assemble",
    "evaluate",
    "doctor",
    "weights",
]
SLOW_PACKAGES = ("torch", "ray", "numba", "cv2", "numpy", "scipy")


def run_main(*arguments: str) -> int:
    with pytest.raises(SystemExit) as ended:
        main(list(arguments))
    return int(ended.value.code or 0)


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_examples(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run_main(command, "--help") == 0
    text = capsys.readouterr().out
    assert "Usage" in text
    assert "Examples:" in text
    assert f"batch-analogy {command} " in text or f"batch-analogy {command}\n" in text
    assert "--json" in text


def test_the_first_page_lists_commands_and_exit_codes(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_main("--help") == 0
    text = capsys.readouterr().out
    assert [command for command in COMMANDS if command not in text] == []
    assert "130" in text


def test_prints_the_version(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_main("--version") == 0
    assert capsys.readouterr().out == f"batch-analogy {__version__}\n"


def test_a_missing_command_is_a_usage_error() -> None:
    assert run_main() == 2


def test_an_unknown_command_is_a_usage_error(capsys: pytest.CaptureFixture[str]) -> None:
    assert run_main("timelaps") == 2
    assert "timelaps" in capsys.readouterr().err


def cpu_seconds(code: str) -> tuple[float, str]:
    """Run Python code in a process; return its CPU seconds and its stderr."""
    with subprocess.Popen(
        [sys.executable, "-c", code], stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True
    ) as process:
        assert process.stderr is not None
        said = process.stderr.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    assert process.returncode == 0, said
    return usage.ru_utime + usage.ru_stime, said


def test_help_is_fast_and_imports_nothing_slow() -> None:
    code = (
        "import sys\n"
        "from batch_analogy.cli.app import main\n"
        "try:\n    main(['timelapse', '--help'])\n"
        "except SystemExit: pass\n"
        f"print([p for p in {SLOW_PACKAGES} if p in sys.modules], file=sys.stderr)"
    )
    tries = [cpu_seconds(code) for _ in range(3)]
    assert {said.strip() for _, said in tries} == {"[]"}
    # Other processes can only add to the time, through the processor's caches.
    seconds = min(cost for cost, _ in tries)
    least = min(cpu_seconds("import typer.rich_utils, rich.console")[0] for _ in range(3))
    assert seconds < 7 * least  # usually 3 times; with PyTorch alone 10


def test_shell_completion_completes_a_command(monkeypatch: pytest.MonkeyPatch) -> None:
    shell = {"_BATCH_ANALOGY_COMPLETE": "complete_bash", "COMP_WORDS": "batch-analogy ti"}
    for name, value in {**shell, "COMP_CWORD": "1"}.items():
        monkeypatch.setenv(name, value)
    done = subprocess.run(
        [sys.executable, "-m", "batch_analogy"], capture_output=True, text=True, check=False
    )
    assert done.stdout.split() == ["timelapse"]
