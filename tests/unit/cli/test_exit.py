"""The end of a command's process, which leaves out what Python and PyTorch do at an exit."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

PROCESS = """
import atexit, sys
import batch_analogy.cli.app
from batch_analogy.cli import main

atexit.register(print, "python ends")

def run():
    print("result")
    atexit.register(print, "handler")
    {ending}

batch_analogy.cli.app.main = run
main()
"""


def ended(ending: str, *, stdout: int = subprocess.PIPE) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", PROCESS.format(ending=ending)],
        env={k: v for k, v in os.environ.items() if k != "PYTHONUNBUFFERED"},
        stdout=stdout,
        stderr=subprocess.PIPE,
        check=False,
        text=True,
    )


@pytest.mark.parametrize("code", [0, 3])
def test_exits_at_once_after_output_and_handlers(code: int) -> None:
    done = ended(f"raise SystemExit({code})")
    assert (done.returncode, done.stdout, done.stderr) == (code, "result\nhandler\n", "")


def test_waits_for_threads() -> None:
    wait = "import threading, time; threading.Timer(0.5, print, ['thread']).start(); sys.exit(0)"
    done = ended(wait)
    assert (done.returncode, done.stdout) == (0, "result\nthread\nhandler\n")


@pytest.mark.parametrize("ending", ["raise SystemExit('words')", "raise RuntimeError('words')"])
def test_python_reports_an_end_without_a_code(ending: str) -> None:
    done = ended(ending)
    assert (done.returncode, done.stdout) == (1, "result\nhandler\npython ends\n")
    assert "words" in done.stderr


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs a disk that is always full")
def test_python_reports_output_that_cannot_be_written() -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    try:
        done = ended("sys.exit(0)", stdout=full)
    finally:
        os.close(full)
    assert done.returncode == 120
    assert "No space left" in done.stderr


def test_exits_without_an_output() -> None:
    done = ended("sys.stdout = None; sys.exit(4)")
    assert done.returncode == 4
