"""Operations that give the same bits with any number of threads."""

from __future__ import annotations

from collections.abc import Callable

import pytest
import torch
import torch.nn.functional as F
from torch import Tensor

from batch_analogy.analogy.deterministic import exp, exp2, resize_bilinear

SIZES = [((50, 63), (100, 125)), ((1, 1), (2, 2)), ((7, 9), (13, 5)), ((200, 150), (400, 300))]


@pytest.mark.parametrize(("size", "wanted"), SIZES)
def test_resizing_equals_pytorchs_bilinear(
    size: tuple[int, int], wanted: tuple[int, int], generator: torch.Generator
) -> None:
    x = torch.rand(2, 3, *size, generator=generator)
    theirs = F.interpolate(x, size=wanted, mode="bilinear", align_corners=False)
    torch.testing.assert_close(resize_bilinear(x, wanted), theirs, rtol=0, atol=1e-5)


@pytest.mark.usefixtures("restore_threads")
@pytest.mark.parametrize(("size", "wanted"), SIZES)
def test_resizing_does_not_depend_on_the_number_of_threads(
    size: tuple[int, int], wanted: tuple[int, int], generator: torch.Generator
) -> None:
    x = torch.rand(2, 3, *size, generator=generator)
    results = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        results.append(resize_bilinear(x, wanted))
    assert all(torch.equal(results[0], other) for other in results[1:])


@pytest.mark.usefixtures("restore_threads")
@pytest.mark.parametrize(("ours", "theirs"), [(exp, torch.exp), (exp2, torch.exp2)])
def test_exponentials_equal_pytorchs_for_any_number_of_threads(
    ours: Callable[[Tensor], Tensor],
    theirs: Callable[[Tensor], Tensor],
    generator: torch.Generator,
) -> None:
    x = -20 * torch.rand(1, 1, 251, 303, generator=generator)
    results = []
    for threads in (1, 2, 3):
        torch.set_num_threads(threads)
        results.append(ours(x))
    assert all(torch.equal(results[0], other) for other in results[1:])
    torch.testing.assert_close(results[0], theirs(x), rtol=1e-6, atol=0)
    assert torch.equal(ours(x.transpose(2, 3)), results[0].transpose(2, 3))
