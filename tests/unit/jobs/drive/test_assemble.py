"""Which pictures make a film, and the preview's grid."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from batch_analogy.config.run import OnMissing
from batch_analogy.errors import OutputDiskError
from batch_analogy.jobs.drive.assemble import film_slots
from batch_analogy.jobs.drive.film_outputs import films_of
from batch_analogy.jobs.folder.preview_pictures import (
    PreviewWriter,
    evenly_spaced,
    tile,
    write_last,
    write_sheet,
)
from batch_analogy.media.stills import read_size, write_png
from tests.support.runs import picture, sample_config


@pytest.mark.parametrize(
    ("done", "on_missing", "expected"),
    [
        ({0, 1, 2, 3}, "hold", [0, 1, 2, 3]),
        ({0, 3}, "hold", [0, 0, 0, 3]),
        ({2}, "hold", [2, 2, 2, 2]),
        ({2, 1}, "skip", [1, 2]),
        ({0, 1, 2, 3}, "error", [0, 1, 2, 3]),
    ],
)
def test_frames_of_a_film(done: set[int], on_missing: OnMissing, expected: list[int]) -> None:
    assert [frame for _, frame in film_slots(4, done, on_missing)] == expected


def test_both_targets_make_two_films(tmp_path: Path) -> None:
    config = sample_config(tmp_path, 1, target="both", output=tmp_path / "night.mov")
    assert [(film.output, film.path.name) for film in films_of(config)] == [
        ("a_prime", "night.mov"),
        ("b", "night-reference.mov"),
    ]


def test_spread_takes_the_first_and_the_last() -> None:
    chosen = evenly_spaced(list(range(100)), 12)
    assert (chosen[0], chosen[-1], len(set(chosen))) == (0, 99, 12)
    assert evenly_spaced([4, 7], 12) == [4, 7]


def test_tiles_stand_in_reading_order_on_white() -> None:
    cells = [np.full((8, 6, 3), value, np.uint8) for value in (10, 20, 30)]
    sheet = tile(cells, columns=2)
    top_left, top_right = sheet[: sheet.shape[0] // 2, :8], sheet[: sheet.shape[0] // 2, -8:]
    assert {10, 255} == set(top_left.flat)
    assert {20, 255} == set(top_right.flat)
    assert (sheet[-8:, -6:] == 255).all()
    assert (sheet == 30).sum() == 8 * 6 * 3


def test_previews_are_reduced_pictures(tmp_path: Path) -> None:
    paths = [tmp_path / f"{index}.png" for index in range(3)]
    for index, path in enumerate(paths):
        write_png(path, picture(index, 300, 2000))
    write_last(tmp_path / "preview/last.jpg", paths[0])
    assert read_size(tmp_path / "preview/last.jpg") == (192, 1280)
    write_sheet(tmp_path / "preview/sheet.jpg", paths)
    height, width = read_size(tmp_path / "preview/sheet.jpg")
    assert width > 2 * 256
    assert height < 256


def test_previews_are_written_beside_the_driver_one_of_a_kind_at_a_time(tmp_path: Path) -> None:
    may_go_on, written = threading.Event(), list[str]()

    def write(name: str) -> Callable[[], None]:
        def wait_and_write() -> None:
            may_go_on.wait(30.0)
            written.append(name)

        return wait_and_write

    writer = PreviewWriter()
    assert writer.begin(tmp_path / "last.jpg", write("first"))
    assert not writer.begin(tmp_path / "last.jpg", write("too soon"))
    assert writer.begin(tmp_path / "sheet.jpg", write("sheet"))
    may_go_on.set()
    writer.wait()
    assert written == ["first", "sheet"]
    assert writer.begin(tmp_path / "last.jpg", write("second"))
    writer.wait()
    assert written == ["first", "sheet", "second"]


def test_a_preview_that_cannot_be_read_is_left_out_and_a_full_disk_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    def fail() -> None:
        raise OutputDiskError("the disk is full")

    path, writer = tmp_path / "last.jpg", PreviewWriter()
    assert writer.begin(path, lambda: write_last(path, tmp_path / "gone.png"))
    writer.wait()
    assert "gone.png" in caplog.text
    assert writer.begin(path, fail)
    writer.wait()
    with pytest.raises(OutputDiskError, match="full"):
        writer.begin(path, fail)
