"""The latent pictures' features: what A' and B look like at the next finer level.

Source: paper §4.2 and the official code (deep-image-analogy facts §3).
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from batch_analogy.analogy.features.pictures import EncodedPicture, FeatureExtractor, response
from batch_analogy.analogy.nnf import upsample_nnf
from batch_analogy.analogy.reconstruction.solver import Residual, least_squares
from batch_analogy.analogy.reconstruction.vote import vote
from batch_analogy.config.matching import LEVEL_SPECS, AnalogyConfig

RESPONSE_GATE = 0.05  # own structure is kept only where the response reaches this (facts §3)
_PIXEL_PATCH = 3


@dataclass(frozen=True)
class Matches:
    """A field and how much each cell's vote counts."""

    nnf: Tensor  # (B, 2, H, W) int32
    say: Tensor | None = None  # (B, 1, H, W) float32 above 0; None: all alike, as published


def reconstruct_latent(
    network: FeatureExtractor,
    own: EncodedPicture,
    other: EncodedPicture,
    found: Matches,
    level: int,
    config: AnalogyConfig,
) -> Tensor:
    """The latent picture's features one level finer than the field.

    For A', ``own`` is A, ``other`` is B' and ``found`` is A→B; for B, B', A and B→A. Several are
    done at once where the field has a batch of B; either picture may then be one for all (1).

    Args:
        network: the feature network.
        own: the picture whose structure the latent one has.
        other: the picture whose look it takes.
        found: the matches of ``own`` in ``other`` at ``level``, for each of a batch of B.
        level: 5 … 2; the result is at ``level − 1``.
        config: blend weight, quality and solve precision.

    Returns:
        (B, C, H', W') float32: W·own + (1 − W)·reconstruction, W = α where own responds.
    """
    iterations = config.solve_iterations[level]
    if iterations == 0:
        rebuilt = _warp(own, other, found, level, level - 1)
    else:
        rebuilt = _solve(network, own, other, found, level, iterations, config)
    return blend(own.features[level - 1], rebuilt, config.alphas[level - 1])


def blend(own: Tensor, rebuilt: Tensor, alpha: float) -> Tensor:
    """Mix own structure into a reconstruction where own features respond.

    The gate is hard, as in the official code; the paper's sigmoid (κ = 300) is nearly that.
    """
    weight = alpha * (response(own) >= RESPONSE_GATE).to(own.dtype)
    return (own - rebuilt).mul_(weight).add_(rebuilt)


def _warp(
    own: EncodedPicture, other: EncodedPicture, found: Matches, level: int, to: int
) -> Tensor:
    """The other picture's raw values at a finer level, voted through the upsampled field."""
    nnf, say = found.nnf, found.say
    while level > max(to, 1):
        nnf = upsample_nnf(nnf, other.size(level), own.size(level - 1), other.size(level - 1))
        level -= 1
    if say is not None:
        say = F.interpolate(say, size=nnf.shape[2:], mode="nearest-exact")
    if to >= 1:
        return vote(other.features[to], nnf, LEVEL_SPECS[to].patch, say)
    return vote(other.seen, nnf, _PIXEL_PATCH, say)


def _solve(
    network: FeatureExtractor,
    own: EncodedPicture,
    other: EncodedPicture,
    found: Matches,
    level: int,
    iterations: int,
    config: AnalogyConfig,
) -> Tensor:
    """Find activations two levels finer that give the warped features, then forward by one.

    Two levels, not the paper's one: it keeps the result on the network's natural distribution,
    as its authors explain (facts §3).
    """
    target = vote(other.features[level], found.nnf, LEVEL_SPECS[level].patch, found.say)
    start = _warp(own, other, found, level, level - 2)
    dtype = torch.bfloat16 if config.precision == "bfloat16" else torch.float32
    residual = feature_residual(network, target, level, dtype)
    solved, _ = least_squares(residual, start, iterations)
    with torch.no_grad():
        solved = solved.contiguous(memory_format=torch.channels_last)
        return _forward(network, solved, level - 2, level - 1)


def feature_residual(
    network: FeatureExtractor, target: Tensor, level: int, dtype: torch.dtype
) -> Residual:
    """How far activations two levels finer are from giving a level's features.

    Args:
        network: the feature network.
        target: (B, C, H, W) float32, the features that are wanted at ``level``.
        level: 5 … 2.
        dtype: what the network computes in.

    Returns:
        A function of (B, C', H', W') float32 activations at ``level − 2``, differentiable.
    """
    inner = _inner_cells(target)

    def residual(x: Tensor) -> Tensor:
        seen = x.to(dtype).contiguous(memory_format=torch.channels_last)
        return (_forward(network, seen, level - 2, level).float() - target) * inner

    return residual


def _forward(network: FeatureExtractor, x: Tensor, start: int, stop: int) -> Tensor:
    """``network.forward``, item by item.

    Convolutions round differently in batches of different size, and a picture's result must not
    depend on what it was batched with. A CPU loses no time by it, and a GPU little: one picture's
    convolutions are large enough for it.
    """
    if len(x) == 1:
        return network.forward(x, start=start, stop=stop)
    items = x.chunk(len(x))  # unlike slices, they keep channels-last order on the way back too
    return torch.cat([network.forward(item, start=start, stop=stop) for item in items])


def _inner_cells(features: Tensor) -> Tensor:
    """1 inside, 0 in the outermost ring of cells, (1, 1, H, W).

    A departure from the official code: the network pads with zeros, so a border cell cannot have
    the features of an inner one; asking for them pushes the solution off natural features.
    """
    _, _, height, width = features.shape
    inner = features.new_zeros((1, 1, height, width))
    inner[:, :, 1 : height - 1, 1 : width - 1] = 1.0
    return inner
