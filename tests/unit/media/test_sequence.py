"""Finding pictures in natural order."""

from __future__ import annotations

import random
from pathlib import Path

import pytest
from PIL import Image

from batch_analogy.errors import InputError, UsageError
from batch_analogy.media import sequence
from batch_analogy.media.name_order import natural_key


def fill(folder: Path, *names: str) -> Path:
    for name in names:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).touch()
    return folder


def names_of(source: Path | str) -> list[str]:
    return [Path(path).name for path in sequence.find_stills(str(source))]


def test_natural_key_compares_numbers_by_value() -> None:
    names = ["img1.png", "IMG2.png", "img10.png", "img010b.png", "img100.png", "x9y2", "x9y10"]
    mixed = names.copy()
    random.Random(3).shuffle(mixed)
    assert sorted(mixed, key=natural_key) == names


def test_natural_key_distinguishes_leading_zeros() -> None:
    names = ["a01", "A1", "a1", "1a", "a", "", "2", "a1b", "10"]
    keys = {natural_key(name) for name in names}
    assert len(keys) == len(names)
    assert sorted(keys) == sorted(sorted(keys, reverse=True))


def test_natural_key_compares_what_is_seen() -> None:
    names = ["e\u0301 1.png", "\u00e9 2.png", "e\u0301 10.png"]  # é as one code point or two
    assert sorted(names[::-1], key=natural_key) == names


def test_lists_a_folder_in_natural_order(tmp_path: Path) -> None:
    fill(tmp_path, "f_10.jpg", "f_9.JPG", "f_1.tiff", "f_2.png")
    assert names_of(tmp_path) == ["f_1.tiff", "f_2.png", "f_9.JPG", "f_10.jpg"]


def test_skips_other_files(tmp_path: Path) -> None:
    fill(tmp_path, "a.png", ".b.png", "._a.png", "a.xmp", "Thumbs.db", "clip.mp4", "sub/c.png")
    (tmp_path / "folder.jpg").mkdir()
    assert names_of(tmp_path) == ["a.png"]


def test_lists_a_broken_link(tmp_path: Path) -> None:
    fill(tmp_path, "a1.png", "a3.png")
    (tmp_path / "a2.png").symlink_to(tmp_path / "gone.png")
    assert names_of(tmp_path) == ["a1.png", "a2.png", "a3.png"]


def test_skips_folders_and_lists_a_link_to_itself(tmp_path: Path) -> None:
    fill(tmp_path, "a1.png", "a5.png", "b/c.txt")
    (tmp_path / "a2.png").mkdir()
    (tmp_path / "a3.png").symlink_to(tmp_path / "b")
    (tmp_path / "a4.png").symlink_to(tmp_path / "a4.png")
    assert names_of(tmp_path) == ["a1.png", "a4.png", "a5.png"]
    assert names_of(tmp_path / "a*") == ["a1.png", "a4.png", "a5.png"]
    with pytest.raises(InputError, match=r"no pictures; found: 1 folder \(a2\.png\)"):
        names_of(tmp_path / "a2*")


def test_lists_a_folder_whose_name_looks_like_a_pattern(tmp_path: Path) -> None:
    assert names_of(fill(tmp_path / "take [1]", "a.png")) == ["a.png"]


def test_lists_the_pictures_that_match_a_pattern(tmp_path: Path) -> None:
    fill(tmp_path, "a2.png", "a10.png", "b1.png", "a3.txt", ".a4.png")
    assert names_of(tmp_path / "a*") == ["a2.png", "a10.png"]


def test_sorts_matches_by_folder_first(tmp_path: Path) -> None:
    fill(tmp_path, "day10/1.png", "day2/2.png", "day2/10.png")
    found = sequence.find_stills(str(tmp_path / "**" / "*.png"))
    relative = [str(Path(path).relative_to(tmp_path)) for path in found]
    assert relative == ["day2/2.png", "day2/10.png", "day10/1.png"]


def test_lists_a_single_picture(tmp_path: Path) -> None:
    assert names_of(fill(tmp_path, "a.png", "b.png") / "b.png") == ["b.png"]


def test_expands_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(fill(tmp_path, "frames/a.png")))
    assert sequence.find_stills("~/frames") == [str(tmp_path / "frames" / "a.png")]


def test_rejects_a_missing_folder(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="gone does not exist"):
        names_of(tmp_path / "gone")


def test_rejects_a_pattern_without_matches(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="nothing matches"):
        names_of(tmp_path / "*.png")


def test_rejects_an_empty_folder(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="is empty"):
        names_of(tmp_path)


def test_folder_without_pictures_lists_what_was_found(tmp_path: Path) -> None:
    fill(tmp_path, "a.txt", "b.txt", "README")
    with pytest.raises(InputError, match=r"no pictures; found: 2 \.txt, 1 without suffix"):
        names_of(tmp_path)


def test_folder_with_videos_only_says_how_to_use_them(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"1 \.mp4; to use a video, give its own path"):
        names_of(fill(tmp_path, "a.mp4"))


def test_folder_of_folders_says_how_to_reach_them(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"1 folder \(day1\).*pattern"):
        names_of(fill(tmp_path, "day1/a.png"))


def test_rejects_a_file_of_another_kind(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no pictures; found: 1 \.txt"):
        names_of(fill(tmp_path, "a.txt") / "a.txt")


@pytest.mark.parametrize("name", ["a.mp4", "a.MOV", "gone/clip.mkv"])
def test_recognises_videos(name: str) -> None:
    assert sequence.is_video(Path(name))


@pytest.mark.parametrize("name", ["a.png", "frames", "a", "gone.gif"])
def test_recognises_paths_that_are_not_videos(name: str) -> None:
    assert not sequence.is_video(Path(name))


def test_a_folder_named_like_a_video_is_not_a_video(tmp_path: Path) -> None:
    (tmp_path / "a.mp4").mkdir()
    assert not sequence.is_video(tmp_path / "a.mp4")


def test_animated_gif_is_a_video(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (16, 16), colour) for colour in ("red", "blue")]
    frames[0].save(tmp_path / "moves.gif", save_all=True, append_images=frames[1:])
    frames[0].save(tmp_path / "still.gif")
    (tmp_path / "text.gif").write_text("no picture")
    assert sequence.is_video(tmp_path / "moves.gif")
    assert not sequence.is_video(tmp_path / "still.gif")
    assert not sequence.is_video(tmp_path / "text.gif")
    assert names_of(tmp_path) == ["moves.gif", "still.gif", "text.gif"]


def test_a_file_that_is_neither_picture_nor_video_is_named(tmp_path: Path) -> None:
    (tmp_path / "words.txt").write_text("words")
    with pytest.raises(InputError, match=r"neither a picture nor a video"):
        sequence.find_stills(str(tmp_path / "words.txt"))
