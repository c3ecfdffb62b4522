"""TIFF pictures of floats and of wide whole numbers: which value is white, and what is refused."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

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


@pytest.mark.parametrize(
    ("kind", "more", "word"),
    [(np.float16, {}, "16 bits"), (np.float32, {"planes": 2}, "planar")],
)
def test_what_cannot_be_read_is_named(
    tmp_path: Path, kind: type, more: dict[str, int], word: str
) -> None:
    path = deep_tiff(tmp_path / "a.tif", shades(3).astype(kind), **more)
    assert_refused(path, word, "save it as TIFF")


def test_a_truncated_file_is_refused(tmp_path: Path) -> None:
    path = deep_tiff(tmp_path / "a.tif", shades(3).astype(np.float32))
    data = bytearray(path.read_bytes())
    data[4:8] = (8).to_bytes(4, "little")  # the directory lies among the pixels
    path.write_bytes(data)
    assert_refused(path)
