"""Fading a frame from one reference's look into the next one's.

Where a photograph is wanted, both pictures are the frame itself under colour transforms, and mixing
the pictures is mixing the transforms: nothing can show double.

Two painted textures must not lie over each other, so each pixel takes its texture from one of them.
Which pixels have changed over already is decided by a pattern that lies over the earlier
*reference* and is seen through the frame's matches, as its texture is: it moves with the scene. But
two paintings differ in their colours too, and thresholded as they are the film is blotched. So what
is smooth (their colours, along the frame's own edges) is faded evenly, and only what is left is
taken from one or the other.

Source: base and detail as in Durand and Dorsey 2002, the base by He et al. 2013 (guided filter).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor
from torch.nn import functional

from batch_analogy.analogy.deterministic import resize_bilinear
from batch_analogy.analogy.features.pictures import resize
from batch_analogy.analogy.nnf import Size, sides
from batch_analogy.analogy.refine.matrix_fields import box, luma

_SPOT_SHARE = 0.025  # of the reference's mean side: what changes over together
_LEAST_SPOT = 4.0  # cells
_SMOOTH_SHARE = 0.025  # of the frame's mean side: what is larger counts as colour
_EDGE = 0.03  # variation of brightness above it is an edge of the frame
_CHANGE_FRAMES = 8  # a pixel takes about so many to change over
_STEEPEST = 1.5  # of the fade, in its middle (``jobs.plan.references.mix_at``)
_OCTAVES = ((1, 1.0), (2, 0.5), (4, 0.25))


def transition_noise(size: Size, seed: int) -> Tensor:
    """Smooth random spots over a reference: when each of its cells gives way to the next one.

    Args:
        size: of the reference at matching resolution. seed: of the spots.

    Returns:
        (1, 1, *size) float32, every value in [0, 1] as often as any other.
    """
    generator = torch.Generator().manual_seed(seed)
    spot = max(_LEAST_SPOT, _SPOT_SHARE * math.sqrt(size[0] * size[1]))
    noise = torch.zeros(1, 1, *size)
    for octave, weight in _OCTAVES:
        coarse = [max(2, min(side, round(side / spot * octave))) for side in size]
        values = torch.rand(1, 1, *coarse, generator=generator)
        noise += weight * functional.interpolate(values, size=size, mode="bicubic")
    order = noise.flatten().argsort(stable=True)
    ranks = torch.empty(order.numel())
    ranks[order] = (torch.arange(order.numel()) + 0.5) / order.numel()
    return ranks.view_as(noise)


def crossfade_colours(first: Tensor, second: Tensor, share: float) -> Tensor:
    """One frame under two references' colour transforms, as (1, 3, H, W) float32, mixed."""
    return first.lerp(second, share)


def transition_progress(share: float, when: Tensor, frames: int) -> Tensor:
    """How far each pixel has changed over from the earlier reference's texture to the later's.

    Args:
        share: of the later one, in [0, 1]. when: at which share each pixel changes over,
            (1, 1, h, w) float32. frames: from one reference's frame to the other's.

    Returns:
        (1, 1, h, w) float32: 0 or 1 but for pixels that are changing, and the spots' borders.
    """
    width = min(1.0, _STEEPEST * _CHANGE_FRAMES / frames)
    return box(((share * (1.0 + width) - when) / width).clamp(0.0, 1.0), 1)


def crossfade_textures(
    first: Tensor, second: Tensor, share: float, a: Tensor, when: Tensor, frames: int
) -> Tensor:
    """One frame painted after two references, faded without laying one over the other.

    Args:
        first: after the earlier reference, (1, 3, H, W) float32 in [0, 1]. second: after the later.
        share: of the second one, in [0, 1]. a: the frame, of the same size.
        when: at which share each pixel changes over, (1, 1, h, w) float32 at matching size.
        frames: from one reference's frame to the other's.

    Returns:
        (1, 3, H, W) float32 in [0, 1]; ``first`` for a share of 0, ``second`` for one of 1.
    """
    size = sides(when)
    turned = resize_bilinear(transition_progress(share, when, frames), sides(a))
    change = resize(second, size) - resize(first, size)
    faded = first + turned * (second - first) + (share - turned) * _smooth(change, a)
    return faded.clamp_(0.0, 1.0)


def _smooth(values: Tensor, a: Tensor) -> Tensor:
    """Values (1, C, h, w) without what is small in them, along the frame's edges; at its size."""
    size = sides(values)
    guide = luma(resize(a, size))
    radius = max(1, round(_SMOOTH_SHARE * math.sqrt(size[0] * size[1])))
    mean, mean_values = box(guide, radius), box(values, radius)
    variance = box(guide.square(), radius) - mean.square()
    slope = (box(guide * values, radius) - mean * mean_values) / (variance + _EDGE**2)
    slope, offset = box(slope, radius), box(mean_values - slope * mean, radius)
    return resize_bilinear(slope, sides(a)) * luma(a) + resize_bilinear(offset, sides(a))
