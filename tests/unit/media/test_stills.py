"""Reading every kind of still picture, rejecting other files, and writing pictures."""

from __future__ import annotations

import os
import struct
import subprocess
import sys
import warnings
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from batch_analogy.errors import FrameError, OutputDiskError
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


@pytest.mark.parametrize("suffix", ["png", "tif", "bmp", "ppm", "tga", "webp"])
def test_rgb_is_read_exactly(tmp_path: Path, suffix: str) -> None:
    options = {"lossless": True} if suffix == "webp" else {}
    path = save(tmp_path / f"a.{suffix}", gradient(), **options)
    assert_pixels(path, gradient() / 255)


def test_jpeg_is_read_closely(tmp_path: Path) -> None:
    path = save(tmp_path / "a.jpg", gradient(), quality=98, subsampling=0)
    assert_pixels(path, gradient() / 255, within=0.03)


def test_grey_becomes_rgb(tmp_path: Path) -> None:
    grey = gradient(1)
    assert_pixels(save(tmp_path / "a.png", grey[..., 0]), grey / 255)


def test_one_bit_is_black_and_white(tmp_path: Path) -> None:
    bits = gradient(1)[..., 0] > 100
    Image.fromarray(bits).save(tmp_path / "a.png")
    assert_pixels(tmp_path / "a.png", bits[..., None].astype(float))


def test_composites_alpha_over_white(tmp_path: Path) -> None:
    rgba = gradient(4)
    assert_pixels(save(tmp_path / "a.png", rgba), over_white(rgba / 255))


def test_composites_grey_with_alpha_over_white(tmp_path: Path) -> None:
    la = gradient(2)
    planes = [Image.fromarray(la[..., i].copy()) for i in range(2)]
    Image.merge("LA", planes).save(tmp_path / "a.png")
    assert_pixels(tmp_path / "a.png", over_white(la / 255))


def test_composites_a_palette_with_alpha_over_white(tmp_path: Path) -> None:
    indices = (np.arange(H * W).reshape(H, W) % 3).astype(np.uint8)
    image = Image.fromarray(indices)
    image.putpalette([255, 0, 0, 0, 255, 0, 0, 0, 255])
    image.save(tmp_path / "a.png", transparency=bytes([255, 0, 51]))
    with Image.open(tmp_path / "a.png") as stored:
        assert stored.mode == "P"
    colours = np.array([[1, 0, 0], [1, 1, 1], [0.8, 0.8, 1]])
    assert_pixels(tmp_path / "a.png", colours[indices])


def test_converts_a_cmyk_jpeg_to_rgb(tmp_path: Path) -> None:
    cmyk = np.zeros((H, W, 4), np.uint8)
    cmyk[:, : W // 2] = (0, 255, 255, 0)  # red
    cmyk[:, W // 2 :] = (255, 255, 0, 0)  # blue
    Image.fromarray(cmyk, "CMYK").save(tmp_path / "a.jpg", quality=98)
    expected = np.zeros((H, W, 3))
    expected[:, : W // 2, 0] = 1
    expected[:, W // 2 :, 2] = 1
    assert_pixels(tmp_path / "a.jpg", expected, within=0.05)


def test_float_tiff_is_clipped(tmp_path: Path) -> None:
    values = gradient(1)[..., 0].astype(np.float32) / 200
    values[0, 0] = np.nan
    path = save(tmp_path / "a.tif", values)
    expected = np.clip(np.nan_to_num(values), 0, 1)
    assert_pixels(path, expected[..., None])


TURNS = {
    1: lambda p: p,
    2: lambda p: p[:, ::-1],
    3: lambda p: p[::-1, ::-1],
    4: lambda p: p[::-1],
    5: lambda p: p.transpose(1, 0, 2),
    6: lambda p: np.rot90(p, -1),
    7: lambda p: p[::-1, ::-1].transpose(1, 0, 2),
    8: lambda p: np.rot90(p, 1),
}


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("suffix", ["png", "tif", "webp"])
def test_applies_the_exif_orientation(tmp_path: Path, orientation: int, suffix: str) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if suffix == "webp" else {}
    path = save(tmp_path / f"a.{suffix}", gradient(), exif=exif, **options)
    assert_pixels(path, TURNS[orientation](gradient() / 255))


@pytest.mark.parametrize("orientation", [0, 9, 255, 65535])
@pytest.mark.parametrize("suffix", ["png", "tif", "webp", "jpg"])
def test_an_orientation_that_does_not_exist_turns_nothing(
    tmp_path: Path, orientation: int, suffix: str
) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    options = {"lossless": True} if suffix == "webp" else {}
    path = save(tmp_path / f"a.{suffix}", gradient(), exif=exif, **options)
    assert_pixels(path, gradient() / 255, within=0.1)


@pytest.mark.filterwarnings("ignore:Corrupt EXIF data")
def test_ignores_damaged_exif(tmp_path: Path) -> None:
    save(tmp_path / "a.webp", gradient(), lossless=True, exif=b"Exif\0\0MM\0*garbage")
    assert_pixels(tmp_path / "a.webp", gradient() / 255)


def swapped_profile() -> bytes:
    """Return an sRGB profile with the primaries of red and blue exchanged, under another name."""
    data = bytearray(ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes())
    count = struct.unpack(">I", data[128:132])[0]
    for i in range(count):
        entry = 132 + 12 * i
        tag = bytes(data[entry : entry + 4])
        data[entry : entry + 4] = {b"rXYZ": b"bXYZ", b"bXYZ": b"rXYZ"}.get(tag, tag)
    for name in ("sRGB", "sRGB".encode("utf-16-be").decode("latin-1")):
        data = bytearray(bytes(data).replace(name.encode("latin-1"), name[::-1].encode("latin-1")))
    return bytes(data)


def test_embedded_profile_is_converted(tmp_path: Path) -> None:
    profile = swapped_profile()
    path = save(tmp_path / "a.png", gradient(), icc_profile=profile)
    assert_pixels(path, gradient()[..., ::-1] / 255, within=2.5 / 255)


def test_ignores_an_unreadable_profile(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", gradient(), icc_profile=b"no profile" * 20)
    assert_pixels(path, gradient() / 255)


def test_animated_gif_gives_its_first_frame(tmp_path: Path) -> None:
    frames = [Image.new("RGB", (W, H), colour) for colour in ("red", "lime", "blue")]
    frames[0].save(tmp_path / "a.gif", save_all=True, append_images=frames[1:], duration=100)
    assert_pixels(tmp_path / "a.gif", np.broadcast_to([1.0, 0, 0], (H, W, 3)))


def test_rejects_text_named_jpg(tmp_path: Path) -> None:
    (tmp_path / "notes.jpg").write_text("no picture at all\n" * 20)
    assert_refused(tmp_path / "notes.jpg", "is not a picture")
    with pytest.raises(FrameError, match="is not a picture"):
        stills.read_size(tmp_path / "notes.jpg")


def test_rejects_an_empty_file(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").touch()
    assert_refused(tmp_path / "a.jpg", "is empty")


def test_rejects_a_missing_file(tmp_path: Path) -> None:
    assert_refused(tmp_path / "a.jpg", "No such file")


def test_rejects_a_folder_named_jpg(tmp_path: Path) -> None:
    (tmp_path / "a.jpg").mkdir()
    assert_refused(tmp_path / "a.jpg", "directory")


def test_rejects_a_png_with_a_missing_piece(tmp_path: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 80, 3), dtype=np.uint8)
    path = save(tmp_path / "a.png", noise)
    whole = path.read_bytes()
    path.write_bytes(whole[:6000] + whole[6400:])
    assert_refused(path)


@pytest.mark.parametrize("suffix", ["jpg", "png", "tif", "webp"])
def test_rejects_a_truncated_picture(tmp_path: Path, suffix: str) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3), dtype=np.uint8)
    path = save(tmp_path / f"a.{suffix}", noise)
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])
    assert_refused(path)


@pytest.mark.parametrize("size", [(1, 1), (15, 400), (400, 15)])
def test_rejects_a_picture_that_is_too_small(tmp_path: Path, size: tuple[int, int]) -> None:
    path = save(tmp_path / "a.png", np.zeros((size[1], size[0], 3), np.uint8))
    assert_refused(path, f"{size[0]}×{size[1]}", "at least 16 px")


def test_reads_the_smallest_allowed_picture(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", np.zeros((16, 16, 3), np.uint8))
    assert stills.read_still(path).shape == (16, 16, 3)


def test_wide_panorama_is_read(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", np.full((100, 20_000), 51, np.uint8))
    assert_pixels(path, np.full((100, 20_000, 3), 0.2, np.float32))


def huge_png(path: Path, width: int, height: int) -> Path:
    """Write a PNG header without pixels."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    body = png_chunk(b"IHDR", header) + png_chunk(b"IDAT", zlib.compress(b"\0" * 1000))
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body + png_chunk(b"IEND", b""))
    return path


def test_rejects_a_decompression_bomb_by_its_header(tmp_path: Path) -> None:
    path = huge_png(tmp_path / "a.png", 100_000, 100_000)
    assert_refused(path, "100000×100000", "10000 megapixels", "at most 200")


def test_accepts_a_size_between_pillows_limit_and_ours(tmp_path: Path) -> None:
    limit = Image.MAX_IMAGE_PIXELS
    path = huge_png(tmp_path / "a.png", 20_000, 9_500)  # Pillow's own error begins at 179 MP
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert stills.read_size(path) == (9_500, 20_000)
    assert limit == Image.MAX_IMAGE_PIXELS


@pytest.mark.parametrize("kind", ["float32", "uint8"])
def test_png_round_trip(tmp_path: Path, kind: str) -> None:
    pixels = gradient() if kind == "uint8" else (gradient() / 255).astype(np.float32)
    stills.write_png(tmp_path / "new" / "a.png", pixels)
    assert_pixels(tmp_path / "new" / "a.png", gradient() / 255)
    assert os.listdir(tmp_path / "new") == ["a.png"]


def test_png_values_are_rounded(tmp_path: Path) -> None:
    values = np.array([0.4, 0.6, 254.4, 254.6, -30, 300], np.float32) / 255
    pixels = np.broadcast_to(values[None, :, None], (2, 6, 3)).astype(np.float32)
    stills.write_png(tmp_path / "a.png", pixels)
    with Image.open(tmp_path / "a.png") as image:
        assert np.asarray(image)[0, :, 0].tolist() == [0, 1, 254, 255, 0, 255]


def test_png_bytes_are_reproducible(tmp_path: Path) -> None:
    for name in ("a.png", "b.png"):
        stills.write_png(tmp_path / name, gradient())
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()


def test_jpeg_is_written(tmp_path: Path) -> None:
    stills.write_jpeg(tmp_path / "a.jpg", gradient(), quality=95)
    with Image.open(tmp_path / "a.jpg") as image:
        assert image.format == "JPEG"
    assert_pixels(tmp_path / "a.jpg", gradient() / 255, within=0.04)


@pytest.mark.parametrize(
    "pixels",
    [
        np.zeros((8, 8), np.float32),
        np.zeros((3, 8, 8), np.float32),
        np.zeros((8, 8, 3), np.int32),
        np.full((8, 8, 3), np.nan, np.float32),
    ],
    ids=["grey", "channels first", "int32", "nan"],
)
def test_rejects_other_shapes_and_types(tmp_path: Path, pixels: np.ndarray) -> None:
    with pytest.raises(ValueError, match="pixels"):
        stills.write_png(tmp_path / "a.png", pixels)
    assert list(tmp_path.iterdir()) == []


def test_write_to_full_disk_leaves_the_old_file(tiny_disk: Path) -> None:
    noise = np.random.default_rng(0).integers(0, 256, (256, 256, 3), dtype=np.uint8)
    stills.write_png(tiny_disk / "a.png", gradient())
    before = (tiny_disk / "a.png").read_bytes()
    with pytest.raises(OutputDiskError, match="disk is full"):
        stills.write_png(tiny_disk / "a.png", noise)
    assert [p.name for p in tiny_disk.iterdir()] == ["a.png"]
    assert (tiny_disk / "a.png").read_bytes() == before


def test_writes_nothing_to_stderr(tmp_path: Path) -> None:
    """The C libraries of OpenCV and Pillow write to stderr past Python."""
    deep = gradient(3, 65535, np.uint16)
    deep_tiff(tmp_path / "a.tif", deep)
    cut = deep_png(tmp_path / "b.png", deep)
    cut.write_bytes(cut.read_bytes()[:-40])
    huge_png(tmp_path / "c.png", 100_000, 100_000)
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from batch_analogy.errors import FrameError\n"
        "from batch_analogy.media.stills import read_still\n"
        "for name in sys.argv[1:]:\n"
        "    try:\n"
        "        read_still(Path(name))\n"
        "    except FrameError:\n"
        "        print('refused')\n"
    )
    names = [str(tmp_path / name) for name in ("a.tif", "b.png", "c.png")]
    done = subprocess.run(
        [sys.executable, "-c", script, *names], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["refused", "refused"]
    assert done.stderr == ""
