"""Burn texts into pictures: white letters with a dark outline, seen on any ground."""

from __future__ import annotations

import functools
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image, ImageDraw, ImageFont

from batch_analogy.config.captions import TextPlace
from batch_analogy.errors import UsageError

Pixels = npt.NDArray[Any]
Font = ImageFont.FreeTypeFont | ImageFont.ImageFont

_OUTLINE = 0.09  # of the letters' size
_MARGIN = 0.8  # to the border, of the letters' size
_LINE = 1.3  # from one line to the next, of the letters' size
_LEAST_PX = 6.0
_UNKNOWN_LETTER = "\uffff"
_WIDE_FONTS = ("DejaVuSans.ttf", "NotoSans-Regular.ttf", "Arial Unicode.ttf", "arial.ttf")
"""Fonts of common systems, for letters that Pillow's own font lacks."""


@dataclass(frozen=True)
class CaptionStyle:
    """How texts look."""

    place: TextPlace = "bottom-left"
    size: float = 4.0  # percent of the picture's height
    font: Path | None = None  # a TrueType or OpenType file; None: one that has the letters


@dataclass(frozen=True)
class Captions:
    """The text of each frame of a film."""

    texts: Sequence[str]
    style: CaptionStyle

    def burn(self, index: int, pixels: Pixels, white: float = 1.0) -> Pixels:
        """Return a frame's pixels with its text; ``white`` is the value of its letters."""
        return burn_text(pixels, self.texts[index], self.style, white)


def burn_text(pixels: Pixels, text: str, style: CaptionStyle, white: float = 1.0) -> Pixels:
    """Return pixels with a text; letters that would not fit are made smaller.

    Args:
        pixels: (H, W, 3 or 4) uint8, uint16 or float32 in [0, 1].
        text: may have several lines; an empty one leaves the pixels as they are.
        style: where it stands, and how large it is.
        white: value of the letters, of the largest.
    """
    if not text:
        return pixels
    height, width = pixels.shape[:2]
    shown, outlined = _masks(text, style, height, width)
    top, left = _corner(shown.shape, style, height, width)
    bottom, right = min(height, top + shown.shape[0]), min(width, left + shown.shape[1])
    shown, outlined = (mask[: bottom - top, : right - left] for mask in (shown, outlined))
    most = np.iinfo(pixels.dtype).max if pixels.dtype.kind == "u" else 1.0
    made = pixels.copy()
    part = made[top:bottom, left:right].astype(np.float32)
    colours = part[..., :3] * (1 - outlined[..., None]) + most * white * shown[..., None]
    part[..., :3] = colours
    if part.shape[2] == 4:
        part[..., 3] = np.maximum(part[..., 3], most * outlined)
    made[top:bottom, left:right] = part if made.dtype.kind == "f" else np.rint(part)
    return made


def missing_letters(texts: Iterable[str], style: CaptionStyle) -> str:
    """Return the letters that no font has, sorted.

    Raises:
        UsageError: the font is no font.
    """
    letters = set("".join(texts)) - {"\n"}
    font = _font("".join(sorted(letters)), style.font, 20.0)
    return "".join(sorted(letter for letter in letters if not _has(font, letter)))


def _masks(
    text: str, style: CaptionStyle, height: int, width: int
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    """Return the letters, and the letters with their outline, as shares of each pixel."""
    size = max(_LEAST_PX, style.size / 100 * height)
    room = width - 2 * _MARGIN * size
    shown, outlined = _drawn(text, style.font, size)
    if shown.shape[1] > room:
        size = max(_LEAST_PX, size * width / (shown.shape[1] + 2 * _MARGIN * size))
        shown, outlined = _drawn(text, style.font, size)
    return shown, outlined


@functools.lru_cache(maxsize=4)
def _drawn(
    text: str, font_path: Path | None, size: float
) -> tuple[npt.NDArray[np.float32], npt.NDArray[np.float32]]:
    font = _font("".join(sorted(set(text) - {"\n"})), font_path, size)
    outline = max(1, round(_OUTLINE * size))
    lines = text.split("\n")
    widest = max(font.getlength(line) for line in lines)
    # The height does not depend on the letters, so that texts do not jump from frame to frame.
    line_px = _LINE * size
    shape = (math.ceil(widest) + 4 * outline, math.ceil(len(lines) * line_px) + 2 * outline)
    masks: list[npt.NDArray[np.float32]] = []
    for stroke in (0, outline):
        image = Image.new("L", shape)
        draw = ImageDraw.Draw(image)
        for number, line in enumerate(lines):
            place = (2 * outline, outline + number * line_px)
            draw.text(place, line, fill=255, font=font, stroke_width=stroke, stroke_fill=255)
        masks.append(np.asarray(image, np.float32) / np.float32(255))
    return masks[0], np.maximum(masks[0], masks[1])


def _corner(
    shape: tuple[int, ...], style: CaptionStyle, height: int, width: int
) -> tuple[int, int]:
    margin = round(_MARGIN * max(_LEAST_PX, style.size / 100 * height))
    top = margin if style.place.startswith("top") else height - shape[0] - margin
    left = (width - shape[1]) // 2
    if style.place.endswith("left"):
        left = margin
    elif style.place.endswith("right"):
        left = width - shape[1] - margin
    return max(0, top), max(0, left)


@functools.lru_cache(maxsize=64)
def _font(letters: str, path: Path | None, size: float) -> Font:
    """Return a font of a size in px: the given one, or the first that has the letters."""
    if path is not None:
        try:
            return ImageFont.truetype(str(path), size)
        except (OSError, ValueError) as error:
            raise UsageError(
                f"--text-font {path} cannot be read ({error}); give a .ttf or .otf file"
            ) from error
    own = ImageFont.load_default(size)
    if all(_has(own, letter) for letter in letters):
        return own
    for name in _WIDE_FONTS:
        try:
            font = ImageFont.truetype(name, size)
        except OSError:
            continue
        if all(_has(font, letter) for letter in letters):
            return font
    return own


def _has(font: Font, letter: str) -> bool:
    if letter.isspace():
        return True
    drawn, unknown = font.getmask(letter), font.getmask(_UNKNOWN_LETTER)
    return drawn.size != unknown.size or bytes(drawn) != bytes(unknown)
