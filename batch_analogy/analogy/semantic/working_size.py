"""Pictures and label maps brought to the sizes that the network works at.

Departure: the published code crops to multiples of eight; here pictures go on mirrored instead, and
what comes out has the size that was asked for.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from batch_analogy.analogy.features.pictures import resize
from batch_analogy.analogy.semantic.label_maps import class_planes
from batch_analogy.analogy.semantic.networks import STRIDE

LEAST_SIDE = 2 * STRIDE  # so that the deepest features can be mirrored


def working_scale(height: int, width: int, size: int) -> float:
    """How much a picture is reduced so that its longer side is ``size`` at most."""
    return min(1.0, size / max(height, width))


def scaled(height: int, width: int, scale: float) -> tuple[int, int]:
    """A size at that scale, at least one pixel."""
    return max(1, round(height * scale)), max(1, round(width * scale))


def reduce_picture(image: Tensor, size: tuple[int, int]) -> Tensor:
    """(1, 3, H, W) at another size."""
    return resize(image, size)


def reduce_classes(classes: Tensor, count: int, size: tuple[int, int]) -> Tensor:
    """(1, H, W) classes at another size: of each new pixel the class that covers most of it."""
    if tuple(classes.shape[1:]) == size:
        return classes
    covered = F.interpolate(class_planes(classes, count), size=size, mode="area")
    return covered.argmax(dim=1)


def laid_out(x: Tensor, size: tuple[int, int], *, centred: bool) -> Tensor:
    """A picture or map over a canvas of another size, unscaled: cut off, or going on mirrored.

    Args:
        x: (…, H, W).
        size: height and width of the canvas.
        centred: whether its middle lies in the canvas's middle, else its first pixel first.
    """
    for dim, wanted in zip((-2, -1), size, strict=True):
        has = x.shape[dim]
        if has == wanted:
            continue
        start = -((wanted - has) // 2) if centred else 0
        places = torch.arange(start, start + wanted, device=x.device)
        turn = max(1, 2 * has - 2)
        places = places % turn
        x = x.index_select(dim, torch.where(places < has, places, turn - places))
    return x


def padded_size(size: tuple[int, int]) -> tuple[int, int]:
    """The smallest size that the network takes and that holds this one."""
    height, width = (max(LEAST_SIDE, -(-side // STRIDE) * STRIDE) for side in size)
    return height, width
