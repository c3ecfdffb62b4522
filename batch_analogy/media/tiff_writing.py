"""Encode TIFF pictures with an alpha channel or a colour profile, which OpenCV does not name."""

from __future__ import annotations

import struct

import numpy as np
import numpy.typing as npt

_SHORT, _LONG, _UNDEFINED = 3, 4, 7  # types of a tag's values
_LETTERS = {_SHORT: "H", _LONG: "I", _UNDEFINED: "B"}
_HEADER_BYTES = 8
_STRIP_BYTES = 1 << 16


def encode_tiff(
    pixels: npt.NDArray[np.uint8] | npt.NDArray[np.uint16], profile: bytes = b""
) -> bytes:
    """Return an uncompressed TIFF.

    Args:
        pixels: (H, W, 3 or 4) RGB, or RGB and opacity, not multiplied with each other.
        profile: an ICC profile; none: sRGB.

    Source: TIFF 6.0, sections 2, 6 and 18; ICC.1:2022, annex B.4.
    """
    height, width, samples = pixels.shape
    row_bytes = width * samples * pixels.dtype.itemsize
    data = np.ascontiguousarray(pixels.astype(pixels.dtype.newbyteorder("<"))).tobytes()
    rows = max(1, _STRIP_BYTES // row_bytes)
    starts = range(0, height * row_bytes, rows * row_bytes)
    # Opacity that colours are not multiplied with.
    alpha = [(338, _SHORT, [2])] if samples == 4 else []
    icc = [(34675, _UNDEFINED, [*profile])] if profile else []
    tags: list[tuple[int, int, list[int]]] = [
        (256, _LONG, [width]),
        (257, _LONG, [height]),
        (258, _SHORT, [8 * pixels.dtype.itemsize] * samples),
        (259, _SHORT, [1]),  # not compressed
        (262, _SHORT, [2]),  # RGB
        (273, _LONG, [_HEADER_BYTES + start for start in starts]),
        (277, _SHORT, [samples]),
        (278, _LONG, [rows]),
        (279, _LONG, [min(rows * row_bytes, len(data) - start) for start in starts]),
        (284, _SHORT, [1]),  # interleaved
        *alpha,
        (339, _SHORT, [1] * samples),  # whole numbers without sign
        *icc,
    ]
    directory_at = _HEADER_BYTES + len(data)
    overflow_at = directory_at + 2 + 12 * len(tags) + 4
    directory, overflow = struct.pack("<H", len(tags)), b""
    for tag, kind, values in tags:
        packed = struct.pack(f"<{len(values)}{_LETTERS[kind]}", *values)
        if len(packed) > 4:
            packed, overflow = struct.pack("<I", overflow_at + len(overflow)), overflow + packed
        directory += struct.pack("<HHI", tag, kind, len(values)) + packed.ljust(4, b"\0")
    header = struct.pack("<2sHI", b"II", 42, directory_at)
    return header + data + directory + b"\0\0\0\0" + overflow
