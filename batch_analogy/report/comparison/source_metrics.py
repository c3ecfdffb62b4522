"""Metrics of pictures that were made from a source picture and a layout (a map of classes).

There are three, all from VGG-19: the distance between the distributions of local features of the
picture and the source (``vgg19_sifd``), the share of patches that continue as in the source
(``patch_coherence``), and the share of the picture that shows the class of the layout
(``layout_accuracy``). See docs/method.md, "Measures of a layout".

No metric is part of a compared method. Layouts are classified by nearest features, not by the
segmenter of Semantic Image Analogy, which was trained together with the generator.
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
from batch_analogy.media.stills import FloatPixels
from batch_analogy.report.frechet import frechet_distance

Classes = NDArray[np.int64]
"""(H, W): the class of each pixel, from 0."""

SIFD_LEVEL = 3
"""Level of ``vgg19_sifd``: conv3_1, with 256 channels at a quarter of the picture's size.

SIFID uses an Inception layer with 192 channels at that size, so the values are not comparable.
"""

PATCH_LEVEL, PATCH_CELLS = 2, 3
"""Patches of ``patch_coherence``: 3 × 3 cells of conv2_1, each 2 px wide.

The mean distance to the nearest patches of the source, a loss of Semantic Image Analogy, was tried
too: blur lowers it, as smooth patches have smooth neighbours (``benchmarks.measures``).
"""

LAYOUT_LEVELS, LAYOUT_GRID, NEIGHBOURS = (1, 2, 3, 4), 2, 5
"""Features of ``layout_accuracy``: conv1_1 to conv4_1 at the size of conv2_1; 5 nearest cells.

Of the choices tried, these classified strips of a picture best from the rest of the picture.
"""

_STRIPS = 8  # of the source, for cross-validation of the classifier
_GAP_STRIPS = 0.5  # excluded beside a strip, as receptive fields there overlap with it
_MAX_PATCHES = 4096  # sampled on a regular grid, with their neighbours
_TIE = 0.01  # tolerance of ties: a distance, relative to the patches' spread
_ROWS_AT_ONCE = 1024
_FEATURE_SCALE = 255.0  # features of the default weights are about as large as 8-bit values


@dataclass(frozen=True)
class SourceMetricValues:
    """Metrics of one picture."""

    vgg19_sifd: float  # 0: the same distribution of local features as the source; unbounded
    patch_coherence: float  # 1: all patches continue as in the source; 0: none
    layout_accuracy: float  # share of the picture classified as the class of the layout


class SourceMetrics:
    """Measure pictures made from one source."""

    def __init__(self, network: Vgg19, picture: FloatPixels, classes: Classes) -> None:
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

    def __call__(self, picture: FloatPixels, classes: Classes) -> SourceMetricValues:
        """Measure a picture.

        Args:
            picture: (H', W', 3) float32 RGB in [0, 1], at the source's scale.
            classes: (H', W'): the layout it was made for.

        Raises:
            ValueError: the classes have another size than the picture.
        """
        _check(picture, classes)
        features = self._encode(picture)
        wanted = self._at_cells(classes, features[LAYOUT_GRID])
        found = self._classify(_cells(features), self._cells, self._classes)
        return SourceMetricValues(
            vgg19_sifd=frechet_distance(_cloud(features[SIFD_LEVEL]), self._spread),
            patch_coherence=self._coherence(features[PATCH_LEVEL]),
            layout_accuracy=_share(found == wanted),
        )

    def source_accuracy(self) -> float:
        """Return the share of the source's layout that is classified correctly from the rest of it.

        Vertical strips are classified by the cells outside them (cross-validation). This is the
        accuracy of the classifier behind ``layout_accuracy``.
        """
        columns = torch.arange(len(self._cells), device=self._cells.device) % self._columns
        strip = self._columns / _STRIPS
        correct = torch.zeros(len(self._cells), dtype=torch.bool, device=self._cells.device)
        for index in range(_STRIPS):
            distance = (columns - (index + 0.5) * strip + 0.5).abs()
            inside, outside = distance <= strip / 2, distance > strip * (0.5 + _GAP_STRIPS)
            found = self._classify(
                self._cells[inside], self._cells[outside], self._classes[outside]
            )
            correct[inside] = found == self._classes[inside]
        return _share(correct)

    def _encode(self, picture: FloatPixels) -> dict[int, Tensor]:
        """Compute features, conv1_1 to conv4_1: level → (1, C, h, w) float32."""
        image = torch.from_numpy(np.ascontiguousarray(picture.transpose(2, 0, 1)))[None]
        with torch.no_grad():
            return self._network.pyramid(image.to(self._network.device), LAYOUT_LEVELS)

    def _at_cells(self, classes: Classes, features: Tensor) -> Tensor:
        """Return the most frequent class in each cell, (h · w,) int64."""
        maps = F.one_hot(torch.from_numpy(np.ascontiguousarray(classes)))
        planes = maps.permute(2, 0, 1)[None].float().to(features.device)
        shares = F.adaptive_avg_pool2d(planes, (int(features.shape[2]), int(features.shape[3])))
        return shares[0].argmax(dim=0).flatten()

    def _classify(self, cells: Tensor, known: Tensor, classes: Tensor) -> Tensor:
        """Return the most frequent class among each cell's nearest known cells."""
        k = min(NEIGHBOURS, len(known))
        votes = [
            F.one_hot(classes[near], self._count).sum(dim=1).argmax(dim=1)
            for near in (
                squares.topk(k, dim=1, largest=False).indices for squares in _squares(cells, known)
            )
        ]
        return torch.cat(votes)

    def _coherence(self, features: Tensor) -> float:
        """Return the share of neighbouring patches whose nearest source patches are neighbours too.

        If several source patches are equally similar, one of them suffices, in either direction.

        Source: Ashikhmin, Synthesizing Natural Textures, I3D 2001 (definition of coherence).
        """
        patches, (height, width) = _patches(features)
        step = math.ceil(math.sqrt(height * width / _MAX_PATCHES))
        rows, columns = torch.meshgrid(
            torch.arange(0, height, step), torch.arange(0, width, step), indexing="ij"
        )
        row, column = (x.flatten().to(patches.device) for x in (rows, columns))
        own = patches[row * width + column]
        nearest = self._nearest(own)
        coherent, pairs = 0, 0
        for down, right in ((0, 1), (1, 0)):
            exists = (row + down < height) & (column + right < width)
            others = patches[((row + down) * width + column + right)[exists]]
            theirs = self._nearest(others)
            forward = self._continues(nearest[exists], others, theirs, (down, right))
            backward = self._continues(theirs, own[exists], nearest[exists], (-down, -right))
            coherent += int((forward | backward).sum())
            pairs += len(others)
        return coherent / max(pairs, 1)

    def _continues(
        self, positions: Tensor, patches: Tensor, best: Tensor, step: tuple[int, int]
    ) -> Tensor:
        """Return which patches match the source a step from a position as well as their best match.

        Args:
            positions: (N,) indices of source patches. patches: (N, C) features.
            best: (N,) index of each patch's nearest source patch.
            step: rows and columns.

        Returns:
            (N,) bool; False if the step leaves the source.
        """
        height, width = self._patch_grid
        rows, columns = positions // width + step[0], positions % width + step[1]
        inside = (rows >= 0) & (rows < height) & (columns >= 0) & (columns < width)
        neighbour = rows.clamp(0, height - 1) * width + columns.clamp(0, width - 1)
        distance, least = (
            (patches - self._patches[index]).square().sum(dim=1) for index in (neighbour, best)
        )
        return inside & (distance <= least + (_TIE * self._scale) ** 2)

    def _nearest(self, patches: Tensor) -> Tensor:
        """Return the index of the nearest source patch of each patch."""
        return torch.cat([squares.argmin(dim=1) for squares in _squares(patches, self._patches)])


def metrics_as_json(figures: SourceMetricValues) -> dict[str, float]:
    """Return the metrics as JSON values, rounded to 6 digits."""
    return {name: round(value, 6) for name, value in dataclasses.asdict(figures).items()}


def _check(picture: FloatPixels, classes: Classes) -> None:
    if picture.shape[:2] != classes.shape:
        raise ValueError(f"picture of size {picture.shape[:2]} has classes of size {classes.shape}")


def _cloud(features: Tensor) -> NDArray[np.float64]:
    """Flatten features: (1, C, h, w) → (h · w, C) float64."""
    return features[0].flatten(1).T.cpu().double().numpy() / _FEATURE_SCALE


def _patches(features: Tensor) -> tuple[Tensor, tuple[int, int]]:
    """Unfold features: (1, C, h, w) → (N, C · 9), all patches row by row, and the grid's size."""
    height, width = (int(side) for side in features.shape[2:])
    tall, wide = min(PATCH_CELLS, height), min(PATCH_CELLS, width)
    found = F.unfold(features, (tall, wide))[0].T.contiguous()
    return found, (height - tall + 1, width - wide + 1)


def _cells(features: dict[int, Tensor]) -> Tensor:
    """Concatenate levels at one size, each normalised to unit length: (h · w, C)."""
    size = (int(features[LAYOUT_GRID].shape[2]), int(features[LAYOUT_GRID].shape[3]))
    maps = [
        F.interpolate(unit_features(features[level]), size=size, mode="bilinear")
        for level in LAYOUT_LEVELS
    ]
    return torch.cat(maps, dim=1)[0].flatten(1).T.contiguous()


def _squares(queries: Tensor, known: Tensor) -> Iterator[Tensor]:
    """Yield squared distances (n, N) of a few queries at a time to all known points, at least 0."""
    lengths = known.square().sum(dim=1)
    for some in torch.split(queries, _ROWS_AT_ONCE):
        own = some.square().sum(dim=1, keepdim=True)
        yield (own + lengths - 2 * (some @ known.T)).clamp_min_(0.0)


def _share(correct: Tensor) -> float:
    return float(correct.double().mean())
