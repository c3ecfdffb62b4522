"""Filling frames and holes by the guides of mask, surroundings and position."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest
import torch
from torch import Tensor

from batch_analogy.analogy.nnf import initial_position
from batch_analogy.config.matching import AnalogyConfig
from batch_analogy.config.painting import PaintConfig, PaintedKeyframe
from batch_analogy.motion.temporal.painting_synthesis import (
    ExtraChannels,
    Hole,
    Painting,
    PaintingSynthesiser,
)

HEIGHT, WIDTH = 40, 48
HALF = WIDTH // 2
PLAIN = torch.full((1, 3, HEIGHT, WIDTH), 0.5)  # a frame without content


def halves(left: float, right: float) -> Tensor:
    """Make a map with one value in each half, (1, 1, H, W)."""
    columns = torch.where(torch.arange(WIDTH) < HALF, left, right)
    return columns.expand(1, 1, HEIGHT, WIDTH).contiguous()


def paint(left: float, right: float) -> Tensor:
    """Make opaque paint with grain, (1, 4, H, W)."""
    grain = 0.05 * torch.rand((1, 3, HEIGHT, WIDTH), generator=torch.Generator().manual_seed(0))
    return torch.cat([halves(left, right) + grain, torch.ones(1, 1, HEIGHT, WIDTH)], dim=1)


def synthesiser(painting: Painting, *, masked: bool = False, **weights: Any) -> PaintingSynthesiser:
    config = PaintConfig(
        keys=(PaintedKeyframe(painted="p.png", frame="0"),),
        **{"meaning": 0.0, "position": 0.0, "previous": 0.0, "uniformity": 0.0, **weights},
    )
    return PaintingSynthesiser(
        None, AnalogyConfig(), config, lambda key: painting, ExtraChannels(mask=masked)
    )


def made(
    synthesiser: PaintingSynthesiser, painting: Painting, a: Tensor, hole: Hole | None = None
) -> Tensor:
    """Return the brightness of the paint chosen for each pixel, (H, W)."""
    field, _ = synthesiser.fill(a, 0, hole)
    rows, columns = field[0].round().long()
    return painting.ap[0, 0][rows, columns]


@pytest.mark.parametrize(("weight", "follows"), [(2.0, True), (0.0, False)])
def test_the_mask_guides_which_paint_is_used(weight: float, follows: bool) -> None:
    """Light paint lay inside the mask, which is now the right half."""
    painting = Painting(PLAIN, paint(0.8, 0.1), mask=halves(1.0, 0.0))
    frame = torch.cat([PLAIN, halves(0.0, 1.0)], dim=1)
    found = made(synthesiser(painting, masked=True, mask_weight=weight), painting, frame)
    inside = found[:, HALF + 4 :] > 0.5
    outside = found[:, : HALF - 4] < 0.5
    assert (float(inside.float().mean()) > 0.95 and float(outside.float().mean()) > 0.95) == follows


@pytest.mark.parametrize(("weight", "light"), [(8.0, 0.05), (0.0, 0.6)])
def test_a_hole_is_filled_in_the_colours_around_it(weight: float, light: float) -> None:
    """The positions that belong there were painted light, but all around the film is dark."""
    painting = Painting(PLAIN, paint(0.8, 0.1))
    mask = torch.zeros(1, 1, HEIGHT, WIDTH, dtype=torch.bool)
    mask[..., 6:-6, 4 : HALF - 6] = True
    hole = Hole(mask, paint(0.1, 0.1), initial_position((HEIGHT, WIDTH), (HEIGHT, WIDTH)))
    found = made(synthesiser(painting, position=2.0, previous=weight), painting, PLAIN, hole)
    share = float((found[mask[0, 0]] > 0.5).float().mean())
    assert share <= light if weight else share >= light


def test_a_hole_is_filled_from_the_continued_positions() -> None:
    painting = Painting(PLAIN, paint(0.8, 0.1))
    mask = torch.zeros(1, 1, HEIGHT, WIDTH, dtype=torch.bool)
    mask[..., 8:-8, 8:-8] = True
    own = initial_position((HEIGHT, WIDTH), (HEIGHT, WIDTH))
    hole = Hole(mask, painting.ap, own)
    field, cost = synthesiser(painting, position=8.0).fill(PLAIN, 0, hole)
    away = (field - own).abs().amax(dim=1, keepdim=True)
    assert float((away[mask] <= 1).float().mean()) > 0.95
    assert float(cost[mask].mean()) < 0.01


def test_paintings_of_several_sizes_are_compared_at_one_scale() -> None:
    painting = Painting(PLAIN[..., :32], paint(0.8, 0.1)[..., :32])
    config = dataclasses.replace(AnalogyConfig(), max_area_px=4096)
    wide = torch.full((1, 3, HEIGHT * 2, WIDTH * 2), 0.5)
    keys = (PaintedKeyframe(painted="p.png", frame="0"),)
    paint_config = PaintConfig(keys=keys, meaning=0.0)
    small = PaintingSynthesiser(None, config, paint_config, lambda key: painting, ExtraChannels())
    field, cost = small.fill(wide, 0)
    assert field.shape == (1, 2, HEIGHT * 2, WIDTH * 2)
    assert cost.shape == (1, 1, HEIGHT * 2, WIDTH * 2)
    assert float(field[:, 0].max()) <= HEIGHT
    assert float(field[:, 1].max()) <= 32
