"""Fewer channels for the search: properties of the projected maps."""

from __future__ import annotations

import pytest
import skimage.data
import torch
from torch import Tensor

from batch_analogy.analogy.correspondence import channel_pca
from batch_analogy.analogy.correspondence.channel_pca import project_terms, two_terms
from batch_analogy.analogy.correspondence.patchmatch import SearchSpec, reference, search
from batch_analogy.analogy.features.pictures import encode_picture
from batch_analogy.analogy.features.vgg import Vgg19
from batch_analogy.analogy.nnf import initial_nnf
from batch_analogy.config.matching import AnalogyConfig

Terms = tuple[Tensor, Tensor]


def real_terms(network: Vgg19, level: int) -> tuple[Terms, Terms]:
    """Return both terms of both sides, from two photographs of two sizes."""
    maps = []
    for pixels in (
        skimage.data.astronaut()[:96, 150:278],
        skimage.data.chelsea()[60:172, 100:200],
        skimage.data.coffee()[100:196, 150:278],
        skimage.data.rocket()[100:212, 250:350],
    ):
        image = torch.from_numpy(pixels / 255.0).float().permute(2, 0, 1)[None].contiguous()
        config = AnalogyConfig(min_side_px=64)
        maps.append(encode_picture(network, image, config).features[level])
    return (maps[0], maps[2]), (maps[1], maps[3])


def test_two_terms_average_their_cosines() -> None:
    generator = torch.Generator().manual_seed(0)
    first, second, other, another = (torch.rand(1, 8, 1, 1, generator=generator) for _ in range(4))
    joined = (two_terms(first, second) * two_terms(other, another)).sum()
    cosines = [torch.cosine_similarity(x, y) for x, y in ((first, other), (second, another))]
    assert float(joined) == pytest.approx(float(sum(cosines)) / 2, abs=1e-6)


@pytest.mark.parametrize(("level", "channels"), [(1, 32), (2, 64)])
def test_projection_keeps_nearly_all_energy_and_never_lengthens(
    network: Vgg19, level: int, channels: int
) -> None:
    a, b = real_terms(network, level)
    both = zip((two_terms(*a), two_terms(*b)), project_terms(a, b, channels), strict=True)
    for full, few in both:
        assert few.shape == (1, channels, *full.shape[2:])
        kept = few.square().sum(dim=1) / full.square().sum(dim=1).clamp_min(1e-9)
        assert float(kept.max()) < 1 + 1e-4
        assert float(kept.mean()) > 0.95


@pytest.mark.parametrize(("level", "channels"), [(1, 32), (2, 64)])
def test_field_found_with_few_channels_is_as_good_in_all_channels(
    network: Vgg19, level: int, channels: int
) -> None:
    a, b = real_terms(network, level)
    full, few = project_terms(a, b, 4096), project_terms(a, b, channels)
    sizes = [(int(x.shape[2]), int(x.shape[3])) for x in full]
    spec = SearchSpec(patch=5, radius=8, iterations=6, seed=1)
    start = initial_nnf(*sizes)
    _, cost = search(*full, start, spec)
    field, _ = search(*few, start, spec)
    found = reference.patch_cost(full[0][0], full[1][0], field[0].long(), spec.reach)
    assert float(found.mean()) < 1.02 * float(cost.mean())


def test_keeps_all_channels_if_no_more_are_available() -> None:
    terms = (torch.rand(1, 8, 5, 6), torch.rand(1, 8, 5, 6))
    few, _ = project_terms(terms, terms, 16)
    assert torch.equal(few, two_terms(*terms))


def test_maps_of_low_rank_stay_finite() -> None:
    flat = torch.ones(1, 16, 6, 7)
    few, _ = project_terms((flat, flat.clone()), (flat, torch.zeros_like(flat)), 4)
    assert few.isfinite().all()
    assert float(few.square().sum(dim=1).max()) == pytest.approx(1.0, abs=1e-5)


def test_projection_does_not_depend_on_the_number_of_threads(network: Vgg19) -> None:
    a, b = real_terms(network, 1)
    threads = torch.get_num_threads()
    try:
        maps = []
        for count in (1, 2, 4):
            torch.set_num_threads(count)
            maps.append(project_terms(a, b, 32))
    finally:
        torch.set_num_threads(threads)
    for other in maps[1:]:
        assert all(torch.equal(x, y) for x, y in zip(maps[0], other, strict=True))


@pytest.mark.parametrize(("level", "channels"), [(1, 32), (2, 64)])
def test_reference_directions_span_the_same_space(
    network: Vgg19, level: int, channels: int
) -> None:
    """GPUs use eigenvectors, which hold as much energy as the directions of the serial loop."""
    a, b = real_terms(network, level)
    sample = torch.cat([channel_pca._sample(a), channel_pca._sample(b)], dim=1)
    serial, solved = (
        channel_pca.principal_directions(sample, channels)[0],
        channel_pca.reference.principal_directions(sample[0], channels),
    )
    assert serial.shape == solved.shape == (channels, sample.shape[2])
    kept = [(sample[0] @ basis.double().T).square().sum() for basis in (serial, solved)]
    torch.testing.assert_close(kept[0], kept[1], rtol=1e-3, atol=0)
    part = solved.chunk(2, dim=1)[0]
    torch.testing.assert_close(
        channel_pca._multiplied(a[0], part),
        channel_pca._convolved(a[0], part),
        rtol=1e-4,
        atol=1e-2,
    )
