"""Matching two encoded pictures in both directions, from conv5_1 down to conv1_1.

Source: paper algorithm 1; constants of the official code (deep-image-analogy facts §2).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

from batch_analogy.analogy.correspondence.atlas import (
    AtlasPicture,
    Candidate,
    choose_copies,
    make_atlas,
)
from batch_analogy.analogy.correspondence.channel_pca import project_terms
from batch_analogy.analogy.correspondence.labels import LABEL_WEIGHT, with_labels
from batch_analogy.analogy.correspondence.patchmatch import Prior, SearchSpec, derive_seed, search
from batch_analogy.analogy.correspondence.smoothness_prior import smoothness_prior
from batch_analogy.analogy.correspondence.temporal_prior import TemporalPrior
from batch_analogy.analogy.features.pictures import EncodedPicture, FeatureExtractor
from batch_analogy.analogy.nnf import (
    HALF_CONFIDENCE_CELLS,
    initial_nnf,
    match_confidence,
    upsample_nnf,
)
from batch_analogy.analogy.reconstruction.latent import Matches, reconstruct_latent
from batch_analogy.config.matching import LEVEL_SPECS, LEVELS, SEARCH_ITERATIONS, AnalogyConfig

_COARSE_RADIUS_SHARE = 16  # level 5 searches 1/16 of the picture's longer side, in cells (facts §2)
# Level → its share of the prior's price. Coarse levels decide what matches what, and must be free
# to: at the full price a galloping horse's forearm took the paper behind the standing one's.
_PRIOR_SHARE = {4: 0.2, 3: 0.2, 2: 1.0, 1: 1.0}
_LEAST_SAY = 0.02  # of a cell that is not confidence at all: where none is, they still vote
_MUCH_NEW = 0.08  # share of A's cells without a carried match; above it, coarse levels decide too
_LITTLE_NEW_LEVEL = 3
_CHOICE_LEVEL = 4  # copies of B' are matched one by one down to here, then one is chosen per cell


@dataclass(frozen=True)
class LevelDone:
    """Progress of one pair: a level's matches are found."""

    level: int  # 5 … 1
    cost_ab: float  # mean cost of A→B, 0 (identical) … 1
    cost_ba: float


@dataclass
class MatchFields:
    """Both directions' matches at one level."""

    ab: Tensor  # (B, 2, H, W) int32
    ba: Tensor  # (B, 2, H', W') int32
    cost_ab: Tensor  # (B, 1, H, W) float32
    cost_ba: Tensor  # (B, 1, H', W') float32

    def item(self, index: int) -> MatchFields:
        """The matches of one A of a batch."""
        here = slice(index, index + 1)
        return MatchFields(self.ab[here], self.ba[here], self.cost_ab[here], self.cost_ba[here])


@dataclass(frozen=True)
class _Start:
    """What one direction's search at a level starts from."""

    nnf: Tensor
    prior: Prior | None = None


@dataclass
class _Descent:
    """A and B' on their way down the levels; A may be a batch of pictures of one size."""

    network: FeatureExtractor
    a: EncodedPicture
    bp: EncodedPicture
    config: AnalogyConfig
    on_level: Callable[[LevelDone], None] | None = None
    carried: tuple[TemporalPrior, TemporalPrior] | None = (
        None  # A→B and B→A, of a frame that follows another
    )

    def begin(self) -> MatchFields:
        """The matches at level 5, where A' = A and B = B'."""
        size, target_size = self.a.size(LEVELS[0]), self.bp.size(LEVELS[0])
        batch, device = len(self.a.seen), self.network.device
        starts = (
            _Start(initial_nnf(size, target_size, device).expand(batch, -1, -1, -1)),
            _Start(initial_nnf(target_size, size, device).expand(batch, -1, -1, -1)),
        )
        if self.carried is not None:
            starts = self._expecting(starts, LEVELS[0])
        latents = self.a.features[LEVELS[0]], self.bp.features[LEVELS[0]]
        return self._match(latents, starts, LEVELS[0])

    def begin_at(self, level: int) -> MatchFields:
        """The carried matches as those of a level above which nothing is searched."""
        ab, ba = self._carried_at(level)
        filled = (
            ab.filled(self.a.positions_in(self.bp, level), self.bp.size(level)),
            ba.filled(self.bp.positions_in(self.a, level), self.a.size(level)),
        )
        return MatchFields(
            *filled, torch.zeros_like(ab.confidence), torch.zeros_like(ba.confidence)
        )

    def _carried_at(self, level: int) -> tuple[TemporalPrior, TemporalPrior]:
        assert self.carried is not None
        ab, ba = self.carried
        a, bp = self.a, self.bp
        return (
            ab.at_level(a.size(level), bp.size(1), bp.size(level)),
            ba.at_level(bp.size(level), a.size(1), a.size(level)),
        )

    def _expecting(self, starts: tuple[_Start, _Start], level: int) -> tuple[_Start, _Start]:
        """Starts that also know of the carried matches."""
        ab, ba = self._carried_at(level)
        return (
            _Start(starts[0].nnf, ab.prior(starts[0].prior, self.bp.size(level))),
            _Start(starts[1].nnf, ba.prior(starts[1].prior, self.a.size(level))),
        )

    def go_on(self, fields: MatchFields, level: int, last: int) -> MatchFields:
        """From the matches at one level to those at a finer one."""
        while level > last:
            starts = self._start_finer(fields, level)
            if self.carried is not None:
                starts = self._expecting(starts, level - 1)
            fields = self._match(self._reconstruct(fields, level), starts, level - 1)
            level -= 1
        return fields

    @torch.enable_grad()
    def _reconstruct(self, fields: MatchFields, level: int) -> tuple[Tensor, Tensor]:
        """The features of A' and B one level finer."""
        latents = []
        for own, other, nnf, back, cost in (
            (self.a, self.bp, fields.ab, fields.ba, fields.cost_ab),
            (self.bp, self.a, fields.ba, fields.ab, fields.cost_ba),
        ):
            found = Matches(nnf, self._say(nnf, back, cost))
            latents.append(reconstruct_latent(self.network, own, other, found, level, self.config))
        return latents[0], latents[1]

    def _say(self, nnf: Tensor, back: Tensor, cost: Tensor) -> Tensor | None:
        """How much each cell's vote for its latent features counts: as it is confidence of its
        match.

        A departure from the published vote, so not in paper quality. On known pairs the share
        within 5 % of the width rose from 0.929 to 0.931; in the final vote of colours the same
        weights made nothing better.
        """
        if self.config.quality == "paper":
            return None
        return match_confidence(nnf, back, cost, HALF_CONFIDENCE_CELLS).clamp_min_(_LEAST_SAY)

    def _match(
        self, latents: tuple[Tensor, Tensor], starts: tuple[_Start, _Start], level: int
    ) -> MatchFields:
        batch = len(self.a.seen)
        a_side, b_side = project_terms(
            _terms(self.a.features[level], latents[0], batch),
            _terms(latents[1], self.bp.features[level], batch),
            self.config.search_channels[level],
        )
        del latents  # at the finest level they are the largest maps there are
        if self.a.labels:
            a_side = with_labels(a_side, self.a.labels[level])
            b_side = with_labels(b_side, _each(self.bp.labels[level], batch))
        a_side, b_side = self._stored(a_side), self._stored(b_side)
        ab, cost_ab = self._search(a_side, b_side, starts[0], level, "ab")
        ba, cost_ba = self._search(b_side, a_side, starts[1], level, "ba")
        if self.on_level is not None:
            self.on_level(LevelDone(level, float(cost_ab.mean()), float(cost_ba.mean())))
        scale = self._cost_scale()
        return MatchFields(ab, ba, cost_ab / scale, cost_ba / scale)

    def _start_finer(self, fields: MatchFields, level: int) -> tuple[_Start, _Start]:
        """What the next level's two searches start from."""
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
        return _Start(
            upsample_nnf(nnf, other.size(level), own.size(finer), other.size(finer)),
            smoothness_prior(
                nnf,
                back,
                cost,
                (own.positions_in(other, level), own.positions_in(other, finer)),
                other.size(finer),
                self.config.smoothness * _PRIOR_SHARE[finer] * self._cost_scale(),
            ),
        )

    def _search(
        self, source: Tensor, target: Tensor, start: _Start, level: int, direction: str
    ) -> tuple[Tensor, Tensor]:
        spec = LEVEL_SPECS[level]
        radius = spec.radius
        if level == LEVELS[0]:
            longer = max(source.shape[2:]) * 2 ** (level - 1)  # the scaled picture's side, pixels
            radius = max(1, min(longer // _COARSE_RADIUS_SHARE, max(target.shape[2:])))
        follows = self.carried is not None
        spec_here = SearchSpec(
            patch=spec.patch,
            radius=radius,
            iterations=SEARCH_ITERATIONS[self.config.quality] // (2 if follows else 1),
            seed=derive_seed(self.config.seed, level, direction),
        )
        return search(source, target, start.nnf, spec_here, start.prior)

    def _stored(self, maps: Tensor) -> Tensor:
        """How the search reads a map. On a GPU reading is nearly all of its time.

        A departure from the published method, so not in paper quality; what it changes in the
        matches is measured by benchmarks/kernel.
        """
        if maps.device.type == "cuda" and self.config.quality != "paper":
            return maps.half()
        return maps

    def _cost_scale(self) -> float:
        """What costs are multiplied by where labels are compared too."""
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
        network: the feature network.
        a: A, or a batch of several (``stack_pictures``); one alone where B' has copies.
        bp: B', with its transformed copies where wanted.
        config: quality, blend weight and so on.
        on_level: called after each level.

    Returns:
        The finest fields, and the picture that they lead to: B' itself, or the atlas of those of
        its copies that are used.
    """
    if not bp.copies:
        descent = _Descent(network, a, bp, config, on_level)
        return descent.go_on(descent.begin(), LEVELS[0], LEVELS[-1]), bp
    candidates = []
    for copy in bp.copies:
        descent = _Descent(network, a, copy, config, None)
        fields = descent.go_on(descent.begin(), LEVELS[0], _CHOICE_LEVEL)
        candidates.append(Candidate(copy, fields.ab, fields.ba, fields.cost_ab, fields.cost_ba))
    used, chosen = choose_copies(candidates)
    atlas: AtlasPicture = make_atlas(bp, [candidate.copy for candidate in used])
    fields = MatchFields(*atlas.join(used, chosen, _CHOICE_LEVEL))
    descent = _Descent(network, a, atlas, config, on_level)
    return descent.go_on(fields, _CHOICE_LEVEL, LEVELS[-1]), atlas


def match_with_prior(
    network: FeatureExtractor,
    a: EncodedPicture,
    bp: EncodedPicture,
    config: AnalogyConfig,
    carried: tuple[TemporalPrior, TemporalPrior],
    *,
    first: int = LEVELS[0],
) -> tuple[MatchFields, tuple[Tensor, Tensor]]:
    """Match a frame whose matches are mostly known from the frame before.

    Args:
        network: the feature network.
        a: A, encoded from conv1_1 to ``first`` at least.
        bp: B'; its copies are not looked at.
        config: as for the frame before, or of a lower quality: what was solved is carried along.
        carried: A→B and B→A at level 1, with what is confidence of them.
        first: the coarsest level that is searched.

    Returns:
        The finest fields in whole cells; and both between cells, (1, 2, H, W) float32, where the
        search stayed at what was carried.
    """
    descent = _Descent(network, a, bp, config, carried=carried)
    fields = descent.begin() if first == LEVELS[0] else descent.begin_at(first + 1)
    fields = descent.go_on(fields, min(first + 1, LEVELS[0]), LEVELS[-1])
    return fields, (carried[0].keep(fields.ab), carried[1].keep(fields.ba))


def first_level(carried: TemporalPrior) -> int:
    """The coarsest level that is searched again, by how much of A is new."""
    return LEVELS[0] if carried.unknown_share > _MUCH_NEW else _LITTLE_NEW_LEVEL


def _each(maps: Tensor, batch: int) -> Tensor:
    """A map for each item of a batch, where there may be one for all."""
    return maps if len(maps) == batch else maps.expand(batch, -1, -1, -1)


def _terms(first: Tensor, second: Tensor, batch: int) -> tuple[Tensor, Tensor]:
    """Both terms of one side for each item of a batch; one tensor twice where they are one."""
    one = _each(first, batch)
    return one, one if first is second else _each(second, batch)
