"""Features of the latent pictures: A' and B at the next finer level.

Source: Deep Image Analogy, §4.2; docs/method.md, "Latent features".
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from batch_analogy.analogy.features import PIXELS, FeatureExtractor, Step
from batch_analogy.analogy.features.pictures import EncodedPicture, response
from batch_analogy.analogy.nnf import upsample_nnf
from batch_analogy.analogy.reconstruction.solver import Residual, least_squares
from batch_analogy.analogy.reconstruction.vote import vote
from batch_analogy.config.matching import AnalogyConfig

RESPONSE_GATE = 0.05  # (docs/method.md, "Response gate and blend weights")
_PIXEL_PATCH = 3


@dataclass(frozen=True)
class WeightedField:
    """Matches, and the weight of each cell's vote."""

    nnf: Tensor  # (B, 2, H, W) int32
    weight: Tensor | None = None  # (B, 1, H, W) float32 above 0; None: all equal, as published


def reconstruct_latent(
    network: FeatureExtractor,
    own: EncodedPicture,
    other: EncodedPicture,
    found: WeightedField,
    level: int,
    config: AnalogyConfig,
) -> Tensor:
    """Reconstruct a latent picture's features one level finer than the field.

    For A', ``own`` is A, ``other`` is B' and ``found`` is A→B; for B they are B', A and B→A. A
    batch of fields is processed at once; a picture of batch size 1 is shared by all of them.

    Args:
        network: the feature extractor.
        own: the picture whose structure the latent picture has.
        other: the picture whose appearance it takes.
        found: the matches of ``own`` in ``other`` at ``level``, a batch of B fields.
        level: any but the finest; the result is at ``level - 1``.
        config: blend weight, quality and solve precision.

    Returns:
        (B, C, H', W') float32: W·own + (1 − W)·reconstruction, W = α where ``own`` responds.
    """
    iterations = network.specs[level].solve_iterations.get(config.quality)
    finer, finest = level - 1, level - 2
    solve = network.step(finest, level) if iterations else None
    forward = network.step(finest, finer) if iterations is not None else None
    if forward is None:
        rebuilt = _warp(network, own, other, found, level, finer)
    else:
        activations = _warp(network, own, other, found, level, finest)
        if solve is not None and iterations:
            patch = network.specs[level].patch
            target = vote(other.features[level], found.nnf, patch, found.weight)
            activations = _solve(solve, target, activations, iterations, config)
        rebuilt = _encode_again(forward, activations)
    alpha = network.specs[finer].alphas[config.blend_weight]
    return blend(own.features[finer], rebuilt, alpha)


def blend(own: Tensor, rebuilt: Tensor, alpha: float) -> Tensor:
    """Mix a picture's own features into a reconstruction where their response is high.

    The gate is hard, as in the published program; the paper's sigmoid (κ = 300) is nearly a step.
    """
    weight = alpha * (response(own) >= RESPONSE_GATE).to(own.dtype)
    return (own - rebuilt).mul_(weight).add_(rebuilt)


def _warp(
    network: FeatureExtractor,
    own: EncodedPicture,
    other: EncodedPicture,
    found: WeightedField,
    level: int,
    to: int,
) -> Tensor:
    """Vote the other picture's features at a finer level through the upsampled field."""
    nnf, weight = found.nnf, found.weight
    while level > to:
        sizes = other.size(level), own.size(level - 1), other.size(level - 1)
        if own.size(level) != sizes[1] or sizes[0] != sizes[2]:
            nnf = upsample_nnf(nnf, *sizes)
        level -= 1
    if weight is not None:
        weight = F.interpolate(weight, size=nnf.shape[2:], mode="nearest-exact")
    if to == PIXELS:
        return vote(other.network_input, nnf, _PIXEL_PATCH, weight)
    return vote(other.features[to], nnf, network.specs[to].patch, weight)


def _solve(
    solve: Step,
    target: Tensor,
    start: Tensor,
    iterations: int,
    config: AnalogyConfig,
) -> Tensor:
    """Find activations two levels finer that yield the warped features.

    Two levels, not the paper's one, keep the result on the network's natural distribution, as an
    author explains (docs/method.md, "Latent features").

    Args:
        solve: the step from the activations to ``target``'s level.
        target: (B, C, H, W) float32. start: (B, C', H', W') float32, initial activations.
        iterations: of the solver.
        config: solve precision.
    """
    dtype = torch.bfloat16 if config.precision == "bfloat16" else torch.float32
    solved, _ = least_squares(feature_residual(solve, target, dtype), start, iterations)
    return solved


def _encode_again(forward: Step, activations: Tensor) -> Tensor:
    """Run the network from activations two levels finer to the level between.

    Where pieces of the other picture meet, the result has the features of what is seen there, an
    edge or a smooth transition, and not a mean of the pieces' features. The search can then repair
    the seams. Without any solve this gives most of what a solve does for the picture
    (docs/method.md, "Latent features").
    """
    with torch.no_grad():
        return _each(forward, activations.contiguous(memory_format=torch.channels_last))


def feature_residual(step: Step, target: Tensor, dtype: torch.dtype) -> Residual:
    """Return the residual between a step's result and the features wanted.

    Args:
        step: from the unknown activations to the target's level.
        target: (B, C, H, W) float32.
        dtype: type that the step computes in.

    Returns:
        A differentiable function of (B, C', H', W') float32 activations.
    """
    inner = _inner_cells(target)

    def residual(x: Tensor) -> Tensor:
        activations = x.to(dtype).contiguous(memory_format=torch.channels_last)
        return (_each(step, activations).float() - target) * inner

    return residual


def _each(step: Step, x: Tensor) -> Tensor:
    """Run a step item by item.

    Convolutions round differently in batches of different size, and a picture's result must not
    depend on its batch. This costs a CPU no time and a GPU little, because the convolutions
    of one picture are large enough.
    """
    if len(x) == 1:
        return step(x)
    items = x.chunk(len(x))  # unlike slices, they stay channels-last in the backward pass too
    return torch.cat([step(item) for item in items])


def _inner_cells(features: Tensor) -> Tensor:
    """Return a mask of the inner cells: 0 in the outermost ring, 1 elsewhere, (1, 1, H, W).

    A departure from the published program: the network pads with zeros, so a border cell cannot
    have the features of an inner one, and asking for them leads away from natural features.
    """
    _, _, height, width = features.shape
    inner = features.new_zeros((1, 1, height, width))
    inner[:, :, 1 : height - 1, 1 : width - 1] = 1.0
    return inner
