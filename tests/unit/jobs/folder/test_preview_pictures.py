"""The previews of a running job."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from batch_analogy.errors import OutputDiskError
from batch_analogy.jobs.folder.preview_pictures import (
    PreviewWriter,
    evenly_spaced,
    tile,
    write_last,
    write_sheet,
)
from batch_analogy.media.stills import read_size, write_png
from tests.support.runs import picture


def test_evenly_spaced_indices_include_the_first_and_the_last() -> None:
    chosen = evenly_spaced(list(range(100)), 12)
    assert (chosen[0], chosen[-1], len(set(chosen))) == (0, 99, 12)
    assert evenly_spaced([4, 7], 12) == [4, 7]


def test_tiles_are_in_reading_order_on_white() -> None:
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


def test_writes_one_preview_of_each_kind_at_a_time_in_a_thread(tmp_path: Path) -> None:
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


def test_an_unreadable_frame_makes_no_preview_and_a_full_disk_is_an_error(
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
