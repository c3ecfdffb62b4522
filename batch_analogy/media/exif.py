"""What a camera noted about how it took a picture."""

from __future__ import annotations

import math
import os
import re
import struct
from datetime import datetime
from pathlib import Path

from PIL import Image, UnidentifiedImageError

_EXIF_BLOCK = 0x8769
_EXPOSURE_SECONDS, _F_NUMBER, _ISO = 0x829A, 0x829D, 0x8827
_TAKEN, _TAKEN_FRACTION, _TAKEN_ZONE = 0x9003, 0x9291, 0x9011
_ZONE = re.compile(r"[+-](0\d|1[0-4]):[0-5]\d")
_FORMATS = ("JPEG", "TIFF", "MPO")  # of the others, reading it may decode the picture
_SUFFIXES = (".jpg", ".jpeg", ".jpe", ".jfif", ".tif", ".tiff")
_UNREADABLE = (OSError, SyntaxError, ValueError, KeyError, TypeError, IndexError, struct.error)


def read_exposure(path: Path) -> float | None:
    """The exposure that a picture was taken with, by its EXIF data.

    Args:
        path: the picture.

    Returns:
        log2 of time · ISO / f-number²: one more is twice the light. None where the data is
        missing, incomplete or damaged; that the picture is sound is not checked.

    Source: EXIF 2.32, tags ExposureTime, FNumber and PhotographicSensitivity.
    """
    try:
        with Image.open(path, formats=_FORMATS) as image:
            tags = image.getexif().get_ifd(_EXIF_BLOCK)
        iso = tags[_ISO]
        values = tags[_EXPOSURE_SECONDS], iso[0] if isinstance(iso, tuple) else iso, tags[_F_NUMBER]
        seconds, sensitivity, f_number = (float(value) for value in values)
    except (*_UNREADABLE, UnidentifiedImageError, Image.DecompressionBombError, ArithmeticError):
        return None
    if not all(0 < value < math.inf for value in (seconds, sensitivity, f_number)):
        return None
    return math.log2(seconds * sensitivity / f_number**2)


def read_capture_time(path: Path | str) -> str | None:
    """When a picture was taken by its camera's clock, by its EXIF data.

    Args:
        path: the picture; only JPEG and TIFF are looked into.

    Returns:
        Text like ``2026-03-01T18:30:05.250000``, with ``+01:00`` behind it where the camera noted
        its time zone; without that it sorts by time. None where the data is missing or damaged;
        that the picture is sound is not checked.

    Source: EXIF 2.32, tags DateTimeOriginal, SubSecTimeOriginal and OffsetTimeOriginal.
    """
    if os.path.splitext(path)[1].lower() not in _SUFFIXES:
        return None
    try:
        with Image.open(path, formats=_FORMATS) as image:
            tags = image.getexif().get_ifd(_EXIF_BLOCK)
        clock = datetime.strptime(str(tags[_TAKEN]).strip("\0 "), "%Y:%m:%d %H:%M:%S")
    except (*_UNREADABLE, UnidentifiedImageError, Image.DecompressionBombError):
        return None
    digits = str(tags.get(_TAKEN_FRACTION, "")).strip("\0 ")  # of a decimal fraction
    fraction = digits[:6] if digits.isascii() and digits.isdigit() else ""
    zone = str(tags.get(_TAKEN_ZONE, "")).strip("\0 ")
    return f"{clock.isoformat()}.{fraction:0<6}{zone if _ZONE.fullmatch(zone) else ''}"
