"""Accuracy of matches on pairs whose dense correspondence is known.

    python -m benchmarks.known [--quality draft standard] [--pairs plain|hard|all] [--sheet FOLDER]

A is a view of a photograph; B' is a warped view of the same photograph in another style, so the
position of each pixel of A in B' can be computed. Plain pairs are slightly bent and rotated; one is
a real stereo pair with measured disparity. Hard pairs show the content at 0.7 or 1.4 times the
size, or mirrored. No view needs inpainting, as each lies within its photograph.

Prints, for each quality and case, scores and seconds of every pair and their means. ``--sheet``
also writes A, B', A', B' warped to A by the truth, and the error of each pixel, one PNG a pair.
"""

from __future__ import annotations

import argparse
import dataclasses
import time
import zlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any, get_args

import cv2
import matplotlib.cbook
import numpy as np
import skimage.data
import torch
from numpy.typing import NDArray
from sklearn.datasets import load_sample_image

from batch_analogy.analogy.deep import AnalogyResult, deep_image_analogy
from batch_analogy.analogy.features import FeatureExtractor
from batch_analogy.analogy.features.vgg import load_network
from batch_analogy.analogy.features.weights import resolve_weights
from batch_analogy.config.matching import AnalogyConfig, Quality
from batch_analogy.errors import ConfigError
from batch_analogy.media.stills import to_uint8, write_png
from batch_analogy.report.sheets import side_by_side
from benchmarks.common import as_tensor, report
from benchmarks.restyle import RESTYLES, Picture, sunset
from benchmarks.views import Field, View, fit, grid, tilt, truth_between, waves

_PLAIN = (
    ("astronaut", "painted"), ("cat", "pencil"), ("coffee", "night"), ("rocket", "duotone"),
    ("temple", "woodcut"), ("flower", "inverted"), ("hopper", "grainy"), ("cat", "embossed"),
    ("temple", "poster"), ("astronaut", "sunset"),
)  # fmt: skip
_HARD = (
    ("astronaut", ("pencil", "poster", "night")),
    ("cat", ("sunset", "painted", "inverted")),
    ("coffee", ("woodcut", "duotone", "painted")),
    ("temple", ("night", "embossed", "sunset")),
)  # photograph, and its styles at 0.7x, at 1.4x and mirrored
_CHANGES = {"0.7x": (0.6, 0.7), "1.4x": (0.85, 1.4), "mirror": (0.78, 1.0)}
"""Change → (share of the photograph's width that A shows, size of the content in B')."""
_UNKNOWN = 128  # grey, on sheets
_VIEW_SHARE = 0.78  # of the photograph's width; warped views may extend into the rest


@dataclass(frozen=True)
class KnownPair:
    """A, B' and the position in B' of each pixel of A.

    In warped pairs, A and B' are two views of one photograph, each rendered through its own map
    from the frame to the photograph. The map of B' is smooth and one to one. The truth is the map
    of A followed by the inverse of that of B', computed to 0.001 px. In the stereo pair, the truth
    is the left view's measured disparity, without the pixels that are occluded in the right view.
    """

    name: str
    a: Picture  # (H, W, 3) uint8 RGB
    bp: Picture  # (H', W', 3) uint8 RGB
    truth: Field  # (H, W, 2) float32: (x, y) in B' pixels; NaN: unknown, hidden or outside B'
    kind: str  # "plain" or "hard"


@cache
def photographs() -> Mapping[str, tuple[Picture, tuple[float, float]]]:
    """Return photographs from installed packages: name → (picture, centre of interest).

    The centre of interest is (x, y) as shares of width and height.
    """
    hopper = matplotlib.cbook.get_sample_data("grace_hopper.jpg", asfileobj=False)
    hopper = cv2.cvtColor(cv2.imread(str(hopper)), cv2.COLOR_BGR2RGB)
    return {
        "astronaut": (skimage.data.astronaut(), (0.45, 0.3)),
        "cat": (skimage.data.chelsea(), (0.5, 0.45)),
        "coffee": (skimage.data.coffee(), (0.55, 0.5)),
        "rocket": (skimage.data.rocket(), (0.5, 0.5)),
        "temple": (load_sample_image("china.jpg"), (0.4, 0.5)),
        "flower": (load_sample_image("flower.jpg"), (0.5, 0.5)),
        "hopper": (hopper, (0.5, 0.4)),
    }


@dataclass(frozen=True)
class Scene:
    """A warped pair before it is rendered: two views of one photograph, and the style of B'."""

    name: str
    photo: str  # of ``photographs``
    style: str  # of ``RESTYLES``
    a: View
    bp: View
    kind: str  # "plain" or "hard"

    def pair(self) -> KnownPair:
        picture, _ = photographs()[self.photo]
        a, bp = self.a.render(picture), RESTYLES[self.style](self.bp.render(picture))
        return KnownPair(self.name, a, bp, truth_between(self.a, self.bp), self.kind)


def plain_pairs(width: int = 256) -> list[KnownPair]:
    """Return the stereo pair and the slightly warped pairs; ``width`` is that of A in pixels."""
    return [stereo_pair(width), *(scene.pair() for scene in plain_scenes(width))]


def hard_pairs(width: int = 256) -> list[KnownPair]:
    """Return slightly bent pairs with content at 0.7 or 1.4 times the size, or mirrored."""
    return [scene.pair() for scene in hard_scenes(width)]


def plain_scenes(width: int) -> list[Scene]:
    """Return views bent by up to 5.5 % of the width, turned by 5°, scaled by 5 %, and tilted."""
    scenes = []
    for photo, style in _PLAIN:
        name = f"{photo}-{style}"
        a, _ = _straight_view(photo, width, _VIEW_SHARE)
        rng = _generator(name)
        projection = tilt(rng, turn=5.0, scale=0.05, perspective=0.08, shift=0.03)
        bp = View(a.size, a.centre, a.span_px, projection, waves(rng, 0.055))
        scenes.append(Scene(name, photo, style, a, _fit_photo(bp, photo), "plain"))
    return scenes


def hard_scenes(width: int) -> list[Scene]:
    """Return three scenes of each photograph: 0.7x, 1.4x and mirrored."""
    scenes = []
    for photo, styles in _HARD:
        for (change, (share, scale)), style in zip(_CHANGES.items(), styles, strict=True):
            name = f"{photo}-{change}-{style}"
            a, focus = _straight_view(photo, width, share)
            rng = _generator(name)
            projection = tilt(rng, turn=3.0, scale=0.0, perspective=0.03, shift=0.02)
            if change == "mirror":
                projection = projection @ np.diag([-1.0, 1.0, 1.0])
            centre = focus if scale > 1 else a.centre
            bp = View(a.size, centre, a.span_px / scale, projection, waves(rng, 0.025))
            scenes.append(Scene(name, photo, style, a, _fit_photo(bp, photo), "hard"))
    return scenes


def _straight_view(photo: str, width: int, share: float) -> tuple[View, tuple[float, float]]:
    """Return an undistorted view of this share of the photograph, and its centre of interest."""
    picture, focus = photographs()[photo]
    h, w = picture.shape[:2]
    point = (focus[0] * (w - 1), focus[1] * (h - 1))
    view = View((width, round(width * h / w)), point, share * w, np.eye(3), np.zeros((0, 5)))
    return fit(view, w, h), point


def _fit_photo(view: View, photo: str) -> View:
    picture, _ = photographs()[photo]
    return fit(view, picture.shape[1], picture.shape[0])


def _generator(name: str) -> np.random.Generator:
    return np.random.default_rng(zlib.crc32(name.encode()))


def stereo_views(width: int) -> tuple[Picture, Picture, Field]:
    """Return left view, re-graded right view, and the left view's disparity (px, NaN: unknown).

    scikit-image's motorcycle (Middlebury 2014); the right view gets a warm sunset's colours.
    """
    left, right, disparity = skimage.data.stereo_motorcycle()
    scale = width / left.shape[1]
    size = (width, round(left.shape[0] * scale))
    left, right = (cv2.resize(v, size, interpolation=cv2.INTER_AREA) for v in (left, right))
    disparity = np.where(np.isfinite(disparity), disparity, np.nan).astype(np.float32)
    disparity = cv2.resize(disparity, size, interpolation=cv2.INTER_NEAREST) * np.float32(scale)
    return left, sunset(right), disparity


def stereo_pair(width: int) -> KnownPair:
    """Return the motorcycle as a known pair; pixels occluded in the right view have no truth."""
    left, right, disparity = stereo_views(width)
    where = np.stack(np.broadcast_arrays(*np.ogrid[: left.shape[0], :width][::-1]), axis=-1)
    truth = where.astype(np.float32)
    truth[..., 0] -= disparity
    unknown = ~(truth[..., 0] >= 0) | hidden(disparity)  # NaN compares false
    truth[unknown] = np.nan
    return KnownPair("motorcycle-sunset", left, right, truth, "plain")


def hidden(disparity: Field) -> NDArray[np.bool_]:
    """Return the mask (H, W) of a left view's pixels that are occluded in the right view.

    Each pixel claims the two columns of the right view that it falls between; it is hidden if both
    are also claimed by something nearer: a disparity more than 1 px larger.
    """
    height, width = disparity.shape
    known = np.isfinite(disparity)
    rows, columns = np.nonzero(known)
    d = disparity[known]
    left = np.floor(columns - d).astype(np.int64)
    nearest = np.full((height, width + 2), -np.inf, dtype=np.float32)
    for column in (left, left + 1):
        claimed = np.clip(column, -1, width) + 1
        np.maximum.at(nearest, (rows, claimed), d)
    result = np.zeros(disparity.shape, dtype=bool)
    nearer = np.minimum(*(nearest[rows, np.clip(c, -1, width) + 1] for c in (left, left + 1)))
    result[known] = nearer > d + 1
    return result


def scores(flow: Field, truth: Field) -> dict[str, float | int]:
    """Score a flow over every pixel of A whose true match is known.

    Args:
        flow: (H, W, 2) float32 (dx, dy) in pixels, match − self, as ``AnalogyResult.flow_ab``.
        truth: (H, W, 2) float32 (x, y) in B' pixels, NaN where unknown.

    Returns:
        The shares of pixels with an error up to 2 % and 5 % of A's width, median and mean endpoint
        error in pixels, and the number of pixels.

    Raises:
        ConfigError: the shapes differ, or no pixel has a known match.
    """
    if flow.shape != truth.shape:
        raise ConfigError(
            f"flow has shape {flow.shape} but truth {truth.shape}; both must have the size of A"
        )
    error = endpoint_error(flow, truth)
    error = error[np.isfinite(truth).all(axis=-1)]
    if not error.size:
        raise ConfigError("no pixel of this truth is known; nothing can be scored")
    width = truth.shape[1]
    return {
        "share_within_2_percent": round(float((error <= 0.02 * width).mean()), 4),
        "share_within_5_percent": round(float((error <= 0.05 * width).mean()), 4),
        "median_error_px": round(float(np.median(error)), 3),
        "mean_error_px": round(float(error.mean()), 3),
        "known_px": int(error.size),
    }


def endpoint_error(flow: Field, truth: Field) -> Field:
    """Return the endpoint error (H, W) float32 in pixels; NaN where the truth is unknown."""
    own = grid(truth.shape[1], truth.shape[0])
    return np.linalg.norm(flow + own - truth, axis=-1).astype(np.float32)


def evaluate(
    config: AnalogyConfig,
    pairs: Iterable[KnownPair],
    network: FeatureExtractor,
    on_pair: Callable[[KnownPair, AnalogyResult], None] | None = None,
) -> dict[str, dict[str, float | int]]:
    """Match every pair and return its scores and seconds by name; ``on_pair`` gets each result."""
    results = {}
    for pair in pairs:
        a, bp = (as_tensor(picture).to(network.device) for picture in (pair.a, pair.bp))
        start = time.perf_counter()
        result = deep_image_analogy(a, bp, config=config, network=network)
        if network.device.type == "cuda":
            torch.cuda.synchronize(network.device)
        seconds = time.perf_counter() - start
        results[pair.name] = {
            **scores(result.flow_ab(), pair.truth), "seconds": round(seconds, 3),
        }  # fmt: skip
        if on_pair is not None:
            on_pair(pair, result)
    return results


def means(results: Mapping[str, Mapping[str, float]]) -> dict[str, float]:
    """Return the mean of each score over these pairs, with equal weights."""
    names = [name for name in next(iter(results.values())) if name != "known_px"]
    return {name: round(float(np.mean([r[name] for r in results.values()])), 4) for name in names}


def write_sheet(path: Path, pair: KnownPair, result: AnalogyResult) -> None:
    """Write A, B', A', B' warped to A by the truth, and a colour map of the error as one PNG.

    Colours run from blue (exact) to dark red (a tenth of A's width or more); grey: no truth.
    """
    ap = to_uint8(result.a_prime[0].permute(1, 2, 0).cpu().numpy())
    known = np.isfinite(pair.truth).all(axis=-1)
    pulled = cv2.remap(pair.bp, np.nan_to_num(pair.truth), None, cv2.INTER_LINEAR)
    error = endpoint_error(result.flow_ab(), pair.truth)
    share = np.clip(np.nan_to_num(error) / (0.1 * pair.a.shape[1]), 0, 1)
    colours = cv2.applyColorMap(np.round(share * 255).astype(np.uint8), cv2.COLORMAP_TURBO)
    pulled[~known], colours[~known] = _UNKNOWN, _UNKNOWN
    scored = scores(result.flow_ab(), pair.truth)
    labels = (
        pair.name, "B'", "A'", "B' by the truth",
        f"{scored['share_within_5_percent']:.0%} within 5 %",
    )  # fmt: skip
    sheet = side_by_side([pair.a, pair.bp, ap, pulled, colours[..., ::-1]], labels)
    write_png(path, sheet)


def measure(
    config: AnalogyConfig, name: str, pairs: Sequence[KnownPair], folder: Path | None
) -> dict[str, Any]:
    """Score every pair and average the scores; write sheets into the folder, if one is given."""

    def draw(pair: KnownPair, result: AnalogyResult) -> None:
        if folder is not None:
            write_sheet(folder / f"{pair.name}-{name}.png", pair, result)

    network = load_network(resolve_weights())
    evaluate(config, pairs[:1], network)  # warms up: kernels are compiled before anything is timed
    scored = evaluate(config, pairs, network, draw)
    return {"means": means(scored), "pairs": scored}


def cases(
    quality: Quality, kind: str, width: int
) -> dict[str, tuple[AnalogyConfig, Sequence[KnownPair]]]:
    """Return the cases of one quality: name → configuration and pairs.

    Plain pairs run also without the smoothness prior, hard ones also with transformed copies.
    """
    usual, plain, hard = AnalogyConfig(quality=quality), plain_pairs(width), hard_pairs(width)
    changed = dataclasses.replace(usual, scales=(0.7, 1.0, 1.4), mirror=True)
    named = {
        "plain": (usual, plain),
        "plain, smoothness 0": (dataclasses.replace(usual, smoothness=0.0), plain),
        "hard": (usual, hard),
        "hard, scales 0.7,1,1.4 and mirror": (changed, hard),
    }
    return {name: case for name, case in named.items() if kind == "all" or name.startswith(kind)}


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    qualities = get_args(Quality)
    parser.add_argument("--quality", nargs="+", choices=qualities, default=["draft", "standard"])
    parser.add_argument("--pairs", choices=["plain", "hard", "all"], default="all")
    parser.add_argument("--width", type=int, default=256, help="of every A and B', pixels")
    parser.add_argument("--sheet", type=Path, metavar="FOLDER", help="write pictures there")
    options = parser.parse_args()
    if options.sheet is not None:
        options.sheet.mkdir(parents=True, exist_ok=True)
    results = {
        f"{quality}, {name}": measure(config, f"{quality}-{name}", pairs, options.sheet)
        for quality in options.quality
        for name, (config, pairs) in cases(quality, options.pairs, options.width).items()
    }
    report("known", results)


if __name__ == "__main__":
    main()
