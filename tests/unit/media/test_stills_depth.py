"""Pictures of 16 bits a channel: read and written without loss."""

from __future__ import annotations

import zlib
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from batch_analogy.media import stills
from tests.support.stills import (
    H,
    W,
    assert_pixels,
    assert_refused,
    deep_png,
    deep_tiff,
    gradient,
    over_white,
    png_chunk,
    save,
)


@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_sixteen_bit_png_keeps_its_precision(tmp_path: Path, channels: int) -> None:
    deep = gradient(channels, 65535, np.uint16)
    expected = deep / 65535
    path = deep_png(tmp_path / "a.png", deep)
    assert_pixels(path, over_white(expected) if channels in (2, 4) else expected)


@pytest.mark.parametrize(("channels", "extra"), [(1, None), (3, None), (4, 2)])
def test_sixteen_bit_tiff_keeps_its_precision(
    tmp_path: Path, channels: int, extra: int | None
) -> None:
    deep = gradient(channels, 65535, np.uint16)
    expected = deep / 65535
    path = deep_tiff(tmp_path / "a.tif", deep, extra)
    assert_pixels(path, over_white(expected) if channels == 4 else expected)


def test_reads_a_rotated_sixteen_bit_tiff(tmp_path: Path) -> None:
    deep = gradient(3, 65535, np.uint16)
    path = deep_tiff(tmp_path / "a.tif", deep, turn=6)
    assert_pixels(path, np.rot90(deep / 65535, -1))


def test_reads_a_premultiplied_sixteen_bit_tiff(tmp_path: Path) -> None:
    deep = np.full((H, W, 4), 32768, np.uint16)
    deep[..., :2] = 0  # blue at half strength, stored multiplied
    path = deep_tiff(tmp_path / "a.tif", deep, extra=1)
    assert_pixels(path, np.broadcast_to([0.5, 0.5, 1.0], (H, W, 3)), within=1 / 65535)


def test_applies_the_exif_orientation_of_a_sixteen_bit_png(tmp_path: Path) -> None:
    deep = gradient(3, 65535, np.uint16)
    path = deep_png(tmp_path / "a.png", deep)
    exif = Image.Exif()
    exif[0x0112] = 8
    data = path.read_bytes()
    block = png_chunk(b"eXIf", exif.tobytes().removeprefix(b"Exif\0\0"))
    path.write_bytes(data[:33] + block + data[33:])
    assert_pixels(path, np.rot90(deep / 65535, 1))


def test_an_srgb_profile_keeps_sixteen_bits(tmp_path: Path) -> None:
    deep = gradient(3, 65535, np.uint16)
    path = deep_png(tmp_path / "a.png", deep)
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    data = path.read_bytes()
    block = png_chunk(b"iCCP", b"x\0\0" + zlib.compress(profile))
    path.write_bytes(data[:33] + block + data[33:])
    with Image.open(path) as stored:
        assert stored.info["icc_profile"] == profile
    assert_pixels(path, deep / 65535)


def test_rejects_a_truncated_sixteen_bit_png(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 65536, (64, 64, 3), dtype=np.uint16)
    path = deep_png(tmp_path / "a.png", noise)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert_refused(path, "damaged or truncated")


def ramp(steps: int = 65536) -> np.ndarray:
    """Return a ramp of this many grey levels, (16, steps / 16, 3) float32."""
    levels = np.arange(steps, dtype=np.float32) / np.float32(steps - 1)
    return np.repeat(levels.reshape(16, -1, 1), 3, axis=2)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_sixteen_bits_are_written_without_loss(tmp_path: Path, suffix: str) -> None:
    write = stills.write_png if suffix == "png" else stills.write_tiff
    coloured = ramp() * np.array([1.0, 0.5, 0.25], np.float32)
    write(tmp_path / f"a.{suffix}", coloured, 16)
    assert stills.read_depth(tmp_path / f"a.{suffix}") == 16
    pixels = stills.read_still(tmp_path / f"a.{suffix}")
    np.testing.assert_allclose(pixels, coloured, atol=0.51 / 65535)
    assert len(np.unique(pixels[..., 0])) == 65536
    write(tmp_path / f"b.{suffix}", pixels, 16)
    assert np.array_equal(stills.read_still(tmp_path / f"b.{suffix}"), pixels)


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_eight_bits_are_written_without_loss(tmp_path: Path, suffix: str) -> None:
    write = stills.write_png if suffix == "png" else stills.write_tiff
    write(tmp_path / f"a.{suffix}", gradient(), 8)
    with Image.open(tmp_path / f"a.{suffix}") as image:
        assert np.array_equal(np.asarray(image), gradient())
    assert stills.read_depth(tmp_path / f"a.{suffix}") == 8


def test_scales_eight_bits_to_sixteen() -> None:
    assert np.array_equal(stills.to_uint16(gradient()), gradient().astype(np.uint16) * 257)


@pytest.mark.parametrize("convert", [stills.to_uint8, stills.to_uint16])
def test_rounding_clips_and_rejects_nan(convert: Callable[..., np.ndarray]) -> None:
    pixels = np.full((16, 16, 3), 0.5, np.float32)
    pixels[0, 0] = -1, 2, 1
    top = np.iinfo(convert(pixels).dtype).max
    assert convert(pixels)[0, 0].tolist() == [0, top, top]
    assert pixels[0, 0].tolist() == [-1, 2, 1]
    for bad in (np.nan, np.inf, -np.inf):
        pixels[3, 3, 1] = bad
        with pytest.raises(ValueError, match="NaN or infinity"):
            convert(pixels)


@pytest.mark.parametrize(
    ("name", "depth"),
    [("deep.png", 16), ("deep.tif", 16), ("grey.png", 16), ("rotated.tif", 16), ("a.jpg", 8)],
)
def test_depth_is_the_one_that_reading_keeps(tmp_path: Path, name: str, depth: int) -> None:
    path = tmp_path / name
    deep = np.rint(ramp(4096) * 65535).astype(np.uint16)
    if name.endswith("png"):
        deep_png(path, deep[..., :1] if name == "grey.png" else deep)
    elif name.endswith("tif"):
        deep_tiff(path, deep, turn=6 if name == "rotated.tif" else 1)
    else:
        save(path, gradient())
    assert stills.read_depth(path) == depth
    assert stills.read_depth_loss(path) is None
    assert (len(np.unique(stills.read_still(path))) > 256) == (depth == 16)


def test_depth_with_another_profile_is_eight(tmp_path: Path) -> None:
    lab = ImageCms.ImageCmsProfile(ImageCms.createProfile("LAB")).tobytes()
    path = deep_png(tmp_path / "a.png", gradient(3, 65535, np.uint16))
    data = path.read_bytes()
    chunk = png_chunk(b"iCCP", b"other\0\0" + zlib.compress(lab))
    path.write_bytes(data[:33] + chunk + data[33:])
    assert stills.read_depth(path) == 8
    assert "not sRGB" in str(stills.read_depth_loss(path))
