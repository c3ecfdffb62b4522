"""Display P3: found by its colours, kept, and written so that others know it too."""

from __future__ import annotations

import io
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageCms

from batch_analogy.media.extract import extract_frames
from batch_analogy.media.film import encode_film
from batch_analogy.media.icc_profiles import parse_profile
from batch_analogy.media.icc_writing import display_p3_profile
from batch_analogy.media.numbered_output import write_numbered
from batch_analogy.media.pixel_spaces import DISPLAY_P3, SRGB
from batch_analogy.media.stills import (
    read_depth,
    read_layers,
    read_space,
    read_still,
    write_png,
    write_tiff,
)
from batch_analogy.media.video import probe_video
from tests.support.profiles import ADOBE_RGB, SRGB_CURVE, profile
from tests.support.stills import save

P3 = ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))
GREEN = np.full((32, 48, 3), (0.0, 1.0, 0.0), np.float32)  # of P3: more than sRGB can show


def by_little_cms(path: Path) -> np.ndarray:
    """Convert a picture to sRGB by its profile, without the code under test."""
    with Image.open(path) as image:
        data = image.info["icc_profile"]
        opened = ImageCms.ImageCmsProfile(io.BytesIO(data))
        made = ImageCms.profileToProfile(image, opened, ImageCms.createProfile("sRGB"))
    return np.asarray(made)


def test_p3_is_known_by_its_colours() -> None:
    for data in (display_p3_profile(), profile("sRGB", SRGB_CURVE, P3)):
        found = parse_profile(data)
        assert found is not None
        assert found.space == DISPLAY_P3
    for data in (profile("Display P3", SRGB_CURVE, ADOBE_RGB), profile("Display P3", 1.8, P3)):
        found = parse_profile(data)
        assert found is not None
        assert found.space is None


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("channels", [3, 4])
@pytest.mark.parametrize("write", [write_png, write_tiff])
def test_other_programs_read_its_profile(tmp_path: Path, write, depth: int, channels: int) -> None:
    path = tmp_path / ("a.png" if write is write_png else "a.tif")
    half = np.concatenate([GREEN * 0.5 + 0.2, np.full((32, 48, 1), 0.5, np.float32)], axis=2)
    write(path, half[..., :channels], depth, DISPLAY_P3)
    assert (read_space(path), read_depth(path)) == (DISPLAY_P3, depth)
    kept, opacity = read_layers(path, space=DISPLAY_P3)
    np.testing.assert_allclose(kept, half[..., :3], atol=0.003)
    assert (opacity is not None) == (channels == 4)
    if depth == 8 and channels == 3:  # Pillow knows no more
        np.testing.assert_allclose(read_still(path) * 255, by_little_cms(path), atol=2)


def test_adobe_rgb_is_converted_to_p3_in_full(tmp_path: Path) -> None:
    """Its green lies outside sRGB; by way of sRGB it would be cut."""
    pixels = np.full((32, 48, 3), (60, 220, 60), np.uint8)
    save(tmp_path / "a.png", pixels, icc_profile=profile("x", 563 / 256, ADOBE_RGB))
    with Image.open(tmp_path / "a.png") as image:
        adobe = ImageCms.ImageCmsProfile(io.BytesIO(profile("x", 563 / 256, ADOBE_RGB)))
        p3 = ImageCms.ImageCmsProfile(io.BytesIO(profile("y", SRGB_CURVE, P3)))
        wanted = np.asarray(ImageCms.profileToProfile(image.convert("RGB"), adobe, p3))
    found = read_layers(tmp_path / "a.png", space=DISPLAY_P3)[0] * 255
    np.testing.assert_allclose(found, wanted, atol=2)


def test_a_film_of_p3_is_bt709_and_its_pictures_are_p3(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", GREEN * 0.4 + 0.3, 8, DISPLAY_P3)
    frames = [tmp_path / "a.png"] * 2
    encode_film(frames, tmp_path / "a.mp4", fps=Fraction(10))
    info = probe_video(tmp_path / "a.mp4")
    back = read_still(extract_frames(info, tmp_path / "frames").paths[0])
    np.testing.assert_allclose(back, read_still(tmp_path / "a.png"), atol=0.02)
    for ending, space in (("png", DISPLAY_P3), ("tif", DISPLAY_P3)):
        write_numbered(frames, tmp_path / f"out/%d.{ending}", size=(16, 24))
        made = tmp_path / f"out/1.{ending}"
        assert read_space(made) == space
        kept, _ = read_layers(made, space=DISPLAY_P3)
        np.testing.assert_allclose(kept[8, 8], (0.3, 0.7, 0.3), atol=0.004)
    assert read_space(tmp_path / "frames/000000.png") == SRGB
