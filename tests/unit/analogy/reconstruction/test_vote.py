"""Patch voting: values worked by hand, and the compiled kernel against the reference."""

from __future__ import annotations

import pytest
import torch

from batch_analogy.analogy.nnf import initial_nnf
from batch_analogy.analogy.reconstruction.vote import cpu, reference, vote


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize("patch", [1, 3, 5])
def test_kernel_equals_the_reference(
    patch: int, weighted: bool, generator: torch.Generator
) -> None:
    values = torch.rand(2, 5, 9, 14, generator=generator)
    nnf = torch.stack(
        [
            torch.randint(0, 9, (2, 12, 7), generator=generator),
            torch.randint(0, 14, (2, 12, 7), generator=generator),
        ],
        dim=1,
    ).int()
    weight = torch.rand(2, 1, 12, 7, generator=generator) + 0.02 if weighted else None
    expected = reference.vote(values, nnf, patch, weight)
    found = cpu.vote(values, nnf, patch, weight)
    torch.testing.assert_close(found, expected, atol=1e-6, rtol=0)


def test_more_confident_cells_have_more_weight() -> None:
    values = torch.tensor([[[[10.0, 20.0, 30.0]]]])
    nnf = torch.tensor([[[[0, 0, 0]], [[2, 1, 0]]]], dtype=torch.int32)  # as in the next test
    weight = torch.tensor([[[[3.0, 1.0, 1.0]]]])
    assert vote(values, nnf, 3, weight).flatten().tolist() == [25.0, 20.0, 20.0]


def test_votes_of_three_cells_worked_by_hand() -> None:
    values = torch.tensor([[[[10.0, 20.0, 30.0]]]])
    nnf = torch.tensor([[[[0, 0, 0]], [[2, 1, 0]]]], dtype=torch.int32)  # mirrored
    # Cell 0: its own match brings 30; cell 1's patch values[1 - 1] = 10.
    # Cell 1: 20 itself; cell 0 reads values[2 + 1], outside; cell 2 reads values[0 - 1], outside.
    # Cell 2: 10 itself; cell 1 reads values[1 + 1] = 30.
    assert vote(values, nnf, 3).flatten().tolist() == [20.0, 20.0, 20.0]


def test_identity_field_returns_the_values(generator: torch.Generator) -> None:
    values = torch.rand(1, 4, 8, 9, generator=generator)
    torch.testing.assert_close(vote(values, initial_nnf((8, 9), (8, 9)), 5), values)


@pytest.mark.parametrize("shared", [True, False], ids=["one picture for all", "one each"])
def test_batched_votes_equal_single_ones(shared: bool, generator: torch.Generator) -> None:
    values = torch.rand(1 if shared else 3, 3, 9, 14, generator=generator)
    nnf = torch.randint(0, 9, (3, 2, 12, 7), generator=generator).int()
    several = (
        vote(values, nnf, 3),
        reference.vote(values, nnf, 3),
    )
    for i in range(3):
        own, field = values[i % len(values)][None], nnf[i : i + 1]
        alone = (
            vote(own, field, 3),
            reference.vote(own, field, 3),
        )
        for batch, one in zip(several, alone, strict=True):
            assert torch.equal(batch[i : i + 1], one)
