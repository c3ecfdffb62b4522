"""Frames between two keyframes: which paint each pixel gets."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from batch_analogy.analogy.nnf import initial_position
from batch_analogy.config.matching import AnalogyConfig
from batch_analogy.config.painting import PaintConfig, PaintedKeyframe
from batch_analogy.motion.flow.optical_flow import Motion
from batch_analogy.motion.temporal.interpolated import FromAnchor, Interpolated, interpolate
from batch_analogy.motion.temporal.painter import KeyframePainter, PaintedState
from batch_analogy.motion.temporal.painting_synthesis import (
    ExtraChannels,
    Painting,
    PaintingSynthesiser,
)

HEIGHT, WIDTH = 24, 32
HALF = WIDTH // 2
FRAME = torch.full((1, 3, HEIGHT, WIDTH), 0.5)
SHADES = (0.2, 0.9)  # of the two paintings


def painter() -> KeyframePainter:
    paintings = [
        Painting(FRAME, torch.cat([FRAME * 0 + shade, torch.ones(1, 1, HEIGHT, WIDTH)], dim=1))
        for shade in SHADES
    ]
    keys = tuple(PaintedKeyframe(painted=f"{n}.png", frame=str(n)) for n in range(2))
    config = PaintConfig(keys=keys, meaning=0.0)
    return KeyframePainter(
        PaintingSynthesiser(
            None, AnalogyConfig(), config, lambda key: paintings[key], ExtraChannels()
        )
    )


def keyframe(
    key: int, confidence: NDArray[np.float32], cost: float = 0.0
) -> FromAnchor[PaintedState]:
    """Make a keyframe without motion, visible where the confidence is 1."""
    places = initial_position((HEIGHT, WIDTH), (HEIGHT, WIDTH))
    field = torch.cat([places, torch.full((1, 1, HEIGHT, WIDTH), float(key))], dim=1)
    luma = np.full((HEIGHT, WIDTH), 0.5, np.float32)
    flow = np.zeros((HEIGHT, WIDTH, 2), np.float32)
    colours = np.full((HEIGHT, WIDTH, 3), 0.5, np.float32)
    state = PaintedState(f"key {key}", key, field, torch.full((1, 1, HEIGHT, WIDTH), cost), colours)
    return FromAnchor(state, Motion(luma, luma, flow, flow, confidence, confidence))


def everywhere() -> NDArray[np.float32]:
    return np.ones((HEIGHT, WIDTH), np.float32)


def columns(first: int, stop: int) -> NDArray[np.float32]:
    confidence = np.zeros((HEIGHT, WIDTH), np.float32)
    confidence[:, first:stop] = 1.0
    return confidence


def rendered(frame: Interpolated[PaintedState], age: int) -> Tensor:
    """Return the brightness of a frame, (H, W)."""
    artist = painter()
    return artist.render(FRAME, artist.follow(frame, FRAME, age=age)).pictures["b_prime"][0, 0]


@pytest.mark.parametrize("ages", [(1, 7), (4, 4), (7, 1)])
def test_a_pixel_visible_in_one_keyframe_is_not_mixed(ages: tuple[int, int]) -> None:
    """Otherwise the object that hides it in the other one would shine through."""
    frame = interpolate(keyframe(0, columns(0, HALF)), keyframe(1, columns(HALF, WIDTH)), ages)
    found = rendered(frame, ages[0])
    assert torch.allclose(found[:, :HALF], torch.tensor(SHADES[0]), atol=1e-4)
    assert torch.allclose(found[:, HALF:], torch.tensor(SHADES[1]), atol=1e-4)


def test_pixels_visible_in_both_keyframes_fade_around_the_middle() -> None:
    means = [
        float(
            rendered(
                interpolate(keyframe(0, everywhere()), keyframe(1, everywhere()), (n, 20 - n)), n
            ).mean()
        )
        for n in (1, 8, 10, 12, 19)
    ]
    assert means == sorted(means)
    assert means[0] == pytest.approx(SHADES[0], abs=1e-4)
    assert means[2] == pytest.approx(sum(SHADES) / 2, abs=1e-2)
    assert means[4] == pytest.approx(SHADES[1], abs=1e-4)


def test_the_keyframe_that_matches_better_has_the_larger_share() -> None:
    """The one whose matches cost more has little weight half-way."""
    badly = interpolate(
        keyframe(0, everywhere(), cost=1.0), keyframe(1, everywhere(), cost=0.01), (10, 10)
    )
    assert float(rendered(badly, 10).mean()) > 0.75


def test_a_filled_frame_fades_like_an_interpolated_one() -> None:
    """A tenth of it is visible in neither; the rest is mixed as usual."""
    confidence = columns(0, WIDTH - 4)
    frame = interpolate(keyframe(0, confidence), keyframe(1, confidence), (10, 10))
    artist = painter()
    filled = artist.follow(frame, FRAME, age=10)
    assert isinstance(filled, PaintedState)
    found = artist.render(FRAME, filled).pictures["b_prime"][0, 0]
    assert float(found[:, : HALF - 4].mean()) == pytest.approx(sum(SHADES) / 2, abs=1e-2)
    assert float((filled.field[0, 2, :, : WIDTH - 8]).max()) == 0, "from the earlier one"
    assert float(filled.cost[..., WIDTH - 4 :].min()) > 0


def test_paint_at_its_original_position_has_no_misfit() -> None:
    artist = painter()
    made = artist.render(FRAME, artist.begin(FRAME, 0, painted=True))
    assert made.misfit == 0.0
    torch.testing.assert_close(
        made.pictures["b_prime"], torch.full_like(FRAME, SHADES[0]), atol=1e-4, rtol=0
    )


def test_unknown_and_synthesised_pixels_count_as_misfit() -> None:
    """A quarter that neither keyframe shows counts in full; well matched synthesis counts 0.3."""
    artist = painter()
    quarter = interpolate(keyframe(0, columns(WIDTH // 4, WIDTH)), None, (1, 0))
    assert artist.render(FRAME, quarter).misfit == pytest.approx(0.25, abs=0.06)
    assert artist.render_alone(FRAME, 1).misfit == pytest.approx(0.3, abs=0.01)


def test_transparent_paint_shows_the_frame() -> None:
    half = torch.cat([FRAME * 0 + 0.4, torch.full((1, 1, HEIGHT, WIDTH), 0.5)], dim=1)
    config = PaintConfig(keys=(PaintedKeyframe(painted="0.png", frame="0"),), meaning=0.0)
    artist = KeyframePainter(
        PaintingSynthesiser(
            None, AnalogyConfig(), config, lambda key: Painting(FRAME, half), ExtraChannels()
        )
    )
    made = artist.render(FRAME, artist.begin(FRAME, 0, painted=True)).pictures["b_prime"]
    torch.testing.assert_close(made, torch.full_like(FRAME, 0.4 + 0.5 * 0.5), atol=1e-4, rtol=0)


def test_pixels_outside_the_mask_are_unchanged() -> None:
    config = PaintConfig(keys=(PaintedKeyframe(painted="0.png", frame="0"),), meaning=0.0)
    opaque = torch.cat([FRAME * 0, torch.ones(1, 1, HEIGHT, WIDTH)], dim=1)
    painting = Painting(FRAME, opaque, mask=torch.ones(1, 1, HEIGHT, WIDTH))
    artist = KeyframePainter(
        PaintingSynthesiser(
            None, AnalogyConfig(), config, lambda key: painting, ExtraChannels(mask=True)
        )
    )
    mask = torch.from_numpy(columns(0, HALF))[None, None]
    a = torch.cat([FRAME, mask], dim=1)
    made = artist.render(a, artist.begin(a, 0, painted=True)).pictures["b_prime"]
    assert float(made[..., :HALF].max()) < 1e-4
    torch.testing.assert_close(made[..., HALF:], FRAME[..., HALF:])
