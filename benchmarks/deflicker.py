"""Removal of flicker from a time-lapse, and preservation of its true change of light.

    python -m benchmarks.deflicker [--frames 120] [--side 640] [--seeds 3] [--courses 500]

A simulated camera, which clips and rounds to 8 bits, films photographs over 120 frames with a ramp
of 6 EV; each frame has a random exposure error of up to ±0.3 EV. The same frames without the error
are the truth. Frames are measured as a run does, corrected as a worker does, and measured again.
Second differences show how much flicker is left; the truth shows how far the ramp was altered. One
case has clouds, one has a camera that changes its exposure in thirds of a stop and notes it in
EXIF, and one has no flicker.

``courses`` simulates exposure values without pictures, so that many seeds can be tried. It reports
quantiles over the seeds of the distance between the estimated and the true exposures, for ramps of
several shapes. Errors have the same deviation and are uniform, normal, or long-tailed (Student's t,
3 degrees of freedom). ``known to be a line`` fits a least-squares line to the same values.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from numpy.polynomial import Polynomial

from batch_analogy.colour import to_linear, to_srgb
from batch_analogy.motion.shots.deflicker import (
    FLICKER_EV,
    apply_exposure,
    exposure_corrections,
    flicker_ev,
)
from batch_analogy.motion.shots.frame_stats import log2_light
from batch_analogy.motion.shots.smoothing import robust_smooth
from benchmarks.common import report
from benchmarks.shots import clouds, photograph

Pixels = npt.NDArray[np.float32]
Series = npt.NDArray[np.float64]

PHOTOS = ("china", "coffee", "rocket", "flower")
HIGHEST_EV, RANGE_EV, NOISE_EV = 0.5, 6.0, 0.3


def rounded(pixels: Pixels) -> Pixels:
    return (np.rint(np.clip(pixels, 0, 1) * 255) / 255).astype(np.float32)


def taken(scene: Pixels, ev: float) -> Pixels:
    """Convert linear light to 8-bit sRGB; values above 1 are clipped."""
    return rounded(to_srgb(np.clip(scene * np.float32(2.0**ev), 0, 1)))


class Scene:
    """A photograph in linear light, constant or under drifting clouds."""

    def __init__(self, name: str, side: int, *, cloudy: bool, seed: int) -> None:
        photo = photograph(name)
        height = round(side * photo.shape[0] / photo.shape[1])
        self.light = to_linear(cv2.resize(photo, (side, height), interpolation=cv2.INTER_AREA))
        field = clouds(np.random.default_rng(seed), height, side)
        self.shade = 1 - 0.5 * np.clip(3 * field - 1, 0, 1)[..., None] if cloudy else None

    def at(self, frame: int) -> Pixels:
        if self.shade is None:
            return self.light
        width = self.light.shape[1]
        left = 2 * frame % width
        return self.light * self.shade[:, left : left + width]


def ramp(kind: str, frames: int) -> Series:
    """Return the true exposure of each frame in EV; ``kind`` is one of ``RAMPS``."""
    return HIGHEST_EV - RANGE_EV * RAMPS[kind](np.linspace(0, 1, frames))


def s_curve(share: Series, middle: float, steepness: float) -> Series:
    return np.asarray(1 / (1 + np.exp(-steepness * (share - middle))))


RAMPS: dict[str, Callable[[Series], Series]] = {
    "straight": lambda share: share,
    "sunset": lambda share: s_curve(share, 0.5, 10),
    "day, dusk, night": lambda share: s_curve(share, 0.5, 25),
    "late sunset": lambda share: s_curve(share, 0.8, 12),
    "night, day, night": lambda share: 1 - s_curve(share, 0.25, 20) + s_curve(share, 0.75, 20),
    "slower and slower": lambda share: 2 * share - share**2,
    "no ramp": np.zeros_like,
}


def errors(kind: str, shape: tuple[int, int], rng: np.random.Generator) -> Series:
    """Draw exposure errors (seeds, frames) in EV; ``kind`` is one of ``SPREADS``."""
    deviation = NOISE_EV / np.sqrt(3.0)
    if kind == "even":
        return rng.uniform(-NOISE_EV, NOISE_EV, shape)
    if kind == "normal":
        return rng.normal(0.0, deviation, shape)
    return deviation / np.sqrt(3.0) * rng.standard_t(3, shape)


SPREADS = ("even", "normal", "long tails")


def rms(values: Series) -> float:
    return float(np.sqrt(np.mean(np.square(values))))


def measure(
    scene: Scene, truth: Series, error: Series, camera_ev: Series | None = None, least: float = 0.0
) -> dict[str, Any]:
    """Film a scene, measure its flicker, correct it, and measure again."""
    wrong = [taken(scene.at(k), truth[k] + error[k]) for k in range(len(truth))]
    before = np.array([log2_light(frame) for frame in wrong])
    camera = np.full(len(truth), np.nan) if camera_ev is None else camera_ev
    change = exposure_corrections(before, camera, strength=1.0, least_ev=least)
    corrected = [apply_exposure(p, ev) for p, ev in zip(wrong, change, strict=True)]
    ideal = [taken(scene.at(k), truth[k]) for k in range(len(truth))]
    after = np.array([log2_light(frame) for frame in corrected])
    expected = np.array([log2_light(frame) for frame in ideal])
    off = after - expected
    areas = [m.shape[0] * m.shape[1] for m in wrong]
    return {
        "flicker_before_ev": round(rms(np.diff(before, 2)), 4),
        "flicker_after_ev": round(rms(np.diff(after, 2)), 4),
        "flicker_of_truth_ev": round(rms(np.diff(expected, 2)), 4),
        "flicker_left": round(rms(np.diff(after, 2)) / max(rms(np.diff(before, 2)), 1e-9), 4),
        "estimated_flicker_ev": round(flicker_ev(before), 4),
        "ramp_error_rms_ev": round(rms(off), 4),
        "ramp_error_highest_ev": round(float(np.abs(off).max()), 4),
        "ramp_range_ev": [
            round(float(expected[0] - expected[-1]), 3),
            round(float(after[0] - after[-1]), 3),
        ],
        "frames_unchanged": int(np.sum(change == 0)),
        "clipped_share_highest": round(
            max(float((f.max(axis=2) >= 1).sum() / n) for f, n in zip(wrong, areas, strict=True)), 3
        ),
        "black_share_highest": round(
            max(float((f.max(axis=2) <= 0).sum() / n) for f, n in zip(wrong, areas, strict=True)), 3
        ),
    }


def courses(frames: int, seeds: int) -> dict[str, dict[str, Any]]:
    """Measure the distance of the estimated exposures from the truth, over many seeds."""
    found = {
        f"{kind}, {spread}": course_error(ramp(kind, frames), spread, seeds, robust_smooth)
        for kind in RAMPS
        for spread in SPREADS
    }
    for spread in SPREADS:
        found[f"straight, {spread}, known to be a line"] = course_error(
            ramp("straight", frames), spread, seeds, lambda x, y: Polynomial.fit(x, y, 1)(x)
        )
    return found


def course_error(
    truth: Series, spread: str, seeds: int, course: Callable[[Series, Series], Series]
) -> dict[str, Any]:
    """Return the errors of the estimated exposures, and the share of the flicker that is left.

    Args:
        truth: EV of each frame.
        spread: distribution of the errors, one of ``SPREADS``.
        seeds: number of simulations.
        course: estimates the exposures from frame numbers and measured exposures.
    """
    at = np.arange(len(truth), dtype=np.float64)
    wrong = errors(spread, (seeds, len(truth)), np.random.default_rng(20240801))
    off = np.array([course(at, truth + error) - truth for error in wrong])
    highest = np.abs(off).max(axis=1)
    before, after = (np.sqrt(np.square(np.diff(x, 2)).mean(axis=1)) for x in (wrong, off))
    worst = np.abs(off).argmax(axis=1) / len(truth)
    return {
        "error_rms_ev": quantiles(np.sqrt(np.square(off).mean(axis=1))),
        "error_highest_ev": quantiles(highest),
        "flicker_left": quantiles(after / before),
        "share_of_seeds_within_0.05_ev": round(float((highest <= 0.05).mean()), 3),
        "worst_frame_among_outer_tenths": round(float(((worst < 0.1) | (worst >= 0.9)).mean()), 3),
    }


def quantiles(values: Series) -> dict[str, float]:
    shares = {"5 %": 0.05, "median": 0.5, "95 %": 0.95, "highest": 1.0}
    return {name: round(float(np.quantile(values, q)), 4) for name, q in shares.items()}


def cases(frames: int, side: int, seed: int) -> dict[str, dict[str, Any]]:
    rng = np.random.default_rng(seed)
    noise = rng.uniform(-NOISE_EV, NOISE_EV, frames)
    results: dict[str, dict[str, Any]] = {}
    for name in PHOTOS:
        still = Scene(name, side, cloudy=False, seed=seed)
        results[f"{name} ramp"] = measure(still, ramp("straight", frames), noise)
    still = Scene(PHOTOS[0], side, cloudy=False, seed=seed)
    cloudy = Scene(PHOTOS[0], side, cloudy=True, seed=seed)
    results["sunset"] = measure(still, ramp("sunset", frames), noise)
    results["clouds"] = measure(cloudy, ramp("straight", frames), noise)
    # The scene darkens by 6 EV; the camera follows in thirds of a stop.
    fall = RANGE_EV * np.linspace(0, 1, frames)
    follow = np.floor(fall * 3) / 3
    steps = follow - fall - (follow - fall).mean()
    results["camera's steps"] = measure(still, np.zeros(frames) - 0.5, steps, follow)
    results["camera's steps, no EXIF"] = measure(still, np.zeros(frames) - 0.5, steps)
    clean = ramp("sunset", frames)
    results["clean, auto"] = measure(still, clean, np.zeros(frames), least=FLICKER_EV)
    results["clean clouds, auto"] = measure(cloudy, clean, np.zeros(frames), least=FLICKER_EV)
    return results


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--frames", type=int, default=120)
    parser.add_argument("--side", type=int, default=640)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--courses", type=int, default=500, help="simulations without pictures")
    options = parser.parse_args()
    results: dict[str, Any] = {
        f"seed {seed}": cases(options.frames, options.side, seed) for seed in range(options.seeds)
    }
    results["courses"] = courses(options.frames, options.courses)
    report("deflicker", results)


if __name__ == "__main__":
    main()
