"""Orientations of pictures: EXIF's values 1 to 8, of which each is a turn or a mirroring."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from batch_analogy.media.camera_raw import is_raw_file, read_raw_orientation
from batch_analogy.media.decoding import (
    decoding,
    opened,
    orientation_of,
    stored_orientation,
    turn_upright,
)
from batch_analogy.media.odd_tiffs import read_odd_header
from batch_analogy.media.openexr import is_exr

UPRIGHT = 1
SWAP_SIDES = (5, 6, 7, 8)
"""Orientations that swap height and width."""

_TURNED_BACK = {6: 8, 8: 6}  # the others undo themselves
_PROBE = np.arange(6, dtype=np.int64).reshape(2, 3, 1)


def read_orientation(path: Path) -> int:
    """Return the orientation that a picture's tag gives, and that reading it applies.

    The tag of a HEIF picture is not known: its reader applies the turn and forgets it.

    Raises:
        FrameError: it is not a picture.
    """
    if (special := special_orientation(path)) is not None:
        return special
    with decoding(path), opened(path) as image:
        return _known(stored_orientation(image) or orientation_of(image))


def special_orientation(path: Path) -> int | None:
    """Return the orientation of a picture that Pillow does not read; None if Pillow reads it.

    Raises:
        FrameError: the file cannot be read.
    """
    if is_raw_file(path):
        return read_raw_orientation(path)
    if is_exr(path):
        return UPRIGHT
    with decoding(path):
        header = read_odd_header(path)
    return None if header is None else header.orientation


def turned_back(orientation: int) -> int:
    """Return the orientation that undoes another.

    >>> turned_back(6), turned_back(3)
    (8, 3)
    """
    return _TURNED_BACK.get(orientation, orientation)


def both(first: int, second: int) -> int:
    """Return the orientation that has the effect of two, one after the other.

    >>> both(6, 6), both(6, 8), both(2, 3)
    (3, 1, 4)
    """
    wanted = turn_upright(turn_upright(_PROBE, first), second)
    found = (one for one in range(1, 9) if np.array_equal(turn_upright(_PROBE, one), wanted))
    return next(found)


def _known(value: int) -> int:
    return value if 1 <= value <= 8 else UPRIGHT
