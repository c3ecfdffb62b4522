"""Colour spaces that are named by a code: PNG's cICP, and Adobe RGB in EXIF."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image, features

from batch_analogy.media import stills
from tests.support.profiles import ADOBE_RGB, SRGB_CURVE, profile
from tests.support.stills import H, W, assert_pixels, deep_png, gradient, png_chunk, save


def coded(path: Path, code: tuple[int, int], pixels: np.ndarray, icc: bytes = b"") -> Path:
    """Write a PNG with the chunk cICP: primaries and transfer function."""
    if pixels.dtype == np.uint16:
        deep_png(path, pixels)
    else:
        save(path, pixels, **({"icc_profile": icc} if icc else {}))
    data = path.read_bytes()
    path.write_bytes(data[:33] + png_chunk(b"cICP", bytes([*code, 0, 1])) + data[33:])
    return path


def grey(value: float) -> np.ndarray:
    return np.full((H, W, 3), round(value * 65535), np.uint16)


@pytest.mark.parametrize("code", [(1, 1), (1, 13), (5, 6), (2, 2)])
def test_ordinary_codes_change_nothing(tmp_path: Path, code: tuple[int, int]) -> None:
    assert_pixels(coded(tmp_path / "a.png", code, gradient()), gradient() / 255)


def test_linear_light_is_encoded(tmp_path: Path) -> None:
    pixels = np.full((H, W, 3), 55, np.uint8)
    path = coded(tmp_path / "a.png", (1, 8), pixels)
    assert round(float(stills.read_still(path)[0, 0, 0]) * 255) == 128


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_p3_is_converted_as_by_its_profile(tmp_path: Path, dtype: type) -> None:
    p3 = ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))
    pixels = gradient() if dtype is np.uint8 else gradient(3, 65535, np.uint16)
    by_code = stills.read_still(coded(tmp_path / "a.png", (12, 13), pixels))
    save(tmp_path / "b.png", gradient(), icc_profile=profile("x", SRGB_CURVE, p3))
    by_profile = stills.read_still(tmp_path / "b.png")
    assert np.abs(by_code - gradient() / 255).max() > 0.05
    np.testing.assert_allclose(by_code, by_profile, atol=0.004 if dtype is np.uint8 else 0.01)


def test_codes_take_precedence_over_a_profile(tmp_path: Path) -> None:
    pixels = np.full((H, W, 3), 55, np.uint8)
    path = coded(tmp_path / "a.png", (1, 8), pixels, icc=profile("other", 1.8))
    assert round(float(stills.read_still(path)[0, 0, 0]) * 255) == 128


@pytest.mark.parametrize(
    ("transfer", "value", "nits"),
    [(16, 0.5081, 100), (16, 0.1496, 1), (18, 0.5, 50.8), (16, 0.0, 0)],
)
def test_hdr_is_brought_into_range(
    tmp_path: Path, transfer: int, value: float, nits: float
) -> None:
    """Grey of so many cd/m² is as bright as in sRGB with white at 203 cd/m²."""
    path = coded(tmp_path / "a.png", (9, transfer), grey(value))
    light = nits / 203
    wanted = 12.92 * light if light <= 0.0031308 else 1.055 * light ** (1 / 2.4) - 0.055
    assert_pixels(path, np.full((H, W, 3), wanted), within=0.003)


@pytest.mark.parametrize("transfer", [16, 18])
def test_highlights_of_hdr_keep_their_steps(tmp_path: Path, transfer: int) -> None:
    steps = np.rint(np.linspace(0, 65535, H * W)).astype(np.uint16)
    ramp = np.broadcast_to(steps.reshape(H, W, 1), (H, W, 3))
    pixels = stills.read_still(coded(tmp_path / "a.png", (9, transfer), ramp))
    assert (np.diff(pixels[..., 1].ravel()) > 0).mean() > 0.99
    assert pixels.max() < 1


@pytest.mark.parametrize("space", [1, 0xFFFF])
def test_adobe_rgb_may_be_noted_in_exif_alone(tmp_path: Path, space: int) -> None:
    exif = Image.Exif()
    block = exif.get_ifd(0x8769)
    block[0xA001] = space
    block[0xA005] = {1: "R03", 2: b"0100"}
    options = {"quality": 100, "subsampling": 0}
    save(tmp_path / "a.jpg", gradient(), exif=exif, **options)
    adobe = profile("a", 563 / 256, ADOBE_RGB)
    save(tmp_path / "b.jpg", gradient(), icc_profile=adobe, **options)
    save(tmp_path / "c.jpg", gradient(), **options)
    like = "c.jpg" if space == 1 else "b.jpg"
    found, wanted = (stills.read_still(tmp_path / name) for name in ("a.jpg", like))
    np.testing.assert_allclose(found, wanted, atol=1e-3)


@pytest.mark.skipif(not features.check("avif"), reason="this Pillow reads no AVIF")
def test_codes_of_avif_count(tmp_path: Path) -> None:
    path = save(tmp_path / "a.avif", gradient(), quality=100, subsampling="4:4:4")
    plain = stills.read_still(path)
    data = path.read_bytes()
    at = data.index(b"colrnclx") + 8
    path.write_bytes(data[:at] + bytes([0, 12, 0, 13]) + data[at + 4 :])
    wide = stills.read_still(path)
    pixels = np.rint(plain * 255).astype(np.uint8)
    by_png = stills.read_still(coded(tmp_path / "b.png", (12, 13), pixels))
    assert np.abs(wide - plain).max() > 0.05
    np.testing.assert_allclose(wide, by_png, atol=0.002)


def test_a_damaged_chunk_is_ignored(tmp_path: Path) -> None:
    path = save(tmp_path / "a.png", gradient())
    data = path.read_bytes()
    path.write_bytes(data[:33] + png_chunk(b"cICP", b"\x09") + data[33:])
    assert_pixels(path, gradient() / 255)
