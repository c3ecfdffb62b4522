"""A path that exists is a path, whatever letters it has; patterns match the rest."""

from __future__ import annotations

from pathlib import Path

import pytest

from batch_analogy.media.patterns import find_matches, has_pattern, split_pattern, would_match
from batch_analogy.media.sequence import find_stills
from tests.unit.media.test_sequence import fill


def names_of(source: Path) -> list[str]:
    return [Path(path).name for path in find_stills(str(source))]


@pytest.mark.parametrize("name", ["One [abc].png", "what?.png", "a*.png", "[!x].png", "**.png"])
def test_a_file_that_exists_is_no_pattern(tmp_path: Path, name: str) -> None:
    fill(tmp_path, name, "One a.png", "whats.png", "ab.png", "y.png")
    assert not has_pattern(tmp_path / name)
    assert names_of(tmp_path / name) == [name]


@pytest.mark.parametrize("folder", ["Photos [2024]", "really?", "[a] x/[b] y"])
def test_patterns_match_in_folders_with_pattern_characters(tmp_path: Path, folder: str) -> None:
    fill(tmp_path, f"{folder}/1.png", f"{folder}/2.png", "Photos 2/3.png")
    assert names_of(tmp_path / folder / "*.png") == ["1.png", "2.png"]
    assert split_pattern(tmp_path / folder / "*.png") == (str(tmp_path / folder), "*.png")
    assert would_match(str(tmp_path / folder / "*.png"), tmp_path / folder / "9.png")
    assert not would_match(str(tmp_path / folder / "*.png"), tmp_path / "Photos 2" / "9.png")


def test_brackets_are_letters_where_files_have_them(tmp_path: Path) -> None:
    fill(tmp_path, "Day [1] 1.png", "Day [1] 2.png", "Day 1 3.png", "b1.png", "b2.png", "b3.png")
    assert names_of(tmp_path / "Day [1] *.png") == ["Day [1] 1.png", "Day [1] 2.png"]
    assert names_of(tmp_path / "b[12].png") == ["b1.png", "b2.png"]


def test_a_relative_pattern_gives_relative_paths(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(fill(tmp_path, "a1.png", "b/[c]/1.png"))
    assert find_matches("a*.png") == ["a1.png"]
    assert find_matches("b/[c]/*.png") == ["b/[c]/1.png"]


@pytest.mark.parametrize("name", ["~backup.png", "~nobody-at-all.png"])
def test_a_name_that_begins_with_a_tilde(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.chdir(fill(tmp_path, name))
    assert find_stills(name) == [name]


SYSTEM = ["@eaDir/1.jpg", "#recycle", "@Recycle", "__MACOSX", "$RECYCLE.BIN", "lost+found"]
SYSTEM += ["thumbs", "Thumbnails", "DCIM/THMBNL", "Trip Previews.lrdata/0/1"]


@pytest.mark.parametrize("folder", SYSTEM)
def test_thumbnails_and_deleted_files_are_left_out_unless_they_are_named(
    tmp_path: Path, folder: str
) -> None:
    fill(tmp_path, "day1/1.jpg", "day1/2.jpg", f"day1/{folder}/T_1.jpg", f"{folder}/T_2.jpg")
    assert names_of(tmp_path / "**" / "*.jpg") == ["1.jpg", "2.jpg"]
    assert "T_2.jpg" not in names_of(tmp_path / "*" / "*.jpg")
    top = folder.removeprefix("DCIM/").split("/", maxsplit=1)[0]
    above = folder[: folder.index(top)]
    assert names_of(tmp_path / "day1" / above / top / "**" / "*.jpg") == ["T_1.jpg"]
    assert "T_2.jpg" in names_of(tmp_path / "**" / top / "**" / "*.jpg")


def test_hidden_folders_of_thumbnails_are_left_out(tmp_path: Path) -> None:
    fill(tmp_path, "1.jpg", ".thumbnails/1.jpg", ".@__thumb/1.jpg", ".snapshot/old/1.jpg")
    assert find_stills(str(tmp_path / "**" / "*.jpg")) == [str(tmp_path / "1.jpg")]
