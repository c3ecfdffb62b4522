"""The run folder's lock and what it may delete."""

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


def test_a_second_driver_is_refused_and_told_who_the_first_is(tmp_path: Path) -> None:
    first, second = RunStore(tmp_path / "run"), RunStore(tmp_path / "run")
    first.open()
    with pytest.raises(RunLockedError, match=str(os.getpid())):
        second.open()
    first.close()
    second.open()
    second.close()


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path) -> None:
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


def test_a_folder_with_other_things_is_refused_and_left_alone(tmp_path: Path) -> None:
    (tmp_path / "holiday.jpg").write_bytes(b"x")
    with pytest.raises(UsageError, match=r"holiday\.jpg"):
        RunStore(tmp_path).open()
    assert [path.name for path in tmp_path.iterdir()] == ["holiday.jpg"]


def test_a_file_in_its_place_is_refused(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("x")
    with pytest.raises(UsageError, match="is a file"):
        RunStore(tmp_path / "run").open()


def test_clear_deletes_what_a_run_makes_and_nothing_else(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "run")
    store.open()
    for path in (store.frame("b", 3), store.journal, store.plan, store.manifest, store.log("w")):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    (store.run_dir / "notes.txt").write_text("mine")
    store.clear()
    assert sorted(p.name for p in store.run_dir.iterdir()) == ["notes.txt", "run.lock"]


def test_torn_frames_are_removed_and_whole_ones_kept(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    folder = store.frame("a_prime", 0).parent
    folder.mkdir(parents=True)
    for name in ("000000.png", ".tmp-1.png", "000001.png.tmp"):
        (folder / name).write_text("x")
    store.remove_torn_frames(("a_prime",))
    assert [path.name for path in folder.iterdir()] == ["000000.png"]


def test_what_others_put_among_the_frames_stays(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    folder = store.frame("a_prime", 0).parent
    (folder / "@eaDir").mkdir(parents=True)
    for name in ("000000.png", "the best one.png", ".tmp-1.png"):
        (folder / name).write_text("x")
    store.remove_torn_frames(("a_prime",))
    kept = {"000000.png", "the best one.png", "@eaDir"}
    assert {path.name for path in folder.iterdir()} == kept


def test_of_a_folder_on_another_disk_the_link_alone_is_deleted(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "run")
    store.open()
    for path in (store.frames, store.input):
        (tmp_path / "roomier" / path.name).mkdir(parents=True)
        (tmp_path / "roomier" / path.name / "000000.png").write_text("x")
        path.symlink_to(tmp_path / "roomier" / path.name)
    store.clear()
    store.clear_input()
    assert [path.name for path in store.run_dir.iterdir()] == ["run.lock"]
    assert len([*(tmp_path / "roomier").rglob("*.png")]) == 2


def test_an_empty_folder_is_discarded_and_a_used_one_is_not(tmp_path: Path) -> None:
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
