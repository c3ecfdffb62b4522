"""Global match of coarse levels: what it finds, its two kernels, and what it must not depend on."""

from __future__ import annotations

from types import ModuleType

import pytest
import torch
from torch import Tensor

from batch_analogy.analogy.correspondence import global_match
from batch_analogy.analogy.correspondence.global_match import (
    MAX_CELLS,
    GlobalMatches,
    cpu,
    grid_size,
    match_globally,
    reference,
)
from batch_analogy.analogy.features.pictures import unit_features
from batch_analogy.analogy.nnf import Size
from batch_analogy.errors import ConfigError

ROUNDS = sum(reference.ROUNDS)


def random_map(channels: int, height: int, width: int, seed: int = 0, batch: int = 1) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return torch.rand(batch, channels, height, width, generator=generator) - 0.5


def displacement(field: Tensor) -> Tensor:
    """Return each cell's match less its own position."""
    height, width = field.shape[2:]
    own = torch.stack(torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij"))
    return field - own[None]


def assert_same(one: GlobalMatches, other: GlobalMatches) -> None:
    for name in ("ab", "ba", "cost_ab", "cost_ba"):
        assert torch.equal(getattr(one, name), getattr(other, name)), name


def test_finds_a_shift_exactly() -> None:
    world = random_map(16, 14, 20)
    a, b = world[..., :12, 3:], world[..., 2:, :17]
    found = match_globally([a], [b], (12, 17), (12, 17))
    there, back = displacement(found.ab)[0], displacement(found.ba)[0]
    shift = torch.tensor([-2, 3])[:, None, None]
    assert (there[:, 2:, :14] == shift).all()
    assert (back[:, :10, 3:] == -shift).all()
    assert found.ab.dtype == found.ba.dtype == torch.int32
    assert float(found.cost_ab[..., 3:, :13].max()) < 1e-5


def test_cost_is_that_of_the_match_found() -> None:
    a, b = random_map(8, 5, 6), random_map(8, 6, 4, seed=1)
    found = match_globally([a], [b], (5, 6), (6, 4))
    y, x = 2, 3
    qy, qx = found.ab[0, :, y, x].tolist()
    cosines = [
        torch.cosine_similarity(a[0, :, y + dy, x + dx], b[0, :, qy + dy, qx + dx], dim=0)
        for dy in (-1, 0, 1)
        for dx in (-1, 0, 1)
        if 0 <= qy + dy < 6 and 0 <= qx + dx < 4
    ]
    cost = max(0.0, 1 - float(sum(cosines)) / len(cosines))
    assert float(found.cost_ab[0, 0, y, x]) == pytest.approx(cost, abs=1e-5)


def test_a_plain_area_follows_what_surrounds_it() -> None:
    world = random_map(16, 20, 24)
    world[..., 5:15, 6:16] = 1.0
    a, b = world[..., 3:], world[..., :21]  # everything moves three cells to the right
    plain = slice(6, 14), slice(4, 12)
    cosines = reference.products(*(unit_features(x)[0].flatten(1) for x in (a, b)))
    score = global_match._patch_mean(cosines, (20, 21), (20, 21))
    alone, _ = global_match._best(1 - score, score, (20, 21), (20, 21))
    together = match_globally([a], [b], (20, 21), (20, 21)).ab
    expected = torch.tensor([0, 3])[:, None, None]
    wrong = (displacement(alone)[0][:, plain[0], plain[1]] != expected).any(dim=0)
    assert float(wrong.float().mean()) > 0.5
    assert (displacement(together)[0][:, plain[0], plain[1]] == expected).all()


@pytest.mark.parametrize("kernels", [cpu, reference])
def test_neighbours_overrule_one_certain_outlier(kernels: ModuleType) -> None:
    size, cells = (15, 16), 15 * 16
    data_cost = 1 - torch.eye(cells)
    outlier = 7 * 16 + 8
    data_cost[:, outlier] = 1.0
    data_cost[0, outlier] = 0.0  # far enough for the highest cost between neighbours
    assert data_cost.argmin(dim=0)[outlier] == 0
    belief = kernels.BeliefPropagation(size, size).run(data_cost, ROUNDS)
    assert belief.argmin(dim=0).tolist() == list(range(cells))


@pytest.mark.parametrize("kernels", [cpu, reference])
def test_neighbours_lie_further_apart_on_a_larger_grid(kernels: ModuleType) -> None:
    """One certain cell, all others indifferent: they stand as far from it as the sizes say."""
    size, target = (3, 5), (9, 10)
    data_cost = torch.zeros(90, 15)
    data_cost[:, 7] = 1.0
    data_cost[4 * 10 + 4, 7] = 0.0
    matches = kernels.BeliefPropagation(size, target).run(data_cost, ROUNDS).argmin(dim=0)
    assert (matches // 10).view(3, 5)[:, 2].tolist() == [1, 4, 7]
    assert (matches % 10).view(3, 5)[1].tolist() == [0, 2, 4, 6, 8]


@pytest.mark.parametrize(
    ("size", "target"),
    [((12, 13), (12, 13)), ((7, 20), (15, 9)), ((1, 30), (5, 5)), ((1, 1), (4, 3))],
)
def test_cpu_agrees_with_the_reference(size: Size, target: Size) -> None:
    rows, columns = target[0] * target[1], size[0] * size[1]
    score = torch.rand(rows, columns, generator=torch.Generator().manual_seed(2))
    serial, solved = cpu.with_potentials(score), reference.with_potentials(score)
    difference = serial - solved  # a constant
    assert float(difference.max() - difference.min()) < 1e-5
    beliefs = [
        kernels.BeliefPropagation(size, target).run(-solved, ROUNDS) for kernels in (cpu, reference)
    ]
    torch.testing.assert_close(*beliefs, rtol=0, atol=1e-3)
    agree = beliefs[0].argmin(dim=0) == beliefs[1].argmin(dim=0)
    assert float(agree.float().mean()) >= 0.99


@pytest.mark.parametrize("kernels", [cpu, reference])
def test_a_run_goes_on_from_the_messages_of_the_last(kernels: ModuleType) -> None:
    size, target = (5, 6), (4, 7)
    first = torch.rand(28, 30, generator=torch.Generator().manual_seed(3))
    whole = kernels.BeliefPropagation(size, target).run(first, 7)
    parted = kernels.BeliefPropagation(size, target)
    parted.run(first, 3)
    assert torch.equal(parted.run(first, 4), whole)
    changed = parted.run(first + torch.eye(28, 30), 2)
    assert not torch.equal(changed, kernels.BeliefPropagation(size, target).run(first, 9))


def test_of_equal_matches_the_one_at_the_same_height_wins() -> None:
    """Every row of both pictures is the same, so only heights tell them apart."""
    row = random_map(16, 1, 20)
    a, b = row.expand(-1, -1, 12, -1), row.expand(-1, -1, 18, -1)
    found = match_globally([a], [b], (12, 20), (18, 20)).ab[0]
    relative = (found[0].float() + 0.5) / 18 - (torch.arange(12)[:, None] + 0.5) / 12
    assert float(relative.abs().max()) < 1.5 / 12
    assert (found[1] == torch.arange(20)).all()


def test_matches_stay_within_their_label() -> None:
    """Features say left to left, labels left to right: labels weigh as much as all features."""
    world = random_map(16, 12, 20)
    halves = torch.zeros(1, 2, 12, 20)
    halves[:, 0, :, :10] = halves[:, 1, :, 10:] = 1.0
    plain = match_globally([world], [world], (12, 20), (12, 20))
    guided = match_globally([world], [world], (12, 20), (12, 20), (halves, halves.flip(1)))
    assert (displacement(plain.ab) == 0).all()
    assert bool((guided.ab[0, 1, :, :10] >= 10).all())
    assert bool((guided.ab[0, 1, :, 10:] < 10).all())
    same = match_globally([world], [world], (12, 20), (12, 20), (halves, halves))
    assert_same(same, plain)


@pytest.mark.parametrize("channels", [1, 12, 30])
def test_cpu_multiplies_all_cells(channels: int) -> None:
    a, b = random_map(channels, 10, 13)[0].flatten(1), random_map(channels, 6, 3)[0].flatten(1)
    torch.testing.assert_close(cpu.products(a, b), reference.products(a, b), rtol=0, atol=1e-5)


def levels(seed: int, batch: int = 1) -> list[Tensor]:
    """Return maps of two levels; the second must be resized."""
    first = random_map(512, 18, 23, seed, batch).relu()
    second = random_map(512, 9, 12, seed + 100, batch).relu()
    return [first, second.contiguous(memory_format=torch.channels_last)]


def test_does_not_depend_on_the_number_of_threads() -> None:
    threads = torch.get_num_threads()
    try:
        found = []
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            found.append(match_globally(levels(0), levels(1), (18, 23), (17, 21)))
    finally:
        torch.set_num_threads(threads)
    assert_same(found[0], found[1])
    assert_same(found[0], found[2])


def test_each_item_of_a_batch_is_matched_alone() -> None:
    a, b = levels(0, batch=3), levels(1)
    a = [x.contiguous(memory_format=torch.channels_last) for x in a]
    together = match_globally(a, b, (18, 23), (17, 21))
    assert together.ab.shape == (3, 2, 18, 23)
    assert together.cost_ba.shape == (3, 1, 17, 21)
    for i in range(3):
        alone = match_globally([x[i : i + 1].clone() for x in a], b, (18, 23), (17, 21))
        parts = (together.ab, together.ba, together.cost_ab, together.cost_ba)
        assert_same(alone, GlobalMatches(*(x[i : i + 1] for x in parts)))


@pytest.mark.parametrize(
    ("size_a", "size_b"),
    [((6, 9), (11, 4)), ((1, 40), (3, 5)), ((30, 1), (1, 30)), ((1, 1), (1, 1))],
)
@pytest.mark.parametrize("zero", [False, True])
def test_fields_stay_inside_maps_of_any_size(size_a: Size, size_b: Size, zero: bool) -> None:
    a, b = random_map(8, *size_a), random_map(8, *size_b, seed=1)
    if zero:
        a[..., : size_a[1] // 2 + 1] = 0.0
        b.zero_()
    found = match_globally([a], [b], size_a, size_b)
    for field, cost, own, other in (
        (found.ab, found.cost_ab, size_a, size_b),
        (found.ba, found.cost_ba, size_b, size_a),
    ):
        assert field.shape == (1, 2, *own)
        assert cost.shape == (1, 1, *own)
        assert int(field.min()) >= 0
        assert int(field[:, 0].max()) < other[0]
        assert int(field[:, 1].max()) < other[1]
        assert cost.isfinite().all()
        assert float(cost.min()) >= 0


def test_the_first_of_equal_matches_wins() -> None:
    belief = torch.tensor([[2.0, 0.0], [1.0, 0.0], [1.0, 0.0]])
    field, cost = global_match._best(belief, 1 - belief, (1, 2), (1, 3))
    assert field[0].tolist() == [[[0, 0]], [[1, 0]]]
    assert cost[0].tolist() == [[[1.0, 0.0]]]


@pytest.mark.parametrize("size", [(28, 28), (30, 30), (31, 30), (300, 20), (2, 3000), (5000, 1)])
def test_grid_keeps_the_aspect_and_has_few_cells(size: Size) -> None:
    height, width = grid_size(size)
    assert 1 <= height <= size[0]
    assert 1 <= width <= size[1]
    assert height * width <= MAX_CELLS
    if size[0] * size[1] <= MAX_CELLS:
        assert (height, width) == size
    else:
        assert height * width > 0.85 * MAX_CELLS
    if min(height, width) > 10:
        assert height / width == pytest.approx(size[0] / size[1], rel=0.1)


def test_refuses_maps_that_do_not_fit_together() -> None:
    a = random_map(8, 4, 4)
    with pytest.raises(ConfigError, match="same levels"):
        match_globally([a, a], [a], (4, 4), (4, 4))
    with pytest.raises(ConfigError, match="same levels"):
        match_globally([a], [a[:, :4]], (4, 4), (4, 4))
    with pytest.raises(ConfigError, match="batches"):
        match_globally([a.expand(2, -1, -1, -1)], [a.expand(3, -1, -1, -1)], (4, 4), (4, 4))
