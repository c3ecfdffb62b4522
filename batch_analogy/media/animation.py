"""Animated pictures: WebP, AVIF, GIF and APNG files with several frames are films.

GIF and APNG are read by ffmpeg like any video; Pillow reads the others, whose alpha or frames not
every ffmpeg finds.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from PIL import Image

from batch_analogy.errors import FrameError, InputError
from batch_analogy.media.camera_raw import is_raw_file
from batch_analogy.media.decoding import decoding, opened
from batch_analogy.media.stills import Uint8Pixels
from batch_analogy.media.timing import FrameTimes

ANIMATED_FORMATS = ("GIF", "PNG", "WEBP", "AVIF")
"""Formats whose further pictures are frames; those of TIFF are pages, those of MPO other views."""

_READ_BY_PILLOW = ("WEBP", "AVIF")
_PAGED = ("TIFF", "HEIF")
_MOST_PAGES = 1000  # that are counted
_KIND_OF_PAGE, _COPY_OR_MASK = 254, 0b101  # TIFF 6.0, "NewSubfileType"
_MILLISECOND = Fraction(1, 1000)
_USUAL_MS = 100  # of a frame without a duration, as browsers have it
# A damaged AVIF raises a bare RuntimeError.
_ERRORS = (
    *(OSError, EOFError, SyntaxError, ValueError, RuntimeError),
    *(IndexError, KeyError, TypeError, struct.error, Image.DecompressionBombError),
)


def is_animation(path: Path, formats: tuple[str, ...] = ANIMATED_FORMATS) -> bool:
    """Return whether a file is a picture with several frames, whatever its name."""
    try:
        with Image.open(path) as image:
            return image.format in formats and bool(getattr(image, "is_animated", False))
    except _ERRORS:
        return False  # reading the picture later reports the error


def animation_notes(path: Path) -> tuple[str, ...]:
    """Return what the user should know about several pictures in a file that is used as a still."""
    if is_animation(path):
        return (f"{path} is animated, and only its first frame is used",)
    count = _count_pages(path)
    if count < 2:
        return ()
    return (f"{path} holds {count} pictures, and only the first is used",)


def _count_pages(path: Path) -> int:
    """Return the number of pictures in a TIFF or HEIF, without smaller copies and masks."""
    if is_raw_file(path):
        return 1  # its other pictures are previews
    try:
        with decoding(path), opened(path) as image:
            if image.format not in _PAGED:
                return 1
            size, count = image.size, 0
            for index in range(min(image.n_frames, _MOST_PAGES)):  # type: ignore[attr-defined]
                image.seek(index)
                kind = int(getattr(image, "tag_v2", {}).get(_KIND_OF_PAGE, 0))
                count += image.size == size and not kind & _COPY_OR_MASK
            return count
    except (FrameError, *_ERRORS):
        return 1  # reading the picture later reports the error


def needs_pillow(path: Path) -> bool:
    """Return whether a file is an animation that Pillow reads, not ffmpeg."""
    return is_animation(path, _READ_BY_PILLOW)


def read_animation_times(path: Path) -> tuple[int, int, bool, FrameTimes]:
    """Read height and width in px, whether there is an alpha channel, and the times of the frames.

    Raises:
        InputError: a frame cannot be read.
    """
    begins, end, alpha = [], 0, False
    height = width = 0
    for image in _frames(path):
        begins.append(end)
        end += round(image.info.get("duration") or _USUAL_MS)
        alpha = alpha or image.mode == "RGBA"
        width, height = image.size
    return height, width, alpha, FrameTimes(_MILLISECOND, tuple(begins), end)


def read_animation_frames(
    path: Path, first: int, stop: int, *, alpha: bool
) -> Iterator[Uint8Pixels]:
    """Yield the pixels of some frames, half-open: (H, W, 3) uint8, or 4 channels with alpha.

    Raises:
        InputError: a frame cannot be read.
    """
    for index, image in enumerate(_frames(path)):
        if index >= stop:
            return
        if index >= first:
            yield np.asarray(image.convert("RGBA" if alpha else "RGB"))


def _frames(path: Path) -> Iterator[Image.Image]:
    """Yield an animation at each of its frames, which are decoded one after the other."""
    index = 0
    try:
        with Image.open(path) as image:
            for index in range(getattr(image, "n_frames", 1)):
                image.seek(index)
                image.load()
                yield image
    except _ERRORS as error:
        raise InputError(
            f"{path} could be decoded only up to frame {index} ({error}); check that the copy is "
            "complete"
        ) from error
