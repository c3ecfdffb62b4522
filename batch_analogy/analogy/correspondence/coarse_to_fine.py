"""Match two encoded pictures in both directions, from the coarsest level to the finest.

At each level both pictures' features are joined by those of the latent pictures A' and B, which are
reconstructed from the level before. Unless the quality is paper, the coarse levels are matched
together by one global solution, and their features are compared at the finer levels too.

Source: Deep Image Analogy, algorithm 1; docs/method.md, "PatchMatch patches, radii and iterations",
"Global match of the coarse levels" and "Semantic channels".
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from batch_analogy.analogy.correspondence.atlas import (
    AtlasPicture,
    Candidate,
    choose_copies,
    make_atlas,
)
from batch_analogy.analogy.correspondence.channel_pca import project_terms
from batch_analogy.analogy.correspondence.global_match import grid_size, match_globally
from batch_analogy.analogy.correspondence.labels import LABEL_WEIGHT, with_labels
from batch_analogy.analogy.correspondence.patchmatch import Prior, SearchSpec, derive_seed, search
from batch_analogy.analogy.correspondence.semantic_channels import (
    coarse_maps,
    semantic_maps,
    with_semantics,
)
from batch_analogy.analogy.correspondence.smoothness_prior import (
    distinct_distance,
    smoothness_prior,
)
from batch_analogy.analogy.correspondence.temporal_prior import TemporalPrior
from batch_analogy.analogy.features import FeatureExtractor
from batch_analogy.analogy.features.pictures import EncodedPicture, extractor_for
from batch_analogy.analogy.nnf import (
    HALF_CONFIDENCE_CELLS,
    Size,
    initial_nnf,
    match_confidence,
    upsample_nnf,
)
from batch_analogy.analogy.reconstruction.latent import WeightedField, reconstruct_latent
from batch_analogy.config.matching import SEARCH_ITERATIONS, AnalogyConfig

_COARSE_RADIUS_DIVISOR = 16  # radius None: cells = longer side in pixels / this
_MIN_VOTE_WEIGHT = 0.02  # above 0, so that cells vote even where none has any confidence
_GLOBAL_WEIGHT = 0.5  # cost of a match far from the global one, where both meet at one level
_MAX_UNKNOWN_SHARE = 0.08  # of A's cells; above it, coarse levels are searched again too


@dataclass(frozen=True)
class LevelDone:
    """Progress report of one pair: one level has been matched."""

    level: int  # coarsest … 1
    cost_ab: float  # mean cost of A→B, 0 (identical) … 1
    cost_ba: float


@dataclass
class MatchFields:
    """Matches of both directions at one level, with their costs."""

    ab: Tensor  # (B, 2, H, W) int32
    ba: Tensor  # (B, 2, H', W') int32
    cost_ab: Tensor  # (B, 1, H, W) float32
    cost_ba: Tensor  # (B, 1, H', W') float32

    def item(self, index: int) -> MatchFields:
        """Return the matches of one A of a batch."""
        here = slice(index, index + 1)
        return MatchFields(self.ab[here], self.ba[here], self.cost_ab[here], self.cost_ba[here])


@dataclass(frozen=True)
class _Start:
    """Initial field and prior of one direction's search at a level."""

    nnf: Tensor
    prior: Prior | None = None


@dataclass
class _PyramidSearch:
    """Coarse-to-fine search between A, which may be a batch of pictures of one size, and B'."""

    network: FeatureExtractor
    a: EncodedPicture
    bp: EncodedPicture
    config: AnalogyConfig
    on_level: Callable[[LevelDone], None] | None = None
    temporal: tuple[TemporalPrior, TemporalPrior] | None = None  # A→B and B→A, at level 1
    semantics: tuple[Tensor, Tensor] | None = field(init=False)  # maps of A and of B'

    def __post_init__(self) -> None:
        self.semantics = semantic_maps(self.a, self.bp, self._coarse_levels)

    @property
    def _coarse_levels(self) -> tuple[int, ...]:
        """Levels that are matched globally; none in paper quality, which follows the paper."""
        return () if self.config.quality == "paper" else self.network.coarse_levels

    @property
    def first(self) -> int:
        """Level of the first fields."""
        return self._coarse_levels[-1] if self._coarse_levels else self.network.levels[0]

    def search_first(self) -> MatchFields:
        """Match the first level, where A' = A and B = B'."""
        level = self.first
        starts = self._global_starts() if self._coarse_levels else self._scaled_identities()
        if self.temporal is not None:
            starts = self._with_temporal_priors(starts, level)
        return self._match((self.a.features[level], self.bp.features[level]), starts, level)

    def _global_starts(self) -> tuple[_Start, _Start]:
        """Match the coarse levels together, to start from at the last of them."""
        level = self.first
        size, target_size = self.a.size(level), self.bp.size(level)
        grids = grid_size(size), grid_size(target_size)
        found = match_globally(
            coarse_maps(self.a, self._coarse_levels),
            coarse_maps(self.bp, self._coarse_levels),
            *grids,
            (self.a.labels[level], self.bp.labels[level]) if self.a.labels else None,
            LABEL_WEIGHT,
        )
        return (
            _global_start(found.ab, grids[1], size, target_size),
            _global_start(found.ba, grids[0], target_size, size),
        )

    def _scaled_identities(self) -> tuple[_Start, _Start]:
        """Start from the same relative positions, as published."""
        size, target_size = self.a.size(self.first), self.bp.size(self.first)
        batch, device = len(self.a.network_input), self.network.device
        return (
            _Start(initial_nnf(size, target_size, device).expand(batch, -1, -1, -1)),
            _Start(initial_nnf(target_size, size, device).expand(batch, -1, -1, -1)),
        )

    def fields_of_priors(self, level: int) -> MatchFields:
        """Return the temporal priors as matches of a level that is not searched."""
        ab, ba = self._temporal_priors(level)
        filled = (
            ab.fill(self.a.positions_in(self.bp, level), self.bp.size(level)),
            ba.fill(self.bp.positions_in(self.a, level), self.a.size(level)),
        )
        return MatchFields(
            *filled, torch.zeros_like(ab.confidence), torch.zeros_like(ba.confidence)
        )

    def search_finer(self, fields: MatchFields, level: int, last: int) -> MatchFields:
        """Search the levels from ``level - 1`` down to ``last``, given the matches at ``level``."""
        while level > last:
            starts = self._starts(fields, level)
            if self.temporal is not None:
                starts = self._with_temporal_priors(starts, level - 1)
            fields = self._match(self._reconstruct(fields, level), starts, level - 1)
            level -= 1
        return fields

    def _temporal_priors(self, level: int) -> tuple[TemporalPrior, TemporalPrior]:
        assert self.temporal is not None
        ab, ba = self.temporal
        a, bp = self.a, self.bp
        return (
            ab.at_level(a.size(level), bp.size(1), bp.size(level)),
            ba.at_level(bp.size(level), a.size(1), a.size(level)),
        )

    def _with_temporal_priors(
        self, starts: tuple[_Start, _Start], level: int
    ) -> tuple[_Start, _Start]:
        ab, ba = self._temporal_priors(level)
        return (
            _Start(starts[0].nnf, ab.prior(starts[0].prior, self.bp.size(level))),
            _Start(starts[1].nnf, ba.prior(starts[1].prior, self.a.size(level))),
        )

    @torch.enable_grad()
    def _reconstruct(self, fields: MatchFields, level: int) -> tuple[Tensor, Tensor]:
        """Reconstruct the features of A' and B one level finer."""
        latents = []
        for own, other, nnf, back, cost in (
            (self.a, self.bp, fields.ab, fields.ba, fields.cost_ab),
            (self.bp, self.a, fields.ba, fields.ab, fields.cost_ba),
        ):
            found = WeightedField(nnf, self._vote_weight(nnf, back, cost))
            latents.append(reconstruct_latent(self.network, own, other, found, level, self.config))
        return latents[0], latents[1]

    def _vote_weight(self, nnf: Tensor, back: Tensor, cost: Tensor) -> Tensor | None:
        """Return the weight of each cell's vote for latent features: its confidence.

        A departure from the published method, so not in paper quality (docs/method.md,
        "Confidence as vote weight").
        """
        if self.config.quality == "paper":
            return None
        confidence = match_confidence(nnf, back, cost, HALF_CONFIDENCE_CELLS)
        return confidence.clamp_min_(_MIN_VOTE_WEIGHT)

    def _match(
        self, latents: tuple[Tensor, Tensor], starts: tuple[_Start, _Start], level: int
    ) -> MatchFields:
        """Search both directions at one level."""
        batch = len(self.a.network_input)
        a_side, b_side = project_terms(
            _both_terms(self.a.features[level], latents[0], batch),
            _both_terms(latents[1], self.bp.features[level], batch),
            self.network.specs[level].search_channels.get(self.config.quality),
        )
        del latents  # at the finest level they are the largest maps in memory
        if self.semantics is not None and self.network.specs[level].semantic_share:
            share = self.network.specs[level].semantic_share
            factor = self.network.stride(self.first) // self.network.stride(level)
            a_side = with_semantics(a_side, self.semantics[0], factor, share)
            b_side = with_semantics(b_side, self.semantics[1], factor, share)
        if self.a.labels:
            a_side = with_labels(a_side, self.a.labels[level])
            b_side = with_labels(b_side, _expanded(self.bp.labels[level], batch))
        a_side, b_side = self._in_search_dtype(a_side), self._in_search_dtype(b_side)
        ab, cost_ab = self._search(a_side, b_side, starts[0], level, "ab")
        ba, cost_ba = self._search(b_side, a_side, starts[1], level, "ba")
        if self.on_level is not None:
            self.on_level(LevelDone(level, float(cost_ab.mean()), float(cost_ba.mean())))
        scale = self._cost_scale()
        return MatchFields(ab, ba, cost_ab / scale, cost_ba / scale)

    def _starts(self, fields: MatchFields, level: int) -> tuple[_Start, _Start]:
        """Start both searches of the next finer level from the matches of this one."""
        return (
            self._start(fields.ab, fields.ba, fields.cost_ab, self.a, self.bp, level),
            self._start(fields.ba, fields.ab, fields.cost_ba, self.bp, self.a, level),
        )

    def _start(
        self,
        nnf: Tensor,
        back: Tensor,
        cost: Tensor,
        own: EncodedPicture,
        other: EncodedPicture,
        level: int,
    ) -> _Start:
        finer = level - 1
        share = self.network.specs[finer].smoothness_share
        return _Start(
            upsample_nnf(nnf, other.size(level), own.size(finer), other.size(finer)),
            smoothness_prior(
                nnf,
                back,
                cost,
                (own.positions_in(other, level), own.positions_in(other, finer)),
                other.size(finer),
                self.config.smoothness * share * self._cost_scale(),
            ),
        )

    def _search(
        self, source: Tensor, target: Tensor, start: _Start, level: int, direction: str
    ) -> tuple[Tensor, Tensor]:
        iterations = SEARCH_ITERATIONS[self.config.quality]
        spec = SearchSpec(
            patch=self.network.specs[level].patch,
            radius=self._radius(source, target, level),
            iterations=iterations if self.temporal is None else iterations // 2,
            seed=derive_seed(self.config.seed, level, direction),
        )
        return search(source, target, start.nnf, spec, start.prior)

    def _radius(self, source: Tensor, target: Tensor, level: int) -> int:
        """Return the largest random-search radius at a level, target cells."""
        radius = self.network.specs[level].radius
        if radius is not None:
            return radius
        longer_px = max(source.shape[2:]) * self.network.stride(level)
        return max(1, min(longer_px // _COARSE_RADIUS_DIVISOR, max(target.shape[2:])))

    def _in_search_dtype(self, maps: Tensor) -> Tensor:
        """Convert maps to float16 on a GPU, where reading them takes nearly all of the time.

        A departure from the published method, so not in paper quality (docs/method.md, "Reduced
        precision").
        """
        if maps.device.type == "cuda" and self.config.quality != "paper":
            return maps.half()
        return maps

    def _cost_scale(self) -> float:
        """Return the factor by which the costs of features shrink if labels are compared too."""
        return 1.0 / (1.0 + LABEL_WEIGHT) if self.a.labels else 1.0


def match(
    network: FeatureExtractor,
    a: EncodedPicture,
    bp: EncodedPicture,
    config: AnalogyConfig,
    on_level: Callable[[LevelDone], None] | None = None,
) -> tuple[MatchFields, EncodedPicture]:
    """Match two pictures at all levels.

    Args:
        network: the feature extractor.
        a: A, or a batch of several (``stack_pictures``) if B' has no copies.
        bp: B', with its transformed copies if they are wanted.
        config: quality, blend weight and so on.
        on_level: called after each level.

    Returns:
        The fields at the finest level, and the picture that they refer to: B' itself, or the atlas
        of the copies in use.
    """
    network = extractor_for(network, config)
    finest = network.levels[-1]
    if not bp.copies:
        pyramid = _PyramidSearch(network, a, bp, config, on_level)
        return pyramid.search_finer(pyramid.search_first(), pyramid.first, finest), bp
    candidates = []
    for copy in bp.copies:
        pyramid = _PyramidSearch(network, a, copy, config, None)
        fields = pyramid.search_finer(pyramid.search_first(), pyramid.first, network.choice_level)
        candidates.append(Candidate(copy, fields.ab, fields.ba, fields.cost_ab, fields.cost_ba))
    used, chosen = choose_copies(candidates)
    atlas: AtlasPicture = make_atlas(bp, [candidate.copy for candidate in used])
    fields = MatchFields(*atlas.join(used, chosen, network.choice_level))
    pyramid = _PyramidSearch(network, a, atlas, config, on_level)
    return pyramid.search_finer(fields, network.choice_level, finest), atlas


def match_with_prior(
    network: FeatureExtractor,
    a: EncodedPicture,
    bp: EncodedPicture,
    config: AnalogyConfig,
    priors: tuple[TemporalPrior, TemporalPrior],
    *,
    first: int | None = None,
) -> tuple[MatchFields, tuple[Tensor, Tensor]]:
    """Match a frame whose matches are mostly known from an earlier frame.

    Args:
        network: the feature extractor.
        a: A, encoded from level 1 to ``first`` at least.
        bp: B'; its copies are ignored.
        config: as for the earlier frame, or of lower quality, because the solution found there is
            carried along.
        priors: A→B and B→A at level 1.
        first: the coarsest level searched; all levels by default.

    Returns:
        The fields at the finest level in whole cells, and both fields at fractional positions,
        (1, 2, H, W) float32, equal to the prior wherever the search kept it.
    """
    coarsest, finest = network.levels[0], network.levels[-1]
    first = coarsest if first is None else first
    pyramid = _PyramidSearch(network, a, bp, config, temporal=priors)
    if first == coarsest:
        fields = pyramid.search_finer(pyramid.search_first(), pyramid.first, finest)
    else:
        fields = pyramid.search_finer(pyramid.fields_of_priors(first + 1), first + 1, finest)
    return fields, (priors[0].snap(fields.ab), priors[1].snap(fields.ba))


def first_level(network: FeatureExtractor, prior: TemporalPrior) -> int:
    """Return the coarsest level to search again, given the share of A that has no prior."""
    return network.levels[0] if prior.unknown_share > _MAX_UNKNOWN_SHARE else network.restart_level


def _global_start(nnf: Tensor, target_grid: Size, size: Size, target_size: Size) -> _Start:
    """Start a search from a global match, and expect matches near it."""
    start = upsample_nnf(nnf, target_grid, size, target_size)
    weight = torch.full_like(start[:, :1], _GLOBAL_WEIGHT, dtype=torch.float32)
    return _Start(start, Prior(start.float(), weight, distinct_distance(target_size)))


def _expanded(maps: Tensor, batch: int) -> Tensor:
    """Repeat a map for each item of a batch, unless each item has one already."""
    return maps if len(maps) == batch else maps.expand(batch, -1, -1, -1)


def _both_terms(first: Tensor, second: Tensor, batch: int) -> tuple[Tensor, Tensor]:
    """Expand both terms of one side to the batch; if they are one tensor, so are the results."""
    one = _expanded(first, batch)
    return one, one if first is second else _expanded(second, batch)
