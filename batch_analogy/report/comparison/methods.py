"""The methods that ``compare`` puts side by side: each makes a picture of a target map.

All see the same picture, the same classes and the same target maps, at one size.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from batch_analogy.analogy.deep import deep_image_analogy
from batch_analogy.analogy.features import FeatureExtractor
from batch_analogy.analogy.features.pictures import encode_reference
from batch_analogy.analogy.semantic.detail import Detail
from batch_analogy.analogy.semantic.label_maps import Palette
from batch_analogy.analogy.semantic.model import SemanticModel
from batch_analogy.analogy.semantic.working_size import reduce_classes, reduce_picture, scaled_size
from batch_analogy.config.matching import AnalogyConfig, PresetName
from batch_analogy.config.painting import PaintConfig, PaintedKeyframe
from batch_analogy.motion.temporal.painter import KeyframePainter
from batch_analogy.motion.temporal.painting_synthesis import (
    ExtraChannels,
    Painting,
    PaintingSynthesiser,
)
from batch_analogy.report.comparison.source_metrics import Classes

Method = Literal["semantic", "network", "numbers", "deep"]

TITLES: dict[Method, str] = {
    "semantic": "Semantic Image Analogy, with the picture's own detail",
    "network": "Semantic Image Analogy, the network alone",
    "numbers": "Image Analogies, texture by numbers",
    "deep": "Deep Image Analogy within labels",
}

TRAINED: frozenset[str] = frozenset({"semantic", "network"})
"""Methods that need a trained network: as ``semantic`` makes pictures, and as was published."""

DEEP_PRESET: PresetName = "style-to-photo"
"""Of Deep Image Analogy: a map is drawn, and a photograph is wanted of it."""

Maker = Callable[[Classes], Tensor]
"""(H, W) classes → (1, 3, H, W) float32 RGB in [0, 1]."""


@dataclass(frozen=True)
class Source:
    """The picture that all start from, at the size at which they work."""

    image: Tensor  # (1, 3, H, W) float32 RGB in [0, 1]
    classes: Classes  # (H, W)
    palette: Palette

    def drawn(self, classes: Classes) -> Tensor:
        """A map as a picture in its flat colours, (1, 3, H, W) float32 RGB in [0, 1]."""
        pixels = self.palette.paint(classes).astype(np.float32) / np.float32(255)
        planes = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))[None]
        return planes.to(self.image.device)


def network_maker(model: SemanticModel) -> Maker:
    """Semantic Image Analogy as published: what the trained network makes."""
    return _at_its_size(model).apply


def semantic_maker(model: SemanticModel) -> Maker:
    """Semantic Image Analogy as ``semantic`` makes pictures: with the picture's own detail."""
    own = _at_its_size(model)
    detail = Detail(own)
    return lambda classes: detail.add(own.apply(classes), torch.from_numpy(classes)[None])


def _at_its_size(model: SemanticModel) -> SemanticModel:
    """The same network; what it makes is not enlarged, as its picture has the size it works at."""
    height, width = (int(side) for side in model.classes.shape[1:])
    small = scaled_size(height, width, model.scale)
    return SemanticModel(
        reduce_picture(model.image, small),
        reduce_classes(model.classes, len(model.palette), small),
        model.palette,
        model.config,
        generator=model.generator,
        segmenter=model.segmenter,
        half=model.half,
    )


def numbers_maker(source: Source, *, seed: int) -> Maker:
    """Image Analogies: the map is A, the picture A', a target map B (Hertzmann et al. 2001, §4.5).

    The engine and the preset of ``analogy --preset numbers``.
    """
    paths = (PaintedKeyframe(painted="the picture", example="its map"),)
    opaque = torch.cat([source.image, torch.ones_like(source.image[:, :1])], dim=1)
    painting = Painting(source.drawn(source.classes), opaque)
    synthesis = PaintingSynthesiser(
        None,
        AnalogyConfig(seed=seed),
        PaintConfig.for_preset("numbers", keys=paths),
        lambda key: painting,
        ExtraChannels(),
    )
    painter = KeyframePainter(synthesis)
    return lambda classes: painter.render_alone(source.drawn(classes), 0).pictures["b_prime"]


def deep_maker(source: Source, network: FeatureExtractor, *, seed: int) -> Maker:
    """Deep Image Analogy: a target map is A, the picture B', matched within their classes."""
    config = AnalogyConfig.for_preset(DEEP_PRESET, seed=seed)
    reference = encode_reference(network, source.image, config)
    label = source.drawn(source.classes)

    def make(classes: Classes) -> Tensor:
        target = source.drawn(classes)
        return deep_image_analogy(
            target,
            source.image,
            config=config,
            network=network,
            reference=reference,
            masks=(target, label),
        ).a_prime

    return make
