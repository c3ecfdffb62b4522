"""The known pairs: their truth is exact and reproducible, and their scores are correct."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
import pytest

from batch_analogy.analogy.features.vgg import Vgg19
from batch_analogy.config.matching import AnalogyConfig
from batch_analogy.errors import ConfigError
from batch_analogy.media.stills import read_size
from benchmarks.known import (
    KnownPair,
    Scene,
    evaluate,
    hard_pairs,
    hard_scenes,
    hidden,
    means,
    photographs,
    plain_pairs,
    plain_scenes,
    scores,
    stereo_pair,
    write_sheet,
)
from benchmarks.restyle import RESTYLES
from benchmarks.views import View, fit, grid, truth_between, waves

SCENES = [*plain_scenes(96), *hard_scenes(96)]
every_scene = pytest.mark.parametrize("scene", SCENES, ids=lambda scene: scene.name)


def known(truth: np.ndarray) -> np.ndarray:
    return np.isfinite(truth).all(axis=-1)


def pull(picture: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Sample B' at the true match of each pixel of A; zeros if it is unknown."""
    return cv2.remap(picture, np.nan_to_num(truth), None, cv2.INTER_LINEAR)


@every_scene
def test_both_views_of_a_smooth_picture_agree_at_true_matches(scene: Scene) -> None:
    """The picture contains its own coordinates, so errors of the truth are distances in pixels."""
    h, w = photographs()[scene.photo][0].shape[:2]
    coordinates = grid(w, h).astype(np.float32)
    truth = truth_between(scene.a, scene.bp)
    a, bp = scene.a.render(coordinates), scene.bp.render(coordinates)
    ok = known(truth)
    error = np.linalg.norm(pull(bp, truth) - a, axis=-1)[ok]
    pixel = scene.bp.span_px / scene.bp.size[0]  # one pixel of B', in the photograph
    # The outermost half pixel averages a reflection, so the last row or column may be off a little.
    inner = (truth >= 1) & (truth <= np.array(scene.bp.size) - 2)
    border = ~inner.all(axis=-1)[ok]
    assert error[~border].max() < 0.1 * pixel
    assert error.max() < 0.3 * pixel
    assert ok.mean() > (0.4 if "1.4x" in scene.name else 0.75)


@every_scene
def test_views_lie_inside_the_photograph(scene: Scene) -> None:
    h, w = photographs()[scene.photo][0].shape[:2]
    for view in (scene.a, scene.bp):
        where = view.to_photo(grid(*view.size))
        assert where.min() >= 0
        assert (where <= [w - 1, h - 1]).all()


@every_scene
def test_inverse_returns_every_pixel(scene: Scene) -> None:
    own = grid(*scene.bp.size)
    assert np.abs(scene.bp.to_frame(scene.bp.to_photo(own)) - own).max() < 1e-3


@pytest.mark.parametrize("scene", hard_scenes(96), ids=lambda scene: scene.name)
def test_hard_pairs_change_size_or_side(scene: Scene) -> None:
    truth = truth_between(scene.a, scene.bp)
    dx, dy = np.diff(truth, axis=1)[:-1], np.diff(truth, axis=0)[:, :-1]
    area = np.nanmedian(dx[..., 0] * dy[..., 1] - dx[..., 1] * dy[..., 0])
    expected = {"0.7x": 0.7**2, "1.4x": 1.4**2, "mirror": -1.0}[scene.name.split("-")[1]]
    assert area == pytest.approx(expected, rel=0.12)


def test_there_are_enough_different_pairs() -> None:
    assert len(plain_scenes(64)) + 1 >= 8
    assert len({scene.photo for scene in plain_scenes(64)}) >= 5
    assert {scene.style for scene in SCENES} == set(RESTYLES)
    assert len(hard_scenes(64)) >= 12
    assert len({scene.name for scene in SCENES}) == len(SCENES)


def test_pairs_are_reproducible() -> None:
    first_time, second_time = ([*plain_pairs(48), *hard_pairs(48)[:3]] for _ in range(2))
    for first, second in zip(first_time, second_time, strict=True):
        assert first.name == second.name
        assert first.a.dtype == first.bp.dtype == np.uint8
        np.testing.assert_array_equal(first.a, second.a)
        np.testing.assert_array_equal(first.bp, second.bp)
        np.testing.assert_array_equal(first.truth, second.truth)


@pytest.mark.parametrize("name", sorted(RESTYLES))
def test_restyles_change_the_look_but_move_nothing(name: str) -> None:
    """The change that a disc makes to a restyled grey picture is centred on the disc."""
    flat = np.full((129, 129, 3), 90, dtype=np.uint8)
    disc = cv2.circle(flat.copy(), (64, 64), 30, (200, 160, 120), -1, cv2.LINE_AA)
    plain, styled = RESTYLES[name](flat), RESTYLES[name](disc)
    assert styled.shape == disc.shape
    assert styled.dtype == np.uint8
    assert np.abs(styled.astype(int) - disc).mean() > 10
    change = np.abs(styled.astype(float) - plain).sum(axis=-1)
    centre = grid(129, 129)[change > 0.3 * change.max()].mean(axis=0)
    assert np.abs(centre - 64).max() < 0.2


def test_pixels_behind_a_nearer_object_are_hidden() -> None:
    disparity = np.zeros((1, 12), dtype=np.float32)
    disparity[0, 6:9] = 4  # lands on columns 2, 3 and 4 of the right view, over what was there
    covered = hidden(disparity)[0]
    assert covered[3:5].all()
    assert not covered[[0, 1, 6, 7, 8, 9, 10, 11]].any()
    assert not hidden(np.full((2, 5), np.nan, dtype=np.float32)).any()


def test_stereo_truth_aligns_the_right_view_with_the_left() -> None:
    pair = stereo_pair(128)
    ok = known(pair.truth)

    def likeness(where: np.ndarray) -> float:
        pulled = pull(pair.bp, where)
        left, right = (cv2.cvtColor(p, cv2.COLOR_RGB2GRAY)[ok] for p in (pair.a, pulled))
        return float(np.corrcoef(left, right)[0, 1])

    assert 0.6 < ok.mean() < 0.95
    assert likeness(pair.truth) > 0.9
    for off in ([0.5, 0], [-0.5, 0], [0, 0.5], [0, -0.5]):
        assert likeness(pair.truth + np.float32(off)) < likeness(pair.truth)


@pytest.fixture
def truth() -> np.ndarray:
    """Return the truth of an A 100 px wide: a shift by (7, 3) px, unknown in the left half."""
    truth = (grid(100, 40) + np.array([7, 3])).astype(np.float32)
    truth[:, :50] = np.nan
    return truth


def test_a_perfect_flow_scores_one(truth: np.ndarray) -> None:
    flow = np.broadcast_to(np.float32([7, 3]), truth.shape)
    assert scores(flow, truth) == {
        "share_within_2_percent": 1.0,
        "share_within_5_percent": 1.0,
        "median_error_px": 0.0,
        "mean_error_px": 0.0,
        "known_px": 2000,
    }


def test_scores_of_flows_with_known_errors(truth: np.ndarray) -> None:
    flow = np.broadcast_to(np.float32([7, 3]), truth.shape).copy()
    flow[:, :50] = 1000  # unknown: must not count
    flow[:10] += [3, 4]  # a quarter off by 5 px: exactly 5 %
    flow[10:20, :, 0] -= 2  # a quarter off by exactly 2 %
    flow[20:30, :, 1] += 6  # a quarter off by 6 px
    assert scores(flow, truth) == {
        "share_within_2_percent": 0.5,
        "share_within_5_percent": 0.75,
        "median_error_px": 3.5,
        "mean_error_px": 3.25,
        "known_px": 2000,
    }


def test_scores_reject_other_shapes_and_unknown_truth(truth: np.ndarray) -> None:
    with pytest.raises(ConfigError, match="shape"):
        scores(np.zeros((40, 99, 2), dtype=np.float32), truth)
    with pytest.raises(ConfigError, match="known"):
        scores(np.zeros_like(truth), np.full_like(truth, np.nan))


def test_means_weight_all_pairs_equally() -> None:
    results = {"x": {"a": 1.0, "known_px": 5}, "y": {"a": 0.0, "known_px": 500}}
    assert means(results) == {"a": 0.5}


def test_rejects_views_that_cannot_be_inverted_and_shrinks_large_ones() -> None:
    rng = np.random.default_rng(0)
    wild = View((64, 64), (50.0, 50.0), 60.0, np.eye(3), waves(rng, 0.8))
    with pytest.raises(ConfigError, match="bends too hard"):
        wild.to_frame(wild.to_photo(grid(64, 64)))
    wide = View((64, 64), (50.0, 50.0), 500.0, np.eye(3), np.zeros((0, 5)))
    assert fit(wide, 101, 101).span_px < 102  # shrunk into it


def test_evaluate_matches_a_picture_with_itself(network: Vgg19, tmp_path: Path) -> None:
    picture = plain_scenes(64)[0].pair().a
    pair = KnownPair("same", picture, picture, grid(64, 64).astype(np.float32), "plain")
    sheet = tmp_path / "same.png"
    results = evaluate(
        AnalogyConfig(quality="draft", min_side_px=32),
        [pair],
        network,
        lambda pair, result: write_sheet(sheet, pair, result),
    )
    assert results["same"]["share_within_2_percent"] == 1.0
    assert results["same"]["known_px"] == 64 * 64
    assert results["same"]["seconds"] > 0
    assert read_size(sheet)
