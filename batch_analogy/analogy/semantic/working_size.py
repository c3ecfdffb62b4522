"""Bring pictures and label maps to the sizes that the network works at.

Departure: the published code crops to multiples of eight. Here pictures are extended by mirroring
instead, and the result has the size that was asked for.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from batch_analogy.analogy.features.pictures import resize
from batch_analogy.analogy.semantic.label_maps import class_planes
from batch_analogy.analogy.semantic.networks import STRIDE

LEAST_SIDE = 2 * STRIDE  # pixels; the deepest features must be large enough to be mirrored


def working_scale(height: int, width: int, size: int) -> float:
    """Return the scale, at most 1, at which the longer side is at most ``size`` pixels."""
    return min(1.0, size / max(height, width))


def scaled_size(height: int, width: int, scale: float) -> tuple[int, int]:
    """Scale a size; each side keeps at least one pixel."""
    return max(1, round(height * scale)), max(1, round(width * scale))


def reduce_picture(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Resize a picture (1, 3, H, W)."""
    return resize(image, size)


def reduce_classes(classes: Tensor, count: int, size: tuple[int, int]) -> Tensor:
    """Resize (1, H, W) classes: each new pixel gets the class that covers most of it."""
    if tuple(classes.shape[1:]) == size:
        return classes
    covered = F.interpolate(class_planes(classes, count), size=size, mode="area")
    return covered.argmax(dim=1)


def crop_or_mirror(x: Tensor, size: tuple[int, int], *, centred: bool) -> Tensor:
    """Fit a picture or map to another size without scaling: crop it, or extend it by mirroring.

    Args:
        x: (…, H, W).
        size: new height and width.
        centred: align the centres; otherwise align the first pixels.
    """
    for dim, wanted in zip((-2, -1), size, strict=True):
        has = x.shape[dim]
        if has == wanted:
            continue
        start = -((wanted - has) // 2) if centred else 0
        places = torch.arange(start, start + wanted, device=x.device)
        period = max(1, 2 * has - 2)
        places = places % period
        x = x.index_select(dim, torch.where(places < has, places, period - places))
    return x


def padded_size(size: tuple[int, int]) -> tuple[int, int]:
    """Return the smallest size that the network accepts and that contains ``size``."""
    height, width = (max(LEAST_SIDE, -(-side // STRIDE) * STRIDE) for side in size)
    return height, width
