"""Work in batches that fit the GPU's memory, found by trying."""

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
    """How many items are worked on at once; lowered where they did not fit, and it stays so."""

    items: int

    def __post_init__(self) -> None:
        if self.items < 1:
            raise ValueError(f"a batch has {self.items} items; it must have at least 1")


def in_batches(
    items: Sequence[Item],
    work: Callable[[Sequence[Item]], Sequence[Result]],
    size: BatchSize,
) -> list[Result]:
    """Work on items in batches, in order, halving the batch whenever GPU memory runs out.

    Args:
        items: anything, in order.
        work: gives one result for each item of a batch; it may be called again for the same items
            after it ran out of memory, so until it returns it must change nothing that lasts.
        size: where to begin; it holds the size that fitted afterwards, so give the same one again.

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
            # Freed here, where no traceback holds the failed batch's tensors any more.
            torch.cuda.empty_cache()
            _lower(size, len(batch))
            continue
        if len(done) != len(batch):
            raise ValueError(f"the work gave {len(done)} results for {len(batch)} items")
        results.extend(done)
    return results


def _try(
    work: Callable[[Sequence[Item]], Sequence[Result]], batch: Sequence[Item]
) -> Sequence[Result] | None:
    """A batch's results, or None if GPU memory ran out."""
    try:
        return work(batch)
    except torch.cuda.OutOfMemoryError:
        return None


def _lower(size: BatchSize, tried: int) -> None:
    if tried == 1:
        raise DeviceMemoryError(
            "the GPU's memory does not hold even one pair. Lower --size (matching needs memory "
            "in proportion to it), choose quality draft, or free memory that other "
            "programs hold on this GPU (nvidia-smi lists them)."
        )
    size.items = tried // 2
    log.warning("a batch of %d did not fit the GPU's memory; going on with %d", tried, size.items)
