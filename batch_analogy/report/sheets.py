"""Draw contact sheets: several pictures side by side with labels."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from batch_analogy.errors import ConfigError

Pixels = NDArray[np.uint8]

_BACKGROUND = 245  # 0 … 255
_INK = (30, 30, 30)
_GAP_PX = 8
_PICTURE_TO_LABEL = 14  # ratio of the heights of a picture and its label
_LABEL_MIN_PX = 16  # smaller labels are not readable


def side_by_side(pictures: Sequence[Pixels], labels: Sequence[str]) -> Pixels:
    """Draw pictures in one row at one height, each below its label.

    Args:
        pictures: (H, W, 3) uint8 RGB each, of any sizes; none is enlarged.
        labels: a line of text for each picture.

    Returns:
        (H', W', 3) uint8 RGB.

    Raises:
        ConfigError: there is no picture, or not one label for each.
    """
    _check(pictures, labels)
    height = min(picture.shape[0] for picture in pictures)
    scaled = [_resize(p, height, max(1, round(p.shape[1] * height / p.shape[0]))) for p in pictures]
    strip = _label_height(height)
    sheet = _blank(
        strip + height + 2 * _GAP_PX, sum(p.shape[1] + _GAP_PX for p in scaled) + _GAP_PX
    )
    left = _GAP_PX
    for picture, label in zip(scaled, labels, strict=True):
        width = picture.shape[1]
        sheet[_GAP_PX : _GAP_PX + strip, left : left + width] = _label(label, strip, width)
        top = _GAP_PX + strip
        sheet[top : top + height, left : left + width] = picture
        left += width + _GAP_PX
    return sheet


def _check(pictures: Sequence[Pixels], labels: Sequence[str]) -> None:
    if not pictures or len(pictures) != len(labels):
        raise ConfigError(
            f"a sheet needs one label for each picture; got {len(pictures)} pictures and "
            f"{len(labels)} labels"
        )


def _blank(height: int, width: int) -> Pixels:
    return np.full((height, width, 3), _BACKGROUND, dtype=np.uint8)


def _resize(picture: Pixels, height: int, width: int) -> Pixels:
    if picture.shape[:2] == (height, width):
        return picture
    shrinks = height < picture.shape[0]
    method = cv2.INTER_AREA if shrinks else cv2.INTER_LINEAR
    return np.asarray(cv2.resize(picture, (width, height), interpolation=method), dtype=np.uint8)


def _label_height(picture_height: int) -> int:
    return max(_LABEL_MIN_PX, picture_height // _PICTURE_TO_LABEL)


def _label(text: str, height: int, width: int) -> Pixels:
    strip = Image.new("RGB", (width, height), (_BACKGROUND, _BACKGROUND, _BACKGROUND))
    font = ImageFont.load_default(size=max(8, height * 2 // 3))
    ImageDraw.Draw(strip).text((2, height // 2), text, fill=_INK, font=font, anchor="lm")
    return np.asarray(strip, dtype=np.uint8)
