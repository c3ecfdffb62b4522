"""Losses of the generator."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from batch_analogy.analogy.features.vgg import Vgg19
from batch_analogy.analogy.semantic import losses
from batch_analogy.analogy.semantic.augmentation import random_numbers
from batch_analogy.analogy.semantic.networks import Segmenter, Translation
from tests.support.semantic import disc_classes


@pytest.fixture
def classes() -> Tensor:
    """Return a disc on ground, (1, 40, 48)."""
    return torch.from_numpy(disc_classes(16))[None]


def test_fixed_point_loss_is_zero_without_change() -> None:
    one, zero = torch.ones(1, 2, 3, 3), torch.zeros(1, 2, 3, 3)
    assert losses.fixed_point([Translation(one, zero)]) == 0
    assert losses.fixed_point([Translation(zero, one)]) == 2


def test_coherence_loss_grows_with_foreign_patches_and_other_classes(
    network: Vgg19, classes: Tensor
) -> None:
    numbers = np.random.default_rng(2)
    noise = torch.from_numpy(numbers.random((1, 3, 40, 48), dtype=np.float32))
    image = torch.where(classes[:, None] == 1, 0.7 + 0.3 * noise, 0.3 * noise)

    def lost(picture: Tensor, layout: Tensor, by_label: bool) -> float:
        coherence = losses.Coherence(network, image, classes, by_label=by_label)
        features = losses.vgg_features(network, picture, tuple(losses.COHERENCE_LEVELS))
        return float(coherence(features, layout, count=100, numbers=random_numbers(0)))

    own = lost(image, classes, True)
    assert lost(image.flip(3), classes.flip(2), True) < 2 * own
    assert lost(1.0 - image, classes, True) > 1.5 * own
    assert lost(image, 1 - classes, True) > 1.5 * lost(image, 1 - classes, False)


def test_alignment_has_a_gradient_at_the_picture(classes: Tensor) -> None:
    picture = torch.rand(1, 3, 40, 48, requires_grad=True)
    shares = F.one_hot(classes, 2).permute(0, 3, 1, 2).float()
    losses.alignment(Segmenter(2)(picture), shares).backward()
    assert picture.grad is not None
    assert bool((picture.grad != 0).any())
