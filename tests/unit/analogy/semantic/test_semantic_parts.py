"""Samples, canvases, networks and losses by themselves."""

from __future__ import annotations

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from batch_analogy.analogy.features.vgg import Vgg19
from batch_analogy.analogy.semantic import losses
from batch_analogy.analogy.semantic.augmentation import (
    Augmenter,
    Sample,
    add_noise,
    augmentation_strength,
    random_layout,
    random_numbers,
)
from batch_analogy.analogy.semantic.networks import (
    STRIDE,
    Discriminator,
    FeatureTranslation,
    Generator,
    Segmenter,
    Translation,
    mirrored,
)
from batch_analogy.analogy.semantic.working_size import laid_out, padded_size, reduce_classes
from batch_analogy.config.semantic import SemanticConfig
from tests.support.semantic import disc_classes


@pytest.fixture
def classes() -> Tensor:
    """(1, 40, 48): a disc on ground."""
    return torch.from_numpy(disc_classes(16))[None]


@pytest.fixture
def sample(classes: Tensor) -> Sample:
    """A picture that shows its classes: 1 where the disc is."""
    return Sample(classes[:, None].float().expand(-1, 3, -1, -1).contiguous(), classes)


def test_random_numbers_are_those_of_seed_and_iteration() -> None:
    drawn = [torch.rand(4, generator=random_numbers(*about)) for about in ((0, 1), (0, 1), (0, 2))]
    assert torch.equal(drawn[0], drawn[1])
    assert not torch.equal(drawn[0], drawn[2])
    assert not torch.equal(drawn[0], torch.rand(4, generator=random_numbers(1, 1)))


def test_samples_change_little_at_first_and_in_full_later(sample: Sample) -> None:
    config, warper = SemanticConfig(bend=0.1), Augmenter(sample)
    assert [augmentation_strength(i, 1000) for i in (0, 5, 10, 999, 5000)] == [
        0.0,
        0.0,
        0.01,
        0.99,
        1.0,
    ]
    still = [warper.augment(sample, config, 0.0, random_numbers(0, n)) for n in range(20)]
    moved = [warper.augment(sample, config, 1.0, random_numbers(0, n)) for n in range(20)]
    assert all(torch.equal(s.classes, sample.classes) for s in still)
    assert sum(not torch.equal(s.classes, sample.classes) for s in moved) > 15
    flipped = [s for s in moved if s.classes[..., 30:].sum() > s.classes[..., :18].sum()]
    assert 4 <= len(flipped) <= 16


def test_labels_move_with_the_picture_and_never_mix(sample: Sample) -> None:
    config, warper = SemanticConfig(bend=0.1), Augmenter(sample)
    for number in range(10):
        made = warper.augment(sample, config, 1.0, random_numbers(3, number))
        assert set(made.classes.unique().tolist()) <= {0, 1}
        assert (made.image[:, 0] - made.classes).abs().max() <= 0.76  # at corners
        assert (made.image[:, 0] - made.classes).abs().mean() < 0.03


def test_layouts_are_made_up_of_known_classes(classes: Tensor) -> None:
    made = [random_layout(classes, 3, random_numbers(0, number)) for number in range(30)]
    assert all(set(m.unique().tolist()) <= {0, 1, 2} for m in made)
    assert sum(not torch.equal(m, classes) for m in made) > 20
    assert any((m == 2).any() for m in made)
    assert torch.equal(made[4], random_layout(classes, 3, random_numbers(0, 4)))


def test_noise_is_a_256th(sample: Sample) -> None:
    off = add_noise(sample.image, random_numbers(0)) - sample.image
    assert 0.8 / 255 < off.abs().max() <= 1.01 / 255


@pytest.mark.parametrize("margin", [1, 3])
def test_mirrored_is_reflection(margin: int) -> None:
    x = torch.rand(1, 3, 7, 9)
    assert torch.equal(mirrored(x, margin), F.pad(x, [margin] * 4, mode="reflect"))


def test_canvases() -> None:
    assert padded_size((45, 61)) == (48, 64)
    assert padded_size((3, 64)) == (16, 64)
    x = torch.arange(5)[None, :, None].expand(1, 5, 5)
    assert laid_out(x, (8, 5), centred=False)[0, :, 0].tolist() == [0, 1, 2, 3, 4, 3, 2, 1]
    assert laid_out(x, (3, 5), centred=True)[0, :, 0].tolist() == [1, 2, 3]
    assert laid_out(x, (9, 5), centred=True)[0, :, 0].tolist() == [2, 1, 0, 1, 2, 3, 4, 3, 2]
    assert laid_out(torch.ones(1, 1, 1), (4, 4), centred=True).shape == (1, 4, 4)


def test_reduced_maps_hold_what_covers_most() -> None:
    classes = torch.zeros(1, 6, 6, dtype=torch.long)
    classes[:, :3, :3], classes[:, 3, 3] = 2, 1
    assert reduce_classes(classes, 3, (2, 2)).tolist() == [[[2, 0], [0, 0]]]


def test_a_translation_is_finite_whatever_the_labels_features() -> None:
    torch.manual_seed(0)
    translation = FeatureTranslation(8)
    flat = torch.zeros(1, 8, 4, 4)
    for own, target in ((flat, flat + 1000.0), (flat + 1000.0, flat), (flat, flat)):
        made, (gamma, beta) = translation(torch.zeros(1, 8, 4, 4), own, target)
        assert all(bool(x.isfinite().all()) for x in (made, gamma, beta))


def test_networks_give_the_shapes_they_name() -> None:
    image, planes = torch.rand(1, 3, 2 * STRIDE, 3 * STRIDE), torch.rand(1, 2, 16, 24)
    generator = Generator(2, 4)
    own = generator.labels(planes)
    assert [tuple(f.shape) for f in own] == [(1, 8, 8, 12), (1, 16, 4, 6), (1, 32, 2, 3)]
    assert all(bool((f > 0).all()) for f in own)
    made = generator(generator.begin(image), own, own)
    assert made.image.shape == image.shape
    assert [t.gamma.shape[1] for t in made.translations] == [8, 16, 32, 32, 16, 8]
    judged = Discriminator(2, 8, by_label=True)(image, planes)
    assert [tuple(s.shape) for s in judged.scores] == [(1, 1, 4, 6), (1, 1, 2, 3)]
    assert Segmenter(2)(image).shape == (1, 2, 4, 6)


def test_realism_is_judged_by_class() -> None:
    torch.manual_seed(0)
    image = torch.rand(1, 3, 16, 16)
    here, there = torch.zeros(1, 2, 16, 16), torch.zeros(1, 2, 16, 16)
    here[:, 0], there[:, 1] = 1.0, 1.0
    for by_label in (True, False):
        judge = Discriminator(2, 8, by_label=by_label).eval()
        same = torch.equal(judge(image, here).scores[0], judge(image, there).scores[0])
        assert same != by_label


def test_the_fixed_point_is_no_change() -> None:
    one, zero = torch.ones(1, 2, 3, 3), torch.zeros(1, 2, 3, 3)
    assert losses.fixed_point([Translation(one, zero)]) == 0
    assert losses.fixed_point([Translation(zero, one)]) == 2


def test_coherence_is_lost_by_other_pieces_and_by_those_of_another_class(
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


def test_alignment_reaches_the_picture(classes: Tensor) -> None:
    picture = torch.rand(1, 3, 40, 48, requires_grad=True)
    shares = F.one_hot(classes, 2).permute(0, 3, 1, 2).float()
    losses.alignment(Segmenter(2)(picture), shares).backward()
    assert picture.grad is not None
    assert bool((picture.grad != 0).any())
