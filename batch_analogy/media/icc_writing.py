"""Make the ICC profile of Display P3, which programs know that do not read codes in PNG.

Source: ICC.1:2022, sections 7.2 (header), 8.4 (tags of displays), 10.15 (multiLocalizedUnicodeType)
and 10.18 (parametricCurveType); the primaries are those of SMPTE EG 432-1 with white D65, adapted
to D50.
"""

from __future__ import annotations

import functools
import struct

_HEADER_BYTES = 128
_D50 = (0.9642, 1.0, 0.8249)
_COLUMNS = {
    b"rXYZ": (0.51512, 0.24120, -0.00105),
    b"gXYZ": (0.29198, 0.69225, 0.04189),
    b"bXYZ": (0.15710, 0.06657, 0.78407),
}
_CURVE = (2.4, 1 / 1.055, 0.055 / 1.055, 1 / 12.92, 0.04045)  # of sRGB
_ADAPTATION = (1.04788, 0.02292, -0.05022, 0.02959, 0.99048, -0.01707, -0.00925, 0.01508, 0.75168)


@functools.cache
def display_p3_profile() -> bytes:
    """Return an ICC profile of Display P3."""
    tags = {
        b"desc": _text("Display P3"),
        b"cprt": _text("Public domain"),
        b"wtpt": b"XYZ \0\0\0\0" + _numbers(_D50),
        b"chad": b"sf32\0\0\0\0" + _numbers(_ADAPTATION),
        **{name: b"XYZ \0\0\0\0" + _numbers(column) for name, column in _COLUMNS.items()},
        **dict.fromkeys(
            (b"rTRC", b"gTRC", b"bTRC"),
            b"para\0\0\0\0" + struct.pack(">2H", 3, 0) + _numbers(_CURVE),
        ),
    }
    at = _HEADER_BYTES + 4 + 12 * len(tags)
    places: dict[bytes, int] = {}
    entries, content = b"", b""
    for name, data in tags.items():
        if data not in places:
            places[data] = at + len(content)
            content += data + b"\0" * (-len(data) % 4)
        entries += struct.pack(">4sII", name, places[data], len(data))
    header = struct.pack(
        ">I4sI4s4s4s6H4s", at + len(content), b"", 0x04300000, b"mntr", b"RGB ", b"XYZ ",
        *(2026, 1, 1, 0, 0, 0), b"acsp",
    )  # fmt: skip
    header = header.ljust(68, b"\0") + _numbers(_D50)
    return header.ljust(_HEADER_BYTES, b"\0") + struct.pack(">I", len(tags)) + entries + content


def _text(text: str) -> bytes:
    encoded = text.encode("utf-16-be")
    return (
        b"mluc\0\0\0\0" + struct.pack(">2I2s2s2I", 1, 12, b"en", b"US", len(encoded), 28) + encoded
    )


def _numbers(values: tuple[float, ...]) -> bytes:
    return struct.pack(f">{len(values)}i", *(round(value * 65536) for value in values))
