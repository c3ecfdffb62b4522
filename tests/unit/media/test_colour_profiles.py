"""Colour profiles are judged by the colours that they describe, whatever their name and depth."""

from __future__ import annotations

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms, PngImagePlugin

from batch_analogy.media import stills
from batch_analogy.media.pixel_spaces import DISPLAY_P3
from batch_analogy.media.pixel_spaces import SRGB as SRGB_SPACE
from tests.support.profiles import ADOBE_RGB, SRGB, SRGB_CURVE, profile
from tests.support.stills import H, W, assert_pixels, deep_png, deep_tiff, gradient, png_chunk, save


def srgb_of(light: np.ndarray) -> np.ndarray:
    """Encode light by the formula of IEC 61966-2-1, in double precision."""
    return np.where(light <= 0.0031308, light * 12.92, 1.055 * light ** (1 / 2.4) - 0.055)


@pytest.mark.parametrize(
    ("suffix", "mode"),
    [
        *[(suffix, mode) for suffix in ("png", "tif") for mode in ("RGB", "L", "RGBA")],
        *[("jpg", "RGB"), ("jpg", "L"), ("webp", "RGB"), ("webp", "RGBA")],
    ],
)
def test_a_linear_profile_called_srgb_is_linear(tmp_path: Path, suffix: str, mode: str) -> None:
    options = {"lossless": True} if suffix == "webp" else {"quality": 100}
    path = tmp_path / f"a.{suffix}"
    linear = profile("sRGB-elle-V2-g10", 1.0)
    grey = Image.new("RGB", (W, H), (55, 55, 55)).convert(mode)
    grey.save(path, icc_profile=linear, **options if suffix in ("jpg", "webp") else {})
    expected = float(srgb_of(np.float64(55 / 255)))
    assert round(expected * 255) == 128
    assert_pixels(path, np.full((H, W, 3), expected), within=1e-4)


@pytest.mark.parametrize("name", ["sRGB", "anything"])
def test_primaries_count_and_names_do_not(tmp_path: Path, name: str) -> None:
    adobe = profile(name, 2.2, ADOBE_RGB)
    path = save(tmp_path / "a.png", gradient(), icc_profile=adobe)
    with Image.open(path) as image:
        by_little_cms = ImageCms.profileToProfile(
            image,
            ImageCms.ImageCmsProfile(io.BytesIO(adobe)),
            ImageCms.createProfile("sRGB"),
            renderingIntent=ImageCms.Intent.RELATIVE_COLORIMETRIC,
        )
    expected = np.asarray(by_little_cms) / 255
    assert np.abs(expected - gradient() / 255).max() > 20 / 255
    assert_pixels(path, expected, within=1 / 255)


@pytest.mark.parametrize("name", ["sRGB", "c2", "Colour of a camera"])
@pytest.mark.parametrize("kind", ["parameters", "table"])
def test_what_is_srgb_stays_as_it_is(tmp_path: Path, name: str, kind: str) -> None:
    steps = np.linspace(0, 1, 1024)
    light = np.where(steps <= 0.04045, steps / 12.92, ((steps + 0.055) / 1.055) ** 2.4)
    curve = SRGB_CURVE if kind == "parameters" else list(map(float, light))
    path = save(tmp_path / "a.png", gradient(), icc_profile=profile(name, curve, SRGB))
    assert np.array_equal(stills.read_still(path), gradient().astype(np.float32) / 255)


@pytest.mark.parametrize(
    ("curve", "light"),
    [
        (1.8, lambda x: x ** (461 / 256)),  # a power is stored in 256ths
        ((2.2,), lambda x: x**2.2),
        ((2.0, 0.5, 0.5), lambda x: (0.5 * x + 0.5) ** 2),
        ((2.0, 0.5, 0.25, 0.1), lambda x: (0.5 * x + 0.25) ** 2 + 0.1),
        ((2.0, 1.0, 0.0, 0.25, 0.25), lambda x: np.where(x < 0.25, x / 4, x**2)),
        (
            (2.0, 1.0, 0.0, 0.5, 0.25, 0.1, 0.05),
            lambda x: np.where(x < 0.25, x / 2 + 0.05, x**2 + 0.1),
        ),
        ([0.0, 0.5, 0.6], lambda x: np.interp(x, [0, 0.5, 1], [0, 0.5, 0.6])),
    ],
)
def test_every_kind_of_curve(tmp_path: Path, curve: object, light: object) -> None:
    path = save(tmp_path / "a.png", gradient(1)[..., 0], icc_profile=profile("grey", curve, ()))
    expected = srgb_of(np.clip(light(gradient(1) / 255), 0, 1))
    assert_pixels(path, expected, within=3e-4)


@pytest.mark.parametrize("suffix", ["png", "tif"])
@pytest.mark.parametrize("channels", [1, 3])
def test_sixteen_bits_of_linear_light_keep_their_dark_steps(
    tmp_path: Path, suffix: str, channels: int
) -> None:
    deep = np.broadcast_to(np.arange(W * H, dtype=np.uint16).reshape(H, W, 1), (H, W, channels))
    linear = profile("sRGB (linear)", 1.0, SRGB if channels == 3 else ())
    path = tmp_path / f"a.{suffix}"
    if suffix == "tif":
        deep_tiff(path, deep, profile=linear)
    else:
        data = deep_png(path, deep).read_bytes()
        chunk = png_chunk(b"iCCP", b"x\0\0" + zlib.compress(linear))
        path.write_bytes(data[:33] + chunk + data[33:])
    assert stills.read_depth(path) == 16
    assert stills.read_depth_loss(path) is None
    assert len(np.unique(stills.read_still(path)[..., 0])) == W * H
    assert_pixels(path, srgb_of(deep / 65535), within=1e-5)


@pytest.mark.parametrize("at", [12, 16, 20, 36, 40, 128, 132, 140])
def test_a_damaged_profile_is_ignored_or_read(tmp_path: Path, at: int) -> None:
    damaged = bytearray(profile("sRGB", SRGB_CURVE))
    damaged[at : at + 4] = b"\x94\xff\x80\x01"
    path = save(tmp_path / "a.png", gradient(), icc_profile=bytes(damaged))
    assert_pixels(path, gradient() / 255, within=3 / 255)


def test_a_png_may_name_its_gamma(tmp_path: Path) -> None:
    grey = Image.new("RGB", (W, H), (55, 55, 55))
    for exponent, expected in ((100_000, 128), (55_556, 71), (45_455, 55), (51_000, 55)):
        chunks = PngImagePlugin.PngInfo()
        chunks.add(b"gAMA", exponent.to_bytes(4, "big"))
        grey.save(tmp_path / "a.png", pnginfo=chunks)
        assert round(float(stills.read_still(tmp_path / "a.png")[0, 0, 0]) * 255) == expected


@pytest.mark.parametrize("depth", [8, 16])
def test_a_png_may_name_its_primaries(tmp_path: Path, depth: int) -> None:
    """Chunks gAMA and cHRM, of Display P3 and of sRGB itself; a chunk sRGB prevails."""
    top = (1 << depth) - 1
    stored = np.full((H, W, 3), (top, top // 2, 0), np.uint16)
    p3 = (31270, 32900, 68000, 32000, 26500, 69000, 15000, 6000)
    own = (31270, 32900, 64000, 33000, 30000, 60000, 15000, 6000)
    for points, named in ((p3, False), (own, False), (p3, True)):
        chunks = png_chunk(b"gAMA", (45_455).to_bytes(4, "big"))
        chunks += png_chunk(b"cHRM", struct.pack(">8I", *points))
        chunks += png_chunk(b"sRGB", b"\0") if named else b""
        path = tmp_path / "a.png"
        if depth == 16:
            deep_png(path, stored)
        else:
            save(path, stored.astype(np.uint8))
        data = path.read_bytes()
        path.write_bytes(data[:33] + chunks + data[33:])
        is_p3 = points is p3 and not named
        assert stills.read_space(path) == (DISPLAY_P3 if is_p3 else SRGB_SPACE)
        assert stills.read_depth(path) == depth
        wanted = np.asarray(stored / top, np.float32)
        wanted = np.clip(DISPLAY_P3.to_srgb(wanted), 0, 1) if is_p3 else wanted
        assert_pixels(path, wanted, within=2e-3)
