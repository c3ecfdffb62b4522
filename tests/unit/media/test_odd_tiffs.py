"""TIFF pictures of floats and of wide whole numbers: which value is white, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from batch_analogy.media import stills
from tests.support.profiles import profile
from tests.support.stills import (
    H,
    W,
    assert_pixels,
    assert_refused,
    deep_tiff,
    gradient,
    over_white,
)


def shades(channels: int) -> np.ndarray:
    return gradient(channels, 65535, np.uint16) / 65535


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("white", [1, 255, 65535])
@pytest.mark.parametrize("kind", [np.float32, np.float64])
def test_white_is_one_or_the_top_of_a_range(
    tmp_path: Path, channels: int, white: int, kind: type
) -> None:
    path = deep_tiff(tmp_path / "a.tif", (shades(channels) * white).astype(kind))
    assert stills.read_depth(path) == 16
    assert_pixels(path, shades(channels))


def test_a_dark_picture_is_dark(tmp_path: Path) -> None:
    dark = np.full((H, W, 3), 55, np.float32)
    assert_pixels(deep_tiff(tmp_path / "a.tif", dark), dark / 255)


def test_highlights_do_not_darken_the_rest(tmp_path: Path) -> None:
    light = shades(3).astype(np.float32) * 1.2
    light[0, 0], light[0, 1] = 40.5, np.nan
    expected = np.clip(np.nan_to_num(light), 0, 1)
    assert_pixels(deep_tiff(tmp_path / "a.tif", light), expected)


def test_values_without_a_known_white_are_refused(tmp_path: Path) -> None:
    path = deep_tiff(tmp_path / "a.tif", np.full((H, W, 3), 1e6, np.float32))
    assert_refused(path, "1e+06", "from 0 to 1")


@pytest.mark.parametrize("extra", [1, 2])
def test_alpha_is_composited_over_white(tmp_path: Path, extra: int) -> None:
    rgba = shades(4).astype(np.float32)
    stored = rgba.copy()
    if extra == 1:
        stored[..., :3] *= rgba[..., 3:]
    assert_pixels(deep_tiff(tmp_path / "a.tif", stored, extra), over_white(rgba), within=1e-5)


@pytest.mark.parametrize("turn", range(1, 9))
@pytest.mark.parametrize("kind", [np.float32, np.uint16])
def test_turns_upright_whatever_decodes_it(tmp_path: Path, turn: int, kind: type) -> None:
    stored = shades(3).astype(kind) if kind is np.float32 else gradient(3, 65535, np.uint16)
    upright = {
        1: lambda p: p,
        2: lambda p: p[:, ::-1],
        3: lambda p: p[::-1, ::-1],
        4: lambda p: p[::-1],
        5: lambda p: p.transpose(1, 0, 2),
        6: lambda p: np.rot90(p, -1),
        7: lambda p: p[::-1, ::-1].transpose(1, 0, 2),
        8: lambda p: np.rot90(p, 1),
    }[turn]
    assert_pixels(deep_tiff(tmp_path / "a.tif", stored, turn=turn), upright(shades(3)))


def test_a_linear_profile_is_applied_to_floats(tmp_path: Path) -> None:
    linear = profile("sRGB IEC61966-2.1 (Linear RGB Profile)", 1.0)
    path = deep_tiff(tmp_path / "a.tif", np.full((H, W, 3), 0.2, np.float32), profile=linear)
    assert_pixels(path, np.full((H, W, 3), 1.055 * 0.2 ** (1 / 2.4) - 0.055), within=1e-5)


@pytest.mark.parametrize(
    ("kind", "top"), [(np.int32, 2**31 - 1), (np.uint32, 2**32 - 1), (np.int32, 65535)]
)
@pytest.mark.parametrize("channels", [1, 3])
def test_whole_numbers_of_32_bits(tmp_path: Path, kind: type, top: int, channels: int) -> None:
    stored = np.rint(shades(channels) * top).astype(kind)
    assert_pixels(deep_tiff(tmp_path / "a.tif", stored), shades(channels))


@pytest.mark.parametrize(("kind", "top"), [(np.uint16, 65535), (np.float32, 1)])
def test_white_is_zero(tmp_path: Path, kind: type, top: int) -> None:
    stored = (shades(1) * top).astype(kind)
    path = deep_tiff(tmp_path / "a.tif", stored, photometric=0)
    assert_pixels(path, 1 - stored / top)


@pytest.mark.parametrize("planes", [1, 2])
@pytest.mark.parametrize("kind", [np.float16, np.float32, np.float64, np.int32])
@pytest.mark.parametrize("channels", [1, 2, 3, 4])
def test_layouts_that_opencv_does_not_read(
    tmp_path: Path, kind: type, channels: int, planes: int
) -> None:
    top = 65535 if kind is np.int32 else 1
    stored = (shades(channels) * top).astype(kind)
    wanted = stored.astype(float) / top
    if planes == 2:
        stored = np.moveaxis(stored, 2, 0).reshape(stored.shape)
    extra = 2 if channels in (2, 4) else None
    path = deep_tiff(tmp_path / "a.tif", stored, extra, planes=planes)
    assert_pixels(path, over_white(wanted) if extra else wanted, within=1e-5)


@pytest.mark.parametrize("tile", [(16, 16), (16, 48)])
@pytest.mark.parametrize("compressed", [False, True])
def test_tiles_and_strips_by_another_program(
    tmp_path: Path, tile: tuple[int, int], compressed: bool
) -> None:
    tifffile = pytest.importorskip("tifffile")
    stored = shades(3).astype(np.float16)
    options = {"compression": "zlib"} if compressed else {}
    for name, more in (("tiles", {"tile": tile}), ("strips", {"rowsperstrip": 5})):
        tifffile.imwrite(tmp_path / f"{name}.tif", stored, photometric="rgb", **options, **more)
        assert_pixels(tmp_path / f"{name}.tif", stored.astype(float))


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int16])
@pytest.mark.parametrize("channels", [2, 5])
def test_differences_of_neighbours(tmp_path: Path, channels: int, kind: type, order: str) -> None:
    tifffile = pytest.importorskip("tifffile")
    top = np.iinfo(kind).max
    four = shades(4)
    planes = four[..., [0, 3]] if channels == 2 else np.concatenate([four, four[..., 3:]], axis=2)
    stored = (planes * top).astype(kind)
    more = ["unassalpha"] if channels == 2 else ["unassalpha", "unspecified"]
    photometric = "minisblack" if channels == 2 else "rgb"
    options = {"compression": "zlib", "predictor": 2, "photometric": photometric}
    tifffile.imwrite(tmp_path / "a.tif", stored, byteorder=order, extrasamples=more, **options)
    wanted = over_white(planes if channels == 2 else four)
    assert_pixels(tmp_path / "a.tif", wanted, within=2.5 / top)


def test_compressed_grey_with_alpha_is_left_to_pillow(tmp_path: Path) -> None:
    planes = [Image.fromarray(gradient()[..., n].copy()) for n in (0, 1)]
    Image.merge("LA", planes).save(tmp_path / "a.tif", compression="tiff_lzw")
    assert_pixels(tmp_path / "a.tif", over_white(gradient(2) / 255))


def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    path = deep_tiff(tmp_path / "a.tif", shades(3).astype(np.float32), bits=24)
    assert_refused(path, "24 bits", "save it as RGB")


@pytest.mark.parametrize("extra", [None, 0, 1, 2])
@pytest.mark.parametrize("channels", [2, 5])
@pytest.mark.parametrize("kind", [np.uint8, np.uint16, np.int16, np.float32])
def test_two_channels_and_further_ones(
    tmp_path: Path, kind: type, channels: int, extra: int | None
) -> None:
    """Two are grey and alpha; a fifth is a mask; the fourth is alpha if it says so."""
    top = 1 if kind is np.float32 else np.iinfo(kind).max
    four = shades(4)
    opacity = four[..., 3:]
    straight = four.copy()
    if extra == 1:
        four = np.concatenate([four[..., :3] * opacity, opacity], axis=2)
    stored = four[..., [0, 3]] if channels == 2 else np.concatenate([four, opacity], axis=2)
    path = deep_tiff(tmp_path / "a.tif", (stored * top).astype(kind), extra)
    if channels == 2:
        wanted = over_white(straight[..., [0, 3]])
    else:
        wanted = over_white(straight) if extra in (1, 2) else straight[..., :3]
    assert stills.read_depth(path) == (8 if kind is np.uint8 else 16)
    assert stills.read_has_alpha(path) == (channels == 2 or extra in (1, 2))
    assert_pixels(path, wanted, within=2.5 / top if top > 1 else 1e-5)


def test_a_truncated_piece_is_refused(tmp_path: Path) -> None:
    path = deep_tiff(tmp_path / "a.tif", shades(3).astype(np.float16))
    data = path.read_bytes()
    lengths = data.index(np.uint16(279).tobytes() + b"\4\0\1\0\0\0")
    path.write_bytes(data[: lengths + 8] + b"\xff\xff\xff\0" + data[lengths + 12 :])
    assert_refused(path, "truncated")


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    path = deep_tiff(tmp_path / "a.tif", shades(3).astype(np.float32))
    data = bytearray(path.read_bytes())
    data[4:8] = (8).to_bytes(4, "little")  # the directory lies among the pixels
    path.write_bytes(data)
    assert_refused(path)
