"""Pictures of many formats, and checks of reading them."""

from __future__ import annotations

import struct
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from batch_analogy.errors import FrameError
from batch_analogy.media import stills

H, W = 24, 40


def gradient(channels: int = 3, top: int = 255, dtype: type = np.uint8) -> np.ndarray:
    y, x = np.mgrid[:H, :W]
    planes = [x / (W - 1), y / (H - 1), (x + y) / (W + H - 2), 0.25 + 0.5 * x / (W - 1)]
    return np.rint(np.stack(planes[:channels], axis=-1) * top).astype(dtype)


def save(path: Path, pixels: np.ndarray, **options: object) -> Path:
    Image.fromarray(pixels).save(path, **options)
    return path


def png_chunk(kind: bytes, data: bytes) -> bytes:
    checksum = zlib.crc32(kind + data)
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", checksum)


def deep_png(path: Path, pixels: np.ndarray) -> Path:
    """Write uint16 (H, W, C) of 1 … 4 channels, which Pillow cannot."""
    kind = {1: 0, 2: 4, 3: 2, 4: 6}[pixels.shape[2]]
    header = struct.pack(">IIBBBBB", pixels.shape[1], pixels.shape[0], 16, kind, 0, 0, 0)
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in pixels)
    body = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(rows))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body + png_chunk(b"IEND", b""))
    return path


def deep_tiff(
    path: Path,
    pixels: np.ndarray,
    extra: int | None = None,
    turn: int = 1,
    profile: bytes = b"",
    **more: int,
) -> Path:
    """Write (H, W, C) of any type as an uncompressed little-endian TIFF.

    ``more`` are values of further tags, such as ``photometric=0``.
    """
    height, width, channels = pixels.shape
    data = pixels.astype(pixels.dtype.newbyteorder("<")).tobytes()
    photometric = more.get("photometric", 1 if channels < 3 else 2)
    bits = more.get("bits", 8 * pixels.dtype.itemsize)
    tags = [(256, 4, [width]), (257, 4, [height]), (258, 3, [bits] * channels), (259, 3, [1])]
    planes = more.get("planes", 1)
    strip, strips = (len(data), 1) if planes == 1 else (len(data) // channels, channels)
    tags += [(262, 3, [photometric]), (273, 4, [8 + strip * n for n in range(strips)])]
    tags += [(274, 3, [turn]), (277, 3, [channels]), (278, 4, [height])]
    tags += [(279, 4, [strip] * strips), (284, 3, [planes])]
    if extra is not None:
        tags.append((338, 3, [extra]))
    tags.append((339, 3, [{"u": 1, "i": 2, "f": 3}[pixels.dtype.kind]] * channels))
    if profile:
        tags.append((34675, 7, list(profile)))
    directory_at = 8 + len(data)
    overflow_at = directory_at + 2 + 12 * len(tags) + 4
    directory, overflow = struct.pack("<H", len(tags)), b""
    for tag, kind, values in tags:
        packed = struct.pack(f"<{len(values)}{ {3: 'H', 4: 'I', 7: 'B'}[kind] }", *values)
        if len(packed) > 4:
            packed, overflow = struct.pack("<I", overflow_at + len(overflow)), overflow + packed
        directory += struct.pack("<HHI", tag, kind, len(values)) + packed.ljust(4, b"\0")
    header = struct.pack("<2sHI", b"II", 42, directory_at)
    path.write_bytes(header + data + directory + b"\0\0\0\0" + overflow)
    return path


def assert_pixels(path: Path, expected: np.ndarray, within: float = 1e-6) -> None:
    pixels = stills.read_still(path)
    assert pixels.dtype == np.float32
    assert pixels.flags.c_contiguous
    assert pixels.flags.writeable
    assert pixels.shape == (*expected.shape[:2], 3)
    assert stills.read_size(path) == expected.shape[:2]
    np.testing.assert_allclose(pixels, np.broadcast_to(expected, pixels.shape), atol=within)


def over_white(pixels: np.ndarray) -> np.ndarray:
    colour, alpha = pixels[..., :-1], pixels[..., -1:]
    return colour * alpha + 1 - alpha


def assert_refused(path: Path, *words: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        with pytest.raises(FrameError) as caught:
            stills.read_still(path)
    for word in (str(path), *words):
        assert word in str(caught.value)
