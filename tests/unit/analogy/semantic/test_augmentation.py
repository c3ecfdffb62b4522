"""Training samples: augmented pictures and random layouts."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from batch_analogy.analogy.semantic.augmentation import (
    Augmenter,
    Sample,
    add_noise,
    augmentation_strength,
    random_layout,
    random_numbers,
)
from batch_analogy.config.semantic import SemanticConfig
from tests.support.semantic import disc_classes


@pytest.fixture
def classes() -> Tensor:
    """Return a disc on ground, (1, 40, 48)."""
    return torch.from_numpy(disc_classes(16))[None]


@pytest.fixture
def sample(classes: Tensor) -> Sample:
    """Return a picture that shows its classes: 1 in the disc."""
    return Sample(classes[:, None].float().expand(-1, 3, -1, -1).contiguous(), classes)


def test_random_numbers_depend_on_seed_and_iteration_alone() -> None:
    drawn = [torch.rand(4, generator=random_numbers(*about)) for about in ((0, 1), (0, 1), (0, 2))]
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    assert not torch.equal(drawn[0], torch.rand(4, generator=random_numbers(1, 1)))


def test_augmentation_grows_from_nothing_to_full_strength(sample: Sample) -> None:
    config, augmenter = SemanticConfig(bend=0.1), Augmenter(sample)
    assert [augmentation_strength(i, 1000) for i in (0, 5, 10, 999, 5000)] == [
        0.0,
        0.0,
        0.01,
        0.99,
        1.0,
    ]
    still = [augmenter.augment(sample, config, 0.0, random_numbers(0, n)) for n in range(20)]
    moved = [augmenter.augment(sample, config, 1.0, random_numbers(0, n)) for n in range(20)]
    assert all(torch.equal(s.classes, sample.classes) for s in still)
    assert sum(not torch.equal(s.classes, sample.classes) for s in moved) > 15
    flipped = [s for s in moved if s.classes[..., 30:].sum() > s.classes[..., :18].sum()]
    assert 4 <= len(flipped) <= 16


def test_labels_move_with_the_picture_and_never_mix(sample: Sample) -> None:
    config, augmenter = SemanticConfig(bend=0.1), Augmenter(sample)
    for number in range(10):
        made = augmenter.augment(sample, config, 1.0, random_numbers(3, number))
        assert set(made.classes.unique().tolist()) <= {0, 1}
        assert (made.image[:, 0] - made.classes).abs().max() <= 0.76  # at corners
        assert (made.image[:, 0] - made.classes).abs().mean() < 0.03


def test_random_layouts_have_known_classes_only(classes: Tensor) -> None:
    made = [random_layout(classes, 3, random_numbers(0, number)) for number in range(30)]
    assert all(set(m.unique().tolist()) <= {0, 1, 2} for m in made)
    assert sum(not torch.equal(m, classes) for m in made) > 20
    assert any((m == 2).any() for m in made)
    assert torch.equal(made[4], random_layout(classes, 3, random_numbers(0, 4)))


def test_noise_is_at_most_one_in_255(sample: Sample) -> None:
    off = add_noise(sample.image, random_numbers(0)) - sample.image
    assert 0.8 / 255 < off.abs().max() <= 1.01 / 255
