"""EXIF data, and decoding JPEGs at a reduced size."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
import skimage.data
from PIL import Image

from batch_analogy.media.exif import read_capture_time, read_exposure
from batch_analogy.media.stills import read_still


def photograph(path: Path, tags: dict[int, object]) -> Path:
    exif = Image.Exif()
    exif.get_ifd(0x8769).update(tags)
    Image.fromarray(skimage.data.coffee()).save(path, exif=exif)
    return path


def test_exposure_from_time_f_number_and_sensitivity(tmp_path: Path) -> None:
    tags: dict[int, object] = {0x829A: 1 / 64, 0x829D: 4.0, 0x8827: 400}
    path = photograph(tmp_path / "a.jpg", tags)
    assert read_exposure(path) == pytest.approx(np.log2(400 / 64 / 16), abs=1e-3)
    twice = photograph(tmp_path / "b.jpg", {**tags, 0x829A: 1 / 32})
    assert read_exposure(twice) == pytest.approx(np.log2(400 / 32 / 16), abs=1e-3)


@pytest.mark.parametrize(
    "tags", [{}, {0x829A: 0.1, 0x829D: 4.0}, {0x829A: 0.0, 0x829D: 4.0, 0x8827: 100}]
)
def test_no_exposure_from_incomplete_data(tmp_path: Path, tags: dict[int, object]) -> None:
    assert read_exposure(photograph(tmp_path / "a.jpg", tags)) is None


def test_no_exposure_from_other_files(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").write_bytes(b"no picture")
    Image.new("RGB", (20, 20)).save(tmp_path / "b.png")
    for name in ("a.jpg", "b.png", "missing.jpg"):
        assert read_exposure(tmp_path / name) is None


def test_decodes_a_jpeg_no_larger_than_needed(tmp_path: Path) -> None:
    exif = Image.Exif()
    exif[0x0112] = 6  # rotated by a quarter
    large = Image.fromarray(skimage.data.astronaut()).resize((1600, 1200))
    large.save(tmp_path / "a.jpg", exif=exif, quality=95)
    large.save(tmp_path / "a.png")
    whole = read_still(tmp_path / "a.jpg")
    small = read_still(tmp_path / "a.jpg", at_least_px=256)
    assert whole.shape == (1600, 1200, 3)
    assert small.shape == (400, 300, 3)
    # Each small pixel is the mean of the large ones under it.
    np.testing.assert_allclose(small, whole.reshape(400, 4, 300, 4, 3).mean((1, 3)), atol=0.06)
    assert read_still(tmp_path / "a.png", at_least_px=256).shape == (1200, 1600, 3)


def test_reads_the_capture_time_with_its_fraction(tmp_path: Path) -> None:
    tags: dict[int, object] = {0x9003: "2026:03:01 18:30:05"}
    assert read_capture_time(photograph(tmp_path / "a.jpg", tags)) == "2026-03-01T18:30:05.000000"
    fifth = photograph(tmp_path / "b.jpg", {**tags, 0x9291: "2"})
    assert read_capture_time(fifth) == "2026-03-01T18:30:05.200000"
    eleventh = photograph(tmp_path / "c.jpg", {**tags, 0x9291: "11"})
    assert str(read_capture_time(eleventh)) < str(read_capture_time(fifth)), (
        "hundredths, not a count"
    )


@pytest.mark.parametrize(
    ("zone", "kept"), [("+02:00", "+02:00"), ("-09:30\0", "-09:30"), ("   :  ", ""), ("Paris", "")]
)
def test_reads_a_valid_time_zone(tmp_path: Path, zone: str, kept: str) -> None:
    path = photograph(tmp_path / "a.jpg", {0x9003: "2026:03:01 18:30:05", 0x9011: zone})
    assert read_capture_time(path) == f"2026-03-01T18:30:05.000000{kept}"


def test_no_capture_time_from_invalid_data(tmp_path: Path) -> None:
    for text in ("0000:00:00 00:00:00", "    :  :     :  :  ", "yesterday"):
        assert read_capture_time(photograph(tmp_path / "a.jpg", {0x9003: text})) is None
    assert read_capture_time(photograph(tmp_path / "b.jpg", {})) is None
    assert read_capture_time(tmp_path / "missing.jpg") is None


def test_reads_the_capture_time_of_a_tiff(tmp_path: Path) -> None:
    """Pillow reads EXIF data of a TIFF but does not write it."""
    Image.new("L", (20, 20)).save(tmp_path / "plain.tif")
    data = bytearray((tmp_path / "plain.tif").read_bytes())
    begin = struct.unpack_from("<I", data, 4)[0]
    entries = struct.unpack_from("<H", data, begin)[0]
    body = bytes(data[begin + 2 : begin + 2 + 12 * entries])
    text_at = len(data) + 2 + 12 * (entries + 1) + 4 + 2 + 12 + 4
    pointer = struct.pack("<HHII", 0x8769, 4, 1, text_at - 18)
    data += struct.pack("<H", entries + 1) + body + pointer + struct.pack("<I", 0)
    data += struct.pack("<HHHIII", 1, 0x9003, 2, 20, text_at, 0) + b"2026:03:01 18:30:05\0"
    struct.pack_into("<I", data, 4, text_at - 18 - 4 - 12 * (entries + 1) - 2)
    (tmp_path / "a.tif").write_bytes(data)
    assert read_capture_time(tmp_path / "a.tif") == "2026-03-01T18:30:05.000000"
