"""One small picture of two kinds of thing, and how it is trained in a moment."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from batch_analogy.analogy.features import FeatureNetwork
from batch_analogy.analogy.semantic.classes import Classes, Palette
from batch_analogy.analogy.semantic.training import Trainer
from batch_analogy.semantics import SemanticConfig

TWO = Palette(((0, 0, 255), (255, 0, 0)))


@dataclass(frozen=True)
class Pictured:
    """A picture, its classes, and a trainer of it."""

    image: Tensor
    classes: Classes
    network: FeatureNetwork

    def config(self, **changes: Any) -> SemanticConfig:
        small = {"size": 48, "width": 4, "iterations": 6, "ramp": 2, "imagined": 0.6}
        return SemanticConfig(**{**small, **changes})

    def trainer(self, **changes: Any) -> Trainer:
        classes = torch.from_numpy(self.classes)[None]
        return Trainer(self.image, classes, TWO, self.config(**changes), self.network)


def striped_disc(network: FeatureNetwork) -> Pictured:
    """A red disc with stripes on noisy blue, 45 × 61: sides that are multiples of nothing."""
    y, x = np.mgrid[:45, :61]
    classes = ((y - 20) ** 2 + (x - 25) ** 2 < 150).astype(np.int64)
    noise = np.random.default_rng(3).random((45, 61))
    disc = np.stack([0.6 + 0.3 * (x // 3 % 2), 0.1 + 0 * x, 0.1 + 0 * x], axis=2)
    ground = np.stack([0.1 * noise, 0.3 * noise, 0.5 + 0.3 * noise], axis=2)
    image = np.where(classes[..., None] == 1, disc, ground).astype(np.float32)
    return Pictured(torch.from_numpy(image).permute(2, 0, 1)[None], classes, network)
