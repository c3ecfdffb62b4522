"""The lock of a folder, and which folders are refused."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from batch_analogy.errors import RunLockedError, UsageError
from batch_analogy.jobs.store import RunStore
from batch_analogy.json_files import write_json

HOLD = """
import sys
from pathlib import Path
from batch_analogy.jobs.store import RunStore
store = RunStore(Path(sys.argv[1]))
store.open()
print("locked", flush=True)
sys.stdin.read()
"""


def test_refuses_a_second_process_and_names_the_first(tmp_path: Path) -> None:
    first, second = RunStore(tmp_path / "run"), RunStore(tmp_path / "run")
    first.open()
    with pytest.raises(RunLockedError, match=str(os.getpid())):
        second.open()
    first.close()
    second.open()
    second.close()


def test_a_killed_process_releases_its_lock(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path / "run")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert holder.stdin is not None
    assert holder.stdout is not None
    assert holder.stdout.readline() == "locked\n"
    with pytest.raises(RunLockedError, match=str(holder.pid)):
        RunStore(tmp_path / "run").open()
    holder.kill()
    holder.wait()
    holder.stdout.close()
    holder.stdin.close()
    RunStore(tmp_path / "run").open()


def test_refuses_a_folder_with_other_things_and_leaves_it_alone(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(UsageError, match=r"holiday\.jpg"):
        RunStore(tmp_path).open()
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.jpg"]


def test_refuses_a_file_in_its_place(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("x")
    with pytest.raises(UsageError, match="is a file"):
        RunStore(tmp_path / "run").open()


def test_discards_an_empty_folder_and_keeps_a_used_one(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "run")
    store.open()
    store.discard_empty()
    assert not store.run_dir.exists()
    store.close()
    store.open()
    write_json(store.plan, {})
    store.discard_empty()
    assert store.plan.exists()
    store.close()
