"""Pictures of odd modes and with odd tags, and what they show."""

from __future__ import annotations

import io
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image, PngImagePlugin

from batch_analogy.colour import to_srgb
from batch_analogy.media.openexr import write_exr
from tests.support.command_line import picture
from tests.support.profiles import ADOBE_RGB, SRGB, profile
from tests.support.stills import deep_png, deep_tiff

HEIGHT, WIDTH = 32, 40

MODES = {
    ".png": ("1", "L", "LA", "P", "RGB", "RGBA", "I;16", "P clear"),
    ".tif": ("1", "L", "LA", "P", "RGB", "RGBA", "CMYK", "YCbCr", "LAB", "I;16", "I", "F"),
    ".jpg": ("L", "RGB", "CMYK"),
    ".webp": ("RGB", "RGBA"),
    ".bmp": ("1", "L", "P", "RGB", "RGBA"),
    ".gif": ("1", "L", "P", "P clear"),
    ".tga": ("L", "LA", "P", "RGB", "RGBA"),
    ".ppm": ("1", "L", "RGB", "I"),
    ".jp2": ("L", "LA", "RGB", "RGBA", "I;16"),
}
_DEEP = ("I;16", "I", "F")


def draw(index: int, mode: str, height: int = HEIGHT, width: int = WIDTH) -> Image.Image:
    """Return waves in a mode of Pillow."""
    pixels = picture(index, height, width)
    rgb = Image.fromarray(pixels)
    if mode == "I;16":
        return Image.fromarray(pixels[..., 0].astype(np.uint16) * 257)
    if mode in ("I", "F"):
        stored = pixels[..., 0] * np.float64(257 if mode == "I" else 1 / 255)
        return Image.fromarray(stored.astype(np.int32 if mode == "I" else np.float32))
    if mode in ("LA", "RGBA"):
        rgb.putalpha(Image.fromarray(pixels[..., 1]))
        return rgb.convert(mode)
    if mode == "P clear":
        image = rgb.quantize(16)
        image.info["transparency"] = index % 16
        return image
    if mode == "LAB":
        planes = [Image.fromarray(np.ascontiguousarray(pixels[..., n])) for n in range(3)]
        return Image.merge("LAB", planes)
    return rgb.quantize(8) if mode == "P" else rgb.convert(mode)


def save_odd_mode(rng: random.Random, folder: Path, index: int) -> Path:
    """Write a picture of a random mode, format and compression."""
    kind = rng.random()
    if kind < 0.12:
        return _deep(rng, folder / f"img{index}.png", deep_png, index)
    if kind < 0.3:
        return _deep(rng, folder / f"img{index}.tif", deep_tiff, index)
    if kind < 0.36:
        light = (picture(index, HEIGHT, WIDTH).astype(np.float32) / 255) ** 3 * rng.choice((1, 16))
        path = folder / f"img{index}.exr"
        write_exr(path, to_srgb(light, clip=False), rng.choice((16, 32)))
        return path
    suffix = rng.choice(tuple(MODES))
    mode = rng.choice(MODES[suffix])
    options: dict[str, Any] = {}
    if suffix == ".tif" and mode not in ("1", "F", "I"):
        ways = (None, "tiff_lzw", "tiff_adobe_deflate", "packbits")
        options["compression"] = rng.choice(ways)
    if suffix == ".jpg":
        options = {"quality": rng.randint(1, 100), "progressive": rng.random() < 0.5}
    if suffix == ".webp":
        options = {"lossless": rng.random() < 0.5}
    path = folder / f"img{index}{suffix}"
    image = draw(index, mode)
    if mode == "P clear":
        options["transparency"] = image.info["transparency"]
    image.save(path, **options)
    return path


def _deep(rng: random.Random, path: Path, write: Callable[..., Path], index: int) -> Path:
    channels = rng.randint(1, 4)
    waves = picture(index, HEIGHT, WIDTH)
    pixels = np.dstack([waves, waves[..., 1]])[..., :channels]
    if path.suffix == ".png":
        return write(path, pixels.astype(np.uint16) * 257)
    scales: list[tuple[type, float]] = [
        *((np.uint8, 1), (np.uint16, 257), (np.float32, 1 / 255), (np.float32, 1)),
        *((np.float64, 257), (np.uint32, 16843009), (np.int32, 257)),
    ]
    dtype, factor = rng.choice(scales)
    extra = rng.choice((0, 1, 2)) if channels in (2, 4) else None
    return write(path, (pixels.astype(np.float64) * factor).astype(dtype), extra, turn=1)


def save_odd_tags(rng: random.Random, folder: Path, index: int) -> Path:
    """Write an intact picture whose tags are odd, wrong or damaged."""
    suffix = rng.choice((".png", ".jpg", ".tif", ".webp"))
    path = folder / f"img{index}{suffix}"
    options: dict[str, Any] = {"lossless": True} if suffix == ".webp" else {}
    if rng.random() < 0.6:
        options["exif"] = _odd_exif(rng, whole=suffix == ".tif" or rng.random() < 0.6)
    if rng.random() < 0.6:
        options["icc_profile"] = _odd_profile(rng)
    if suffix == ".png" and rng.random() < 0.7:
        options["pnginfo"] = _odd_chunks(rng)
    if rng.random() < 0.3 and suffix != ".webp":
        options["dpi"] = rng.choice(((0, 0), (1, 30000), (72.5, 72.5)))
    draw(index, "RGB").save(path, **options)
    return path


def _odd_exif(rng: random.Random, *, whole: bool) -> bytes:
    exif = Image.Exif()
    exif[0x0112] = rng.choice((0, 1, 1, 9, 255, 65535))  # none of these turns the picture
    block = exif.get_ifd(0x8769)
    dates = ("0000:00:00 00:00:00", "2026:13:45 99:99:99", "    :  :  ", "", "2026:01:02", "é" * 9)
    block[0x9003] = rng.choice(dates)
    block[0x829A] = rng.choice((0.0, 1.0, 1e-9))
    block[0x8827] = rng.choice((0, 65535, 100))
    block[0x829D] = rng.choice((0.0, 22.0))
    exif[0x010F] = rng.choice(("", "\0\0", "Maker" * 50))
    data = exif.tobytes()
    return data if whole else data[: rng.randint(0, len(data))]


def _odd_profile(rng: random.Random) -> bytes:
    data = rng.choice(
        (
            profile("sRGB", 1.0, SRGB),
            profile("sRGB", 2.2, ADOBE_RGB),
            profile("grey", 1.8, ()),
            profile("x", (2.4, 0.9, 0.1, 0.08, 0.04)),
            profile("zero", 0.0),
            profile("black", [0.0, 0.0]),
        )
    )
    if rng.random() < 0.4:
        changed = bytearray(data)
        for _ in range(rng.randint(1, 20)):
            changed[rng.randrange(len(changed))] = rng.randrange(256)
        data = bytes(changed)
    return data if rng.random() < 0.7 else data[: rng.randint(1, len(data))]


def _odd_chunks(rng: random.Random) -> PngImagePlugin.PngInfo:
    chunks = PngImagePlugin.PngInfo()
    if rng.random() < 0.5:
        chunks.add(b"gAMA", rng.choice((0, 1, 45455, 100000, 2**31 - 1)).to_bytes(4, "big"))
    if rng.random() < 0.3:
        chunks.add(b"cHRM", rng.randbytes(32))
    if rng.random() < 0.3:
        chunks.add(b"sRGB", bytes([rng.randrange(256)]))
    if rng.random() < 0.3:
        chunks.add(b"bKGD", rng.randbytes(6))
    if rng.random() < 0.3:
        chunks.add(b"tIME", rng.randbytes(7))
    if rng.random() < 0.3:
        chunks.add_text("Comment", "é" * rng.randint(0, 300))
    if rng.random() < 0.2:
        chunks.add_itxt("XML:com.adobe.xmp", "<x:xmpmeta" + "x" * rng.randint(0, 99))
    if rng.random() < 0.3:
        chunks.add(b"prVt", rng.randbytes(rng.randint(0, 99)))
    return chunks


def encoded(index: int, suffix: str) -> bytes:
    """Return a plain picture in a format."""
    kinds = {".jpg": "JPEG", ".tif": "TIFF", ".jp2": "JPEG2000"}
    buffer = io.BytesIO()
    draw(index, "RGB").save(buffer, kinds.get(suffix, suffix[1:].upper()))
    return buffer.getvalue()
