"""The latent solve's optimiser."""

from __future__ import annotations

from itertools import pairwise

import torch

from batch_analogy.analogy.solver import dot, least_squares


def test_a_linear_problem_is_solved(generator: torch.Generator) -> None:
    matrix = torch.randn(30, 20, generator=generator)
    truth = torch.randn(20, generator=generator)
    solved, losses = least_squares(
        lambda x: matrix @ x - matrix @ truth, torch.zeros(20), iterations=60
    )
    torch.testing.assert_close(solved, truth, atol=1e-3, rtol=0)
    assert losses[-1] < 1e-6 * losses[0]


def test_badly_scaled_variables_still_move(generator: torch.Generator) -> None:
    """Regression: PyTorch's L-BFGS spends all its evaluations in the first line search here."""
    scale = 10.0 ** torch.linspace(-2, 2, 400)
    truth = torch.rand(400, generator=generator) * 1000
    _, losses = least_squares(lambda x: scale * (x - truth), torch.zeros(400), iterations=10)
    assert losses[-1] < 0.1 * losses[0]


def test_loss_never_rises_on_a_kinked_problem(generator: torch.Generator) -> None:
    first = torch.randn(40, 30, generator=generator)
    second = torch.randn(20, 40, generator=generator)
    target = torch.randn(20, generator=generator)
    _, losses = least_squares(
        lambda x: second @ torch.relu(first @ x) - target,
        torch.randn(30, generator=generator),
        iterations=25,
    )
    assert len(losses) > 5
    assert all(later < earlier for earlier, later in pairwise(losses))
    assert losses[-1] < 0.05 * losses[0]


def test_start_is_not_modified_and_the_solution_is_where_it_began() -> None:
    start = torch.ones(5)
    solved, losses = least_squares(lambda x: x - 1.0, start, iterations=5)
    assert torch.equal(start, torch.ones(5))
    assert torch.equal(solved, start)
    assert losses == [0.0]


def test_dot_is_the_same_for_any_thread_count(
    generator: torch.Generator, restore_threads: None
) -> None:
    x = torch.randn(1, 64, 113, 117, generator=generator)
    y = torch.randn(1, 64, 113, 117, generator=generator)
    x, y = (t.contiguous(memory_format=torch.channels_last) for t in (x, y))
    values = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        values.append(dot(x, y))
    assert len(set(values)) == 1
    assert abs(values[0] - float((x.double() * y.double()).sum())) < 1e-2
