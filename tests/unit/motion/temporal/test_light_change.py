"""Changes of the light, distinguished from motion."""

from __future__ import annotations

import numpy as np
import skimage.data
import torch
from torch import Tensor

from batch_analogy.motion.flow.optical_flow import Motion, estimate_motion
from batch_analogy.motion.flow.photometry import brightness
from batch_analogy.motion.temporal.light_change import block_means, colour_change

SIZE = (120, 160)


def view(right: int, down: int) -> Tensor:
    """Return a window of a photograph, (1, 3, H, W)."""
    pixels = skimage.data.chelsea()[60 + down :, 120 + right :][: SIZE[0], : SIZE[1]]
    return torch.from_numpy(pixels.astype(np.float32) / 255).permute(2, 0, 1)[None]


def motion(before: Tensor, now: Tensor) -> Motion:
    greys = (brightness(picture[0].permute(1, 2, 0).numpy()) for picture in (before, now))
    return estimate_motion(*greys)


def test_light_of_another_colour_is_detected_at_equal_luma() -> None:
    before, now = view(0, 0), view(5, 2)
    warm = now + torch.tensor([0.05, 0.0, -0.05 * 0.299 / 0.114]).view(1, 3, 1, 1)
    found = motion(before, warm)
    assert found.global_light_change() < 0.01
    assert abs(colour_change(block_means(before), warm, found) - 0.05 * 0.299 / 0.114) < 0.02


def test_motion_and_equal_frames_are_not_a_change_of_light() -> None:
    before, now = view(0, 0), view(5, 2)
    assert colour_change(block_means(before), now, motion(before, now)) < 0.003
    assert colour_change(block_means(before), before, motion(before, before)) == 0.0


def test_frames_with_no_visible_pixel_in_common_have_no_change_of_light() -> None:
    before, now = view(0, 0), view(5, 2) * 0.5
    found = motion(before, now)
    found.confidence[:] = 0.0
    assert colour_change(block_means(before), now, found) == 0.0
