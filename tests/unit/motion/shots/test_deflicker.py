"""Exposure corrections: computing them and applying them."""

from __future__ import annotations

import numpy as np
import pytest
import skimage.data

from batch_analogy.colour import to_linear, to_srgb
from batch_analogy.motion.shots.deflicker import (
    FLICKER_EV,
    Series,
    apply_exposure,
    exposure_corrections,
    flicker_ev,
)
from batch_analogy.motion.shots.frame_stats import log2_light

FRAMES = 120


def unknown(count: int = FRAMES) -> Series:
    return np.full(count, np.nan)


def noise(height: float, seed: int = 0) -> Series:
    return np.random.default_rng(seed).uniform(-height, height, FRAMES)


def roughness(light: Series) -> float:
    return float(np.sqrt(np.mean(np.diff(light, 2) ** 2)))


def ramp(kind: str) -> Series:
    share = np.linspace(0, 1, FRAMES)
    return -6 / (1 + np.exp(-10 * (share - 0.5))) if kind == "sunset" else -6 * share


@pytest.mark.parametrize("ev", [0.01, 0.3, 1.0, 2.0])
def test_exposure_changes_are_inverted_without_clipping(ev: float) -> None:
    grey = np.linspace(0, 1, 4096, dtype=np.float32).reshape(-1, 1, 1).repeat(3, axis=2)
    lighter, darker = apply_exposure(grey, ev), apply_exposure(grey, -ev)
    for changed in (lighter, darker):
        assert changed.dtype == np.float32
        assert np.all(np.diff(changed[:, 0, 0]) > 0)  # no two levels are merged
        assert (changed[0, 0, 0], changed[-1, 0, 0]) == pytest.approx((0, 1), abs=1e-6)
    np.testing.assert_allclose(apply_exposure(lighter, -ev), grey, atol=1e-5)


def test_below_the_knee_exposure_multiplies_light() -> None:
    grey = np.full((2, 2, 3), 0.4, np.float32)
    np.testing.assert_allclose(to_linear(apply_exposure(grey, 1.0)), 2 * to_linear(grey), 1e-5)
    np.testing.assert_allclose(
        to_linear(apply_exposure(grey, -1.5)), to_linear(grey) / 2**1.5, 1e-5
    )


def test_an_ev_of_zero_returns_the_same_array() -> None:
    pixels = np.random.default_rng(0).random((5, 4, 3), np.float32)
    assert apply_exposure(pixels, 0.0) is pixels


def test_a_16_bit_gradient_keeps_its_levels() -> None:
    gradient = np.linspace(0, 1, 65536, dtype=np.float32).reshape(1, -1, 1).repeat(3, axis=2)
    changed = np.rint(apply_exposure(gradient, 0.3) * 65535)
    assert len(np.unique(changed)) >= 4096


@pytest.mark.parametrize(("kind", "error"), [("straight", 0.04), ("sunset", 0.06)])
def test_flicker_is_removed_and_the_ramp_is_kept(kind: str, error: float) -> None:
    for seed in range(30):
        truth, wrong = ramp(kind), noise(0.3, seed)
        even = truth + wrong + exposure_corrections(truth + wrong, unknown(), strength=1.0)
        assert roughness(even) < 0.1 * roughness(truth + wrong)
        assert np.sqrt(np.mean((even - truth) ** 2)) < error


def test_half_the_strength_applies_half_the_correction() -> None:
    light = ramp("straight") + noise(0.2)
    whole, half = (exposure_corrections(light, unknown(), strength=s) for s in (1.0, 0.5))
    changed = (whole != 0) & (half != 0)
    assert changed.sum() > 100
    np.testing.assert_allclose(half[changed], whole[changed] / 2)
    assert not exposure_corrections(light, unknown(), strength=0.0).any()


def test_clean_input_is_left_unchanged() -> None:
    clean = ramp("sunset") + noise(0.005)
    assert flicker_ev(clean) < FLICKER_EV
    assert not exposure_corrections(clean, unknown(), strength=1.0, least_ev=FLICKER_EV).any()
    assert flicker_ev(clean + noise(0.1)) > FLICKER_EV


def test_one_flash_does_not_affect_its_neighbours() -> None:
    light = ramp("straight") + noise(0.02)
    flash = light.copy()
    flash[60] += 2
    without, change = (exposure_corrections(x, unknown(), strength=1.0) for x in (light, flash))
    others = np.arange(FRAMES) != 60
    np.testing.assert_allclose(change[others], without[others], atol=0.01)
    assert change[60] == pytest.approx(-2, abs=0.05)


def test_steps_of_the_camera_settings_become_ramps() -> None:
    fall = 0.02 * np.arange(FRAMES)
    camera = np.where(np.arange(FRAMES) < 60, 0.0, 1.0)
    scene = -fall + noise(0.003)
    light = scene + camera
    even = light + exposure_corrections(light, camera, strength=1.0, least_ev=FLICKER_EV)
    assert np.abs(np.diff(light)).max() > 0.9
    assert np.abs(np.diff(even)).max() < 0.1
    assert roughness(even) < 0.05 * roughness(light)


def test_camera_settings_that_do_not_explain_the_light_are_ignored() -> None:
    light = ramp("straight") + noise(0.1)
    camera = np.where(np.arange(FRAMES) % 2, 1.0, 0.0)  # steps that raw development removed
    np.testing.assert_array_equal(
        exposure_corrections(light, camera, strength=1.0),
        exposure_corrections(light, unknown(), strength=1.0),
    )


def test_unreadable_frames_are_ignored() -> None:
    light = ramp("straight") + noise(0.2)
    light[[3, 50, 51]] = np.nan
    change = exposure_corrections(light, unknown(), strength=1.0)
    assert not change[[3, 50, 51]].any()
    assert np.isfinite(change).all()
    assert not exposure_corrections(light[:4], unknown(4), strength=1.0).any()  # too few to judge


def test_log2_light_measures_the_exposure_that_was_applied() -> None:
    photo = skimage.data.coffee()[::2, ::2].astype(np.float32) / 255
    dim = to_srgb(to_linear(photo) / 4)
    assert log2_light(photo) - log2_light(dim) == pytest.approx(2, abs=0.02)
    assert log2_light(apply_exposure(dim, 0.5)) - log2_light(dim) == pytest.approx(0.5, abs=0.01)
    hidden = photo.copy()
    hidden[:, :20] = 0  # somebody walks past
    assert log2_light(hidden) == pytest.approx(log2_light(photo), abs=0.3)
