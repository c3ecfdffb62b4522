"""Short films of real photographs with known motion and occlusion.

In each clip a camera moves over one photograph; in one case a disc cut from another photograph
moves on it. Frames are 8-bit pictures. For any two of them the exact flow and the pixels that are
visible in both are known.
"""

from __future__ import annotations

import functools
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import skimage.data
from numpy.typing import NDArray
from scipy import ndimage

from batch_analogy.errors import ConfigError
from batch_analogy.report.evaluation.frame_metrics import Flow, Mask

Frame = NDArray[np.uint8]
Photo = NDArray[np.float32]  # (h, w, 3), 0 … 255

WIDTH, HEIGHT = 320, 224
NOISE = 2.0  # standard deviation, of 255
DISC_RADIUS_PX = 44.0
_FINE_SIGMA_PX = 0.5  # blurs the sharpest detail, so that cubic splines can interpolate it


@dataclass(frozen=True)
class Scene:
    """A photograph to be filmed."""

    pixels: Photo

    @functools.cached_property
    def splines(self) -> Photo:
        """Cubic spline coefficients of the pixels, for values between them."""
        bands = [ndimage.spline_filter(self.pixels[..., band], order=3) for band in range(3)]
        return np.stack(bands, axis=-1).astype(np.float32)


@dataclass(frozen=True)
class Camera:
    """Map from a frame's pixels u to a photograph's, p = corner + span·u, for each frame number."""

    corner: Callable[[int], tuple[float, float]]  # x, y in the photograph's pixels
    span: Callable[[int], float] = lambda t: 1.0  # photograph pixels per frame pixel

    def render(self, scene: Scene, t: int) -> Photo:
        """Render frame ``t`` (H, W, 3); a camera at whole pixels copies them.

        Raises:
            ConfigError: the frame does not lie in the photograph.
        """
        (x, y), span = self.corner(t), self.span(t)
        last = np.array([y + span * (HEIGHT - 1), x + span * (WIDTH - 1)])
        if min(x, y) < 0 or (last > np.array(scene.pixels.shape[:2]) - 1).any():
            raise ConfigError(f"frame {t} leaves the photograph; use fewer frames or a larger one")
        if span == 1.0 and x == int(x) and y == int(y):
            return scene.pixels[int(y) : int(y) + HEIGHT, int(x) : int(x) + WIDTH]
        rows, columns = y + span * np.arange(HEIGHT), x + span * np.arange(WIDTH)
        where = np.meshgrid(rows, columns, indexing="ij")
        bands = [
            ndimage.map_coordinates(scene.splines[..., band], where, order=3, prefilter=False)
            for band in range(3)
        ]
        return np.stack(bands, axis=-1)

    def flow(self, s: int, t: int) -> Flow:
        """Return the flow (H, W, 2) float32, (x, y), from frame s to frame t."""
        at = np.stack(np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT)), axis=-1).astype(np.float64)
        moved = (np.array(self.corner(s)) + self.span(s) * at - self.corner(t)) / self.span(t)
        return (moved - at).astype(np.float32)


@dataclass(frozen=True)
class Clip:
    """Frames of known motion."""

    frames: tuple[Frame, ...]
    camera: Camera
    disc: Callable[[int], tuple[int, int]] | None = None  # its centre, x and y in the frame
    still: bool = False  # nothing moves

    def truth(self, s: int, t: int) -> tuple[Flow, Mask]:
        """Return the flow from frame s to frame t and the mask of pixels of s visible in t."""
        flow = self.camera.flow(s, t)
        if self.disc is not None:
            here = disc_mask(*self.disc(s))
            shift = np.subtract(self.disc(t), self.disc(s)).astype(np.float32)
            flow = np.where(here[..., None], shift, flow)
        x, y = (flow + np.stack(np.meshgrid(np.arange(WIDTH), np.arange(HEIGHT)), axis=-1)).T
        x, y = x.T, y.T
        # A small tolerance: rounding must not put a border pixel outside.
        visible = (x > -1e-3) & (y > -1e-3) & (x < WIDTH - 0.999) & (y < HEIGHT - 0.999)
        if self.disc is not None:
            there = disc_mask(*self.disc(t))
            column = np.clip(np.rint(x), 0, WIDTH - 1).astype(int)
            row = np.clip(np.rint(y), 0, HEIGHT - 1).astype(int)
            visible &= here | ~there[row, column]
        return flow, visible


def disc_mask(x: float, y: float) -> Mask:
    """Return the mask (H, W) bool of the pixels that the disc covers."""
    rows, columns = np.ogrid[:HEIGHT, :WIDTH]
    return np.asarray((columns - x) ** 2 + (rows - y) ** 2 <= DISC_RADIUS_PX**2)


def photo(name: str) -> Photo:
    """Return one of scikit-image's photographs, RGB, slightly blurred."""
    pixels = getattr(skimage.data, name)().astype(np.float32)
    return np.asarray(ndimage.gaussian_filter(pixels, (_FINE_SIGMA_PX, _FINE_SIGMA_PX, 0)))


def _pan(x: float, y: float, reach: int, name: str, count: int) -> Clip:
    """Move the picture by (x, y) a frame; reverse the direction every ``reach`` frames."""
    left, top = _middle(name, abs(x) * reach, abs(y) * reach)
    left, top = left + max(0.0, x) * reach, top + max(0.0, y) * reach

    def corner(t: int) -> tuple[float, float]:
        return left - x * _to_and_fro(t, reach), top - y * _to_and_fro(t, reach)

    return _filmed(Camera(corner), name, count)


def _to_and_fro(t: int, reach: int) -> int:
    """Return frame t of a triangle wave that counts from 0 to ``reach`` and back."""
    return reach - abs(t % (2 * reach) - reach)


def _middle(name: str, extra_x: float, extra_y: float) -> tuple[int, int]:
    """Return the corner of the part to show: centred horizontally, above the middle vertically."""
    height, width = photo(name).shape[:2]
    return (
        max(0, int((width - WIDTH - extra_x) / 2)),
        max(0, int((height - HEIGHT - extra_y) / 4)),  # faces lie above the middle
    )


def _filmed(camera: Camera, name: str, count: int, *, still: bool = False) -> Clip:
    scene = Scene(photo(name))
    return Clip(tuple(_bytes(camera.render(scene, t)) for t in range(count)), camera, still=still)


def _bytes(pixels: Photo) -> Frame:
    return np.rint(np.clip(pixels, 0, 255)).astype(np.uint8)


def _zoom(name: str, count: int) -> Clip:
    """Zoom in by 0.3 % a frame about a point beside the frame's middle."""
    x, y = _middle(name, 0, 0)
    still_at = (0.4 * WIDTH, 0.55 * HEIGHT)

    def span(t: int) -> float:
        return float(1.003**-t)

    def corner(t: int) -> tuple[float, float]:
        return x + (1 - span(t)) * still_at[0], y + (1 - span(t)) * still_at[1]

    return _filmed(Camera(corner, span), name, count)


def _static(name: str, count: int) -> Clip:
    """Repeat one scene, with new noise in each frame."""
    corner = _middle(name, 0, 0)
    camera = Camera(lambda t: corner)
    scene = camera.render(Scene(photo(name)), 0)
    draw = np.random.default_rng(20170502)
    frames = tuple(_bytes(scene + draw.normal(0, NOISE, scene.shape)) for _ in range(count))
    return Clip(frames, camera, still=True)


def _identical(name: str, count: int) -> Clip:
    corner = _middle(name, 0, 0)
    return _filmed(Camera(lambda t: corner), name, count, still=True)


def _object(name: str, count: int) -> Clip:
    """Move a disc of another photograph by (3, 1) a frame, back and forth over a still scene."""
    corner = _middle(name, 0, 0)
    camera = Camera(lambda t: corner)
    scene, other = camera.render(Scene(photo(name)), 0), photo(OTHERS[name])
    side = int(DISC_RADIUS_PX)
    top, left = (s // 2 - side for s in other.shape[:2])

    def centre(t: int) -> tuple[int, int]:
        step = _to_and_fro(t, (WIDTH - 2 * side - 20) // 3)
        return side + 10 + 3 * step, HEIGHT // 3 + step

    frames = []
    for t in range(count):
        pixels = scene.copy()
        x, y = centre(t)
        covered = disc_mask(x, y)[y - side : y + side + 1, x - side : x + side + 1]
        patch = other[top : top + 2 * side + 1, left : left + 2 * side + 1]
        pixels[y - side : y + side + 1, x - side : x + side + 1][covered] = patch[covered]
        frames.append(_bytes(pixels))
    return Clip(tuple(frames), camera, disc=centre)


OTHERS = {"astronaut": "coffee", "chelsea": "rocket", "coffee": "chelsea", "rocket": "astronaut"}
"""Photograph → the one that it is styled after, and that its moving object is cut from."""

CASES: dict[str, Callable[[str, int], Clip]] = {
    "pan": lambda name, count: _pan(4, -2, 24, name, count),
    "sub-pixel pan": lambda name, count: _pan(0.3, 0.1, 96, name, count),
    "zoom": _zoom,
    "object": _object,
    "static with noise": _static,
    "identical": _identical,
}
"""Kind of motion → function that makes a clip from a photograph's name and a frame count."""
