"""The networks: shapes, finite values, and realism by class."""

from __future__ import annotations

import pytest
import torch
import torch.nn.functional as F

from batch_analogy.analogy.semantic.networks import (
    STRIDE,
    Discriminator,
    FeatureTranslation,
    Generator,
    Segmenter,
    mirror_pad,
)


@pytest.mark.parametrize("margin", [1, 3])
def test_mirror_pad_equals_reflection_padding(margin: int) -> None:
    x = torch.rand(1, 3, 7, 9)
    assert torch.equal(mirror_pad(x, margin), F.pad(x, [margin] * 4, mode="reflect"))


def test_translation_is_finite_for_any_label_features() -> None:
    torch.manual_seed(0)
    translation = FeatureTranslation(8)
    flat = torch.zeros(1, 8, 4, 4)
    for own, target in ((flat, flat + 1000.0), (flat + 1000.0, flat), (flat, flat)):
        made, (gamma, beta) = translation(torch.zeros(1, 8, 4, 4), own, target)
        assert all(bool(x.isfinite().all()) for x in (made, gamma, beta))


def test_networks_give_the_documented_shapes() -> None:
    image, planes = torch.rand(1, 3, 2 * STRIDE, 3 * STRIDE), torch.rand(1, 2, 16, 24)
    generator = Generator(2, 4)
    own = generator.labels(planes)
    assert [tuple(f.shape) for f in own] == [(1, 8, 8, 12), (1, 16, 4, 6), (1, 32, 2, 3)]
    assert all(bool((f > 0).all()) for f in own)
    made = generator(generator.encode_picture(image), own, own)
    assert made.image.shape == image.shape
    assert [t.gamma.shape[1] for t in made.translations] == [8, 16, 32, 32, 16, 8]
    judged = Discriminator(2, 8, by_label=True)(image, planes)
    assert [tuple(s.shape) for s in judged.scores] == [(1, 1, 4, 6), (1, 1, 2, 3)]
    assert Segmenter(2)(image).shape == (1, 2, 4, 6)


def test_discriminator_judges_by_class_if_told_to() -> None:
    torch.manual_seed(0)
    image = torch.rand(1, 3, 16, 16)
    here, there = torch.zeros(1, 2, 16, 16), torch.zeros(1, 2, 16, 16)
    here[:, 0], there[:, 1] = 1.0, 1.0
    for by_label in (True, False):
        judge = Discriminator(2, 8, by_label=by_label).eval()
        same = torch.equal(judge(image, here).scores[0], judge(image, there).scores[0])
        assert same != by_label
