"""Photographs in Display P3 through the command line."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from batch_analogy.media.pixel_spaces import DISPLAY_P3, SRGB
from batch_analogy.media.stills import read_layers, read_space
from tests.support.command_line import HERE, QUICK, Call, picture
from tests.support.profiles import SRGB_CURVE, profile

P3 = ((0.51512, 0.24120, -0.00105), (0.29198, 0.69225, 0.04189), (0.15710, 0.06657, 0.78407))
PHOTO = ("--preset", "photo-to-photo")


def phone_photo(path: Path, index: int = 0) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    image = Image.fromarray(picture(index))
    image.save(path, quality=95, icc_profile=profile("P3", SRGB_CURVE, P3))
    return path


def values(path: Path) -> np.ndarray:
    return read_layers(path, space=DISPLAY_P3)[0]


@pytest.mark.parametrize("format", ["png", "tiff"])
def test_a_pair_keeps_the_gamut_of_each(tmp_path: Path, call: Call, format: str) -> None:
    a = phone_photo(tmp_path / "a.jpg")
    Image.fromarray(picture(1)).save(tmp_path / "b.png")
    pair = ("pair", a, tmp_path / "b.png", *QUICK, "--sheet", "--format", format)
    call(*pair, *PHOTO, "-o", tmp_path / "out").assert_ended(0)
    ending = {"png": "png", "tiff": "tif"}[format]
    assert read_space(tmp_path / f"out/a_prime.{ending}") == DISPLAY_P3
    assert read_space(tmp_path / f"out/b.{ending}") == SRGB
    call("pair", a, a, *QUICK, *PHOTO, "-o", tmp_path / "same").assert_ended(0)
    same = values(tmp_path / "same/a_prime.png")
    assert np.abs(same - values(a)).mean() < 0.02
    converted = (*pair, "--preset", "photo-to-style", "-o", tmp_path / "style")
    call(*converted).assert_ended(0, "Display P3 is converted to sRGB")
    assert read_space(tmp_path / f"style/a_prime.{ending}") == SRGB


def test_numbered_pictures_are_p3_and_the_plan_says_so(
    tmp_path: Path, call: Call, reference: Path
) -> None:
    frames = tmp_path / "frames"
    for index in range(2):
        phone_photo(frames / f"a{index}.jpg", index)
    run = ("timelapse", reference, frames, "-o", tmp_path / "out/%d.png", *HERE)
    call(*run, "--dry-run").assert_ended(0, "Display P3, and so are the pictures")
    call(*run, "--strength", "0").assert_ended(0)
    for index in range(2):
        assert read_space(tmp_path / f"out/{index}.png") == DISPLAY_P3
        own = values(frames / f"a{index}.jpg")
        np.testing.assert_allclose(values(tmp_path / f"out/{index}.png"), own, atol=0.003)
    film = tmp_path / "film.mp4"
    call("assemble", tmp_path / "out.run", "-o", film).assert_ended(0)
    style = ("plan", "--as", "stylize", reference, frames, "--dry-run")
    call(*style).assert_ended(0, "converted to sRGB, since only photo-to-photo keeps their gamut")
