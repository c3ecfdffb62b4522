"""Deletion of files by a run's store."""

from __future__ import annotations

from pathlib import Path

from batch_analogy.jobs.store import RunStore


def test_clear_deletes_what_a_run_makes_and_nothing_else(tmp_path: Path) -> None:
    store = RunStore(tmp_path / "run")
    store.open()
    for path in (store.frame("b", 3), store.journal, store.plan, store.manifest, store.log("w")):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("x")
    (store.run_dir / "notes.txt").write_text("mine")
    store.clear()
    assert sorted(p.name for p in store.run_dir.iterdir()) == ["notes.txt", "run.lock"]


def test_removes_torn_frames_and_keeps_whole_ones(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    folder = store.frame("a_prime", 0).parent
    folder.mkdir(parents=True)
    for name in ("000000.png", ".tmp-1.png", "000001.png.tmp"):
        (folder / name).write_text("x")
    store.remove_torn_frames(("a_prime",))
    assert [path.name for path in folder.iterdir()] == ["000000.png"]


def test_keeps_foreign_files_among_the_frames(tmp_path: Path) -> None:
    store = RunStore(tmp_path)
    folder = store.frame("a_prime", 0).parent
    (folder / "@eaDir").mkdir(parents=True)
    for name in ("000000.png", "the best one.png", ".tmp-1.png"):
        (folder / name).write_text("x")
    store.remove_torn_frames(("a_prime",))
    kept = {"000000.png", "the best one.png", "@eaDir"}
    assert {path.name for path in folder.iterdir()} == kept


def test_deletes_only_the_link_to_a_folder_on_another_disk(tmp_path: Path) -> None:
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
