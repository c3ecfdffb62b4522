"""Spaces of pixels: PQ, HLG, Display P3, and pictures that are stored in them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from batch_analogy.media.blend import read_blend
from batch_analogy.media.pixel_spaces import DISPLAY_P3, SRGB, WIDE, PixelSpace
from batch_analogy.media.stills import read_layers, read_space, read_still, write_png

PQ = PixelSpace("bt2020", "smpte2084")
HLG = PixelSpace("bt2020", "arib-std-b67")
SPACES = [SRGB, WIDE, DISPLAY_P3, PQ, HLG]


def noise() -> np.ndarray:
    return np.random.default_rng(7).random((24, 20, 3), dtype=np.float32)


@pytest.mark.parametrize("space", SPACES)
def test_light_and_back_changes_nothing(space: PixelSpace) -> None:
    back = space.from_light(space.to_light(noise()))
    np.testing.assert_allclose(back, noise(), atol=1 / 65535)


@pytest.mark.parametrize(("space", "value"), [(PQ, 0.5807), (HLG, 0.75), (SRGB, 1.0)])
def test_a_white_sheet_has_the_value_of_the_standard(space: PixelSpace, value: float) -> None:
    """ITU-R BT.2408: 203 cd/m², 58 % of PQ and 75 % of HLG."""
    assert space.white == pytest.approx(value, abs=5e-4)
    white = space.from_srgb(np.ones((1, 1, 3), np.float32))
    np.testing.assert_allclose(white, value, atol=5e-4)


@pytest.mark.parametrize(("value", "nits"), [(0.5081, 100), (0.1496, 1), (0.7518, 1000)])
def test_pq_has_the_published_values(value: float, nits: float) -> None:
    light = PQ.to_light(np.full((1, 3), value, np.float32)) * 203
    np.testing.assert_allclose(light, nits, rtol=0.01)


@pytest.mark.parametrize("space", [PQ, HLG, DISPLAY_P3])
@pytest.mark.parametrize("depth", [8, 16])
def test_a_picture_stored_in_a_space_keeps_its_values(
    tmp_path: Path, space: PixelSpace, depth: int
) -> None:
    write_png(tmp_path / "a.png", noise(), 8 if depth == 8 else 16, space)
    assert read_space(tmp_path / "a.png") == space
    kept, _ = read_layers(tmp_path / "a.png", space=space)
    np.testing.assert_allclose(kept, noise(), atol=0.51 / (2**depth - 1))
    assert np.abs(read_still(tmp_path / "a.png") - noise()).max() > 0.05  # as sRGB


@pytest.mark.parametrize("space", [PQ, HLG, DISPLAY_P3])
def test_a_picture_of_srgb_shows_the_same_light_in_a_space(
    tmp_path: Path, space: PixelSpace
) -> None:
    write_png(tmp_path / "srgb.png", noise(), 16)
    converted, _ = read_layers(tmp_path / "srgb.png", space=space)
    write_png(tmp_path / "converted.png", converted, 16, space)
    back, _ = read_layers(tmp_path / "converted.png", beyond_white=True)
    np.testing.assert_allclose(back, noise(), atol=4e-3)


def test_light_beyond_white_survives_one_space_in_another(tmp_path: Path) -> None:
    bright = np.full((16, 16, 3), 0.75, np.float32)  # 983 cd/m²
    write_png(tmp_path / "pq.png", bright, 16, PQ)
    pixels, _ = read_layers(tmp_path / "pq.png", beyond_white=True)
    np.testing.assert_allclose(((pixels + 0.055) / 1.055) ** 2.4 * 203, 983, rtol=0.01)
    hlg, _ = read_layers(tmp_path / "pq.png", space=HLG)
    np.testing.assert_allclose(HLG.to_light(hlg) * 203, 983, rtol=0.01)


def test_blends_average_light(tmp_path: Path) -> None:
    for name, value in (("a", 0.0), ("b", 0.7518)):
        write_png(tmp_path / f"{name}.png", np.full((16, 16, 3), value, np.float32), 16, PQ)
    mean = read_blend((tmp_path / "a.png", tmp_path / "b.png"), space=PQ)
    np.testing.assert_allclose(PQ.to_light(mean) * 203, 500, rtol=0.01)


def test_exposure_multiplies_light() -> None:
    brighter = PQ.exposed(np.full((1, 1, 3), 0.5081, np.float32), 1.0)
    np.testing.assert_allclose(PQ.to_light(brighter) * 203, 200, rtol=0.01)
