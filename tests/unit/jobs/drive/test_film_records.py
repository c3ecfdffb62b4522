"""Records of films, and the folders of unfinished ones."""

from __future__ import annotations

from pathlib import Path

import pytest
from msgspec import structs

from batch_analogy.errors import UsageError
from batch_analogy.files import check_writable
from batch_analogy.jobs.drive.film_records import (
    FilmRecord,
    is_complete,
    is_ours,
    read_records,
    remove_numbered_pictures,
    remove_unfinished,
    scratch_of,
    write_record,
)
from batch_analogy.jobs.store import RunStore

DONE = FilmRecord(state="done", key="k", frames=2, bytes=3, missing=(4,))
WRITING = FilmRecord(state="writing", key="k", frames=2)


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    store = RunStore(tmp_path / "film.run")
    store.run_dir.mkdir()
    return store


@pytest.mark.parametrize(
    ("content", "record", "complete", "ours"),
    [
        (b"abc", DONE, True, True),
        (b"abcd", DONE, False, False),  # it was changed
        (b"abc", WRITING, False, True),  # its size was not noted
        (b"abc", structs.replace(WRITING, replaced_bytes=0), False, False),  # another made it
        (b"abc", structs.replace(WRITING, replaced_bytes=0, bytes=3), False, True),  # just moved
        (b"abc", structs.replace(WRITING, replaced_bytes=3), False, True),  # not moved yet
        (b"abc", None, False, False),
        (None, DONE, False, False),
    ],
)
def test_recognises_its_own_films(
    tmp_path: Path, content: bytes | None, record: FilmRecord | None, complete: bool, ours: bool
) -> None:
    film = tmp_path / "film.mp4"
    if content is not None:
        film.write_bytes(content)
    assert is_complete(film, record, "k") is complete
    assert not is_complete(film, record, "other")
    assert is_ours(film, record) is ours


def test_adds_up_numbered_pictures(tmp_path: Path) -> None:
    (tmp_path / "0.png").write_bytes(b"a")
    assert not is_complete(tmp_path / "%d.png", DONE, "k")
    (tmp_path / "1.png").write_bytes(b"bc")
    assert is_complete(tmp_path / "%d.png", DONE, "k")


def test_reads_back_records_and_names_a_damaged_file(store: RunStore) -> None:
    assert read_records(store) == {}
    write_record(store, Path("/a.mp4"), WRITING)
    write_record(store, Path("/caf\udce9.mp4"), DONE)
    write_record(store, Path("/a.mp4"), DONE)
    assert read_records(store) == {"/a.mp4": DONE, "/caf\udce9.mp4": DONE}
    store.films.write_text('{"format": 3, "films": {"/a.mp4": {"state": "lost", "key": "k"}}}')
    with pytest.raises(UsageError, match=r"film\.json: films\[\.\.\.\]\.state: .*delete it"):
        read_records(store)


def test_unfinished_films_are_in_the_run_folder_on_the_same_disk(store: RunStore) -> None:
    film = store.run_dir.parent / "out" / "film.mp4"
    with scratch_of(store, film) as scratch:
        assert scratch == store.unfinished_films
        scratch.mkdir()
    assert film.parent.is_dir()
    assert not scratch.exists()


def test_deletes_recorded_scratch_folders_and_nothing_else(store: RunStore, tmp_path: Path) -> None:
    for name in (".tmp-1", "holiday"):
        (tmp_path / name).mkdir()
        record = FilmRecord(state="writing", key="k", scratch=str(tmp_path / name))
        write_record(store, Path(f"/{name}.mp4"), record)
    store.unfinished_films.mkdir()
    remove_unfinished(store)
    assert not store.unfinished_films.exists()
    assert sorted(path.name for path in tmp_path.iterdir()) == ["film.run", "holiday"]
    store.films.write_text("damaged")
    remove_unfinished(store)


def test_deletes_its_own_numbered_pictures(store: RunStore, tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / f"{number}.png").write_bytes(b"a")
    write_record(store, tmp_path / "%d.png", WRITING)
    remove_numbered_pictures(store)
    assert [path.name for path in tmp_path.glob("*.png")] == ["2.png"]


def test_checks_an_output_without_leaving_anything(tmp_path: Path) -> None:
    check_writable(tmp_path / "new" / "folder" / "film.mp4")
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").write_text("x")
    with pytest.raises(UsageError, match="part of that path is a file"):
        check_writable(tmp_path / "file" / "film.mp4")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    with pytest.raises(UsageError, match="link is a link to nothing"):
        check_writable(tmp_path / "link" / "film.mp4")
    with pytest.raises(UsageError, match="longer than the 255 bytes"):
        check_writable(tmp_path / ("é" * 130) / "film.mp4")
