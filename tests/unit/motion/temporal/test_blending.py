"""Blending keeps contrast, and leaves unblended pixels unchanged."""

from __future__ import annotations

import torch

from batch_analogy.motion.temporal.blending import blend_keeping_contrast


def grain(seed: int) -> torch.Tensor:
    values = torch.rand((1, 1, 60, 60), generator=torch.Generator().manual_seed(seed))
    return (0.3 + 0.4 * values).expand(-1, 3, -1, -1).contiguous()


def test_two_textures_blended_in_halves_keep_their_contrast() -> None:
    first, second = grain(1), grain(2)
    half = torch.full((1, 1, 60, 60), 0.5)
    plain = first.lerp(second, half)
    assert plain.std() < 0.75 * first.std()
    assert abs(blend_keeping_contrast(first, second, half).std() / first.std() - 1) < 0.08
    assert abs(blend_keeping_contrast(first, second, half).mean() - plain.mean()) < 0.01


def test_pixels_taken_from_one_picture_are_unchanged() -> None:
    first, second = grain(1), grain(2)
    share = torch.zeros((1, 1, 60, 60))
    share[..., 30:] = 1.0
    share[..., 28:32] = 0.5
    made = blend_keeping_contrast(first, second, share)
    assert torch.equal(made[..., :28], first[..., :28])
    assert torch.equal(made[..., 32:], second[..., 32:])
    assert not torch.equal(made[..., 28:32], first.lerp(second, share)[..., 28:32])


def test_the_blend_stays_within_the_range_of_both_pictures_nearby() -> None:
    generator = torch.Generator().manual_seed(4)
    first, second = (
        0.6 + 0.3 * (torch.rand(1, 3, 40, 40, generator=generator) > 0.9) for _ in range(2)
    )
    made = blend_keeping_contrast(first, second, torch.full((1, 1, 40, 40), 0.5))
    assert float(made.max()) <= 0.9 + 1e-6
    assert float(made.min()) >= 0.6 - 1e-6
