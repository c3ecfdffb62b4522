"""Detect changes of light between frames, to decide how far carried colours are refreshed.

Motion is estimated from luma, which does not show a change of colour: dusk can turn from gold to
blue at equal brightness. So each matched frame keeps the mean colours of its blocks; carried along
the motion they are compared with the new frame.

Source: docs/method.md, "Colours over time".
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from batch_analogy.analogy.nnf import sides
from batch_analogy.motion.flow.optical_flow import Motion
from batch_analogy.motion.flow.photometry import MIN_VISIBLE_SHARE
from batch_analogy.motion.temporal.carry import carry_grid

_BLOCK_PX = 8  # averaging reduces noise to an eighth of a pixel's
_REFRESH_PER_FRAME = 0.15  # share of new colours one frame after a matched one, in changing light …
_MAX_REFRESH = 0.5  # … and many frames after it
_CHANGED_LIGHT = 0.03  # change of luma or colour that counts in full; less refreshes less


def block_means(picture: Tensor) -> Tensor:
    """Average a picture over blocks: (1, 3, H, W) → (1, 3, h, w) float32."""
    return functional.avg_pool2d(picture, _BLOCK_PX, ceil_mode=True, count_include_pad=False)


def colour_change(before: Tensor, picture: Tensor, motion: Motion) -> float:
    """Measure the largest change of a channel's mean over pixels visible in both frames, in [0, 1].

    Args:
        before: ``block_means`` of the earlier frame. picture: the later one, (1, 3, H, W) float32.
        motion: from the earlier frame to the later one, at any size.
    """
    if motion.still:
        return 0.0
    size = sides(picture)
    cells = size[0] / _BLOCK_PX, size[1] / _BLOCK_PX
    moved, confidence = carry_grid(before[:, :, None], cells, motion, size)
    apart = (block_means(picture) - moved[:, :, 0]) * confidence
    visible = confidence.mean(dim=3).mean(dim=2)  # one axis at a time: a fixed order of summation
    if float(visible) < MIN_VISIBLE_SHARE:
        return 0.0
    return float((apart.mean(dim=3).mean(dim=2) / visible).abs().max())


def refresh_share(age: int, change: Tensor) -> Tensor:
    """Compute the share of its own colour transforms that a matched frame adopts.

    Colours must not change unless the light does.

    Args:
        age: number of picture changes since the matched frame that it follows.
        change: of the light since then, any shape.
    """
    most = min(_MAX_REFRESH, 1.0 - (1.0 - _REFRESH_PER_FRAME) ** age)
    return most * (change / _CHANGED_LIGHT).clamp_max(1.0)
