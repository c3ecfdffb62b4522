"""Guided search and vote: the kernels give the reference's bits, and costs never rise."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from batch_analogy.analogy.guided.search import cpu, reference
from batch_analogy.analogy.guided.search.spec import GuidedSearchSpec, radii_of
from batch_analogy.analogy.guided.vote import cpu as vote_cpu
from batch_analogy.analogy.guided.vote import reference as vote_reference


def search_case(seed: int, channels: int = 5) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Draw source, target, field, usable and active, of odd sizes and with every kind of pixel."""
    generator = torch.Generator().manual_seed(seed)

    def drawn(*shape: int, most: int) -> Tensor:
        return torch.randint(0, most, shape, generator=generator)

    source = drawn(21, 33, channels, most=900).to(torch.int16)
    target = drawn(27, 19, channels, most=900).to(torch.int16)
    target[3:20, 2:16] = source[2:19, 15:29]  # something to be found
    usable = drawn(21, 33, most=8) > 0
    active = torch.where(drawn(27, 19, most=6) > 0, 2, drawn(27, 19, most=2)).to(torch.int8)
    places = usable.flatten().nonzero()[:, 0]
    chosen = places[drawn(27, 19, most=len(places))]
    return source, target, torch.stack([chosen // 33, chosen % 33]).int(), usable, active


@pytest.mark.parametrize("patch", [3, 5])
@pytest.mark.parametrize(
    ("occurrence_cost", "coherence"), [(0.0, 0.0), (3e5, 0.0), (0.0, 2.0), (1e5, 0.7)]
)
def test_cpu_search_equals_the_reference(
    patch: int, occurrence_cost: float, coherence: float
) -> None:
    case = search_case(patch)
    spec = GuidedSearchSpec(
        patch=patch,
        iterations=2,
        radii=radii_of(33),
        seed=77,
        occurrence_cost=occurrence_cost,
        coherence=coherence,
    )
    expected, found = reference.search(*case, spec), cpu.search(*case, spec)
    assert torch.equal(found[0], expected[0])
    assert torch.equal(found[1], expected[1])
    assert not torch.equal(found[0], case[2])


@pytest.mark.parametrize(("reach", "channels"), [(1, 3), (2, 4), (3, 1)])
def test_cpu_vote_equals_the_reference(reach: int, channels: int) -> None:
    _, _, nnf, usable, active = search_case(reach)
    values = torch.rand(21, 33, channels, generator=torch.Generator().manual_seed(reach))
    expected = vote_reference.vote(values, nnf, usable, active, reach)
    assert torch.equal(vote_cpu.vote(values, nnf, usable, active, reach), expected)


def test_differences_never_rise_if_only_they_cost() -> None:
    source, target, nnf, usable, active = search_case(8)
    before = reference._Job(source, target, usable, active, spec_of(1)).difference(nnf.long())
    for iterations in (1, 2, 4):
        _, after = cpu.search(source, target, nnf, usable, active, spec_of(iterations))
        assert bool((after[active > 0] <= before[active > 0]).all())
        assert int(after.sum()) < int(before[active > 0].sum())
        before = after


def spec_of(iterations: int) -> GuidedSearchSpec:
    return GuidedSearchSpec(patch=5, iterations=iterations, radii=radii_of(33), seed=3)


def test_searches_only_active_pixels_and_matches_only_usable_ones() -> None:
    source, target, nnf, usable, active = search_case(9)
    found, _ = cpu.search(source, target, nnf, usable, active, spec_of(2))
    settled = active < 2
    assert torch.equal(found[:, settled], nnf[:, settled])
    assert not torch.equal(found[:, ~settled], nnf[:, ~settled])
    assert bool(usable[found[0].long(), found[1].long()].all())
