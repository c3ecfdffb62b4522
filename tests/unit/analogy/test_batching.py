"""Batches are halved when GPU memory runs out; here the work itself raises the error."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest
import torch

from batch_analogy.analogy.batching import BatchSize, in_batches
from batch_analogy.errors import DeviceMemoryError


def limited(limit: int, calls: list[list[int]]) -> Callable[[Sequence[int]], list[int]]:
    """Return work that squares numbers, with memory for a limited number at once."""

    def work(batch: Sequence[int]) -> list[int]:
        calls.append(list(batch))
        if len(batch) > limit:
            raise torch.cuda.OutOfMemoryError("CUDA out of memory")
        return [item**2 for item in batch]

    return work


def test_keeps_a_batch_that_fits() -> None:
    calls: list[list[int]] = []
    size = BatchSize(4)
    assert in_batches(range(10), limited(4, calls), size) == [i**2 for i in range(10)]
    assert [len(call) for call in calls] == [4, 4, 2]
    assert size.items == 4


def test_halves_batches_until_they_fit() -> None:
    calls: list[list[int]] = []
    size = BatchSize(16)
    assert in_batches(range(9), limited(3, calls), size) == [i**2 for i in range(9)]
    assert [len(call) for call in calls] == [9, 4, 2, 2, 2, 2, 1]
    assert size.items == 2
    calls.clear()
    in_batches(range(4), limited(3, calls), size)
    assert [len(call) for call in calls] == [2, 2]


def test_reports_what_to_lower_when_one_item_does_not_fit() -> None:
    calls: list[list[int]] = []
    with pytest.raises(DeviceMemoryError, match="Lower --size"):
        in_batches([1, 2, 3], limited(0, calls), BatchSize(2))
    assert [len(call) for call in calls] == [2, 1]


def test_passes_other_errors_on() -> None:
    def work(batch: Sequence[int]) -> list[int]:
        raise RuntimeError("CUDA error: an illegal memory access was encountered")

    with pytest.raises(RuntimeError, match="illegal memory access"):
        in_batches([1, 2], work, BatchSize(2))


def test_does_nothing_without_items() -> None:
    assert in_batches([], limited(1, []), BatchSize(1)) == []


def test_rejects_a_wrong_number_of_results() -> None:
    with pytest.raises(ValueError, match="1 results for 2 items"):
        in_batches([1, 2], lambda batch: batch[:1], BatchSize(2))
