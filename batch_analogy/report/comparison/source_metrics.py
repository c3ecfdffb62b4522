"""How well a picture made from a source and a layout has the source's look and the layout's shape.

Three figures, all from VGG-19: how far its local features are spread otherwise than the source's
(``vgg19_sifd``), how much of it hangs together as in the source (``patch_coherence``), and how much
of it shows what the layout asks for (``layout_accuracy``).

None of them is a part of any method that is judged: layouts are read by a classifier of their own
and not by Semantic Image Analogy's segmenter, which was trained together with what it would judge.
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from batch_analogy.analogy.features.pictures import unit_features
from batch_analogy.analogy.features.vgg import Vgg19
from batch_analogy.report.evaluation.frame_metrics import Picture
from batch_analogy.report.frechet import frechet_distance

Classes = NDArray[np.int64]
"""(H, W): the class of each pixel, from 0."""

SIFD_LEVEL = 3
"""Of ``vgg19_sifd``: conv3_1, 256 values at a quarter of the picture's size.

SIFID's Inception layer has 192 values there; these are other features, so it is another figure.
"""

PATCH_LEVEL, PATCH_CELLS = 2, 3
"""Of ``patch_coherence``: 3 × 3 cells of conv2_1, each 2 px wide.

The mean distance to the source's nearest patches, which the method's authors have as a loss, was
tried too: blur lowers it, as smooth patches find smooth ones (``benchmarks.measures``).
"""

LAYOUT_LEVELS, LAYOUT_GRID, NEIGHBOURS = (1, 2, 3, 4), 2, 5
"""Of ``layout_accuracy``: conv1_1 to conv4_1 at the size of conv2_1, and 5 nearest cells.

Of the choices tried, these told the classes of strips of a picture best from the rest of it.
"""

_STRIPS = 8  # into which the source is cut to see how well its own layout can be read
_GAP_STRIPS = 0.5  # beside the strip that is read: cells there see it too
_MOST_PATCHES = 4096  # looked at, evenly spread, with their neighbours
_AS_SIMILAR = 0.01  # of the spread of the source's patches: less apart is equally similar
_ROWS_AT_ONCE = 1024
_UNIT = 255.0  # features of the default weights are about as large as 8-bit values


@dataclass(frozen=True)
class SourceMetricValues:
    """What one picture's figures are."""

    vgg19_sifd: float  # 0: local features spread as the source's; no upper end
    patch_coherence: float  # 1: all patches continue as the source does; 0: none
    layout_accuracy: float  # share of the picture read as the class that the layout has there


class SourceMetrics:
    """Judges pictures made from one source."""

    def __init__(self, network: Vgg19, picture: Picture, classes: Classes) -> None:
        """Encode the source.

        Args:
            network: VGG-19; its device is used.
            picture: (H, W, 3) float32 RGB in [0, 1].
            classes: (H, W) of the source.

        Raises:
            ValueError: the classes have another size than the picture.
        """
        _check(picture, classes)
        self._network = network
        self._count = int(classes.max()) + 1
        features = self._encode(picture)
        self._spread = _cloud(features[SIFD_LEVEL])
        self._patches, self._patch_grid = _patches(features[PATCH_LEVEL])
        self._scale = float((self._patches - self._patches.mean(dim=0)).norm(dim=1).mean())
        self._columns = int(features[LAYOUT_GRID].shape[3])
        self._cells = _cells(features)
        self._classes = self._at_cells(classes, features[LAYOUT_GRID])

    def __call__(self, picture: Picture, classes: Classes) -> SourceMetricValues:
        """Judge a picture.

        Args:
            picture: (H', W', 3) float32 RGB in [0, 1], at the source's scale.
            classes: (H', W'): the layout that was asked for.

        Raises:
            ValueError: the classes have another size than the picture.
        """
        _check(picture, classes)
        features = self._encode(picture)
        wanted = self._at_cells(classes, features[LAYOUT_GRID])
        read = self._read(_cells(features), self._cells, self._classes)
        return SourceMetricValues(
            vgg19_sifd=frechet_distance(_cloud(features[SIFD_LEVEL]), self._spread),
            patch_coherence=self._coherence(features[PATCH_LEVEL]),
            layout_accuracy=_share(read == wanted),
        )

    def source_accuracy(self) -> float:
        """How much of the source's own layout is read rightly from the rest of the source.

        Upright strips are read by what lies further away: what ``layout_accuracy`` is worth here.
        """
        columns = torch.arange(len(self._cells), device=self._cells.device) % self._columns
        strip = self._columns / _STRIPS
        right = torch.zeros(len(self._cells), dtype=torch.bool, device=self._cells.device)
        for index in range(_STRIPS):
            away = (columns - (index + 0.5) * strip + 0.5).abs()
            here, there = away <= strip / 2, away > strip * (0.5 + _GAP_STRIPS)
            read = self._read(self._cells[here], self._cells[there], self._classes[there])
            right[here] = read == self._classes[here]
        return _share(right)

    def _encode(self, picture: Picture) -> dict[int, Tensor]:
        """Level → (1, C, h, w) float32, conv1_1 to conv4_1."""
        image = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None]
        with torch.no_grad():
            return self._network.pyramid(image.to(self._network.device), LAYOUT_LEVELS)

    def _at_cells(self, classes: Classes, features: Tensor) -> Tensor:
        """Which class each cell shows most of, (h · w,) int64."""
        maps = F.one_hot(torch.from_numpy(np.ascontiguousarray(classes)))
        planes = maps.permute(2, 0, 1)[None].float().to(features.device)
        shares = F.adaptive_avg_pool2d(planes, (int(features.shape[2]), int(features.shape[3])))
        return shares[0].argmax(dim=0).flatten()

    def _read(self, cells: Tensor, known: Tensor, classes: Tensor) -> Tensor:
        """The class that most of each cell's nearest known cells have."""
        k = min(NEIGHBOURS, len(known))
        votes = [
            F.one_hot(classes[near], self._count).sum(dim=1).argmax(dim=1)
            for near in (
                squares.topk(k, dim=1, largest=False).indices for squares in _squares(cells, known)
            )
        ]
        return torch.cat(votes)

    def _coherence(self, features: Tensor) -> float:
        """The share of neighbouring patches whose counterparts in the source are neighbours too.

        Where several patches of the source are equally similar, it is enough that one continues,
        either way.

        Source: Ashikhmin, Synthesizing Natural Textures, I3D 2001 (what a coherent match is).
        """
        patches, (height, width) = _patches(features)
        step = math.ceil(math.sqrt(height * width / _MOST_PATCHES))
        rows, columns = torch.meshgrid(
            torch.arange(0, height, step), torch.arange(0, width, step), indexing="ij"
        )
        row, column = (x.flatten().to(patches.device) for x in (rows, columns))
        own = patches[row * width + column]
        counterparts = self._nearest(own)
        continued, pairs = 0, 0
        for down, right in ((0, 1), (1, 0)):
            there = (row + down < height) & (column + right < width)
            others = patches[((row + down) * width + column + right)[there]]
            theirs = self._nearest(others)
            onward = self._continues(counterparts[there], others, theirs, (down, right))
            back = self._continues(theirs, own[there], counterparts[there], (-down, -right))
            continued += int((onward | back).sum())
            pairs += len(others)
        return continued / max(pairs, 1)

    def _continues(
        self, places: Tensor, patches: Tensor, best: Tensor, step: tuple[int, int]
    ) -> Tensor:
        """Whether patches are as similar to what lies a step from places as to their best."""
        height, width = self._patch_grid
        rows, columns = places // width + step[0], places % width + step[1]
        inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        beside = rows.clamp(0, height - 1) * width + columns.clamp(0, width - 1)
        distance, least = (
            (patches - self._patches[places]).square().sum(dim=1) for places in (beside, best)
        )
        return inside & (distance <= least + (_AS_SIMILAR * self._scale) ** 2)

    def _nearest(self, patches: Tensor) -> Tensor:
        """The number of each patch's most similar one in the source."""
        return torch.cat([squares.argmin(dim=1) for squares in _squares(patches, self._patches)])


def metrics_as_json(figures: SourceMetricValues) -> dict[str, float]:
    """Name → value."""
    return {name: round(value, 6) for name, value in dataclasses.asdict(figures).items()}


def _check(picture: Picture, classes: Classes) -> None:
    if picture.shape[:2] != classes.shape:
        raise ValueError(f"a picture of {picture.shape[:2]} has classes of {classes.shape}")


def _cloud(features: Tensor) -> NDArray[np.float64]:
    """(1, C, h, w) → (h · w, C) float64."""
    return features[0].flatten(1).T.cpu().double().numpy() / _UNIT


def _patches(features: Tensor) -> tuple[Tensor, tuple[int, int]]:
    """(1, C, h, w) → (N, C · 9), all patches that lie wholly inside, row by row; the grid."""
    height, width = (int(side) for side in features.shape[2:])
    tall, wide = min(PATCH_CELLS, height), min(PATCH_CELLS, width)
    found = F.unfold(features, (tall, wide))[0].T.contiguous()
    return found, (height - tall + 1, width - wide + 1)


def _cells(features: dict[int, Tensor]) -> Tensor:
    """Levels on top of each other at one size, each of length 1: (h · w, C)."""
    size = (int(features[LAYOUT_GRID].shape[2]), int(features[LAYOUT_GRID].shape[3]))
    maps = [
        F.interpolate(unit_features(features[level]), size=size, mode="bilinear")
        for level in LAYOUT_LEVELS
    ]
    return torch.cat(maps, dim=1)[0].flatten(1).T.contiguous()


def _squares(queries: Tensor, known: Tensor) -> Iterator[Tensor]:
    """Squared distances (n, N) of some queries at a time to all known points, at least 0."""
    lengths = known.square().sum(dim=1)
    for some in torch.split(queries, _ROWS_AT_ONCE):
        own = some.square().sum(dim=1, keepdim=True)
        yield (own + lengths - 2 * (some @ known.T)).clamp_min_(0.0)


def _share(right: Tensor) -> float:
    return float(right.double().mean())
