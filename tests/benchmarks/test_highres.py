"""The high-resolution benchmark's measure and pictures."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

highres = pytest.importorskip("benchmarks.highres", reason="scikit-image is not installed")
pictures = pytest.importorskip("benchmarks.high_pictures")


@pytest.mark.parametrize("style", ["brushed", "hatched"])
def test_blurring_a_reference_lowers_its_detail(style: str) -> None:
    content = pictures.cropped(pictures.photo("flower"), 480, 270)
    made = getattr(pictures, style)(content, 1)
    assert made.shape == (270, 480, 3)
    assert made.dtype == np.float32
    assert np.array_equal(made, getattr(pictures, style)(content, 1))
    assert set(highres.detail(made, made).values()) == {1.0}
    assert max(highres.detail(cv2.GaussianBlur(made, (0, 0), 1.5), made).values()) < 0.6


def test_large_pictures_consist_of_four_mirrored_copies(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(highres, "LARGEST_MADE_PX", 200)
    highres.make_pair(tmp_path, "drawing", 320)
    bp = highres.read_still(tmp_path / "bp.png")
    assert bp.shape == (180, 320, 3)
    np.testing.assert_allclose(bp, bp[::-1, ::-1])
    assert highres.read_still(tmp_path / "a.png").shape == (180, 320, 3)
