"""Cross-fading between two references: no double textures, no blotches, no sudden changes."""

from __future__ import annotations

import itertools

import pytest
import torch
from torch import Tensor

from batch_analogy.analogy.refine.bilateral_grid import (
    ColourTransforms,
    apply_transforms,
    edge_guide,
)
from batch_analogy.motion.temporal.crossfade import (
    crossfade_colours,
    crossfade_textures,
    transition_noise,
)

SIZE = (192, 256)
FRAMES = 100


@pytest.fixture
def frame(generator: torch.Generator) -> Tensor:
    return (
        torch.rand(1, 3, 6, 8, generator=generator)
        .repeat_interleave(32, 2)
        .repeat_interleave(32, 3)
    )


@pytest.fixture
def painted(generator: torch.Generator) -> tuple[Tensor, Tensor]:
    """Make a reddish texture and a bluish one."""
    grain = torch.rand(2, 1, *SIZE, generator=generator) * 0.3 - 0.15
    tone = torch.tensor([[0.7, 0.4, 0.3], [0.3, 0.4, 0.7]])[:, :, None, None]
    first, second = (tone + grain).split(1)
    return first, second


def faded(painted: tuple[Tensor, Tensor], frame: Tensor, share: float) -> Tensor:
    return crossfade_textures(*painted, share, frame, transition_noise(SIZE, 0), FRAMES)


def test_transition_noise_is_uniformly_distributed() -> None:
    made = transition_noise((240, 320), 3)
    assert made.shape == (1, 1, 240, 320)
    assert torch.histc(made, 10, 0, 1).unique().tolist() == [7680.0]
    assert torch.equal(made, transition_noise((240, 320), 3))
    assert not torch.equal(made, transition_noise((240, 320), 4))
    assert (made[..., 1:] - made[..., :-1]).abs().mean() < 0.15  # spots, no grain
    assert transition_noise((1, 5), 0).shape == (1, 1, 1, 5)


def test_textures_begin_and_end_with_the_unchanged_pictures(
    painted: tuple[Tensor, Tensor], frame: Tensor
) -> None:
    torch.testing.assert_close(faded(painted, frame, 0.0), painted[0])
    torch.testing.assert_close(faded(painted, frame, 1.0), painted[1])


def test_colours_fade_evenly_while_textures_keep_their_strength(
    painted: tuple[Tensor, Tensor], frame: Tensor
) -> None:
    grain = painted[0].std(dim=(2, 3)).mean()
    for share in (0.25, 0.5, 0.75):
        made = faded(painted, frame, share)
        wanted = painted[0].lerp(painted[1], share)
        coarse = torch.nn.functional.avg_pool2d(made - wanted, 16)
        assert coarse.abs().max() < 0.06  # no blotches: they would differ by 0.4
        assert made.std(dim=(2, 3)).mean() > 0.85 * grain
    doubled = painted[0].lerp(painted[1], 0.5).std(dim=(2, 3)).mean()
    assert doubled < 0.75 * grain  # what mixing the pictures would have left


def test_no_frame_changes_abruptly(painted: tuple[Tensor, Tensor], frame: Tensor) -> None:
    steps = [faded(painted, frame, 0.5 + 0.015 * k) for k in range(4)]
    whole = (painted[1] - painted[0]).abs().mean()
    for before, after in itertools.pairwise(steps):
        assert (after - before).abs().mean() < 0.06 * whole


def test_mixing_pictures_equals_mixing_their_colour_transforms(
    frame: Tensor, generator: torch.Generator
) -> None:
    guide = edge_guide(frame)
    grids = [
        torch.rand(1, 12, 4, 3, 4, generator=generator) * 0.05
        + torch.eye(3, 4).flatten().view(1, 12, 1, 1, 1)[:, [0, 1, 2, 4, 5, 6, 8, 9, 10, 3, 7, 11]]
        for _ in range(2)
    ]

    def applied(grid: Tensor) -> Tensor:
        return apply_transforms(frame * 0.6, ColourTransforms(grid, (3.0, 4.0)), guide)

    pictures = crossfade_colours(*map(applied, grids), 0.3)
    torch.testing.assert_close(pictures, applied(grids[0].lerp(grids[1], 0.3)), atol=1e-5, rtol=0)
