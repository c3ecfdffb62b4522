"""PatchMatch: known answers, invariants, and the compiled kernel against the reference."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor

from batch_analogy import patchmatch
from batch_analogy.analogy.correspondence.patchmatch import cpu, reference
from batch_analogy.analogy.correspondence.patchmatch.rng import derive_seed
from batch_analogy.analogy.correspondence.patchmatch.spec import Prior, SearchSpec
from batch_analogy.analogy.features.pictures import unit_features
from batch_analogy.analogy.nnf import initial_nnf
from batch_analogy.errors import ConfigError

SHAPES = [  # channels, source size, target size, patch, radius
    (8, (13, 17), (19, 11), 3, 6),
    (16, (9, 30), (40, 7), 5, 4),
    (4, (2, 2), (1, 3), 5, 1),
    (3, (1, 12), (12, 1), 3, 12),
]


def random_pair(shape: tuple, generator: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
    channels, (h, w), (th, tw), _, _ = shape
    source = unit_features(torch.rand(2, channels, h, w, generator=generator))
    target = unit_features(torch.rand(2, channels, th, tw, generator=generator))
    return source, target, initial_nnf((h, w), (th, tw)).repeat(2, 1, 1, 1)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_kernel_equals_the_reference(shape: tuple, generator: torch.Generator) -> None:
    source, target, initial = random_pair(shape, generator)
    spec = SearchSpec(patch=shape[3], radius=shape[4], iterations=4, seed=(7, 8))
    nnf, cost = reference.search(source, target, initial, spec)
    fast_nnf, fast_cost = cpu.search(source, target, initial, spec)
    torch.testing.assert_close(fast_cost, cost, atol=1e-6, rtol=0)
    assert torch.equal(fast_nnf, nnf)  # random features: no ties


def random_prior(shape: tuple, weight: float, generator: torch.Generator) -> Prior:
    """Expect matches anywhere in the target and slightly outside, with uneven weights."""
    _, (h, w), target_size, _, _ = shape
    limits = torch.tensor(target_size).view(1, 2, 1, 1)
    expected = torch.rand(2, 2, h, w, generator=generator) * (limits + 2) - 1.3
    return Prior(expected, weight * torch.rand(2, 1, h, w, generator=generator), radius=3.0)


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_kernel_equals_the_reference_with_a_prior(shape: tuple, generator: torch.Generator) -> None:
    source, target, initial = random_pair(shape, generator)
    spec = SearchSpec(patch=shape[3], radius=shape[4], iterations=4, seed=7)
    prior = random_prior(shape, 0.2, generator)
    nnf, cost = reference.search(source, target, initial, spec, prior)
    fast_nnf, fast_cost = cpu.search(source, target, initial, spec, prior)
    torch.testing.assert_close(fast_cost, cost, atol=1e-6, rtol=0)
    assert torch.equal(fast_nnf, nnf)
    for b in range(2):  # the returned cost is the patch's alone
        patch = reference.patch_cost(source[b], target[b], nnf[b].long(), spec.reach)
        torch.testing.assert_close(cost[b, 0], patch, atol=1e-5, rtol=0)


def test_strong_prior_decides_and_weightless_prior_changes_only_the_start(
    generator: torch.Generator,
) -> None:
    shape = SHAPES[0]
    source, target, initial = random_pair(shape, generator)
    spec = SearchSpec(patch=3, radius=6, iterations=4, seed=7)
    strong = random_prior(shape, 0.0, generator)
    strong = Prior(strong.expected, torch.full_like(strong.weight, 50.0), radius=20.0)
    nnf, _ = cpu.search(source, target, initial, spec, strong)
    limits = torch.tensor(target.shape[2:]).view(1, 2, 1, 1) - 1
    wanted = strong.expected.round().clamp_min(0).minimum(limits)
    assert (nnf - wanted).abs().max() <= 2  # within the slack of the unrounded one

    free = Prior(initial.float(), torch.zeros_like(strong.weight), radius=3.0)
    assert torch.equal(
        cpu.search(source, target, initial, spec, free)[0],
        cpu.search(source, target, initial, spec)[0],
    )


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_returned_cost_is_the_cost_of_the_returned_match(
    shape: tuple, generator: torch.Generator
) -> None:
    source, target, initial = random_pair(shape, generator)
    nnf, cost = cpu.search(
        source, target, initial, SearchSpec(patch=shape[3], radius=shape[4], iterations=3, seed=1)
    )
    for b in range(2):
        again = reference.patch_cost(source[b], target[b], nnf[b].long(), shape[3] // 2)
        torch.testing.assert_close(cost[b, 0], again, atol=1e-6, rtol=0)


def test_result_does_not_depend_on_the_number_of_threads(
    generator: torch.Generator, restore_threads: None
) -> None:
    source, target, initial = random_pair((12, (40, 37), (33, 50), 3, 16), generator)
    results = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        results.append(
            cpu.search(
                source, target, initial, SearchSpec(patch=3, radius=16, iterations=6, seed=3)
            )
        )
    assert torch.equal(results[0][0], results[1][0])
    assert torch.equal(results[0][1], results[1][1])


def test_finds_a_shift_exactly(generator: torch.Generator) -> None:
    target = torch.randn(1, 16, 30, 34, generator=generator)
    source = torch.roll(target, (3, -5), dims=(2, 3))
    result = patchmatch(source, target, patch=3)
    ys, xs = torch.meshgrid(torch.arange(5, 28), torch.arange(2, 27), indexing="ij")
    found = result.nnf[0, :, 5:28, 2:27]
    assert torch.equal(found[0], (ys - 3).int())
    assert torch.equal(found[1], (xs + 5).int())
    assert float(result.cost[0, 0, 5:28, 2:27].max()) < 1e-5


def test_identity_pair_keeps_the_identity(generator: torch.Generator) -> None:
    features = torch.rand(1, 8, 15, 21, generator=generator)
    result = patchmatch(features, features)
    assert torch.equal(result.nnf, initial_nnf((15, 21), (15, 21)))
    assert float(result.cost.abs().max()) < 1e-5


@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_matches_stay_inside_and_cost_never_rises(shape: tuple, generator: torch.Generator) -> None:
    source, target, nnf = random_pair(shape, generator)
    previous = torch.full((2, 1, *shape[1]), torch.inf)
    for iterations in range(4):
        found, cost = cpu.search(
            source,
            target,
            nnf,
            SearchSpec(patch=shape[3], radius=shape[4], iterations=iterations, seed=5),
        )
        assert bool((cost <= previous).all())
        assert bool((found >= 0).all())
        assert bool((found[:, 0] < shape[2][0]).all())
        assert bool((found[:, 1] < shape[2][1]).all())
        previous = cost
    assert float(previous.mean()) > 0  # the pictures differ: a zero would be a broken cost


def test_all_zero_cells_yield_no_nan(generator: torch.Generator) -> None:
    source = torch.rand(1, 6, 10, 10, generator=generator)
    source[:, :, :5] = 0.0
    result = patchmatch(source, torch.zeros(1, 6, 8, 8))
    assert bool(result.cost.isfinite().all())
    assert float(result.cost.max()) == pytest.approx(1.0)


def test_the_callers_field_is_not_modified(generator: torch.Generator) -> None:
    source, target, initial = random_pair(SHAPES[0], generator)
    before = initial.clone()
    cpu.search(source, target, initial, SearchSpec(patch=3, radius=6, iterations=2, seed=0))
    assert torch.equal(initial, before)


def test_result_depends_on_the_seed(generator: torch.Generator) -> None:
    source, target, _ = random_pair((6, (24, 24), (24, 24), 3, 12), generator)
    first, again, other = (
        patchmatch(source, target, iterations=1, seed=seed).nnf for seed in (1, 1, 2)
    )
    assert torch.equal(first, again)
    assert not torch.equal(first, other)


def test_radii_halve_down_to_one() -> None:
    def radii(radius: int) -> list[int]:
        return list(SearchSpec(patch=3, radius=radius, iterations=1, seed=0).radii)

    assert radii(28) == [28, 14, 7, 3, 1]
    assert radii(4) == [4, 2, 1]
    assert radii(0) == []


def test_every_part_changes_a_derived_seed() -> None:
    seeds = {derive_seed(s, level, d) for s in (0, 1) for level in (1, 5) for d in ("ab", "ba")}
    assert len(seeds) == 8
    assert all(0 <= seed < 2**32 for seed in seeds)


@pytest.mark.parametrize(
    ("source", "target", "options", "message"),
    [
        ((1, 3, 4, 4), (1, 4, 4, 4), {}, "equal B and C"),
        ((3, 4, 4), (1, 3, 4, 4), {}, "equal B and C"),
        ((1, 3, 0, 4), (1, 3, 4, 4), {}, "empty"),
        ((1, 3, 4, 4), (1, 3, 4, 4), {"patch": 4}, "odd"),
        ((1, 3, 4, 4), (1, 3, 4, 4), {"iterations": -1}, "negative"),
    ],
)
def test_rejects_bad_arguments(source: tuple, target: tuple, options: dict, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        patchmatch(torch.zeros(source), torch.zeros(target), **options)
