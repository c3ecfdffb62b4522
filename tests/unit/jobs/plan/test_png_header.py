"""A frame's hash and size in one reading: the same answers as from reading it twice."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, PngImagePlugin

from batch_analogy.errors import FrameError, InputError
from batch_analogy.files import hash_file
from batch_analogy.jobs.plan import png_header
from batch_analogy.jobs.plan.png_header import hash_and_size, png_size
from batch_analogy.media.stills import read_size, to_uint8, write_png
from tests.support.runs import picture

HEIGHT, WIDTH = 40, 56


def png(mode: str = "RGB", **options: object) -> bytes:
    image = Image.fromarray(to_uint8(picture(0, HEIGHT, WIDTH))).convert(mode)
    stream = io.BytesIO()
    image.save(stream, "PNG", **options)
    return stream.getvalue()


def chunk(kind: bytes, content: bytes) -> bytes:
    return (
        struct.pack(">I4s", len(content), kind) + content + struct.pack(">I", _crc(kind + content))
    )


def _crc(data: bytes) -> int:
    return zlib.crc32(data)


def turned() -> bytes:
    """Return EXIF data that rotate a picture by 90°."""
    exif = Image.Exif()
    exif[0x0112] = 6
    return exif.tobytes()


def text(keyword: str) -> PngImagePlugin.PngInfo:
    info = PngImagePlugin.PngInfo()
    info.add_text(keyword, 'tiff:Orientation="6"')
    return info


def before_end(data: bytes, more: bytes) -> bytes:
    return data[:-12] + more + data[-12:]


PLAIN = {
    "RGB": png(),
    "grey": png("L"),
    "palette": png("P"),
    "alpha": png("RGBA"),
    "one bit": png("1"),
    "with a comment": png(pnginfo=text("Software")),
    "with a resolution": png(dpi=(300, 300)),
    "with a profile": png(icc_profile=b"x" * 3000),
}
NOT_PLAIN = {
    "turned": png(exif=turned()),
    "turned behind the pixels": before_end(
        png(), chunk(b"eXIf", turned().removeprefix(b"Exif\0\0"))
    ),
    "turned by XMP": png(pnginfo=text("XML:com.adobe.xmp")),
    "cut short": png()[:-40],
    "cut in the header": png()[:30],
    "without an end": png()[:-12],
    "damaged before the pixels": png(dpi=(300, 300)).replace(b"pHYs\0", b"pHYs\1"),
    "damaged header": png().replace(b"IHDR\0\0\0\x38", b"IHDR\0\0\0\x39"),
    "with something needed and unknown": before_end(png(), chunk(b"NEED", b"?")),
    "too small": png()[:16] + struct.pack(">II", 9, 9) + png()[24:],
    "no picture": b"shopping list",
    "empty": b"",
}


@pytest.mark.parametrize("name", PLAIN)
def test_measures_a_plain_png_without_decoding_it(tmp_path: Path, name: str) -> None:
    path = tmp_path / "frame.png"
    path.write_bytes(PLAIN[name])
    found = hash_and_size(path, path.stat().st_size)
    assert found == (hash_file(path), (HEIGHT, WIDTH))
    assert read_size(path) == (HEIGHT, WIDTH)


@pytest.mark.parametrize("name", NOT_PLAIN)
def test_leaves_anything_that_is_not_plain_to_the_decoder(tmp_path: Path, name: str) -> None:
    path = tmp_path / "frame.png"
    path.write_bytes(NOT_PLAIN[name])
    assert hash_and_size(path, path.stat().st_size) == (hash_file(path), None)
    if name.startswith("turned"):
        assert read_size(path) == (WIDTH, HEIGHT)


def test_does_not_detect_damaged_pixels() -> None:
    data = bytearray(png())
    at = data.index(b"IDAT") + 20
    data[at : at + 40] = bytes(40)
    assert png_size(bytes(data)) == (HEIGHT, WIDTH)


def test_measures_our_own_frames_and_leaves_other_formats(tmp_path: Path) -> None:
    pixels = picture(0, HEIGHT, WIDTH)
    for depth in (8, 16):
        write_png(tmp_path / "ours.png", pixels, depth)
        assert png_size((tmp_path / "ours.png").read_bytes()) == (HEIGHT, WIDTH)
    Image.fromarray(to_uint8(pixels)).save(tmp_path / "photo.jpg")
    size = (tmp_path / "photo.jpg").stat().st_size
    assert hash_and_size(tmp_path / "photo.jpg", size)[1] is None


def test_hashes_a_large_file_in_pieces(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "frame.png"
    path.write_bytes(png())
    monkeypatch.setattr(png_header, "WHOLE_BYTES", 1000)
    assert hash_and_size(path, 1001) == (hash_file(path), None)
    assert hash_and_size(path, 900) == (hash_file(path), (HEIGHT, WIDTH))  # it has grown since


def test_detects_every_harmful_cut_or_change_before_the_pixels() -> None:
    data = png(dpi=(300, 300), pnginfo=text("Title"))
    for length in range(len(data)):
        assert png_size(data[:length]) is None
    chance = np.random.default_rng(0)
    for at in range(data.index(b"IDAT") - 4):
        changed = data[:at] + bytes([data[at] ^ int(chance.integers(1, 256))]) + data[at + 1 :]
        assert png_size(changed) is None


def test_names_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"gone\.png"):
        hash_and_size(tmp_path / "gone.png", 5)
    with pytest.raises(FrameError):
        read_size(tmp_path / "gone.png")
