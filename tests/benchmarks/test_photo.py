"""Measures of the photo benchmark, which must be lower for worse pictures."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from batch_analogy.media.stills import read_depth, read_still

photo = pytest.importorskip("benchmarks.photo", reason="scikit-image is not installed")


@pytest.fixture(scope="module")
def coffee() -> np.ndarray:
    return photo.photo("coffee")


def test_a_picture_keeps_all_of_its_own_edges(coffee: np.ndarray) -> None:
    a = photo.tensor(coffee)
    assert photo.edges_kept(a, a) == 1.0
    assert photo.edges_kept(photo.tensor(photo.night(coffee)), a) > 0.9  # a grade is no loss


def test_moved_and_lost_edges_lower_the_score(coffee: np.ndarray) -> None:
    a = photo.tensor(coffee)
    near, far = np.roll(coffee, 1, axis=1), np.roll(coffee, 12, axis=1)
    assert photo.edges_kept(photo.tensor(near), a) > 0.97
    assert photo.edges_kept(photo.tensor(far), a) < 0.6
    noise = np.random.default_rng(0).random(coffee.shape, dtype=np.float32)
    assert photo.edges_kept(photo.tensor(noise), a) < 0.6


def test_enlarged_photographs_have_detail(coffee: np.ndarray) -> None:
    large = photo.enlarged("coffee", 900, 500, seed=1)
    assert large.shape == (500, 900, 3)
    assert large.dtype == np.float32
    assert np.abs(np.diff(large, axis=1)).mean() > 0.005
    assert np.array_equal(large, photo.enlarged("coffee", 900, 500, seed=1))


def test_a_warped_copy_has_the_same_mean_colour(coffee: np.ndarray) -> None:
    moved = photo.warped(coffee)
    assert moved.shape == coffee.shape
    assert np.abs(moved - coffee).mean() > 0.02
    np.testing.assert_allclose(moved.mean(axis=(0, 1)), coffee.mean(axis=(0, 1)), atol=0.05)


def test_measures_time_and_memory_of_a_command(tmp_path: Path, coffee: np.ndarray) -> None:
    for name in ("a.png", "bp.png"):
        photo.write_png(tmp_path / name, coffee[::4, ::4], 16)
    quick = ["--quality", "draft", "--size", "0.0041"]
    measured = photo.run_pair(tmp_path / "a.png", tmp_path / "bp.png", tmp_path / "out", *quick)
    assert measured["seconds"] > 0
    assert measured["peak_memory_bytes"] > 50e6
    assert read_depth(tmp_path / "out" / "a_prime.png") == 16
    assert read_still(tmp_path / "out" / "a_prime.png").shape == coffee[::4, ::4].shape
