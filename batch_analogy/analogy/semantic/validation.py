"""The fixed set of measures that tells how far training has got, and when to end it."""

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
"""Of the fixed set: by turns a changed copy of the picture's own, and one that is made up."""

_FIXED = -2  # what random numbers are for, beside iterations
_PATCHES = 256
_LEAST_GAIN = 0.01


@dataclass(frozen=True)
class Measures:
    """What is known of a generator after some iterations."""

    iteration: int
    reconstruction: float  # mean L1 between I and what is made of P' = P, in [0, 1]
    gamma: float  # mean |γ - 1| there
    beta: float  # mean |β| there
    accuracy: float  # share of pixels, in the fixed layouts, that the segmenter finds as wanted
    coherence: float  # the loss of that name there

    @property
    def score(self) -> float:
        """One number for whether there is still something to gain; less is better."""
        return self.reconstruction + (1.0 - self.accuracy) + self.coherence


@dataclass(frozen=True)
class Patience:
    """How long training has gone on without gain."""

    best: float = math.inf
    without_gain: int = 0  # measures in a row

    def after(self, score: float) -> Patience:
        """The same after one more measure.

        >>> Patience(best=1.0).after(0.999)
        Patience(best=1.0, without_gain=1)
        """
        if score < self.best * (1.0 - _LEAST_GAIN):
            return Patience(score, 0)
        return dataclasses.replace(self, without_gain=self.without_gain + 1)


class ValidationSet:
    """The picture itself and a few layouts, the same at every measure.

    Args:
        picture: I and P, as they are trained on.
        warper: of that size.
        config: of the training; its seed chooses the layouts.
        classes: how many there are.
    """

    def __init__(
        self, picture: Sample, warper: Augmenter, config: SemanticConfig, classes: int
    ) -> None:
        self._picture = picture
        self._config = config
        self.layouts: list[Tensor] = []
        for index in range(LAYOUTS):
            numbers = random_numbers(config.seed, _FIXED, index)
            changed = warper.augment(picture, config, 1.0, numbers).classes
            made_up = index % 2 == 1
            self.layouts.append(random_layout(changed, classes, numbers) if made_up else changed)

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
        """Look at what the networks make of the set.

        Returns:
            The measures; and I, what is made of P' = P and of each layout, (1, 3, H, W) in [0, 1].
        """
        own = generator.labels(encoded(self._picture.classes))
        begun = generator.begin(self._picture.image)
        same = generator(begun, own, own)
        numbers = random_numbers(self._config.seed, _FIXED)
        right, coherent = [], []
        shown = [self._picture.image, same.image.clamp(0.0, 1.0)]
        for layout in self.layouts:
            made = generator(begun, own, generator.labels(encoded(layout))).image
            made = made.clamp(0.0, 1.0)
            shown.append(made)
            right.append(accuracy(segmenter(made), layout))
            features = losses.vgg_features(network, made, tuple(losses.COHERENCE_LEVELS))
            coherent.append(float(coherence(features, layout, count=_PATCHES, numbers=numbers)))
        found = Measures(
            iteration,
            reconstruction=float(F.l1_loss(shown[1], shown[0])),
            gamma=_mean([float((t.gamma - 1.0).abs().mean()) for t in same.translations]),
            beta=_mean([float(t.beta.abs().mean()) for t in same.translations]),
            accuracy=_mean(right),
            coherence=_mean(coherent),
        )
        return found, shown


def accuracy(logits: Tensor, classes: Tensor) -> float:
    """The share of pixels of a layout that a segmenter finds as they should be.

    Args:
        logits: (1, K, H/4, W/4).
        classes: (1, H, W) int64.
    """
    size = int(classes.shape[1]), int(classes.shape[2])
    found = F.interpolate(logits.float(), size=size, mode="bilinear").argmax(dim=1)
    return float((found == classes).float().mean())


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)
