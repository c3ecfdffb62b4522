"""Write the pictures in ``preview/`` that show how a running job looks.

``report`` has richer sheets, but jobs may not import it; these only tile small pictures.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from batch_analogy.errors import FrameError
from batch_analogy.media.stills import read_still, to_uint8, write_jpeg

LAST_SIDE_PX = 1280
CELL_SIDE_PX = 256
PAIR_SIDE_PX = 480
SHEET_CELLS = 12

_GAP_PX = 4

_log = logging.getLogger(__name__)


def evenly_spaced(indices: Sequence[int], count: int) -> list[int]:
    """Return at most ``count`` of the indices, evenly spaced, with the first and the last.

    >>> evenly_spaced([0, 1, 2, 3, 4, 5, 6], 3)
    [0, 3, 6]
    """
    if len(indices) <= count:
        return list(indices)
    if count == 1:
        return [indices[len(indices) // 2]]
    return [indices[round(i * (len(indices) - 1) / (count - 1))] for i in range(count)]


def write_last(path: Path, frame: Path) -> None:
    """Write a reduced copy of one finished frame.

    Raises:
        OutputDiskError: the disk is full or may not be written to.
    """
    write_jpeg(path, _reduced(frame, LAST_SIDE_PX))


def write_sheet(path: Path, frames: Sequence[Path]) -> None:
    """Write finished frames as a grid, in their order, at most ``SHEET_CELLS`` of them.

    Raises:
        OutputDiskError: the disk is full or may not be written to.
    """
    cells = [_reduced(frame, CELL_SIDE_PX) for frame in frames[:SHEET_CELLS]]
    write_jpeg(path, tile(cells, columns=math.ceil(math.sqrt(len(cells)))))


class PreviewWriter:
    """Writes previews in a thread, so that workers need not wait for the driver.

    A sheet of large photographs takes seconds to read.
    """

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "previews")
        self._begun: dict[Path, Future[None]] = {}

    def begin(self, path: Path, write: Callable[[], None]) -> bool:
        """Begin to write a preview, unless the last one at that path is still being written.

        A frame that can no longer be read is only logged: a preview must not end a run.

        Returns:
            True if it was begun.

        Raises:
            OutputDiskError: the last one could not be written: the disk is full or may not be
                written to.
        """
        last = self._begun.get(path)
        if last is not None:
            if not last.done():
                return False
            del self._begun[path]
            last.result()
        self._begun[path] = self._thread.submit(_write, write)
        return True

    def wait(self) -> None:
        """Wait until everything that was begun has ended, successfully or not."""
        wait(self._begun.values())


def _write(write: Callable[[], None]) -> None:
    try:
        write()
    except FrameError as error:
        _log.warning("a preview was left out: %s", error)


def write_before_after(path: Path, pairs: Sequence[tuple[Path, Path]]) -> None:
    """Write a sheet of frames before and after, one or two pairs in a row.

    Args:
        path: the JPEG.
        pairs: the input frame and the finished picture; at least one pair.

    Raises:
        OutputDiskError: the disk is full or may not be written to.
        FrameError: a picture cannot be read.
    """
    cells = [_reduced(picture, PAIR_SIDE_PX) for pair in pairs for picture in pair]
    write_jpeg(path, tile(cells, columns=2 if len(pairs) < 4 else 4))


def tile(cells: Sequence[NDArray[np.uint8]], *, columns: int) -> NDArray[np.uint8]:
    """Put pictures into a grid on white, each centred in its cell.

    Args:
        cells: (H, W, 3) uint8 pictures of any sizes; at least one.
        columns: number of cells in a row.

    Returns:
        (H, W, 3) uint8.
    """
    rows = math.ceil(len(cells) / columns)
    height = max(cell.shape[0] for cell in cells) + _GAP_PX
    width = max(cell.shape[1] for cell in cells) + _GAP_PX
    sheet = np.full((rows * height, columns * width, 3), 255, np.uint8)
    for number, cell in enumerate(cells):
        top = (number // columns) * height + (height - cell.shape[0]) // 2
        left = (number % columns) * width + (width - cell.shape[1]) // 2
        sheet[top : top + cell.shape[0], left : left + cell.shape[1]] = cell
    return sheet


def _reduced(path: Path, side_px: int) -> NDArray[np.uint8]:
    image = Image.fromarray(to_uint8(read_still(path)))
    image.thumbnail((side_px, side_px))
    return np.asarray(image)
