"""Deep Image Analogy: from A and B' to A' and B, coarse to fine.

Source: Liao, Yao, Yuan, Hua, Kang: Visual Attribute Transfer through Deep Image Analogy,
SIGGRAPH 2017, algorithm 1; constants of the official code (deep-image-analogy facts §2–4).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from batch_analogy.analogy.compact import compact_terms
from batch_analogy.analogy.features import (
    EncodedPicture,
    FeatureNetwork,
    encode_picture,
    load_network,
    resize,
    resolve_precision,
)
from batch_analogy.analogy.nnf import Size, consistency, initial_nnf, nnf_to_flow, upsample_nnf
from batch_analogy.analogy.patchmatch import Prior, SearchSpec, derive_seed, search
from batch_analogy.analogy.reconstruct import reconstruct_latent
from batch_analogy.analogy.refine import refine
from batch_analogy.analogy.surroundings import surroundings_prior
from batch_analogy.analogy.vote import vote, vote_picture
from batch_analogy.analogy.weights import resolve_weights
from batch_analogy.config import LEVEL_SPECS, LEVELS, AnalogyConfig

_COARSE_RADIUS_SHARE = 16  # level 5 searches 1/16 of the picture's longer side, in cells (facts §2)
_NOTHING = torch.empty(0)
_VOTE_PATCH = 3  # facts §4
_CONSISTENCY_SCALE_CELLS = 4.0  # at this distance two directions half disagree


@dataclass(frozen=True)
class AnalogyResult:
    """What one pair gave. Pictures at their inputs' full resolution, fields at matching size."""

    a_prime: Tensor  # (1, 3, H, W) float32 RGB [0, 1]: A's structure with B''s look
    b: Tensor  # (1, 3, H', W') float32 RGB [0, 1]: B''s structure with A's look
    nnf_ab: Tensor  # (1, 2, h, w) int32
    nnf_ba: Tensor  # (1, 2, h', w') int32
    confidence_a: Tensor  # (1, 1, h, w) float32 [0, 1]: how sure A's matches are
    confidence_b: Tensor  # (1, 1, h', w') float32 [0, 1]

    def flow_ab(self) -> NDArray[np.float32]:
        """A→B displacement (H, W, 2) float32: (dx, dy) in pixels, match − self."""
        return self._flow(self.nnf_ab, self.nnf_ba, self.a_prime, self.b)

    def flow_ba(self) -> NDArray[np.float32]:
        """B→A displacement (H', W', 2) float32: (dx, dy) in pixels, match − self."""
        return self._flow(self.nnf_ba, self.nnf_ab, self.b, self.a_prime)

    @staticmethod
    def _flow(nnf: Tensor, back: Tensor, own: Tensor, other: Tensor) -> NDArray[np.float32]:
        return nnf_to_flow(nnf, _sides(back), _sides(own), _sides(other))


@dataclass(frozen=True)
class LevelDone:
    """Progress of one pair: a level's matches are found."""

    level: int  # 5 … 1
    cost_ab: float  # mean cost of A→B, 0 (identical) … 1
    cost_ba: float


@dataclass
class _Fields:
    """Both directions' matches at one level."""

    ab: Tensor
    ba: Tensor
    cost_ab: Tensor
    cost_ba: Tensor


@dataclass(frozen=True)
class _Start:
    """What one direction's search at a level starts from."""

    nnf: Tensor
    prior: Prior | None = None


def deep_image_analogy(
    a: Tensor,
    bp: Tensor,
    *,
    config: AnalogyConfig | None = None,
    network: FeatureNetwork | None = None,
    reference: EncodedPicture | None = None,
    on_level: Callable[[LevelDone], None] | None = None,
) -> AnalogyResult:
    """Find A' and B so that A : A' :: B : B'.

    Args:
        a: picture A, (1, 3, H, W) float32 RGB in [0, 1].
        bp: picture B', (1, 3, H', W') float32 RGB in [0, 1], of any other size.
        config: quality, blend weight and so on; ``AnalogyConfig()`` by default.
        network: a loaded network; by default the default weights on A's device.
        reference: ``encode_picture`` of B' with the same configuration, when many A are done
            against one B'.
        on_level: called after each level.

    Returns:
        Both pictures, both fields and their confidence. The same arguments give the same answer,
        for any number of threads.

    Raises:
        ConfigError: a picture has another shape or type.
        WeightsError: no network was given and the default weights are not there.

    >>> import torch
    >>> picture = torch.rand(1, 3, 32, 40, generator=torch.Generator().manual_seed(0))
    >>> small = AnalogyConfig(quality="draft", min_side_px=32)
    >>> result = deep_image_analogy(picture, picture, config=small)
    >>> tuple(result.a_prime.shape), bool((result.a_prime - picture).abs().max() < 1e-3)
    ((1, 3, 32, 40), True)
    """
    config = config or AnalogyConfig()
    network = network or load_network(resolve_weights(), a.device)
    config = resolve_precision(config, network.device)
    picture_a = encode_picture(network, a, config)
    picture_bp = reference or encode_picture(network, bp, config)
    with torch.no_grad():
        fields = _match(network, picture_a, picture_bp, config, on_level)
        return _assemble(picture_a, picture_bp, fields, config)


def _match(
    network: FeatureNetwork,
    a: EncodedPicture,
    bp: EncodedPicture,
    config: AnalogyConfig,
    on_level: Callable[[LevelDone], None] | None,
) -> _Fields:
    """Matches in both directions, from conv5_1 down to conv1_1."""
    ap_latent, b_latent = a.features[LEVELS[0]], bp.features[LEVELS[0]]  # L5: A' = A, B = B'
    starts = (
        _Start(initial_nnf(a.size(5), bp.size(5), network.device)),
        _Start(initial_nnf(bp.size(5), a.size(5), network.device)),
    )
    for level in LEVELS:
        a_side, b_side = compact_terms(
            (a.features[level], ap_latent),
            (b_latent, bp.features[level]),
            config.search_channels[level],
        )
        fields = _match_level(a_side, b_side, starts, level, config)
        if on_level is not None:
            on_level(LevelDone(level, float(fields.cost_ab.mean()), float(fields.cost_ba.mean())))
        if level == LEVELS[-1]:
            break
        a_side = b_side = _NOTHING  # freed before the solve, which needs the memory
        with torch.enable_grad():
            ap_latent = reconstruct_latent(network, a, bp, fields.ab, level, config)
            b_latent = reconstruct_latent(network, bp, a, fields.ba, level, config)
        starts = _start_finer(fields, a, bp, level, config)
    return fields


def _match_level(
    a_side: Tensor,
    b_side: Tensor,
    starts: tuple[_Start, _Start],
    level: int,
    config: AnalogyConfig,
) -> _Fields:
    ab, cost_ab = _search(a_side, b_side, starts[0], level, config, "ab")
    ba, cost_ba = _search(b_side, a_side, starts[1], level, config, "ba")
    return _Fields(ab, ba, cost_ab, cost_ba)


def _start_finer(
    fields: _Fields, a: EncodedPicture, bp: EncodedPicture, level: int, config: AnalogyConfig
) -> tuple[_Start, _Start]:
    """What the next level's two searches start from."""
    own, other = a.size(level - 1), bp.size(level - 1)
    smoothness = config.smoothness
    return (
        _Start(
            upsample_nnf(fields.ab, bp.size(level), own, other),
            surroundings_prior(fields.ab, fields.ba, fields.cost_ab, own, other, smoothness),
        ),
        _Start(
            upsample_nnf(fields.ba, a.size(level), other, own),
            surroundings_prior(fields.ba, fields.ab, fields.cost_ba, other, own, smoothness),
        ),
    )


def _search(
    source: Tensor, target: Tensor, start: _Start, level: int, config: AnalogyConfig, direction: str
) -> tuple[Tensor, Tensor]:
    spec = LEVEL_SPECS[level]
    radius = spec.radius
    if level == LEVELS[0]:
        longer = max(source.shape[2:]) * 2 ** (level - 1)  # the scaled picture's side, pixels
        radius = max(1, min(longer // _COARSE_RADIUS_SHARE, max(target.shape[2:])))
    return search(
        source,
        target,
        start.nnf,
        SearchSpec(
            patch=spec.patch,
            radius=radius,
            iterations=spec.iterations,
            seed=derive_seed(config.seed, level, direction),
        ),
        start.prior,
    )


def _assemble(
    a: EncodedPicture, bp: EncodedPicture, fields: _Fields, config: AnalogyConfig
) -> AnalogyResult:
    confidence_a = _confidence(fields.ab, fields.ba, fields.cost_ab)
    confidence_b = _confidence(fields.ba, fields.ab, fields.cost_ba)
    return AnalogyResult(
        a_prime=_render(a, bp, fields.ab, confidence_a, config),
        b=_render(bp, a, fields.ba, confidence_b, config),
        nnf_ab=fields.ab,
        nnf_ba=fields.ba,
        confidence_a=confidence_a,
        confidence_b=confidence_b,
    )


def _render(
    own: EncodedPicture,
    other: EncodedPicture,
    nnf: Tensor,
    confidence: Tensor,
    config: AnalogyConfig,
) -> Tensor:
    """One picture in the other's look. A refinement takes colours alone: a small vote is enough."""
    if config.refine == "none":
        voted = vote_picture(other.image, nnf, other.size(1), own.full_size)
        return voted.clamp_(0.0, 1.0)
    voted = vote(resize(other.image, other.size(1)), nnf, _VOTE_PATCH)
    return refine(own.image, voted, config.refine, confidence)


def _confidence(nnf: Tensor, back: Tensor, cost: Tensor) -> Tensor:
    """Similarity of the match, lowered where the other direction disagrees with it."""
    agreement = torch.exp2(-consistency(nnf, back) / _CONSISTENCY_SCALE_CELLS)
    return (1.0 - cost).clamp(0.0, 1.0) * agreement


def _sides(x: Tensor) -> Size:
    return int(x.shape[2]), int(x.shape[3])
