"""Cross-fade a frame from one reference to the next.

For photographic results, both pictures are the frame itself under colour transforms, and mixing the
pictures is mixing the transforms: nothing can appear twice.

Two painted textures must not be superimposed, so each pixel takes its texture from one of them.
A noise pattern over the earlier *reference* decides which pixels have switched; it is read through
the frame's matches, as the texture is, so it moves with the scene. But two paintings differ in
colour too, and switching that pixel by pixel would make the frame blotchy. So the smooth part of
their difference (along the frame's own edges) is mixed evenly, and only the rest is switched.

Source: base and detail as in Durand and Dorsey 2002, the base by the guided filter of He et al.
2013; docs/method.md, "Fading between two references".
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

_SPOT_SHARE = 0.025  # size of the spots that switch together, of the reference's mean side
_MIN_SPOT_CELLS = 4.0
_SMOOTH_SHARE = 0.025  # radius above which a difference counts as colour, of the frame's mean side
_EDGE = 0.03  # standard deviation of luma above which an edge of the frame is kept
_SWITCH_FRAMES = 8  # frames that a pixel takes to switch
_MAX_SLOPE = 1.5  # of the fade, in its middle (``jobs.plan.references.mix_at``)
_OCTAVES = ((1, 1.0), (2, 0.5), (4, 0.25))


def transition_noise(size: Size, seed: int) -> Tensor:
    """Make smooth noise over a reference: the share at which each cell switches to the next.

    Args:
        size: of the reference at matching resolution. seed: of the noise.

    Returns:
        (1, 1, *size) float32, uniformly distributed in [0, 1].
    """
    generator = torch.Generator().manual_seed(seed)
    spot = max(_MIN_SPOT_CELLS, _SPOT_SHARE * math.sqrt(size[0] * size[1]))
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
    """Mix one frame under the colour transforms of two references, (1, 3, H, W) float32 each."""
    return first.lerp(second, share)


def transition_progress(share: float, noise: Tensor, frames: int) -> Tensor:
    """Compute how far each pixel has switched to the later reference's texture.

    Args:
        share: of the later reference, in [0, 1].
        noise: share at which each pixel switches, (1, 1, h, w) float32.
        frames: from one reference's frame to the other's.

    Returns:
        (1, 1, h, w) float32: 0 or 1, except for pixels that are switching and borders of spots.
    """
    width = min(1.0, _MAX_SLOPE * _SWITCH_FRAMES / frames)
    return box(((share * (1.0 + width) - noise) / width).clamp(0.0, 1.0), 1)


def crossfade_textures(
    first: Tensor, second: Tensor, share: float, a: Tensor, noise: Tensor, frames: int
) -> Tensor:
    """Cross-fade one frame in the style of two references, without superimposing their textures.

    Args:
        first: the frame in the earlier reference's style, (1, 3, H, W) float32 in [0, 1].
        second: the frame in the later reference's style.
        share: of the second one, in [0, 1]. a: the frame, of the same size.
        noise: share at which each pixel switches, (1, 1, h, w) float32 at matching size.
        frames: from one reference's frame to the other's.

    Returns:
        (1, 3, H, W) float32 in [0, 1]; ``first`` for a share of 0, ``second`` for one of 1.
    """
    size = sides(noise)
    progress = resize_bilinear(transition_progress(share, noise, frames), sides(a))
    change = resize(second, size) - resize(first, size)
    faded = first + progress * (second - first) + (share - progress) * _smooth(change, a)
    return faded.clamp_(0.0, 1.0)


def _smooth(values: Tensor, a: Tensor) -> Tensor:
    """Smooth values (1, C, h, w) along the edges of the frame, and enlarge them to its size."""
    size = sides(values)
    guide = luma(resize(a, size))
    radius = max(1, round(_SMOOTH_SHARE * math.sqrt(size[0] * size[1])))
    mean, mean_values = box(guide, radius), box(values, radius)
    variance = box(guide.square(), radius) - mean.square()
    slope = (box(guide * values, radius) - mean * mean_values) / (variance + _EDGE**2)
    slope, offset = box(slope, radius), box(mean_values - slope * mean, radius)
    return resize_bilinear(slope, sides(a)) * luma(a) + resize_bilinear(offset, sides(a))
