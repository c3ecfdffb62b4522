"""Process items in batches that fit the GPU's memory; the size is found by trial and error."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TypeVar

import torch

from batch_analogy.errors import DeviceMemoryError

log = logging.getLogger(__name__)

Item = TypeVar("Item")
Result = TypeVar("Result")


@dataclass
class BatchSize:
    """Number of items processed at once; lowered permanently when a batch does not fit."""

    items: int

    def __post_init__(self) -> None:
        if self.items < 1:
            raise ValueError(f"batch size is {self.items}; it must be at least 1")


def in_batches(
    items: Sequence[Item],
    work: Callable[[Sequence[Item]], Sequence[Result]],
    size: BatchSize,
) -> list[Result]:
    """Process items in batches, in order, and halve the batch whenever GPU memory runs out.

    Args:
        items: anything, in order.
        work: returns one result for each item of a batch. It may be called again for the same
            items after it ran out of memory, so it must have no side effects before it returns.
        size: the size to start from, updated to the one that fits: pass the same object again.

    Returns:
        One result for each item, in their order.

    Raises:
        DeviceMemoryError: not even one item fits.
    """
    results: list[Result] = []
    while len(results) < len(items):
        batch = items[len(results) : len(results) + size.items]
        done = _try(work, batch)
        if done is None:
            # Free memory here, where no traceback holds the failed batch's tensors.
            torch.cuda.empty_cache()
            _lower(size, len(batch))
            continue
        if len(done) != len(batch):
            raise ValueError(f"the work returned {len(done)} results for {len(batch)} items")
        results.extend(done)
    return results


def _try(
    work: Callable[[Sequence[Item]], Sequence[Result]], batch: Sequence[Item]
) -> Sequence[Result] | None:
    """Return a batch's results, or None if GPU memory ran out."""
    try:
        return work(batch)
    except torch.cuda.OutOfMemoryError:
        return None


def _lower(size: BatchSize, tried: int) -> None:
    if tried == 1:
        raise DeviceMemoryError(
            "the GPU's memory is too small even for one pair. Lower --size (matching needs memory "
            "in proportion to it), choose quality draft, or free the memory that other "
            "programs use on this GPU (nvidia-smi lists them)."
        )
    size.items = tried // 2
    log.warning("a batch of %d did not fit the GPU's memory; continuing with %d", tried, size.items)
