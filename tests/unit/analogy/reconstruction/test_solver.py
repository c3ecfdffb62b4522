"""The latent solve's optimiser."""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch import Tensor

from batch_analogy.analogy.reconstruction.solver import dot, least_squares


def test_solves_a_linear_problem(generator: torch.Generator) -> None:
    matrix = torch.randn(30, 20, generator=generator)
    truth = torch.randn(2, 20, generator=generator)
    solved, losses = least_squares(
        lambda x: x @ matrix.T - truth @ matrix.T, torch.zeros(2, 20), iterations=60
    )
    torch.testing.assert_close(solved, truth, atol=1e-3, rtol=0)
    assert bool((losses[-1] < 1e-6 * losses[0]).all())


def test_moves_badly_scaled_variables(generator: torch.Generator) -> None:
    """Regression: PyTorch's L-BFGS spends all its evaluations in the first line search here."""
    scale = 10.0 ** torch.linspace(-2, 2, 400)
    truth = torch.rand(1, 400, generator=generator) * 1000
    _, losses = least_squares(lambda x: scale * (x - truth), torch.zeros(1, 400), iterations=10)
    assert float(losses[-1]) < 0.1 * float(losses[0])


def test_shortens_a_first_step_that_is_far_too_long() -> None:
    """The start is large and lies next to the solution, so 5 % of its length goes far beyond."""
    truth = torch.full((1, 8), 1000.0)
    _, losses = least_squares(lambda x: 30.0 * (x - truth), truth + 0.01, iterations=6)
    assert float(losses[1]) == float(losses[0])
    assert float(losses[-1]) < 0.01 * float(losses[0])


def test_loss_never_rises_on_a_kinked_problem(generator: torch.Generator) -> None:
    _, losses = least_squares(kinked(3, generator), torch.randn(3, 30, generator=generator), 25)
    assert losses.shape == (26, 3)
    assert bool((losses.diff(dim=0) <= 0).all())
    assert bool((losses[-1] < 0.05 * losses[0]).all())


def kinked(count: int, generator: torch.Generator) -> Callable[[Tensor], Tensor]:
    """Return a residual with a kink in every hidden variable, scaled differently for each item.

    Items are computed one by one: a matrix product of several may sum in another order.
    """
    first = torch.randn(count, 40, 30, generator=generator)
    second = torch.randn(count, 20, 40, generator=generator)
    target = torch.randn(count, 20, generator=generator)

    def residual(x: Tensor) -> Tensor:
        items = zip(x, first, second, target, strict=True)
        return torch.stack([b @ torch.relu(a @ item) - t for item, a, b, t in items])

    return residual


def test_batched_items_equal_items_solved_separately() -> None:
    """Equality is exact; the first item ends at once and the last one must shorten a step."""
    generator = torch.Generator().manual_seed(3)
    starts = torch.randn(3, 30, generator=generator)
    starts[2] *= 1000.0
    residual = kinked(3, generator)

    def moved(x: Tensor) -> Tensor:
        return torch.cat([residual(x)[1:], 0.0 * x[:1, :20]]).roll(1, dims=0)

    solved, losses = least_squares(moved, starts, iterations=12)
    assert torch.equal(solved[0], starts[0])
    assert not bool((losses[1:, 1:] == losses[:-1, 1:]).all(dim=0).any())
    for item in range(3):

        def alone(x: Tensor, item: int = item) -> Tensor:
            whole = starts.clone()
            return moved(torch.cat([whole[:item], x, whole[item + 1 :]]))[item : item + 1]

        expected, expected_losses = least_squares(alone, starts[item : item + 1], iterations=12)
        assert torch.equal(solved[item], expected[0])
        steps = len(expected_losses)
        assert torch.equal(losses[:steps, item], expected_losses[:, 0])


def test_start_is_not_modified_and_a_solved_start_is_returned() -> None:
    start = torch.ones(1, 5)
    solved, losses = least_squares(lambda x: x - 1.0, start, iterations=5)
    assert torch.equal(start, torch.ones(1, 5))
    assert torch.equal(solved, start)
    assert losses.tolist() == [[0.0]]


def test_solving_reads_values_only_on_the_cpu() -> None:
    """Tensors on "meta" have no values, so reading one, as ``bool`` or ``item`` do, fails."""
    start = torch.ones(2, 3, 8, 8, device="meta")
    kernel = torch.ones(4, 3, 3, 3, device="meta")
    solved, losses = least_squares(lambda x: torch.conv2d(x, kernel).relu(), start, iterations=6)
    assert solved.shape == start.shape
    assert losses.shape == (7, 2)


def test_a_step_costs_one_evaluation() -> None:
    evaluations = []

    def residual(x: Tensor) -> Tensor:
        evaluations.append(torch.is_grad_enabled())
        return torch.tanh(x) - 0.5

    least_squares(residual, torch.zeros(1, 5), iterations=4)
    assert evaluations == [True, True, True, True, False]


def test_dot_does_not_depend_on_the_number_of_threads(
    generator: torch.Generator, restore_threads: None
) -> None:
    x = torch.randn(2, 64, 113, 117, generator=generator)
    y = torch.randn(2, 64, 113, 117, generator=generator)
    x, y = (t.contiguous(memory_format=torch.channels_last) for t in (x, y))
    values = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        values.append(dot(x, y).tolist())
    assert values[0] == values[1] == values[2]
    assert values[0] == [float(dot(a[None], b[None])) for a, b in zip(x, y, strict=True)]
    exact = (x.double() * y.double()).sum(dim=(1, 2, 3))
    torch.testing.assert_close(torch.tensor(values[0]).double(), exact, atol=1e-2, rtol=0)
