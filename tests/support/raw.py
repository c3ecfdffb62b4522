"""RAW files of known linear light."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

H, W = 64, 80
# From CIE XYZ to linear sRGB (IEC 61966-2-1): a camera whose primaries are those of sRGB.
_FROM_XYZ = (3.2406, -1.5372, -0.4986, -0.9689, 1.8758, 0.0415, 0.0557, -0.2040, 1.0570)


def light(strength: float = 1.0) -> NDArray[np.float64]:
    """Make linear sRGB (H, W, 3) without edges, so that demosaicing restores it."""
    y, x = np.mgrid[:H, :W]
    red, blue = 0.05 + 0.5 * x / W, 0.1 + 0.4 * y / H
    return np.stack([red, np.full_like(red, 0.3), blue], axis=-1) * strength


def write_dng(
    path: Path,
    linear: NDArray[np.float64],
    neutral: tuple[float, float, float] = (0.5, 1.0, 0.6),
    turn: int = 1,
) -> Path:
    """Write light as a sensor behind an RGGB filter records it (DNG 1.1).

    Args:
        path: the file.
        linear: (H, W, 3) linear sRGB in [0, 1].
        neutral: the sensor's values for white, which the white balance corrects.
        turn: EXIF orientation.
    """
    seen = linear * np.array(neutral)
    mosaic = seen[..., 1].copy()
    mosaic[0::2, 0::2], mosaic[1::2, 1::2] = seen[0::2, 0::2, 0], seen[1::2, 1::2, 2]
    height, width = mosaic.shape
    data = np.rint(mosaic * 65535).astype("<u2").tobytes()

    def ratios(*values: float) -> bytes:
        return b"".join(struct.pack("<ii", round(value * 10_000), 10_000) for value in values)

    short, long = (lambda v: struct.pack("<H", v)), (lambda v: struct.pack("<I", v))
    tags = [
        (254, 4, 1, long(0)),
        (256, 4, 1, long(width)),
        (257, 4, 1, long(height)),
        (258, 3, 1, short(16)),
        (259, 3, 1, short(1)),
        (262, 3, 1, short(32803)),  # behind a colour filter
        (271, 2, 5, b"Test\0"),
        (272, 2, 5, b"Cam1\0"),
        (273, 4, 1, long(8)),
        (274, 3, 1, short(turn)),
        (277, 3, 1, short(1)),
        (278, 4, 1, long(height)),
        (279, 4, 1, long(len(data))),
        (33421, 3, 2, struct.pack("<HH", 2, 2)),
        (33422, 1, 4, bytes([0, 1, 1, 2])),  # red, green, green, blue
        (50706, 1, 4, bytes([1, 1, 0, 0])),
        (50708, 2, 9, b"TestCam1\0"),
        (50714, 3, 1, short(0)),  # black
        (50717, 3, 1, short(65535)),  # white
        (50721, 10, 9, ratios(*_FROM_XYZ)),
        (50728, 5, 3, ratios(*neutral)),
        (50778, 3, 1, short(21)),  # D65
    ]
    directory, overflow = struct.pack("<H", len(tags)), b""
    overflow_at = 8 + len(data) + 2 + 12 * len(tags) + 4
    for tag, kind, count, value in tags:
        directory += struct.pack("<HHI", tag, kind, count)
        if len(value) <= 4:
            directory += value.ljust(4, b"\0")
        else:
            directory += long(overflow_at + len(overflow))
            overflow += value + b"\0" * (len(value) % 2)
    head = b"II*\0" + long(8 + len(data))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(head + data + directory + long(0) + overflow)
    return path
