"""Read the exposure and capture time of a picture from its EXIF data."""

from __future__ import annotations

import contextlib
import math
import os
import re
import struct
from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Any

from PIL import Image, UnidentifiedImageError

from batch_analogy.errors import FrameError
from batch_analogy.media.picture_kinds import HEIF_SUFFIXES, load_reader

_EXIF_BLOCK, _ORIENTATION = 0x8769, 0x0112
_EXPOSURE_SECONDS, _F_NUMBER, _ISO = 0x829A, 0x829D, 0x8827
_TAKEN, _TAKEN_FRACTION, _TAKEN_ZONE = 0x9003, 0x9291, 0x9011
_ZONE = re.compile(r"[+-](0\d|1[0-4]):[0-5]\d")
_FORMATS = ("JPEG", "TIFF", "HEIF", "MPO")  # in other formats, reading EXIF may decode the picture
_SUFFIXES = frozenset({".jpg", ".jpeg", ".jpe", ".jfif", ".tif", ".tiff"}) | HEIF_SUFFIXES
_UNREADABLE = (OSError, SyntaxError, ValueError, KeyError, TypeError, IndexError, struct.error)


def read_exposure(path: Path) -> float | None:
    """Read the exposure of a picture in EV.

    Args:
        path: the picture. Only its EXIF data is read, so damage to the picture is not noticed.

    Returns:
        log2(time · ISO / f-number²); one more EV is twice the light. None if the data is missing,
        incomplete or damaged.

    Source: EXIF 2.32, tags ExposureTime, FNumber and PhotographicSensitivity.
    """
    try:
        tags = _read_tags(path)
        iso = tags[_ISO]
        values = tags[_EXPOSURE_SECONDS], iso[0] if isinstance(iso, tuple) else iso, tags[_F_NUMBER]
        seconds, sensitivity, f_number = (float(value) for value in values)
    except (*_UNREADABLE, UnidentifiedImageError, Image.DecompressionBombError, ArithmeticError):
        return None
    if not all(0 < value < math.inf for value in (seconds, sensitivity, f_number)):
        return None
    return math.log2(seconds * sensitivity / f_number**2)


def _read_tags(path: Path | str) -> Mapping[int, Any]:
    if os.path.splitext(path)[1].lower() in HEIF_SUFFIXES:
        with contextlib.suppress(FrameError):  # planning reports that the extra is missing
            load_reader(Path(path))
    with Image.open(path, formats=_FORMATS) as image:
        exif = image.getexif()
        return {_ORIENTATION: exif.get(_ORIENTATION, 1), **exif.get_ifd(_EXIF_BLOCK)}


def read_capture_time(path: Path | str) -> str | None:
    """Read the time at which a picture was taken, as ``read_time_and_orientation`` does."""
    return read_time_and_orientation(path)[0]


def read_time_and_orientation(path: Path | str) -> tuple[str | None, int | None]:
    """Read the time at which a picture was taken, by its camera's clock, and how it is turned.

    Args:
        path: the picture; only JPEG, TIFF and HEIF are read, and only their EXIF data.

    Returns:
        Text such as ``2026-03-01T18:30:05.250000``, followed by ``+01:00`` if the camera noted its
        time zone. Texts without a zone sort chronologically. None if the data is missing or
        damaged. And the orientation, 1 to 8; None if it is not known from EXIF data alone.

    Source: EXIF 2.32, tags DateTimeOriginal, SubSecTimeOriginal and OffsetTimeOriginal.
    """
    if os.path.splitext(path)[1].lower() not in _SUFFIXES:
        return None, None
    try:
        tags = _read_tags(path)
    except (*_UNREADABLE, UnidentifiedImageError, Image.DecompressionBombError):
        return None, None
    orientation = tags[_ORIENTATION]
    return _time_in(tags), orientation if orientation in range(1, 9) else 1


def _time_in(tags: Mapping[int, Any]) -> str | None:
    try:
        clock = datetime.strptime(str(tags[_TAKEN]).strip("\0 "), "%Y:%m:%d %H:%M:%S")
    except (KeyError, ValueError):
        return None
    digits = str(tags.get(_TAKEN_FRACTION, "")).strip("\0 ")  # decimals of the seconds
    fraction = digits[:6] if digits.isascii() and digits.isdigit() else ""
    zone = str(tags.get(_TAKEN_ZONE, "")).strip("\0 ")
    return f"{clock.isoformat()}.{fraction:0<6}{zone if _ZONE.fullmatch(zone) else ''}"
