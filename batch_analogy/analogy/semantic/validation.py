"""Validation of a training on a fixed set of layouts, and early stopping."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from batch_analogy.analogy.features.vgg import Vgg19
from batch_analogy.analogy.semantic import losses
from batch_analogy.analogy.semantic.augmentation import (
    Augmenter,
    Sample,
    random_layout,
    random_numbers,
)
from batch_analogy.analogy.semantic.networks import Generator, Segmenter
from batch_analogy.config.semantic import SemanticConfig

LAYOUTS = 4
"""Number of layouts in the fixed set: alternately an augmented copy of P, and a random layout."""

_FIXED = -2  # tells these random numbers from those of iterations
_PATCHES = 256
_LEAST_GAIN = 0.01


@dataclass(frozen=True)
class Measures:
    """Measures of a generator after some iterations."""

    iteration: int
    reconstruction: float  # mean L1 between I and the picture made from P' = P, in [0, 1]
    gamma: float  # mean |γ - 1| in that picture
    beta: float  # mean |β| in that picture
    accuracy: float  # share of pixels of the fixed layouts whose class the segmenter finds
    coherence: float  # the coherence loss in the fixed layouts

    @property
    def score(self) -> float:
        """Sum that early stopping watches; lower is better."""
        return self.reconstruction + (1.0 - self.accuracy) + self.coherence


@dataclass(frozen=True)
class Patience:
    """Number of validations since the last gain."""

    best: float = math.inf
    without_gain: int = 0  # validations in a row

    def after(self, score: float) -> Patience:
        """Return the state after one more validation.

        >>> Patience(best=1.0).after(0.999)
        Patience(best=1.0, without_gain=1)
        """
        if score < self.best * (1.0 - _LEAST_GAIN):
            return Patience(score, 0)
        return dataclasses.replace(self, without_gain=self.without_gain + 1)


class ValidationSet:
    """The picture itself and a few layouts, the same at every validation.

    Args:
        picture: I and P at the size of the training.
        augmenter: augments pictures of that size.
        config: configuration of the training; its seed decides the layouts.
        classes: number of classes.
    """

    def __init__(
        self, picture: Sample, augmenter: Augmenter, config: SemanticConfig, classes: int
    ) -> None:
        self._picture = picture
        self._config = config
        self.layouts: list[Tensor] = []
        for index in range(LAYOUTS):
            numbers = random_numbers(config.seed, _FIXED, index)
            changed = augmenter.augment(picture, config, 1.0, numbers).classes
            is_random = index % 2 == 1
            self.layouts.append(random_layout(changed, classes, numbers) if is_random else changed)

    @torch.no_grad()
    def measure(
        self,
        iteration: int,
        generator: Generator,
        segmenter: Segmenter,
        *,
        encoded: Callable[[Tensor], Tensor],
        coherence: losses.Coherence,
        network: Vgg19,
    ) -> tuple[Measures, list[Tensor]]:
        """Apply the networks to the set and measure the results.

        Returns:
            The measures; then I, the picture made from P' = P, and that of each layout, all
            (1, 3, H, W) in [0, 1].
        """
        own = generator.labels(encoded(self._picture.classes))
        picture = generator.encode_picture(self._picture.image)
        same = generator(picture, own, own)
        numbers = random_numbers(self._config.seed, _FIXED)
        accuracies, coherences = [], []
        shown = [self._picture.image, same.image.clamp(0.0, 1.0)]
        for layout in self.layouts:
            made = generator(picture, own, generator.labels(encoded(layout))).image
            made = made.clamp(0.0, 1.0)
            shown.append(made)
            accuracies.append(accuracy(segmenter(made), layout))
            features = losses.vgg_features(network, made, tuple(losses.COHERENCE_LEVELS))
            coherences.append(float(coherence(features, layout, count=_PATCHES, numbers=numbers)))
        found = Measures(
            iteration,
            reconstruction=float(F.l1_loss(shown[1], shown[0])),
            gamma=_mean([float((t.gamma - 1.0).abs().mean()) for t in same.translations]),
            beta=_mean([float(t.beta.abs().mean()) for t in same.translations]),
            accuracy=_mean(accuracies),
            coherence=_mean(coherences),
        )
        return found, shown


def accuracy(logits: Tensor, classes: Tensor) -> float:
    """Compute the share of pixels of a layout whose class a segmenter finds.

    Args:
        logits: (1, K, H/4, W/4).
        classes: (1, H, W) int64.
    """
    size = int(classes.shape[1]), int(classes.shape[2])
    found = F.interpolate(logits.float(), size=size, mode="bilinear").argmax(dim=1)
    return float((found == classes).float().mean())


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
