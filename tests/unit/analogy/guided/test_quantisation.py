"""Quantisation of style and guides for exact integer sums."""

from __future__ import annotations

import pytest
import torch

from batch_analogy.analogy.guided import Guide, GuidedConfig
from batch_analogy.analogy.guided.quantisation import (
    channel_scales,
    quantise,
    quantise_guides,
    stack_channels,
)


@pytest.mark.parametrize("patch", [3, 5, 9])
@pytest.mark.parametrize("weights", [(1.0,), (1e-3, 1e3), (1.0,) * 30])
def test_largest_sum_fits_into_32_bits(patch: int, weights: tuple[float, ...]) -> None:
    black, white = torch.zeros(1, 5, 9, 9), torch.ones(1, 5, 9, 9)
    guides = [Guide(black, white, weight) for weight in weights]
    scales = channel_scales(3, guides, GuidedConfig(), patch=patch)
    source, target = (
        stack_channels(
            [quantise(m[:, :3], scales.style), *quantise_guides([m] * len(guides), scales)]
        )
        for m in (black, white)
    )
    largest = int((target.long() - source.long())[0, 0].square().sum()) * patch**2
    assert largest < 2**31
    assert largest * scales.unit == pytest.approx(1.0 + sum(weights), rel=0.02)
