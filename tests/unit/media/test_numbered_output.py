"""Films as numbered pictures."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from batch_analogy.errors import FilmError, OutputDiskError, UsageError
from batch_analogy.media.numbered_output import find_numbered, is_pattern, numbered, write_numbered
from batch_analogy.media.stills import read_depth, read_still, write_png


def paint(folder: Path, count: int, depth: int = 8) -> list[Path]:
    paths = [folder / "in" / f"{index}.png" for index in range(count)]
    for index, path in enumerate(paths):
        noise = np.random.default_rng(index).random((20, 24, 3), dtype=np.float32)
        write_png(path, noise, 16 if depth > 8 else 8)
    return paths


@pytest.mark.parametrize("name", ["%06d.png", "a%4d b.tif", "%d.TIFF", "100 %03d.png"])
def test_recognises_patterns(tmp_path: Path, name: str) -> None:
    pattern = tmp_path / "out" / name
    assert is_pattern(pattern)
    frames = paint(tmp_path, 3)
    write_numbered([frames[2], frames[0], frames[0]], pattern)
    assert sorted(find_numbered(pattern)) == [0, 1, 2]
    assert numbered(pattern, 1).name == name % 1 if "100" not in name else "100 001.png"
    for index, frame in enumerate([frames[2], frames[0], frames[0]]):
        assert np.array_equal(read_still(numbered(pattern, index)), read_still(frame))


@pytest.mark.parametrize("name", ["film.mp4", "100% done.png", "%06d.jpg", "a.png"])
def test_recognises_paths_that_are_not_patterns(name: str) -> None:
    assert not is_pattern(Path(name))


@pytest.mark.parametrize(
    ("suffix", "frames", "depth", "expected"),
    [
        (".png", 8, None, 8),
        (".png", 16, None, 16),
        (".png", 16, 8, 8),
        (".png", 8, 10, 16),
        (".tif", 8, None, 16),
        (".tif", 16, None, 16),
        (".tif", 16, 8, 8),
    ],
)
def test_depth_of_numbered_pictures(
    tmp_path: Path, suffix: str, frames: int, depth: int | None, expected: int
) -> None:
    source = paint(tmp_path, 1, frames)
    pattern = tmp_path / f"%d{suffix}"
    size = write_numbered(source, pattern, depth=depth)
    written = numbered(pattern, 0)
    assert size == written.stat().st_size
    assert read_depth(written) == expected
    step = 1 / 65535 if min(frames, expected) > 8 else 1 / 255
    np.testing.assert_allclose(read_still(written), read_still(source[0]), atol=0.51 * step)


def test_deletes_only_surplus_pictures_of_an_earlier_film(tmp_path: Path) -> None:
    pattern = tmp_path / "out" / "%03d.png"
    frames = paint(tmp_path, 5)
    write_numbered(frames, pattern)
    others = {"notes.txt", "0004.png", "a004.png", "007.png"}
    for other in others:
        (tmp_path / "out" / other).write_text("mine")
    write_numbered(frames[:2], pattern, earlier=5)
    assert set(os.listdir(tmp_path / "out")) == {"000.png", "001.png", *others}


def test_rejects_a_pattern_with_two_numbers(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="more than one number"):
        write_numbered(paint(tmp_path, 1), tmp_path / "%d-%03d.png")


def test_rejects_a_file_in_place_of_the_folder(tmp_path: Path) -> None:
    (tmp_path / "out").write_text("a file")
    with pytest.raises(UsageError, match="is a file, not a folder"):
        write_numbered(paint(tmp_path, 1), tmp_path / "out" / "%d.png")


def test_rejects_a_missing_frame(tmp_path: Path) -> None:
    frames = paint(tmp_path, 2)
    frames[1].unlink()
    with pytest.raises(FilmError, match=r"cannot be written.*1\.png"):
        write_numbered(frames, tmp_path / "out" / "%d.png")


def test_reports_a_full_disk(tmp_path: Path, tiny_disk: Path) -> None:
    (tmp_path / "in").mkdir()
    write_png(tmp_path / "in" / "a.png", np.random.default_rng(0).random((256, 256, 3), np.float32))
    with pytest.raises(OutputDiskError, match="disk is full"):
        write_numbered([tmp_path / "in" / "a.png"], tiny_disk / "%d.tif")
