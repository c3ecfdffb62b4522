"""Views of a photograph: smooth, invertible maps, and pictures rendered through them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from batch_analogy.errors import ConfigError

Field = NDArray[np.float32]
Points = NDArray[np.float64]  # (..., 2): x, y

_INVERSE_TOLERANCE_PX = 1e-4


@dataclass(frozen=True)
class View:
    """A view of a photograph: an invertible map from frame to photograph pixels.

    A position u, in widths of the frame from its centre, is displaced by a sum of slow waves
    (u + bend(u)), projected, and then scaled to the photograph's pixels.
    """

    size: tuple[int, int]  # frame's width and height, pixels
    centre: tuple[float, float]  # position of the frame's centre in the photograph, pixels
    span_px: float  # photograph pixels across the frame's width
    projection: Points  # (3, 3)
    waves: Points  # (n, 5): wave vector (radians per width), phase, displacement (widths)

    def to_photo(self, xy: Points) -> Points:
        """Map frame pixels (..., 2) to the photograph's pixels."""
        middle = (np.array(self.size) - 1) / 2
        u = (xy - middle) / self.size[0]
        return _project(self.projection, u + self._bend(u)) * self.span_px + self.centre

    def to_frame(self, xy: Points) -> Points:
        """Invert ``to_photo`` by fixed-point iteration.

        Raises:
            ConfigError: the iteration does not converge, as the bend is not a contraction.
        """
        p = _project(np.linalg.inv(self.projection), (xy - self.centre) / self.span_px)
        u = p
        for _ in range(100):
            u, before = p - self._bend(u), u
            if np.abs(u - before).max() * self.size[0] < _INVERSE_TOLERANCE_PX:
                return u * self.size[0] + (np.array(self.size) - 1) / 2
        raise ConfigError("a view bends too hard to be inverted; reduce its waves' displacement")

    def _bend(self, u: Points) -> Points:
        total = np.zeros_like(u)
        for kx, ky, phase, dx, dy in self.waves:
            wave = np.sin(kx * u[..., 0] + ky * u[..., 1] + phase)
            total[..., 0] += dx * wave
            total[..., 1] += dy * wave
        return total

    def render(self, photo: NDArray[Any]) -> NDArray[Any]:
        """Render the photograph (h, w, C) uint8 or float32 in this view: (H, W, C), same dtype."""
        fine = max(1, int(np.ceil(self.span_px / self.size[0])))  # samples a pixel: no aliasing
        samples = (grid(self.size[0] * fine, self.size[1] * fine) + 0.5) / fine - 0.5
        where = self.to_photo(samples).astype(np.float32)
        drawn = cv2.remap(photo, where, None, cv2.INTER_CUBIC, borderMode=cv2.BORDER_REFLECT)
        return np.asarray(cv2.resize(drawn, self.size, interpolation=cv2.INTER_AREA))


def _project(matrix: Points, u: Points) -> Points:
    down = u @ matrix[2, :2] + matrix[2, 2]
    return (u @ matrix[:2, :2].T + matrix[:2, 2]) / down[..., None]


def grid(width: int, height: int) -> Points:
    """Return the (x, y) of every pixel as (height, width, 2) float64."""
    return np.stack(np.meshgrid(np.arange(width), np.arange(height)), axis=-1).astype(np.float64)


def fit(view: View, w: int, h: int) -> View:
    """Move a view into the photograph; shrink it if necessary.

    Raises:
        ConfigError: the view does not fit even then.
    """
    for _ in range(50):
        where = view.to_photo(grid(*view.size))
        low, high = where.min(axis=(0, 1)), where.max(axis=(0, 1))
        room = np.array([w - 1, h - 1])
        if (low >= 0).all() and (high <= room).all():
            return view
        span = view.span_px * min(1.0, float((room / (high - low)).min()) * 0.999)
        shift = np.maximum(0, -low) - np.maximum(0, high - room)
        centre = (view.centre[0] + float(shift[0]), view.centre[1] + float(shift[1]))
        view = View(view.size, centre, span, view.projection, view.waves)
    raise ConfigError(f"a view of {view.span_px:.0f} px does not fit a picture of {w}×{h} px")


def tilt(
    rng: np.random.Generator, *, turn: float, scale: float, perspective: float, shift: float
) -> Points:
    """Draw a random projection with rotation, scale and tilt of half to all of their limits."""

    def some(most: float, count: int = 1) -> Points:
        return rng.uniform(0.5, 1, count) * rng.choice([-1, 1], count) * most

    angle, factor = np.deg2rad(some(turn)[0]), 1 + some(scale)[0]
    c, s = factor * np.cos(angle), factor * np.sin(angle)
    x, y = some(shift, 2)
    return np.array([[c, -s, x], [s, c, y], [*some(perspective, 2), 1.0]])


def waves(rng: np.random.Generator, most: float) -> Points:
    """Draw four slow waves whose sum displaces by at most this share of the width."""
    direction = rng.uniform(0, 2 * np.pi, 4)
    length = 2 * np.pi * rng.uniform(0.4, 1.0, 4)
    phase = rng.uniform(0, 2 * np.pi, 4)
    towards = rng.uniform(0, 2 * np.pi, 4)
    rows = np.stack(
        [length * np.cos(direction), length * np.sin(direction), phase,
         np.cos(towards), np.sin(towards)], axis=1,
    )  # fmt: skip
    probe = View((65, 65), (0.0, 0.0), 1.0, np.eye(3), rows)
    reach = np.linalg.norm(probe._bend(grid(65, 65) / 64 - 0.5), axis=-1).max()
    rows[:, 3:] *= most / reach
    return rows


def truth_between(a: View, bp: View) -> Field:
    """Return the position in B' of each pixel of A, (H, W, 2) float32; NaN outside B'."""
    where = bp.to_frame(a.to_photo(grid(*a.size)))
    inside = np.all((where >= 0) & (where <= np.array(bp.size) - 1), axis=-1)
    return np.where(inside[..., None], where, np.nan).astype(np.float32)
