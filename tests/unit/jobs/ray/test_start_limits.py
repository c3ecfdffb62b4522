"""Limits of the machine that are named before Ray is started."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from batch_analogy.errors import ClusterError
from batch_analogy.jobs.ray import start_limits
from batch_analogy.jobs.ray.start_limits import LONGEST_SESSION, SOCKET_PATH_BYTES, short_folder

CHECK = """
import resource, sys
number = getattr(resource, sys.argv[1])
resource.setrlimit(number, (int(sys.argv[2]),) * 2)
from batch_analogy.errors import ClusterError
from batch_analogy.jobs.ray.start_limits import check_limits
try:
    check_limits(2)
except ClusterError as error:
    print(error)
"""


def test_too_few_open_files_are_named() -> None:
    command = [sys.executable, "-c", CHECK, "RLIMIT_NOFILE"]
    said = subprocess.run([*command, "100"], capture_output=True, text=True, check=True).stdout
    assert said.startswith("a process may open 100 files here, and Ray needs about 232; raise")
    said = subprocess.run([*command, "1024"], capture_output=True, text=True, check=True).stdout
    assert said == ""


@pytest.mark.parametrize(("left", "enough"), [(None, True), (410, True), (409, False)])
def test_too_few_processes_are_named(
    monkeypatch: pytest.MonkeyPatch, left: int | None, enough: bool
) -> None:
    monkeypatch.setattr(start_limits, "available_processes", lambda: left)
    if enough:
        start_limits.check_limits(2)
        return
    with pytest.raises(ClusterError, match=r"409 more processes and threads.*pids limit"):
        start_limits.check_limits(2)


@pytest.mark.parametrize("name", ["TMPDIR", "RAY_TMPDIR"])
def test_a_long_or_missing_folder_is_replaced_by_a_short_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, name: str
) -> None:
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.delenv("TMPDIR", raising=False)
    assert short_folder() is None
    monkeypatch.setenv(name, "/tmp")
    assert short_folder() is None
    long = tmp_path / ("x" * (SOCKET_PATH_BYTES - len(LONGEST_SESSION)))
    long.mkdir()
    monkeypatch.setenv(name, str(long))
    assert short_folder() == "/tmp/ray"
    assert f"{name}={long} is too long by {len(str(tmp_path)) + 2} letters" in caplog.text
    monkeypatch.setenv(name, "/nowhere/at/all")
    assert short_folder() == "/tmp/ray"
    assert "/nowhere/at/all is not a folder that may be written to" in caplog.text
    monkeypatch.setattr(start_limits, "SHORT_FOLDERS", ())
    with pytest.raises(ClusterError, match=rf"{name}=/nowhere/at/all .*; set RAY_TMPDIR"):
        short_folder()
