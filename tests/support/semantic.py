"""A small picture with two classes, and settings for a very short training."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from batch_analogy.analogy.features.vgg import Vgg19
from batch_analogy.analogy.semantic.label_maps import Classes, Palette
from batch_analogy.analogy.semantic.trainer import Trainer
from batch_analogy.config.semantic import SemanticConfig

TWO = Palette(((0, 0, 255), (255, 0, 0)))


@dataclass(frozen=True)
class TrainingSample:
    """A picture, its classes and VGG-19, from which trainers are made."""

    image: Tensor
    classes: Classes
    network: Vgg19

    def config(self, **changes: Any) -> SemanticConfig:
        small = {"size": 48, "width": 4, "iterations": 6, "ramp": 2, "random_layouts": 0.6}
        return SemanticConfig(**{**small, **changes})

    def trainer(self, **changes: Any) -> Trainer:
        classes = torch.from_numpy(self.classes)[None]
        return Trainer(self.image, classes, TWO, self.config(**changes), self.network)


def striped_disc(network: Vgg19) -> TrainingSample:
    """Draw a striped red disc on noisy blue, 45 × 61 px: no side is a multiple of 8."""
    y, x = np.mgrid[:45, :61]
    classes = ((y - 20) ** 2 + (x - 25) ** 2 < 150).astype(np.int64)
    noise = np.random.default_rng(3).random((45, 61))
    disc = np.stack([0.6 + 0.3 * (x // 3 % 2), 0.1 + 0 * x, 0.1 + 0 * x], axis=2)
    ground = np.stack([0.1 * noise, 0.3 * noise, 0.5 + 0.3 * noise], axis=2)
    image = np.where(classes[..., None] == 1, disc, ground).astype(np.float32)
    return TrainingSample(torch.from_numpy(image).permute(2, 0, 1)[None], classes, network)


QUICK: dict[str, Any] = {
    "size": 32,
    "width": 4,
    "iterations": 4,
    "ramp": 2,
    "measure_every": 2,
    "threads": 1,
}
"""Settings of a training that only has to be correct, not to look good."""


def write_disc(folder: Path, name: str = "disc") -> tuple[Path, Path]:
    """Write a picture of a red disc on blue noise, 40 × 48, and its label map."""
    folder.mkdir(parents=True, exist_ok=True)
    picture, label = folder / f"{name}.png", folder / f"{name}-label.png"
    classes = disc_classes(16)
    noise = np.random.default_rng(5).integers(0, 120, (40, 48))
    blue = np.stack([noise // 2, noise, 130 + noise], axis=2)
    pixels = np.where(classes[..., None] == 1, (200, 40, 40), blue).astype(np.uint8)
    Image.fromarray(pixels).save(picture)
    Image.fromarray(TWO.paint(classes)).save(label)
    return picture, label


def write_maps(folder: Path, count: int) -> Path:
    """Write numbered maps in which the disc moves to the right."""
    folder.mkdir(parents=True, exist_ok=True)
    for index in range(count):
        map_ = TWO.paint(disc_classes(16 + 4 * index))
        Image.fromarray(map_).save(folder / f"map{index:03}.png")
    return folder


def disc_classes(column: int) -> Classes:
    """Return the classes of a disc, (40, 48): 1 inside, else 0."""
    y, x = np.mgrid[:40, :48]
    return ((y - 20) ** 2 + (x - column) ** 2 < 100).astype(np.int64)
