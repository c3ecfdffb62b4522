"""Developing RAW files with the same settings for all frames."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pytest

from batch_analogy.errors import FrameError
from batch_analogy.media.camera_raw import read_white_balance
from batch_analogy.media.sequence import find_stills
from batch_analogy.media.stills import read_depth, read_depth_loss, read_size, read_still
from tests.support.raw import H, W, light, write_dng


def srgb(linear: np.ndarray) -> np.ndarray:
    """Apply the transfer function of sRGB (IEC 61966-2-1)."""
    return np.where(linear <= 0.0031308, 12.92 * linear, 1.055 * linear ** (1 / 2.4) - 0.055)


@pytest.fixture
def _developed() -> None:
    pytest.importorskip("rawpy", reason="the extra 'raw' is not installed")


@pytest.mark.usefixtures("_developed")
@pytest.mark.parametrize("strength", [1.0, 0.1])
def test_brightness_is_not_adapted_to_the_picture(tmp_path: Path, strength: float) -> None:
    path = write_dng(tmp_path / "a.dng", light(strength))
    pixels = read_still(path)
    assert pixels.shape == (H, W, 3)
    inner = np.s_[4:-4, 4:-4]
    np.testing.assert_allclose(pixels[inner], srgb(light(strength))[inner], atol=2e-3)
    assert np.abs(pixels * 255 - np.rint(pixels * 255)).max() > 0.3, "not rounded to 8 bits"
    assert (read_depth(path), read_depth_loss(path)) == (16, None)


@pytest.mark.usefixtures("_developed")
def test_a_given_white_balance_replaces_that_of_the_file(tmp_path: Path) -> None:
    first = write_dng(tmp_path / "1.dng", light())
    second = write_dng(tmp_path / "2.dng", light(), neutral=(0.5, 1.0, 0.9))
    balance = read_white_balance(first)
    np.testing.assert_allclose(balance[:3], [2, 1, 1 / 0.6], atol=1e-4)
    own, fixed = read_still(second), read_still(second, white_balance=balance)
    np.testing.assert_allclose(own[8:-8, 8:-8], read_still(first)[8:-8, 8:-8], atol=2e-3)
    assert (fixed[8:-8, 8:-8, 2] > own[8:-8, 8:-8, 2] + 0.05).all(), "its light was bluer"


@pytest.mark.usefixtures("_developed")
def test_applies_the_rotation_and_develops_at_half_size(tmp_path: Path) -> None:
    path = write_dng(tmp_path / "a.dng", light(), turn=6)
    assert read_size(path) == (W, H)
    upright = np.rot90(srgb(light()), -1)
    np.testing.assert_allclose(read_still(path)[4:-4, 4:-4], upright[4:-4, 4:-4], atol=2e-3)
    assert read_still(path, at_least_px=32).shape == (W // 2, H // 2, 3)
    assert read_still(path, at_least_px=40).shape == (W, H, 3)


@pytest.mark.usefixtures("_developed")
def test_rejects_a_damaged_raw_file(tmp_path: Path) -> None:
    (tmp_path / "a.nef").write_bytes(b"shopping list" * 100)
    with pytest.raises(
        FrameError, match=r"a\.nef is damaged, or from a camera that LibRaw does not"
    ):
        read_size(tmp_path / "a.nef")
    with pytest.raises(FrameError, match=r"gone\.nef"):
        read_still(tmp_path / "gone.nef")


def test_error_names_the_missing_extra(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "rawpy", None)
    path = write_dng(tmp_path / "a.dng", light())
    with pytest.raises(FrameError, match=r"pip install 'batch-analogy\[raw\]'"):
        read_size(path)


def test_skips_a_raw_file_beside_its_developed_picture(tmp_path: Path) -> None:
    for name in ("1.NEF", "1.JPG", "2.NEF", "3.JPG"):
        (tmp_path / name).touch()
    names = [Path(path).name for path in find_stills(str(tmp_path))]
    assert names == ["1.JPG", "2.NEF", "3.JPG"]
    raws = find_stills(str(tmp_path / "*.NEF"))
    assert [Path(path).name for path in raws] == ["1.NEF", "2.NEF"]
