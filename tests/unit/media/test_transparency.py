"""Transparent pictures and films stay transparent, and white or black never tints their edges."""

from __future__ import annotations

import logging
import struct
import zlib
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from batch_analogy.config.codecs import CODECS, Codec
from batch_analogy.media import stills
from batch_analogy.media.blend import read_blend
from batch_analogy.media.encoding import EncodingOptions
from batch_analogy.media.extract import extract_frames
from batch_analogy.media.film import encode_film
from batch_analogy.media.label_pictures import read_map
from batch_analogy.media.numbered_output import write_numbered
from batch_analogy.media.opacity import extend_colours
from batch_analogy.media.video import probe_video
from tests.support.stills import H, W, gradient, png_chunk

FPS = Fraction(10)
TRANSPARENT = [
    (name, bits, suffix)
    for name, spec in CODECS.items()
    if spec.alpha is not None
    for bits in spec.alpha.pixel_formats
    for suffix in spec.suffixes
]


def cutout(index: int = 0, top: int = 255, dtype: type = np.uint8) -> np.ndarray:
    """Return a red disc with a soft edge on transparent black, (H, W, 4)."""
    y, x = np.mgrid[:H, :W]
    opacity = np.clip(10 - np.hypot(y - H / 2, x - W / 2 - index), 0, 1)
    pixels = np.zeros((H, W, 4))
    pixels[..., 0] = 0.8 * (opacity > 0)
    pixels[..., 3] = opacity
    return np.rint(pixels * top).astype(dtype)


def read(path: Path) -> np.ndarray:
    """Return a picture as stored, (H, W, 4) in [0, 1], after a check of its shape."""
    assert stills.read_has_alpha(path)
    _, opacity = stills.read_layers(path)
    assert opacity is not None
    with Image.open(path) as image:
        assert image.mode == "RGBA"
    return opacity


@pytest.mark.parametrize("depth", [8, 16])
@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_alpha_is_written_and_read(tmp_path: Path, suffix: str, depth: int) -> None:
    top = 255 if depth == 8 else 65535
    pixels = (gradient(4, top, np.uint16) / top).astype(np.float32)
    path = tmp_path / f"a.{suffix}"
    write = stills.write_png if suffix == "png" else stills.write_tiff
    write(path, pixels, depth)
    assert stills.read_depth(path) == depth
    colours, opacity = stills.read_layers(path)
    np.testing.assert_allclose(opacity, pixels[..., 3], atol=1e-6)
    np.testing.assert_allclose(colours, pixels[..., :3], atol=1e-6)
    with Image.open(path) as image:
        assert image.mode == "RGBA"
        expected = np.asarray(image)[..., 3] / 255
    np.testing.assert_allclose(expected, pixels[..., 3], atol=1 / 255)


def test_a_tiff_of_many_strips_is_whole(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 255, (300, 200, 4), dtype=np.uint8)
    stills.write_tiff(tmp_path / "a.tif", pixels, 8)
    with Image.open(tmp_path / "a.tif") as image:
        assert len(image.tag_v2[273]) > 1
        assert image.tag_v2[338] == (2,)
        assert np.array_equal(np.asarray(image), pixels)


@pytest.mark.parametrize("hidden", [0, 255])
def test_colours_continue_under_transparency(hidden: int) -> None:
    pixels = cutout()
    pixels[pixels[..., 3] == 0, :3] = hidden
    colours = (pixels[..., :3] / 255).astype(np.float32)
    extended = extend_colours(colours, (pixels[..., 3] / 255).astype(np.float32))
    np.testing.assert_allclose(extended, np.broadcast_to([0.8, 0, 0], (H, W, 3)), atol=0.01)


def test_visible_colours_are_kept_exactly() -> None:
    colours = (gradient(3) / 255).astype(np.float32)
    opacity = np.where(np.arange(W) < W // 2, 1, 0).astype(np.float32)[None].repeat(H, 0)
    extended = extend_colours(colours, opacity)
    np.testing.assert_allclose(extended[:, : W // 2], colours[:, : W // 2], atol=1e-6)
    assert extended[:, W // 2 :].std() < colours[:, : W // 2].std()


def test_nothing_visible_is_white() -> None:
    extended = extend_colours(np.zeros((H, W, 3), np.float32), np.zeros((H, W), np.float32))
    assert extended.min() == 1.0


def test_an_opaque_alpha_channel_says_nothing(tmp_path: Path) -> None:
    Image.fromarray(gradient()).convert("RGBA").save(tmp_path / "a.png")
    assert stills.read_layers(tmp_path / "a.png")[1] is None
    assert stills.read_opacity(tmp_path / "a.png") is None


@pytest.mark.parametrize(("codec", "bits", "suffix"), TRANSPARENT)
@pytest.mark.parametrize("durations", [None, [Fraction(1, 10), Fraction(3, 10), Fraction(1, 5)]])
def test_films_stay_transparent(
    tmp_path: Path, codec: Codec, bits: int, suffix: str, durations: list[Fraction] | None
) -> None:
    paths = []
    for index in range(3):
        paths.append(tmp_path / f"{index}.png")
        top, kind = (255, np.uint8) if bits == 8 else (65535, np.uint16)
        pixels = cutout(index, top, kind) if index else np.full((H, W, 4), top, kind)
        floats = (pixels / top).astype(np.float32)
        stills.write_png(paths[-1], floats if index else floats[..., :3], 8 if bits == 8 else 16)
    film = tmp_path / f"film{suffix}"
    encoding = EncodingOptions(codec, bits if bits in (8, 10) else None, crf=0)
    encode_film(paths, film, fps=FPS, durations=durations, encoding=encoding)
    info = probe_video(film)
    assert info.tags.has_alpha
    assert info.frame_count == 3
    back = extract_frames(info, tmp_path / "frames").paths
    alpha = CODECS[codec].alpha
    assert alpha is not None
    first = stills.read_opacity(back[0])
    assert first is None if alpha.smooth else (first == 0).sum() == 1  # a corner of each GIF frame
    for path, before in zip(back[1:], paths[1:], strict=True):
        found, wanted = stills.read_opacity(path), stills.read_opacity(before)
        assert found is not None
        colours, wanted_colours = stills.read_still(path), stills.read_still(before)
        if not alpha.smooth:  # decided by dithering
            assert set(np.unique(found)) == {0, 1}
            decided = (wanted == 0) | (wanted == 1)
            found, wanted = found[decided], wanted[decided]
            colours, wanted_colours = colours[decided], wanted_colours[decided]
        np.testing.assert_allclose(found, wanted, atol=1.01 / 255)
        atol = 0.03 if bits == 10 or codec == "vp9" else 1 / 255  # VP9 halves the colours' size
        np.testing.assert_allclose(colours, wanted_colours, atol=atol)


def test_a_film_that_cannot_be_transparent_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    stills.write_png(tmp_path / "a.png", cutout())
    with caplog.at_level(logging.WARNING):
        encode_film([tmp_path / "a.png"], tmp_path / "film.mp4", fps=FPS)
    assert "over white" in caplog.text
    assert "prores" in caplog.text
    back = extract_frames(probe_video(tmp_path / "film.mp4"), tmp_path / "frames").paths
    assert stills.read_still(back[0])[0, 0].min() > 0.97


@pytest.mark.parametrize("suffix", ["png", "tif"])
def test_numbered_pictures_keep_alpha(tmp_path: Path, suffix: str) -> None:
    stills.write_png(tmp_path / "a.png", cutout())
    write_numbered([tmp_path / "a.png"], tmp_path / f"out/%03d.{suffix}")
    opacity = read(tmp_path / f"out/000.{suffix}")
    np.testing.assert_allclose(opacity, cutout()[..., 3] / 255, atol=1e-6)


def test_blended_frames_weigh_colours_by_their_opacity(tmp_path: Path) -> None:
    red, clear = np.zeros((H, W, 4), np.uint8), np.zeros((H, W, 4), np.uint8)
    red[...] = (255, 0, 0, 255)
    clear[...] = (0, 0, 255, 0)
    stills.write_png(tmp_path / "a.png", red)
    stills.write_png(tmp_path / "b.png", clear)
    mean = read_blend((tmp_path / "a.png", tmp_path / "b.png"), alpha=True)
    np.testing.assert_allclose(mean, np.broadcast_to([1, 0, 0, 0.5], (H, W, 4)), atol=1e-5)
    seen = read_blend((tmp_path / "a.png", tmp_path / "b.png"))
    assert seen.shape == (H, W, 3)


@pytest.mark.parametrize("bits", [1, 2, 4, 8, 16])
def test_one_transparent_grey_at_any_depth(tmp_path: Path, bits: int) -> None:
    """A PNG without an alpha channel may name one value that is transparent."""
    top = (1 << bits) - 1
    codes = np.full((H, W), top)
    codes[:, : W // 2] = key = 0 if bits == 1 else 1
    rows = codes.astype(">u2").view(np.uint8) if bits == 16 else codes.astype(np.uint8)
    if bits < 8:
        steps = np.unpackbits(rows[..., None], axis=2)[..., 8 - bits :].reshape(H, -1)
        rows = np.packbits(steps, axis=1)
    data = zlib.compress(b"".join(b"\0" + row.tobytes() for row in rows))
    header = struct.pack(">IIBBBBB", W, H, bits, 0, 0, 0, 0)
    body = png_chunk(b"IHDR", header) + png_chunk(b"tRNS", struct.pack(">H", key))
    body += png_chunk(b"IDAT", data) + png_chunk(b"IEND", b"")
    path = tmp_path / "a.png"
    path.write_bytes(b"\x89PNG\r\n\x1a\n" + body)
    colours, opacity = stills.read_layers(path)
    wanted = np.repeat(np.array([[0.0, 1.0]]), W // 2, axis=1)
    np.testing.assert_array_equal(opacity, np.broadcast_to(wanted, (H, W)))
    np.testing.assert_array_equal(stills.read_opacity(path), opacity)
    np.testing.assert_array_equal(colours, 1.0)  # the only visible colour
    assert read_map(path).notes == ("a.png: transparent parts count as black",)
