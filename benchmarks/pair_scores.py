"""Scores of a match between two pictures of different scenes, against what a person marked.

There is no true match of each pixel, so it is asked whether matches stay in the same kind of thing,
whether keypoints are found, and whether the pieces that a picture is put together from can be told
apart. Scores are those of both directions, averaged. A flow is (H, W, 2) float32: (dx, dy) in
pixels from a picture's own pixel to its match in the other picture.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw

from benchmarks.annotated_pairs import OTHER, Annotation, Keypoint, Point, Polygon

Flow = NDArray[np.float32]
Pixels = NDArray[np.uint8]
LabelMap = NDArray[np.int32]
"""(H, W): each pixel's index into the names of the labels; ``UNMARKED`` where there is no label."""

UNMARKED = -1
NAMES = ("region", "pck10", "pck05", "seam")

_BORDER_PX = 6  # along borders of labels, where hand-made polygons are not exact
_FEWEST_PX = 50  # a label with fewer pixels that count has no share
_WINDOW_PX = 2  # half the side of the window around a keypoint


@dataclass(frozen=True)
class PairScores:
    """Scores of one pair, both directions averaged; None where nothing was marked.

    region: share of the pixels whose match shows the same label; what falls is seen as blotches
        and holes. Every label weighs the same. Left out are ``other``, on either side, what is
        unmarked, labels that the other picture lacks, and 6 px along the borders of labels.
    pck10, pck05: share of the keypoints whose match lies within 10 % and 5 % of the other
        picture's longer side. The match of a keypoint is the median over 5×5 pixels.
    seam: how visible the borders between pieces are, in levels of 255; see ``seam``.
    labels_ab, labels_ba: the share of each label that ``region`` averages.
    """

    region: float | None
    pck10: float | None
    pck05: float | None
    seam: float
    labels_ab: Mapping[str, float]
    labels_ba: Mapping[str, float]

    def rounded(self) -> dict[str, Any]:
        """Return all scores with four decimals."""
        plain = {name: _rounded(getattr(self, name)) for name in NAMES}
        shares = {
            "ab": {label: _rounded(share) for label, share in self.labels_ab.items()},
            "ba": {label: _rounded(share) for label, share in self.labels_ba.items()},
        }
        return {**plain, "labels": shares}


def score_pair(
    annotation: Annotation | None, a: Pixels, bp: Pixels, flow_ab: Flow, flow_ba: Flow
) -> PairScores:
    """Score both flows of a pair; without an annotation, its seams alone.

    Args:
        annotation: what was marked in A and B'.
        a, bp: A and B', (H, W, 3) uint8 RGB.
        flow_ab: of A's pixels, at A's size.
        flow_ba: of the pixels of B', at its size.
    """
    seams = (seam(flow_ab, bp) + seam(flow_ba, a)) / 2
    if annotation is None:
        return PairScores(None, None, None, seams, {}, {})
    names = annotation.labels.names
    map_a = label_map(annotation.labels.a, sides(a), names)
    map_bp = label_map(annotation.labels.bp, sides(bp), names)
    ab = region_shares(flow_ab, map_a, map_bp, names)
    ba = region_shares(flow_ba, map_bp, map_a, names)
    pck10, pck05 = (_both_pck(annotation.points, flow_ab, flow_ba, s) for s in (0.1, 0.05))
    return PairScores(_average(_mean(ab), _mean(ba)), pck10, pck05, seams, ab, ba)


def sides(picture: Pixels) -> tuple[int, int]:
    """Return the height and width of a picture."""
    return picture.shape[0], picture.shape[1]


def label_map(polygons: Sequence[Polygon], size: tuple[int, int], names: Sequence[str]) -> LabelMap:
    """Paint polygons in their order on a picture of this (height, width)."""
    height, width = size
    image = Image.new("I", (width, height), UNMARKED)
    draw = ImageDraw.Draw(image)
    for polygon in polygons:
        draw.polygon(list(polygon.corners), fill=names.index(polygon.label))
    return np.asarray(image, dtype=np.int32)


def region_shares(
    flow: Flow, own: LabelMap, other: LabelMap, names: Sequence[str]
) -> dict[str, float]:
    """Return, for each label of both pictures, the share of its pixels whose match has it too.

    A pixel does not count if it lies near a border of labels or if its match is unmarked or
    ``other``. A label is left out if fewer than 50 of its pixels count.
    """
    found = _at(other, *_matches(flow))
    counts = _away_from_borders(own) & (found != UNMARKED)
    if OTHER in names:
        counts &= found != names.index(OTHER)
    shares = {}
    for index, name in enumerate(names):
        here = counts & (own == index)
        if name != OTHER and (other == index).any() and here.sum() >= _FEWEST_PX:
            shares[name] = float((found[here] == index).mean())
    return shares


def pck(
    flow: Flow, other_size: tuple[int, int], points: Sequence[tuple[Point, Point]], share: float
) -> float | None:
    """Return the share of keypoints that are found; None without keypoints.

    Args:
        flow: of the picture's own pixels.
        other_size: (height, width) of the other picture.
        points: (x, y) of each keypoint in the picture and in the other one.
        share: of the other picture's longer side; a match as near as this is right.
    """
    if not points:
        return None
    height, width = other_size
    match_y, match_x = _matches(flow)
    match_y, match_x = match_y.clip(0, height - 1), match_x.clip(0, width - 1)
    hits = 0
    for (own_x, own_y), (other_x, other_y) in points:
        window = _window(own_y), _window(own_x)
        error = np.hypot(np.median(match_x[window]) - other_x, np.median(match_y[window]) - other_y)
        hits += bool(error <= share * max(other_size))
    return hits / len(points)


def seam(flow: Flow, other: Pixels) -> float:
    """Measure how visible the borders between pieces are, in levels of 255; 0: one whole piece.

    Where two neighbours take pixels that are neighbours too, nothing is seen. Elsewhere, what a
    pixel takes is compared with what its neighbour's match would go on with. The mean absolute
    difference is taken over all pixels and channels, towards each of the four neighbours.
    """
    y, x = _matches(flow)
    picture = other.astype(np.float64)
    taken = _at(picture, y, x)
    first, last = slice(None, -1), slice(1, None)
    everything = slice(None)
    differences = []
    for across, down in ((1, 0), (0, 1)):
        before = (first, everything) if down else (everything, first)
        after = (last, everything) if down else (everything, last)
        onward = _at(picture, y[before] + down, x[before] + across)
        backward = _at(picture, y[after] - down, x[after] - across)
        differences += [np.abs(taken[after] - onward), np.abs(taken[before] - backward)]
    return float(np.mean([difference.mean() for difference in differences]))


def _matches(flow: Flow) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return each pixel's match, rows and columns, rounded; it may lie outside."""
    rows, columns = np.mgrid[: flow.shape[0], : flow.shape[1]]
    y, x = np.rint(rows + flow[..., 1]), np.rint(columns + flow[..., 0])
    return y.astype(np.int64), x.astype(np.int64)


def _at(values: NDArray[Any], y: NDArray[np.int64], x: NDArray[np.int64]) -> NDArray[Any]:
    """Read values at rows and columns; outside, the nearest ones."""
    height, width = values.shape[:2]
    return np.asarray(values[y.clip(0, height - 1), x.clip(0, width - 1)])


def _away_from_borders(labels: LabelMap) -> NDArray[np.bool_]:
    """Tell the pixels farther than 6 px from a border; its lower or right side is the border."""
    edge = np.zeros(labels.shape, dtype=np.uint8)
    edge[:, 1:] |= labels[:, 1:] != labels[:, :-1]
    edge[1:] |= labels[1:] != labels[:-1]
    reach = np.arange(-_BORDER_PX, _BORDER_PX + 1)
    disc = (reach[:, None] ** 2 + reach**2 <= _BORDER_PX**2).astype(np.uint8)
    return np.asarray(cv2.dilate(edge, disc) == 0)


def _window(centre: float) -> slice:
    middle = round(centre)
    return slice(max(0, middle - _WINDOW_PX), middle + _WINDOW_PX + 1)


def _both_pck(
    keypoints: Sequence[Keypoint], flow_ab: Flow, flow_ba: Flow, share: float
) -> float | None:
    size_a, size_bp = flow_ab.shape[:2], flow_ba.shape[:2]
    onward = pck(flow_ab, size_bp, [(k.a, k.bp) for k in keypoints], share)
    return _average(onward, pck(flow_ba, size_a, [(k.bp, k.a) for k in keypoints], share))


def _mean(shares: Mapping[str, float]) -> float | None:
    return float(np.mean(list(shares.values()))) if shares else None


def _average(one: float | None, two: float | None) -> float | None:
    return None if one is None or two is None else (one + two) / 2


def _rounded(value: float | None) -> float | None:
    return None if value is None else round(value, 4)
