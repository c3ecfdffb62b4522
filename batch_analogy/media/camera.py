"""What a camera noted about how it took a picture."""

from __future__ import annotations

import math
import struct
from pathlib import Path

from PIL import Image, UnidentifiedImageError

_EXIF_BLOCK = 0x8769
_EXPOSURE_SECONDS, _F_NUMBER, _ISO = 0x829A, 0x829D, 0x8827
_FORMATS = ("JPEG", "TIFF", "MPO")  # of the others, reading it may decode the picture
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
