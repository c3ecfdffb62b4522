"""The methods that ``compare`` runs: each makes a picture from a target map.

All methods get the same picture, classes and target maps, at one size.
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
    "semantic": "Semantic Image Analogy, with detail of the picture",
    "network": "Semantic Image Analogy, network only",
    "numbers": "Image Analogies, texture by numbers",
    "deep": "Deep Image Analogy within labels",
}

TRAINED: frozenset[str] = frozenset({"semantic", "network"})
"""Methods that need a trained network."""

DEEP_PRESET: PresetName = "style-to-photo"
"""Preset of Deep Image Analogy: the flat colours of a map become a photograph."""

Maker = Callable[[Classes], Tensor]
"""Function that makes a picture from a map: (H, W) classes → (1, 3, H, W) float32 RGB in [0, 1]."""


@dataclass(frozen=True)
class Source:
    """The picture that all methods start from, and its classes, at the working size."""

    image: Tensor  # (1, 3, H, W) float32 RGB in [0, 1]
    classes: Classes  # (H, W)
    palette: Palette

    def drawn(self, classes: Classes) -> Tensor:
        """Draw a map in its flat colours: (1, 3, H, W) float32 RGB in [0, 1]."""
        pixels = self.palette.paint(classes).astype(np.float32) / np.float32(255)
        planes = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))[None]
        return planes.to(self.image.device)


def network_maker(model: SemanticModel) -> Maker:
    """Return a maker for Semantic Image Analogy as published: the trained network's output."""
    return _at_its_size(model).apply


def semantic_maker(model: SemanticModel) -> Maker:
    """Return a maker for Semantic Image Analogy as ``semantic`` runs it, with added detail."""
    own = _at_its_size(model)
    detail = Detail(own)
    return lambda classes: detail.add(own.apply(classes), torch.from_numpy(classes)[None])


def _at_its_size(model: SemanticModel) -> SemanticModel:
    """Return the same network with its picture scaled to the working size."""
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
    """Return a maker for Image Analogies, which works like ``analogy --preset numbers``.

    The map is A, the picture A', a target map B (Hertzmann et al. 2001, §4.5).
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
    """Return a maker for Deep Image Analogy; the target map is A, the picture B'.

    Matches are restricted to pixels of the same class.
    """
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
