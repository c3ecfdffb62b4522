"""Films of another size than their frames, and what plays them."""

from __future__ import annotations

import logging
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from batch_analogy.media.encoding import EncodingOptions
from batch_analogy.media.extract import extract_frames
from batch_analogy.media.film import encode_film
from batch_analogy.media.film_layout import playing_note
from batch_analogy.media.fitting import fit_pixels
from batch_analogy.media.numbered_output import write_numbered
from batch_analogy.media.stills import read_still, write_png
from batch_analogy.media.video import probe_video

FPS = Fraction(24)


def card(height: int, width: int) -> np.ndarray:
    """Draw a grey ground with a red left half and a white border of an eighth: (H, W, 3) uint8."""
    pixels = np.full((height, width, 3), 128, np.uint8)
    pixels[:, : width // 2] = (200, 30, 30)
    edge = height // 8
    pixels[:edge] = pixels[-edge:] = 255
    return pixels


def test_bars_are_added_beside_a_frame_of_another_shape() -> None:
    film = fit_pixels(card(64, 64), (80, 160), "letterbox")
    assert film.shape == (80, 160, 3)
    assert not film[:, :39].any()
    assert not film[:, 121:].any()
    assert np.abs(film[40, 50].astype(int) - (200, 30, 30)).max() <= 2
    assert film[2, 80].min() >= 250


def test_cropping_leaves_out_the_borders() -> None:
    film = fit_pixels(card(64, 64), (80, 160), "crop")
    assert film.shape == (80, 160, 3)
    assert film.min() >= 15  # no bars
    assert film[0].max() < 210  # the white border is outside
    assert np.abs(film[40, 20].astype(int) - (200, 30, 30)).max() <= 2


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
def test_bars_of_transparent_frames_are_transparent(dtype: type) -> None:
    opaque = np.full((32, 32, 4), np.iinfo(dtype).max, dtype)
    film = fit_pixels(opaque, (32, 64), "letterbox")
    assert (film[:, :16, 3] == 0).all()
    assert (film[:, 16:48, 3] == np.iinfo(dtype).max).all()


@pytest.mark.parametrize(
    ("size", "fit", "wanted"),
    [
        ("50%", "letterbox", (60, 80)),
        ("200%", "letterbox", (240, 320)),
        ("320x180", "letterbox", (180, 320)),
        ("320x180", "crop", (180, 320)),
        ("full", "letterbox", (120, 160)),
    ],
)
def test_a_film_has_the_wanted_size(
    tmp_path: Path, size: str, fit: str, wanted: tuple[int, int]
) -> None:
    write_png(tmp_path / "a.png", card(120, 160).astype(np.float32) / 255)
    encoding = EncodingOptions(crf=4, size=size, fit=fit)
    film = tmp_path / "film.mp4"
    info = encode_film([tmp_path / "a.png"] * 2, film, fps=FPS, encoding=encoding)
    assert (info.height, info.width, info.scaled) == (*wanted, False)
    probed = probe_video(film)
    assert (probed.height, probed.width) == wanted
    shown = read_still(extract_frames(probed, tmp_path / "f").paths[0]) * 255
    corner = shown[wanted[0] // 2, 4]
    bars = (size, fit) == ("320x180", "letterbox")
    assert np.abs(corner - ((0, 0, 0) if bars else (200, 30, 30))).max() < 6


def test_numbered_pictures_have_the_wanted_size(tmp_path: Path) -> None:
    write_png(tmp_path / "a.png", card(120, 160).astype(np.float32) / 255)
    for name in ("%d.png", "%d.tif"):
        write_numbered([tmp_path / "a.png"], tmp_path / name, size=(90, 160), fit="crop")
        with Image.open(tmp_path / name.replace("%d", "0")) as image:
            assert image.size == (160, 90)


@pytest.mark.parametrize(
    ("encoding", "size", "fps", "words"),
    [
        (EncodingOptions(), (2160, 3840), 60, None),
        (EncodingOptions(), (4000, 6000), 24, "not on phones, televisions"),
        (EncodingOptions(), (2160, 3840), 120, "not on phones, televisions"),
        (EncodingOptions(depth=10), (1080, 1920), 24, "of 10 bits plays in VLC"),
        (EncodingOptions(crf=0), (1080, 1920), 24, "lossless H.264 plays in VLC"),
        (EncodingOptions("h265", 10), (1080, 1920), 24, None),
        (EncodingOptions("h265"), (4000, 6000), 24, "decode 8K"),
        (EncodingOptions("h265"), (8000, 9000), 24, "plays in VLC"),
        (EncodingOptions("prores"), (8000, 9000), 24, None),
    ],
)
def test_says_what_plays_a_film(
    encoding: EncodingOptions, size: tuple[int, int], fps: int, words: str | None
) -> None:
    note = playing_note(encoding, size, Fraction(fps), deep=False)
    assert (note is None) == (words is None)
    if note is not None and words is not None:
        assert words in note


def test_a_film_that_few_players_show_is_made_with_a_warning(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_png(tmp_path / "a.png", card(64, 5000).astype(np.float32) / 255)
    with caplog.at_level(logging.WARNING):
        encode_film([tmp_path / "a.png"], tmp_path / "film.mp4", fps=FPS)
    assert "H.264 of 5000x64 px" in caplog.text
    assert "--film-size max" in caplog.text
    assert probe_video(tmp_path / "film.mp4").width == 5000
    caplog.clear()
    small = EncodingOptions(size="max")
    with caplog.at_level(logging.WARNING):
        encode_film([tmp_path / "a.png"], tmp_path / "film.mp4", fps=FPS, encoding=small)
    assert not caplog.text
    assert probe_video(tmp_path / "film.mp4").width == 4096
