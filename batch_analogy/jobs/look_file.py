"""looks.npy: what was seen of the frames, by their content. It may be deleted at any time."""

from __future__ import annotations

import io
import logging
from collections.abc import Mapping, Set
from pathlib import Path

import numpy as np

from batch_analogy.media.files import atomic_write_bytes
from batch_analogy.motion.looks import COLOUR_BINS, LUMA_HEIGHT, LUMA_WIDTH, Look

_RECORD = np.dtype(
    [
        ("key", "S128"),
        ("luma", np.uint8, (LUMA_HEIGHT, LUMA_WIDTH)),
        ("colours", np.float32, (COLOUR_BINS**2,)),
        ("log2_light", np.float64),
        ("camera_ev", np.float64),  # NaN: not known
    ]
)

_log = logging.getLogger(__name__)


def write_looks(path: Path, looks: Mapping[str, Look]) -> None:
    """Write looks by key.

    Raises:
        OutputDiskError: the disk is full or may not be written to.
    """
    records = np.zeros(len(looks), _RECORD)
    for record, (key, look) in zip(records, looks.items(), strict=True):
        record["key"], record["luma"], record["colours"] = key.encode(), look.luma, look.colours
        record["log2_light"] = look.log2_light
        record["camera_ev"] = np.nan if look.camera_ev is None else look.camera_ev
    buffer = io.BytesIO()
    np.save(buffer, records, allow_pickle=False)
    atomic_write_bytes(path, buffer.getvalue())


def read_looks(path: Path, wanted: Set[str]) -> dict[str, Look]:
    """Read the wanted looks, as far as they are there.

    A file that cannot be read counts as none: it only saves time.
    """
    try:
        records = np.load(path, mmap_mode="r", allow_pickle=False)
    except FileNotFoundError:
        return {}
    except (OSError, ValueError, EOFError) as error:
        _log.warning("%s cannot be read (%s); the frames are looked at again", path, error)
        return {}
    if records.dtype != _RECORD or records.ndim != 1:
        return {}
    found: dict[str, Look] = {}
    for record in records:
        key = bytes(record["key"]).decode(errors="replace")
        if key not in wanted:
            continue
        camera_ev = float(record["camera_ev"])
        found[key] = Look(
            np.array(record["luma"]),
            np.array(record["colours"]),
            float(record["log2_light"]),
            None if np.isnan(camera_ev) else camera_ev,
        )
    return found
