"""Cuts found and falsely reported in films made of photographs.

    python -m benchmarks.shots [--films 6] [--side 256]

Films consist of shots of 8 to 40 frames. In each shot a camera pans, zooms, turns and shakes over a
real photograph, with noise. Some shots have exposure steps of ±1 EV, flashes, fades, or an object
that passes in front of the lens. Time-lapses show one photograph each, with people, a ramp from day
to night, and clouds that move by up to 60 pixels a frame. The detector's thresholds were chosen
with the photographs and seeds of "tuned"; "held_out" has others.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import cv2
import matplotlib.cbook
import numpy as np
import numpy.typing as npt
import skimage.data
import sklearn.datasets
from PIL import Image

from batch_analogy.colour import to_linear, to_srgb
from batch_analogy.motion.shots.cuts import find_cuts
from batch_analogy.motion.shots.frame_stats import FrameStats, compute_frame_stats
from benchmarks.common import report

Pixels = npt.NDArray[np.float32]

TUNED = (
    "astronaut", "coffee", "retina", "rocket", "brick", "camera", "china", "hubble_deep_field",
    "moon", "clock", "cell", "gravel",
)  # fmt: skip
HELD_OUT = (
    "chelsea", "immunohistochemistry", "stereo_motorcycle", "coins", "grass", "flower", "page",
    "grace_hopper",
)  # fmt: skip
CUTS_A_FILM = 10


def photograph(name: str) -> Pixels:
    """Return a sample picture, (H, W, 3) float32 in [0, 1]."""
    if name in ("china", "flower"):
        pixels = sklearn.datasets.load_sample_image(f"{name}.jpg")
    elif name == "grace_hopper":
        with matplotlib.cbook.get_sample_data("grace_hopper.jpg") as file:
            pixels = np.asarray(Image.open(file))
    else:
        pixels = getattr(skimage.data, name)()
    pixels = pixels[0] if isinstance(pixels, tuple) else pixels
    if pixels.ndim == 2:
        pixels = np.repeat(pixels[..., None], 3, axis=2)
    return np.asarray(pixels[..., :3], np.float32) / np.float32(255)


@dataclass
class Camera:
    """A camera that moves over a photograph, with motion drawn at random."""

    photo: Pixels
    rng: np.random.Generator
    height: int
    width: int

    def __post_init__(self) -> None:
        rng, (tall, wide) = self.rng, self.photo.shape[:2]
        most = min(tall / self.height, wide / self.width)
        self.zoom = most * rng.uniform(0.35, 0.75)  # photograph pixels per film pixel
        self.zoom_rate = rng.choice([1.0, 1.0, 0.99, 1.01, 0.97, 1.03])
        self.place = np.array([rng.uniform(0.4, 0.6) * wide, rng.uniform(0.4, 0.6) * tall])
        speed = rng.choice([0.0, 0.003, 0.01, 0.03]) * self.width * self.zoom
        heading = rng.uniform(0, 2 * np.pi)
        self.speed = speed * np.array([np.cos(heading), np.sin(heading)])
        self.shake = rng.choice([0.0, 0.0, 0.004, 0.01]) * self.width * self.zoom
        self.turn = rng.choice([0.0, 0.0, 0.5])  # degrees a frame
        self.noise = rng.choice([0.0, 2.0, 6.0]) / 255
        self.frame = 0

    def take(self) -> Pixels:
        """Return the next frame, (height, width, 3)."""
        at = self.place + self.speed * self.frame + self.rng.normal(0, 1, 2) * self.shake
        zoom = self.zoom * self.zoom_rate**self.frame
        angle = np.deg2rad(self.turn * self.frame)
        turned = zoom * np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        view = np.empty((2, 3))
        view[:, :2] = turned
        view[:, 2] = at - turned @ np.array([self.width / 2, self.height / 2])
        self.frame += 1
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        size = (self.width, self.height)
        edge = cv2.BORDER_REFLECT_101
        return cv2.warpAffine(self.photo, view, size, flags=flags, borderMode=edge)

    def grain(self, pixels: Pixels) -> Pixels:
        noisy = pixels + self.rng.normal(0, self.noise, pixels.shape).astype(np.float32)
        return (np.rint(np.clip(noisy, 0, 1) * 255) / 255).astype(np.float32)


def exposed(pixels: Pixels, ev: float) -> Pixels:
    """Change a picture's exposure as a camera would, with clipping."""
    return to_srgb(np.clip(to_linear(np.clip(pixels, 0, 1)) * np.float32(2.0**ev), 0, 1))


def exposures(kind: str, length: int, rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Return the EV of each frame of a shot."""
    ev = np.zeros(length)
    at = int(rng.integers(2, max(3, length - 4)))
    if kind == "step":
        ev[at:] = rng.choice([-1.0, 1.0])
    elif kind == "steps":
        ev[at:], ev[(at + length) // 2 :] = 1.0, -1.0
    elif kind == "flash":
        ev[at : at + int(rng.integers(1, 3))] = rng.uniform(1.5, 4.0)
    elif kind == "fade":
        ev = -5.0 * np.sin(np.linspace(0, np.pi, length)) ** 2
    return ev


def passing(pixels: Pixels, share: float, rng: np.random.Generator) -> Pixels:
    """Draw a dark object in front of the lens, centred at this share of the width."""
    tall, wide = pixels.shape[:2]
    covered = pixels.copy()
    middle, half = round(share * wide), round(0.18 * wide)
    covered[tall // 5 :, max(0, middle - half) : max(0, middle + half)] = rng.uniform(0.05, 0.2, 3)
    return covered


EVENTS = ("none", "none", "step", "steps", "flash", "fade", "passing")


def film(
    names: tuple[str, ...], seed: int, side: int, cuts: int = CUTS_A_FILM
) -> tuple[list[FrameStats], list[int], list[str]]:
    """Return a film's frame statistics, the true cuts, and the events between them."""
    rng = np.random.default_rng(seed)
    looks: list[FrameStats] = []
    firsts, events, last = [], [], ""
    for _ in range(cuts + 1):
        last = str(rng.choice([name for name in names if name != last]))
        camera = Camera(photograph(last), rng, side * 9 // 16, side)
        event, length = str(rng.choice(EVENTS)), int(rng.integers(8, 41))
        ev = exposures(event, length, rng)
        firsts.append(len(looks))
        events.append(event)
        for k in range(length):
            pixels = camera.take()
            if event == "passing":
                pixels = passing(pixels, -0.2 + 1.4 * k / length, np.random.default_rng(seed))
            looks.append(compute_frame_stats(camera.grain(exposed(pixels, ev[k]))))
    return looks, firsts[1:], events


def clouds(rng: np.random.Generator, height: int, width: int) -> Pixels:
    """Return a field of soft blobs with values in [0, 1], twice as wide as the picture."""
    field = np.zeros((height, 2 * width), np.float32)
    for cell in (4, 8, 16, 32):
        grid = rng.random((height // (4 * 32 // cell) + 2, 2 * width // (4 * 32 // cell) + 2))
        field += cv2.resize(grid.astype(np.float32), (2 * width, height)) * (32 / cell)
    low, high = field.min(), field.max()
    return (field - low) / (high - low)


def timelapse(name: str, seed: int, side: int, frames: int = 80) -> Iterator[FrameStats]:
    """Yield a time-lapse of one photograph from day to night, with clouds, shadows and people."""
    rng = np.random.default_rng(seed)
    photo = photograph(name)
    width, height = side, side * 2 // 3
    ground = cv2.resize(photo, (width, height), interpolation=cv2.INTER_AREA)
    sky = np.clip(1.4 - 2.4 * np.arange(height, dtype=np.float32) / height, 0, 1)[:, None, None]
    drift = float(rng.choice([2, 10, 60]))  # px a frame
    people, range_ev = int(rng.integers(0, 12)), float(rng.choice([0.0, 3.0, 7.0]))
    layer, later = clouds(rng, height, width), clouds(rng, height, width)
    for k in range(frames):
        share = k / (frames - 1)
        where = round(drift * k) % width
        cover = (1 - share) * layer[:, where : where + width] + share * later[:, -width:]
        cover = np.clip(3 * cover - 1, 0, 1)[..., None]
        pixels = ground * (1 - 0.8 * sky * cover) + 0.8 * sky * cover
        pixels = pixels * (1 - 0.3 * (1 - sky) * cover[:, ::-1])
        for _ in range(people):
            x, y = rng.integers(0, width), rng.integers(height // 2, height)
            cv2.circle(pixels, (int(x), int(y)), width // 40, rng.random(3).tolist(), -1)
        tint = np.array([1 - 0.3 * share, 1 - 0.15 * share, 1.0], np.float32)
        ev = 0.5 - range_ev * share + rng.uniform(-0.3, 0.3)
        noisy = exposed(pixels * tint, ev) + rng.normal(0, 3 / 255, pixels.shape)
        yield compute_frame_stats(np.clip(noisy, 0, 1).astype(np.float32))


def score(found: list[int], wanted: list[int]) -> tuple[int, int, int]:
    """Count correct, false and missed cuts; a cut is correct if its exact frame was found."""
    right = len(set(found) & set(wanted))
    return right, len(found) - right, len(wanted) - right


def measure(names: tuple[str, ...], seeds: range, side: int) -> dict[str, Any]:
    right = false = missed = false_steps = lapse_false = lapse_frames = frames = 0
    for seed in seeds:
        looks, wanted, _ = film(names, seed, side)
        counts = score(find_cuts(looks), wanted)
        right, false, missed = (a + b for a, b in zip((right, false, missed), counts, strict=True))
        frames += len(looks)
    for seed, name in enumerate(names):
        for kind in ("step", "flash"):
            false_steps += len(find_cuts(still_events(name, kind, seeds.start + seed, side)))
        found = find_cuts(list(timelapse(name, seeds.start + seed, side)))
        lapse_false, lapse_frames = lapse_false + len(found), lapse_frames + 80
    precision = right / max(right + false, 1)
    recall = right / max(right + missed, 1)
    return {
        "films": len(seeds),
        "frames": frames,
        "cuts": right + missed,
        "right": right,
        "false": false,
        "missed": missed,
        "precision": round(precision, 4),
        "recall": round(recall, 4),
        "f1": round(2 * precision * recall / max(precision + recall, 1e-9), 4),
        "false_on_steps_and_flashes": false_steps,
        "films_of_steps_and_flashes": 2 * len(names),
        "false_in_timelapses": lapse_false,
        "timelapse_frames": lapse_frames,
    }


def still_events(name: str, kind: str, seed: int, side: int) -> list[FrameStats]:
    """Return frame statistics of one shot of 40 frames with an exposure step or a flash."""
    rng = np.random.default_rng(seed)
    camera = Camera(photograph(name), rng, side * 9 // 16, side)
    ev = exposures(kind, 40, rng)
    return [compute_frame_stats(camera.grain(exposed(camera.take(), value))) for value in ev]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--films", type=int, default=6)
    parser.add_argument("--side", type=int, default=256)
    options = parser.parse_args()
    results = {
        "tuned": measure(TUNED, range(100, 100 + options.films), options.side),
        "held_out": measure(HELD_OUT, range(2000, 2000 + options.films), options.side),
    }
    report("shots", results)


if __name__ == "__main__":
    main()
