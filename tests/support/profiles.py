"""ICC profiles made of curves and primaries, under any name."""

from __future__ import annotations

import struct

SRGB = ((0.43607, 0.22249, 0.01392), (0.38515, 0.71687, 0.09708), (0.14307, 0.06061, 0.71410))
ADOBE_RGB = ((0.60974, 0.31111, 0.01947), (0.20528, 0.62567, 0.06087), (0.14919, 0.06322, 0.74457))
"""Primaries as XYZ of D50."""

SRGB_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)


def profile(
    name: str,
    curve: float | tuple[float, ...] | list[float] = 1.0,
    primaries: tuple[tuple[float, float, float], ...] = SRGB,
) -> bytes:
    """Return a profile.

    Args:
        name: its description.
        curve: a power, the parameters of a parametric curve, or a list of light from 0 to 1.
        primaries: those of red, green and blue; none for a profile of greys.
    """
    tags = {b"desc": _description(name), b"wtpt": _xyz((0.9642, 1.0, 0.8249))}
    if primaries:
        names = (b"rXYZ", b"gXYZ", b"bXYZ")
        tags.update(zip(names, map(_xyz, primaries), strict=True))
        tags.update(dict.fromkeys((b"rTRC", b"gTRC", b"bTRC"), _curve(curve)))
    else:
        tags[b"kTRC"] = _curve(curve)
    at, entries, content = 128 + 4 + 12 * len(tags), b"", b""
    for tag, data in tags.items():
        entries += struct.pack(">4sII", tag, at + len(content), len(data))
        content += data + b"\0" * (-len(data) % 4)
    space = b"RGB " if primaries else b"GRAY"
    size = at + len(content)
    head = struct.pack(">I4sI4s4s4s", size, b"\0\0\0\0", 0x02400000, b"mntr", space, b"XYZ ")
    head += struct.pack(">6H4s", 2026, 1, 1, 0, 0, 0, b"acsp").ljust(44, b"\0")
    head += struct.pack(">3i", 0xF6D6, 0x10000, 0xD32D)  # D50
    return head.ljust(128, b"\0") + struct.pack(">I", len(tags)) + entries + content


def _description(name: str) -> bytes:
    text = name.encode() + b"\0"
    return b"desc\0\0\0\0" + struct.pack(">I", len(text)) + text + b"\0" * 78


def _xyz(value: tuple[float, float, float]) -> bytes:
    return b"XYZ \0\0\0\0" + struct.pack(">3i", *(round(one * 65536) for one in value))


def _curve(curve: float | tuple[float, ...] | list[float]) -> bytes:
    if isinstance(curve, list):
        values = [round(light * 65535) for light in curve]
        return b"curv\0\0\0\0" + struct.pack(f">I{len(values)}H", len(values), *values)
    if isinstance(curve, tuple):
        kind = {1: 0, 3: 1, 4: 2, 5: 3, 7: 4}[len(curve)]
        numbers = [round(number * 65536) for number in curve]
        return b"para\0\0\0\0" + struct.pack(f">HH{len(numbers)}i", kind, 0, *numbers)
    return b"curv\0\0\0\0" + struct.pack(">IH", 1, round(curve * 256))
