"""``scan.bin``: the statistics of scanned frames, by their content. It may always be deleted.

The statistics of a frame take 3.4 kB, those of a million frames 3.4 GB. So those of each frame are
appended to the file as soon as they are computed, and read back from it. Planning that was
interrupted continues where it stopped.
"""

from __future__ import annotations

import math
import tempfile
import zlib
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import IO, Any

import numpy as np
import numpy.typing as npt

from batch_analogy.files import disk_errors
from batch_analogy.motion.shots.frame_stats import COLOUR_BINS, LUMA_HEIGHT, LUMA_WIDTH, FrameStats

_RECORD = np.dtype(
    [
        ("crc", np.uint32),  # of what follows
        ("key", "S128"),
        ("luma", np.uint8, (LUMA_HEIGHT, LUMA_WIDTH)),
        ("colours", np.float32, (COLOUR_BINS**2,)),
        ("log2_light", np.float64),
        ("camera_ev", np.float64),  # NaN: not known
    ]
)
_CRC_BYTES = 4

_Records = npt.NDArray[Any]  # (N,) of _RECORD
_Columns = tuple[npt.NDArray[np.uint8], npt.NDArray[np.float32], list[float], list[float]]


class ScanCache:
    """Frame statistics by key; use it as a context manager.

    Args:
        path: the file, which need not exist. It is started afresh if it contains no wanted key;
            everything from the first damaged record on is ignored.
        wanted: the keys that will be asked for.
        writable: if False, additions go into a temporary file instead.

    Raises:
        OutputDiskError: the disk is full or may not be written to.
    """

    def __init__(self, path: Path, wanted: Collection[str], *, writable: bool) -> None:
        self._path = path
        self._old = _map(path)
        self._rows = {key.decode(errors="replace"): n for n, key in enumerate(_keys(self._old))}
        if not any(key in self._rows for key in wanted):
            self._old, self._rows = _no_records(), {}
        self._added, self._begin = 0, len(self._old) * _RECORD.itemsize if writable else 0
        with disk_errors(path):
            self._file = _open(path, writable=writable)
            self._file.truncate(self._begin)
            self._file.seek(self._begin)

    def __contains__(self, key: str) -> bool:
        return key in self._rows

    def add(self, key: str, stats: FrameStats) -> None:
        """Append the statistics of a frame.

        Raises:
            OutputDiskError: the disk is full or may not be written to.
        """
        record = np.zeros((), _RECORD)
        record["key"], record["luma"], record["colours"] = key.encode(), stats.luma, stats.colours
        record["log2_light"] = stats.log2_light
        record["camera_ev"] = np.nan if stats.camera_ev is None else stats.camera_ev
        record["crc"] = zlib.crc32(record.tobytes()[_CRC_BYTES:])
        with disk_errors(self._path):
            self._file.write(record.tobytes())
        self._rows[key] = len(self._old) + self._added
        self._added += 1

    def read(self, keys: Sequence[str]) -> list[FrameStats | None]:
        """Return the statistics of these keys; None for a key that is missing.

        Their arrays stay in the file.

        Raises:
            OutputDiskError: the disk is full or may not be written to.
        """
        with disk_errors(self._path):
            self._file.flush()
        new = _no_records()
        if self._added:
            shape = (self._added,)
            new = np.asarray(np.memmap(self._file, _RECORD, "r", self._begin, shape))
        parts = _columns(self._old), _columns(new)
        rows = (self._rows.get(key) for key in keys)
        return [None if row is None else self._record(parts, row) for row in rows]

    def _record(self, parts: tuple[_Columns, _Columns], row: int) -> FrameStats:
        is_new = row >= len(self._old)
        luma, colours, light, camera_ev = parts[is_new]
        at = row - len(self._old) if is_new else row
        ev = camera_ev[at]
        return FrameStats(luma[at], colours[at], light[at], None if math.isnan(ev) else ev)

    def __enter__(self) -> ScanCache:
        return self

    def __exit__(self, *error: object) -> None:
        with disk_errors(self._path):
            self._file.close()


def _open(path: Path, *, writable: bool) -> IO[bytes]:
    if not writable:
        return tempfile.TemporaryFile()
    return path.open("r+b" if path.exists() else "w+b")


def _no_records() -> _Records:
    return np.zeros(0, _RECORD)


def _map(path: Path) -> _Records:
    """Return the records of a file before the first damaged one, memory-mapped."""
    try:
        whole = path.stat().st_size // _RECORD.itemsize
        if not whole:
            return _no_records()
        records = np.asarray(np.memmap(path, _RECORD, "r", shape=(whole,)))
    except OSError:
        return _no_records()
    contents = records.view(np.uint8).reshape(whole, _RECORD.itemsize)[:, _CRC_BYTES:]
    crcs = records["crc"].tolist()
    sound = next((n for n in range(whole) if zlib.crc32(contents[n].data) != crcs[n]), whole)
    return records[:sound]


def _keys(records: _Records) -> list[bytes]:
    keys: list[bytes] = records["key"].tolist()
    return keys


def _columns(records: _Records) -> _Columns:
    light, camera_ev = records["log2_light"].tolist(), records["camera_ev"].tolist()
    return records["luma"], records["colours"], light, camera_ev
