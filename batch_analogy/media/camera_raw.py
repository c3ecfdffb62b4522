"""Read cameras' RAW files with the optional extra ``raw`` (rawpy, a wrapper of LibRaw)."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from batch_analogy.errors import FrameError
from batch_analogy.media.picture_kinds import kind_of

# fmt: off
RAW_SUFFIXES = frozenset({
    ".3fr", ".arw", ".cr2", ".cr3", ".crw", ".dng", ".erf", ".iiq", ".kdc", ".mef", ".mos", ".mrw",
    ".nef", ".nrw", ".orf", ".pef", ".raf", ".raw", ".rw2", ".rwl", ".sr2", ".srf", ".srw", ".x3f",
})
# fmt: on

WhiteBalance = tuple[float, float, float, float]
"""Factors of red, green, blue and the second green (0: the same as the first)."""

_SRGB_CURVE = (2.4, 12.92)  # power and slope at black (IEC 61966-2-1)
_ORIENTATIONS = {3: 3, 5: 8, 6: 6}  # LibRaw's flip → EXIF's orientation
_QUARTER_TURNS = (5, 6)  # values of LibRaw's flip


def is_raw(path: Path | str) -> bool:
    """Return whether a path's suffix is that of a camera's RAW file."""
    return os.path.splitext(path)[1].lower() in RAW_SUFFIXES


def is_raw_file(path: Path | str) -> bool:
    """Return whether a file is a camera's RAW file: by its suffix, unless it holds another kind."""
    return is_raw(path) and kind_of(path) in (None, "TIFF")  # many RAW files begin like TIFFs


def read_raw(
    path: Path, white_balance: WhiteBalance | None = None, *, at_least_px: int | None = None
) -> npt.NDArray[np.float32]:
    """Develop a RAW file with the same settings for all frames of a series.

    Brightness is not adapted to the picture: the white point is the sensor's, not the brightest
    pixel. Highlights are clipped. The camera's rotation is applied.

    Args:
        path: the file.
        white_balance: of the series' first frame; None: the file's own.
        at_least_px: length that suffices for both sides; a picture of at least twice that size is
            developed at half size, without demosaicing.

    Returns:
        (H, W, 3) float32 sRGB in [0, 1], with the precision of 16 bits.

    Raises:
        FrameError: the file cannot be read, or the extra is not installed.
    """
    with _opened(path) as raw:
        small = at_least_px is not None and min(_upright_size(raw)) >= 2 * at_least_px
        pixels: npt.NDArray[np.uint16] = raw.postprocess(
            user_wb=list(white_balance or _white_balance(raw)),
            no_auto_bright=True,
            adjust_maximum_thr=0.0,
            output_bps=16,
            gamma=_SRGB_CURVE,
            half_size=small,
        )
    return pixels.astype(np.float32) / np.float32(65535.0)


def read_raw_size(path: Path) -> tuple[int, int]:
    """Read height and width in px, as ``read_raw`` returns them, from the file's header alone.

    Raises:
        FrameError: as for ``read_raw``.
    """
    with _opened(path) as raw:
        return _upright_size(raw)


def read_raw_orientation(path: Path) -> int:
    """Read how ``read_raw`` turns a file, as a value of EXIF's orientation.

    Raises:
        FrameError: as for ``read_raw``.
    """
    with _opened(path) as raw:
        return _ORIENTATIONS.get(int(raw.sizes.flip), 1)


def read_white_balance(path: Path) -> WhiteBalance:
    """Read the white balance that the camera stored; if it stored none, the one for daylight.

    Raises:
        FrameError: as for ``read_raw``.
    """
    with _opened(path) as raw:
        return _white_balance(raw)


@contextlib.contextmanager
def _opened(path: Path) -> Iterator[Any]:
    try:
        import rawpy
    except ImportError as error:
        raise FrameError(
            f"{path} is a camera's RAW file; to read it, run pip install 'batch-analogy[raw]' on "
            "every machine, or develop it to TIFF"
        ) from error
    try:
        with rawpy.imread(str(path)) as raw:
            yield raw
    except rawpy.LibRawError as error:
        raise FrameError(
            f"{path} is damaged, or from a camera that LibRaw does not know ({_text(error)}); "
            "develop it to TIFF"
        ) from error
    except OSError as error:
        raise FrameError(f"cannot open {path}: {error.strerror or error}") from error


def _text(error: Exception) -> str:
    """Decode LibRaw's message, which comes as bytes."""
    text = error.args[0] if error.args else error
    return text.decode(errors="replace") if isinstance(text, bytes) else str(text)


def _upright_size(raw: Any) -> tuple[int, int]:
    height, width = int(raw.sizes.iheight), int(raw.sizes.iwidth)
    return (width, height) if raw.sizes.flip in _QUARTER_TURNS else (height, width)


def _white_balance(raw: Any) -> WhiteBalance:
    camera = [float(value) for value in raw.camera_whitebalance]
    if not all(value > 0 for value in camera[:3]):
        camera = [float(value) for value in raw.daylight_whitebalance]
    red, green, blue, green_2 = camera
    return red / green, 1.0, blue / green, green_2 / green
