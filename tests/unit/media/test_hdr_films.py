"""HDR videos that stay HDR: extracted and encoded without loss, with tags and light levels."""

from __future__ import annotations

import dataclasses
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from batch_analogy.config.codecs import Codec
from batch_analogy.media.captions import Captions, CaptionStyle
from batch_analogy.media.colour_tags import ColourSpace
from batch_analogy.media.encoding import EncodingOptions
from batch_analogy.media.extract import extract_frames
from batch_analogy.media.film import encode_film
from batch_analogy.media.light_levels import LightLevels, read_light_levels
from batch_analogy.media.numbered_output import write_numbered
from batch_analogy.media.pixel_spaces import PixelSpace
from batch_analogy.media.stills import read_depth, read_layers, read_space, read_still
from batch_analogy.media.video import VideoInfo, probe_video
from tests.support.hdr_videos import bars, hdr_video, stored_values

TRANSFERS = ["smpte2084", "arib-std-b67"]
LEVELS = LightLevels(
    (13250, 34500, 7500, 3000, 34000, 16000, 15635, 16450, 10_000_000, 1), (1000, 400)
)


def opened(path: Path, transfer: str = "smpte2084") -> VideoInfo:
    return probe_video(hdr_video(path, transfer)).keeping_hdr(True)


def encoded(
    info: VideoInfo,
    film: Path,
    *,
    codec: Codec = "h265",
    captions: Captions | None = None,
    levels: LightLevels | None = LEVELS,
) -> Path:
    """Encode the frames of a video without loss."""
    frames = extract_frames(info, film.with_name("frames")).paths
    encode_film(
        frames,
        film,
        fps=Fraction(10),
        encoding=EncodingOptions(codec, crf=0),
        colours=info.colours,
        light_levels=levels,
        captions=captions,
    )
    return film


@pytest.mark.parametrize("transfer", TRANSFERS)
@pytest.mark.parametrize("codec", ["h265", "av1"])
def test_a_film_of_extracted_frames_is_the_video(
    tmp_path: Path, transfer: str, codec: Codec
) -> None:
    info = opened(tmp_path / "a.mp4", transfer)
    film = encoded(info, tmp_path / "film.mp4", codec=codec)
    assert np.abs(stored_values(film) - stored_values(tmp_path / "a.mp4")).max() <= 1
    assert probe_video(film).tags == info.tags
    assert info.colours == ColourSpace("bt2020nc", "bt2020", transfer)


@pytest.mark.parametrize("codec", ["h265", "av1"])
@pytest.mark.parametrize(
    "levels", [LEVELS, LightLevels(content=(600, 100)), LightLevels(LEVELS.display)]
)
def test_light_levels_are_stored(tmp_path: Path, codec: Codec, levels: LightLevels) -> None:
    info = opened(tmp_path / "a.mp4")
    found = read_light_levels(encoded(info, tmp_path / "film.mp4", codec=codec, levels=levels))
    assert found == levels


def test_light_levels_of_a_video(tmp_path: Path) -> None:
    assert read_light_levels(hdr_video(tmp_path / "a.mp4")) == LEVELS
    assert read_light_levels(hdr_video(tmp_path / "b.mp4", levels="")) is None


def test_extracted_frames_say_what_they_hold(tmp_path: Path) -> None:
    info = opened(tmp_path / "a.mp4")
    frame = extract_frames(info, tmp_path / "frames").paths[0]
    assert read_depth(frame) == 16
    assert read_space(frame) == info.space == PixelSpace("bt2020", "smpte2084")
    kept, _ = read_layers(frame, space=info.space)
    np.testing.assert_allclose(kept, bars() / 65535, atol=1.5 / 876)
    sheet = read_still(frame)[30, 4]  # as sRGB, white is below the highlights
    np.testing.assert_allclose(sheet, 0.875, atol=0.01)


def test_frames_are_extracted_anew_for_another_use(tmp_path: Path) -> None:
    info = opened(tmp_path / "a.mp4")
    folder = tmp_path / "frames"
    for keeps, named in ((True, True), (False, False), (True, True)):
        frame = extract_frames(info.keeping_hdr(keeps), folder).paths[0]
        assert read_space(frame).is_hdr == named


def test_untagged_primaries_are_bt2020(tmp_path: Path) -> None:
    info = opened(tmp_path / "a.mp4")
    tags = dataclasses.replace(info.tags, matrix=None, primaries=None)
    bare = dataclasses.replace(info, tags=tags)
    assert bare.colours == info.colours


def test_captions_are_as_bright_as_a_white_sheet(tmp_path: Path) -> None:
    captions = Captions(["HHHHHH"] * 2, CaptionStyle("center", 40.0))
    plain = encoded(opened(tmp_path / "a.mp4"), tmp_path / "plain.mp4")
    burnt = encoded(opened(tmp_path / "b.mp4"), tmp_path / "burnt.mp4", captions=captions)
    luma = [stored_values(film)[: 64 * 48].reshape(48, 64) for film in (plain, burnt)]
    changed = luma[1][luma[0] != luma[1]]
    assert len(changed) > 50
    assert -40 < changed.max() - (64 + 876 * 0.5807) <= 1  # and not at 10,000 cd/m²


def test_an_animated_picture_is_srgb(tmp_path: Path) -> None:
    film = encoded(opened(tmp_path / "a.mp4"), tmp_path / "film.webp", codec="webp")
    with Image.open(film) as image:
        pixels = np.asarray(image.convert("RGB"))
    np.testing.assert_allclose(pixels[30, 4], 0.875 * 255, atol=3)


@pytest.mark.parametrize("ending", ["png", "exr", "tif"])
def test_numbered_pictures_keep_hdr_where_they_can(tmp_path: Path, ending: str) -> None:
    if ending == "exr":
        pytest.importorskip("OpenImageIO")
    info = opened(tmp_path / "a.mp4")
    frames = extract_frames(info, tmp_path / "frames").paths
    write_numbered(frames, tmp_path / f"out/%d.{ending}", size=(24, 32))
    path = tmp_path / f"out/0.{ending}"
    bright, sheet = read_layers(path, beyond_white=True)[0][[4, 15], 2]
    np.testing.assert_allclose(sheet, 0.875 if ending == "tif" else 1.0, atol=0.02)
    if ending != "tif":
        np.testing.assert_allclose(((bright + 0.055) / 1.055) ** 2.4 * 203, 10_000, rtol=0.02)
