"""Tell kinds of pictures by their first bytes, and load the readers that some kinds need."""

from __future__ import annotations

import contextlib
import functools
import importlib
from pathlib import Path
from typing import Any

from PIL import Image

from batch_analogy.errors import FrameError

HEIF_SUFFIXES = frozenset({".heic", ".heif", ".hif"})
JPEG_XL_SUFFIXES = frozenset({".jxl"})

_BEGINNINGS = (
    (b"\xff\xd8\xff", "JPEG"),
    (b"\x89PNG\r\n\x1a\n", "PNG"),
    (b"GIF8", "GIF"),
    (b"II*\0", "TIFF"),
    (b"MM\0*", "TIFF"),
    (b"\0\0\0\x0cjP  ", "JPEG 2000"),
    (b"\xff\x4f\xff\x51", "JPEG 2000"),
    (b"\xff\x0a", "JPEG XL"),
    (b"\0\0\0\x0cJXL ", "JPEG XL"),
    (b"8BPS", "PSD"),
    (b"v/1\x01", "OpenEXR"),
)
_HEIF_BRANDS = frozenset(
    {b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"msf1"}
)
_AVIF_BRANDS = frozenset({b"avif", b"avis"})
_HEAD_BYTES = 64
_LEAST_TO_TELL = 12

_EXTRAS = {"HEIF": "heif", "JPEG XL": "jxl"}
_HDR_TRANSFERS = {16: "PQ", 18: "HLG"}  # H.273


def kind_of(path: Path | str) -> str | None:
    """Return the kind of a picture, such as ``"JPEG"``, whatever its name; None if unknown."""
    try:
        with open(path, "rb") as stream:
            head = stream.read(_HEAD_BYTES)
    except OSError:
        return None
    return kind_in(head)


def kind_in(head: bytes) -> str | None:
    """Return the kind of a picture by its first 64 bytes.

    >>> kind_in(b"\\0\\0\\0\\x18ftypheic\\0\\0\\0\\0mif1heic"), kind_in(b"text that is no picture")
    ('HEIF', None)
    """
    if len(head) < _LEAST_TO_TELL:
        return None
    if head[4:8] == b"ftyp":
        return _kind_of_brands(head)
    if head[:4] == b"RIFF" and head[8:12] == b"WEBP":
        return "WebP"
    if head[:2] == b"BM" and head[6:10] == b"\0\0\0\0":
        return "BMP"
    if head[:1] == b"P" and head[1:2] in b"123456" and head[2:3] in b" \t\r\n":
        return "PNM"
    return next((kind for begin, kind in _BEGINNINGS if head.startswith(begin)), None)


def _kind_of_brands(head: bytes) -> str | None:
    size = int.from_bytes(head[:4], "big")
    brands = {head[at : at + 4] for at in (8, *range(16, min(size, len(head)) - 3, 4))}
    if brands & _AVIF_BRANDS:
        return "AVIF"
    return "HEIF" if brands & _HEIF_BRANDS else None


def load_reader(path: Path) -> bool:
    """Make Pillow read the kind of a picture that it does not know by itself.

    Returns:
        False if the kind needs no further reader.

    Raises:
        FrameError: the extra that reads it is not installed.
    """
    kind = kind_of(path)
    if kind == "AVIF":
        raise FrameError(
            f"{path} is an AVIF picture, which this Pillow does not read; run pip install -U "
            "pillow on every machine, or convert it to JPEG or TIFF"
        )
    if kind not in _EXTRAS:
        return False
    if not _registered(kind):
        raise FrameError(
            f"{path} is a {kind} picture; to read it, run pip install "
            f"'batch-analogy[{_EXTRAS[kind]}]' on every machine, or convert it to JPEG or TIFF"
        )
    return True


def refuse_hdr(path: Path, image: Image.Image) -> None:
    """Refuse a HEIF picture whose light is coded for HDR screens, as its colours would be wrong.

    Raises:
        FrameError: it is one.
    """
    coding: dict[str, Any] = image.info.get("nclx_profile") or {}
    transfer = coding.get("transfer_characteristics")
    if image.format == "HEIF" and transfer in _HDR_TRANSFERS and "icc_profile" not in image.info:
        raise FrameError(
            f"{path} is an HDR picture ({_HDR_TRANSFERS[transfer]}), which is not read from "
            "HEIF; export it as AVIF or 16-bit PNG, whose HDR colours are converted, or as JPEG or "
            "16-bit TIFF in sRGB"
        )


@functools.cache
def _registered(kind: str) -> bool:
    if kind == "JPEG XL":
        return _import("pillow_jxl") is not None
    module = _import("pi_heif") or _import("pillow_heif")
    if module is None:
        return False
    module.register_heif_opener()
    return True


def _import(name: str) -> Any:
    with contextlib.suppress(ImportError):
        return importlib.import_module(name)
    return None
