"""Decode the strips and tiles of simple TIFFs, in layouts that no library here reads.

These are floats of 16 bits, channels one after the other, and two or more than four channels,
uncompressed or deflated, the latter also as differences of neighbours.
"""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

UNCOMPRESSED = 1
_DEFLATE = (8, 32946)
_NO_PREDICTOR, _DIFFERENCES = 1, 2  # a value is stored as its difference from the one to its left


@dataclass(frozen=True)
class Layout:
    """Where the pieces of a picture lie, and how they are stored."""

    offsets: tuple[int, ...]
    lengths: tuple[int, ...]
    height: int  # of a piece, px
    width: int
    compression: int = UNCOMPRESSED
    predictor: int = _NO_PREDICTOR

    @property
    def is_simple(self) -> bool:
        """True if ``decode_pieces`` reads it."""
        known = self.predictor in (_NO_PREDICTOR, _DIFFERENCES)
        return self.compression in (UNCOMPRESSED, *_DEFLATE) and known


def decode_pieces(
    data: bytes,
    layout: Layout,
    shape: tuple[int, int, int],
    dtype: np.dtype[Any],
    *,
    planar: bool,
) -> npt.NDArray[Any] | None:
    """Decode a picture; return None if the file is truncated or damaged.

    Args:
        data: the file.
        layout: of the picture.
        shape: height and width in px, and channels.
        dtype: of a value, with the byte order of the file.
        planar: True if the channels are stored one after the other.

    Returns:
        (H, W, channels) as stored.

    Source: TIFF 6.0, sections 3, 14 and 15.
    """
    height, width, channels = shape
    made = np.zeros(shape, dtype)
    pieces = _pieces(data, layout)
    for first in range(channels if planar else 1):
        planes = made[..., first : first + 1] if planar else made
        for top in range(0, height, layout.height):
            for left in range(0, width, layout.width):
                piece = next(pieces, None)
                there = planes[top : top + layout.height, left : left + layout.width]
                values = _values(piece, layout, there.shape, dtype)
                if values is None:
                    return None
                there[...] = values
    return made


def _pieces(data: bytes, layout: Layout) -> Iterator[bytes | None]:
    for offset, length in zip(layout.offsets, layout.lengths, strict=False):
        piece = data[offset : offset + length]
        if len(piece) < length:
            yield None
        elif layout.compression == UNCOMPRESSED:
            yield piece
        else:
            try:
                yield zlib.decompress(piece)
            except zlib.error:
                yield None


def _values(
    piece: bytes | None, layout: Layout, shape: tuple[int, ...], dtype: np.dtype[Any]
) -> npt.NDArray[Any] | None:
    """Return the values of a piece that lie in the picture; the last strip may be stored short."""
    rows, columns, channels = shape
    row_bytes = layout.width * channels * dtype.itemsize
    if piece is None or len(piece) < rows * row_bytes:
        return None
    values = np.frombuffer(piece, dtype, rows * layout.width * channels)
    values = values.reshape(rows, layout.width, channels)
    if layout.predictor == _DIFFERENCES and layout.compression != UNCOMPRESSED:
        values = _summed(values)
    return values[:, :columns]


def _summed(values: npt.NDArray[Any]) -> npt.NDArray[Any]:
    """Add up the differences of neighbours, which wrap around like the numbers themselves."""
    native = values.astype(values.dtype.newbyteorder("="))
    whole = native.view(f"u{native.dtype.itemsize}")
    return np.cumsum(whole, axis=1, dtype=whole.dtype).view(native.dtype)
