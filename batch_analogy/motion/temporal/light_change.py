"""Whether the light has another colour: what brightness, by which motion is found, does not tell.

Dusk can turn from gold to blue and stay as bright. Of each matched frame the mean colours of its
cells are kept; carried along the motion, they say what the same things looked like.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional

from batch_analogy.analogy.nnf import sides
from batch_analogy.motion.flow.optical_flow import Motion
from batch_analogy.motion.temporal.carry import carry_grid

_CELL_PX = 8  # as large as a mean's noise should be small: here an eighth of a pixel's
_SEEN_ENOUGH = 0.05  # share of a frame by which its light can be told, as for brightness


def block_means(picture: Tensor) -> Tensor:
    """A picture's mean colours, cell by cell: (1, 3, H, W) → (1, 3, h, w) float32."""
    return functional.avg_pool2d(picture, _CELL_PX, ceil_mode=True, count_include_pad=False)


def colour_change(before: Tensor, picture: Tensor, motion: Motion) -> float:
    """By how much what both frames show has another mean colour: 0 … 1, of the channel with most.

    Args:
        before: ``block_means`` the earlier frame. picture: the later one, (1, 3, H, W) float32.
        motion: from the earlier frame to the later one, at any size.
    """
    if motion.still:
        return 0.0
    size = sides(picture)
    cells = size[0] / _CELL_PX, size[1] / _CELL_PX
    moved, confidence = carry_grid(before[:, :, None], cells, motion, size)
    apart = (block_means(picture) - moved[:, :, 0]) * confidence
    seen = confidence.mean(dim=3).mean(dim=2)  # in a fixed order
    if float(seen) < _SEEN_ENOUGH:
        return 0.0
    return float((apart.mean(dim=3).mean(dim=2) / seen).abs().max())
