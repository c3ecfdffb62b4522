"""Orientations, and how they follow one another."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from batch_analogy.media.decoding import turn_upright
from batch_analogy.media.exif import read_time_and_orientation
from batch_analogy.media.orientation import both, read_orientation, turned_back
from batch_analogy.media.stills import read_size, read_still
from tests.support.stills import deep_tiff

PROBE = np.arange(12, dtype=np.int64).reshape(3, 4, 1)


@pytest.mark.parametrize(("one", "other"), list(itertools.product(range(1, 9), repeat=2)))
def test_two_orientations_in_one(one: int, other: int) -> None:
    wanted = turn_upright(turn_upright(PROBE, one), other)
    assert np.array_equal(turn_upright(PROBE, both(one, other)), wanted)
    assert both(one, turned_back(one)) == 1


@pytest.mark.parametrize("tag", range(1, 9))
@pytest.mark.parametrize("suffix", [".jpg", ".tif", ".png", ".webp"])
def test_the_tag_is_the_one_that_reading_applies(tmp_path: Path, suffix: str, tag: int) -> None:
    path = tmp_path / f"a{suffix}"
    exif = Image.Exif()
    exif[0x0112] = tag
    grey = np.zeros((32, 48), np.uint8)
    grey[:8, :8] = 255
    Image.fromarray(grey).save(path, exif=exif)
    assert read_orientation(path) == tag
    assert read_time_and_orientation(path)[1] in ((tag,) if suffix in (".jpg", ".tif") else (None,))
    turned = turn_upright(grey[..., None].astype(np.int64), tag)[..., 0]
    assert np.array_equal(read_still(path)[..., 0] > 0.5, turned > 128)


@pytest.mark.parametrize("tag", [*range(1, 9), 99])
def test_a_tiff_that_pillow_does_not_read_has_one_too(tmp_path: Path, tag: int) -> None:
    path = deep_tiff(tmp_path / "a.tif", np.zeros((32, 48, 3), np.float32), turn=tag)
    assert read_orientation(path) == (tag if tag <= 8 else 1)
    assert read_still(path).shape[:2] == ((48, 32) if 5 <= tag <= 8 else (32, 48))
    assert read_size(path) == read_still(path).shape[:2]
