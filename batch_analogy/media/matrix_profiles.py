"""Convert colours by the curves and the matrix of an ICC profile, at any depth.

Little CMS, as Pillow offers it, converts 8 bits a channel, which leaves dark steps in pictures of
linear light. Most profiles of cameras and displays are three curves and a matrix, which is little
to compute.

Source: ICC.1:2022, sections 10.6 (curveType), 10.18 (parametricCurveType), 10.31 (XYZType) and F.3.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from batch_analogy.media.pixel_spaces import PixelSpace

FloatPixels = npt.NDArray[np.float32]
Curve = Callable[[FloatPixels], FloatPixels]
"""Maps stored values to linear light."""

_HEADER_BYTES = 128
_MOST_TAGS = 200
_LOOKUPS = (b"A2B0", b"A2B1")  # tables that take precedence over curves and matrix
_PARAMETERS = (1, 3, 4, 5, 7)  # of each kind of parametric curve

_SRGB_TO_XYZ = np.array(  # of D50, as in the profile of IEC 61966-2-1
    [[0.43607, 0.38515, 0.14307], [0.22249, 0.71687, 0.06061], [0.01392, 0.09708, 0.71410]]
)
XYZ_TO_SRGB = np.linalg.inv(_SRGB_TO_XYZ)


@dataclass(frozen=True)
class MatrixProfile:
    """Curves of one or three channels, and the matrix from their light to that of sRGB."""

    curves: tuple[Curve, ...]
    matrix: npt.NDArray[np.float64] | None  # None: grey, or the primaries of sRGB
    beyond_white: bool = False  # light may be brighter than 1
    display: Curve | None = None  # from the light of a scene to that of a display, (H, W, 3)
    space: PixelSpace | None = None  # the space of frames that this is


def light_of(pixels: FloatPixels, profile: MatrixProfile) -> FloatPixels:
    """Convert stored values to linear light with the primaries of sRGB.

    Args:
        pixels: (H, W, 1 or 3) float32; 1 is white.
        profile: of one or three channels; one channel of pixels is a grey in all of them.

    Returns:
        (H, W, 1 or 3) float32, one channel if that is all that both have.
    """
    count = max(pixels.shape[2], len(profile.curves))
    if count == 1:
        return profile.curves[0](pixels)
    planes = [
        profile.curves[n % len(profile.curves)](pixels[..., n % pixels.shape[2]])
        for n in range(count)
    ]
    light = _mixed(planes, profile.matrix)
    return light if profile.display is None else profile.display(light)


def _mixed(planes: list[FloatPixels], matrix: npt.NDArray[np.float64] | None) -> FloatPixels:
    if matrix is None:
        return np.stack(planes, axis=-1)
    # Sums instead of a matrix product, whose rounding depends on the number of threads.
    rows = matrix.astype(np.float32)
    mixed = [row[0] * planes[0] + row[1] * planes[1] + row[2] * planes[2] for row in rows]
    return np.stack(mixed, axis=-1)


def light_of_bytes(pixels: npt.NDArray[np.uint8], profile: MatrixProfile) -> FloatPixels:
    """Convert 8-bit values, (H, W, 1 or 3), to light; otherwise like ``light_of`` but faster."""
    steps = np.linspace(0.0, 1.0, 256, dtype=np.float32)
    tables = [curve(steps) for curve in profile.curves]
    count = max(pixels.shape[2], len(tables))
    planes = [tables[n % len(tables)][pixels[..., n % pixels.shape[2]]] for n in range(count)]
    if count == 1:
        return planes[0][..., None]
    light = _mixed(planes, profile.matrix)
    return light if profile.display is None else profile.display(light)


def parse_matrix_profile(data: bytes) -> MatrixProfile | None:
    """Parse the curves and the matrix of an ICC profile.

    Returns:
        None if the profile is of another kind, or damaged.
    """
    try:
        tags = _tags(data)
        if any(name in tags for name in _LOOKUPS) or data[20:24] != b"XYZ ":
            return None
        if data[16:20] == b"GRAY":
            return MatrixProfile((_curve(tags[b"kTRC"]),), None)
        if data[16:20] != b"RGB ":
            return None
        curves = tuple(_curve(tags[name]) for name in (b"rTRC", b"gTRC", b"bTRC"))
        columns = [_xyz(tags[name]) for name in (b"rXYZ", b"gXYZ", b"bXYZ")]
    except (struct.error, KeyError, IndexError, ValueError):
        return None
    return MatrixProfile(curves, XYZ_TO_SRGB @ np.array(columns).T)


def _tags(data: bytes) -> dict[bytes, bytes]:
    (count,) = struct.unpack_from(">I", data, _HEADER_BYTES)
    if count > _MOST_TAGS:
        raise ValueError("too many tags")
    entries = (struct.unpack_from(">4sII", data, _HEADER_BYTES + 4 + 12 * n) for n in range(count))
    return {name: data[at : at + size] for name, at, size in entries}


def _xyz(tag: bytes) -> tuple[float, float, float]:
    x, y, z = struct.unpack_from(">3i", tag, 8)
    return x / 65536, y / 65536, z / 65536


def _curve(tag: bytes) -> Curve:
    if tag[:4] == b"curv":
        (count,) = struct.unpack_from(">I", tag, 8)
        if count == 0:
            return power_curve(1.0)
        values = struct.unpack_from(f">{count}H", tag, 12)
        return power_curve(values[0] / 256) if count == 1 else _table(np.array(values) / 65535)
    if tag[:4] != b"para":
        raise ValueError("not a curve")
    (kind,) = struct.unpack_from(">H", tag, 8)
    stored = struct.unpack_from(f">{_PARAMETERS[kind]}i", tag, 12)
    return _parametric(kind, [number / 65536 for number in stored])


def power_curve(gamma: float) -> Curve:
    if gamma == 1.0:
        return lambda values: values
    exponent = np.float32(gamma)
    return lambda values: np.power(np.maximum(values, np.float32(0.0)), exponent)


def _table(light: npt.NDArray[np.float64]) -> Curve:
    steps = np.linspace(0.0, 1.0, len(light))
    return lambda values: np.interp(values, steps, light).astype(np.float32)


def _parametric(kind: int, parameters: list[float]) -> Curve:
    """Return a curve of section 10.18: a power of aX + b from ``knee`` up, a line below it."""
    g, a, b = (*parameters, 1.0, 0.0)[:3] if kind == 0 else parameters[:3]
    slope, knee, above, below = 0.0, -b / a if a else 0.0, 0.0, 0.0
    if kind == 2:
        above = below = parameters[3]
    elif kind == 3:
        slope, knee = parameters[3:]
    elif kind == 4:
        slope, knee, above, below = parameters[3:]

    def light(values: FloatPixels) -> FloatPixels:
        base = np.maximum(values * np.float32(a) + np.float32(b), np.float32(0.0))
        upper = np.power(base, np.float32(g)) + np.float32(above)
        lower = values * np.float32(slope) + np.float32(below)
        return np.where(values >= np.float32(knee), upper, lower).astype(np.float32, copy=False)

    return light
