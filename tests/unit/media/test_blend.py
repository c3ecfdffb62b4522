"""Blending frames in linear light."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from batch_analogy.errors import FilmError, FrameError
from batch_analogy.media.blend import read_blend
from batch_analogy.media.numbered_output import write_numbered
from batch_analogy.media.stills import read_depth, read_still, write_png


def grey(path: Path, value: float, side: int = 16) -> Path:
    write_png(path, np.full((side, side, 3), value, np.float32), 16)
    return path


def test_black_and_white_blend_to_half_the_light(tmp_path: Path) -> None:
    black, white = grey(tmp_path / "0.png", 0.0), grey(tmp_path / "1.png", 1.0)
    np.testing.assert_allclose(read_blend((black, white)), 0.735357, atol=1e-4)  # sRGB of 1/2
    np.testing.assert_allclose(read_blend((black, white, white, white)), 0.880825, atol=1e-4)
    assert np.array_equal(read_blend((white, black)), read_blend((black, white)))


def test_equal_pictures_blend_to_themselves(tmp_path: Path) -> None:
    one, other = grey(tmp_path / "0.png", 0.3), grey(tmp_path / "1.png", 0.3)
    assert np.array_equal(read_blend((one, one, one)), read_still(one))
    np.testing.assert_allclose(read_blend((one, other)), read_still(one), atol=1e-6)


def test_rejects_pictures_of_different_sizes(tmp_path: Path) -> None:
    small, large = grey(tmp_path / "0.png", 0.3), grey(tmp_path / "1.png", 0.3, 17)
    with pytest.raises(FrameError, match=r"1\.png is 17×17 px .*0\.png, which is 16×16"):
        read_blend((small, large))


def test_blends_numbered_pictures(tmp_path: Path) -> None:
    black, white = grey(tmp_path / "0.png", 0.0), grey(tmp_path / "1.png", 1.0)
    write_numbered([(black, white), (white,), white], tmp_path / "out" / "%d.png")
    made = [tmp_path / "out" / f"{index}.png" for index in range(3)]
    assert [round(float(read_still(path).mean()), 3) for path in made] == [0.735, 1.0, 1.0]
    assert made[1].read_bytes() == made[2].read_bytes() == white.read_bytes()
    assert read_depth(made[0]) == 16
    with pytest.raises(FilmError, match="cannot be written"):
        write_numbered([(black, tmp_path / "gone.png")], tmp_path / "out" / "%d.png")
