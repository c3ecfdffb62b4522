"""Match a few frames of a shot, and carry their matches to the frames between them.

A shot has *anchors* at regular intervals. The first anchor is matched by itself; each later one
starts from the matches of the one before, carried along the motion, and leaves them only where
others are clearly better. The frames between two anchors (a *span*) take each pixel's match from
the anchor that it can be followed to, or from the nearer one if both are possible. A frame is
matched as well if too little of it can be followed to either. In photographs, colour transforms are
carried and cross-faded instead of pixels, so that nothing that moves leaves a ghost.

A span depends only on its own frames and its two anchors, so spans can be processed in any order by
any worker.

Source: the forward and backward passes of Jamriška et al. 2019 (Stylizing Video by Example), here
between matched frames instead of painted ones; docs/method.md, "Temporal scheme".
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor
from torch.nn import functional

from batch_analogy.analogy.correspondence.coarse_to_fine import (
    MatchFields,
    first_level,
    match,
    match_with_prior,
)
from batch_analogy.analogy.correspondence.temporal_prior import TemporalPrior
from batch_analogy.analogy.features import FeatureExtractor
from batch_analogy.analogy.features.pictures import (
    EncodedPicture,
    encode_picture,
    extractor_for,
    matching_size,
    resize,
)
from batch_analogy.analogy.nnf import HALF_CONFIDENCE_CELLS, Size, match_confidence, sides
from batch_analogy.analogy.reconstruction.vote import vote
from batch_analogy.analogy.refine.bilateral_grid import (
    ColourTransforms,
    apply_transforms,
    edge_guide,
)
from batch_analogy.analogy.refine.colour_fit import fit_exactly, fit_transforms
from batch_analogy.analogy.rendering.seams import blend_seams, edge_strength, seam_sources
from batch_analogy.analogy.rendering.upscale import at_scale, size_at_scale
from batch_analogy.analogy.rendering.warp import warp_field, warp_picture
from batch_analogy.config.matching import AnalogyConfig
from batch_analogy.motion.flow.drift_correction import motion_between_anchors
from batch_analogy.motion.flow.optical_flow import Motion
from batch_analogy.motion.flow.photometry import brightness
from batch_analogy.motion.flow.sampling import Luma
from batch_analogy.motion.flow.static_regions import suppress_noise_flow
from batch_analogy.motion.temporal.carry import (
    average_over_cells,
    extend_transforms,
    sample_bilinear,
    taper_confidence,
)
from batch_analogy.motion.temporal.interpolated import (
    FieldRole,
    FromAnchor,
    Interpolated,
    count_changes,
)
from batch_analogy.motion.temporal.light_change import block_means, colour_change, refresh_share
from batch_analogy.motion.temporal.walk import Rendered, digest, motion_picture

_VOTE_PATCH = 3
_MATCH_ABOVE = {"none": 0.08, "affine": 0.5}  # unknown share above which a frame is matched
_FULL_QUALITY_ABOVE = 0.5  # unknown share above which it is matched at full quality
_NEW_SCENE_ABOVE = 0.9  # unknown share of a new scene, though 0.5 % may be followed by chance
_ANCHOR_PENALTY = 0.06  # for leaving a match of the anchor before; cf. ``temporal_prior.FIRM``
_TAPER_CELLS = 6  # around new regions of an anchor; matches are not held there
_SAME_MATCH = 1e-3
_FIELD_ROLES: dict[str, FieldRole] = {"a_prime": "domain", "b": "range"}


@dataclass(frozen=True)
class MatchedState:
    """Matches of a frame and the data that renders its outputs, for other frames to follow.

    Fields keep fractions of a cell.
    """

    digest: str  # of the frame's pixels
    ab: Tensor  # (1, 2, h, w) float32
    ba: Tensor  # (1, 2, h', w') float32
    fields: dict[str, Tensor] = field(default_factory=dict)  # output → field that renders it
    colours: dict[str, ColourTransforms] = field(default_factory=dict)  # output → its transforms
    block_means: Tensor | None = None  # ``light_change.block_means``, if there are transforms
    from_origin: Motion | None = None  # of an anchor; None: it is an origin anchor itself


Frame = MatchedState | Interpolated[MatchedState]
"""A frame that was matched, or interpolated between matched ones."""


@dataclass
class TemporalMatcher:
    """Match the frames of one shot with one reference.

    Attributes:
        network: extracts the features.
        reference: B', encoded; its transformed copies are not used.
        config: of the matching; its precision is resolved, and refine is "none" or "affine".
        outputs: ``"a_prime"``, ``"b"`` or both.
    """

    network: FeatureExtractor
    reference: EncodedPicture
    config: AnalogyConfig
    outputs: tuple[str, ...]

    def __post_init__(self) -> None:
        self.network = extractor_for(self.network, self.config)

    def motion_luma(self, a: Tensor) -> Luma:
        """Return the luma of a frame at the size at which motion is estimated."""
        return brightness(motion_picture(a, self.config))

    @torch.no_grad()
    def begin(self, a: Tensor) -> MatchedState:
        """Match the first anchor of a shot, (1, 3, H, W) float32, by itself."""
        encoded = encode_picture(self.network, a, self.config)
        fields, _ = match(self.network, encoded, self.reference, self.config)
        state = MatchedState(digest(a), fields.ab.float(), fields.ba.float())
        return self._with_renderings(state, encoded, fields)

    def clean_motion(self, anchor: FromAnchor[MatchedState], a: Tensor) -> FromAnchor[MatchedState]:
        """Suppress motion caused by noise alone, which would make textures jitter."""
        return replace(anchor, motion=suppress_noise_flow(anchor.motion))

    @torch.no_grad()
    def anchor(self, before: MatchedState, motions: Sequence[Motion], a: Tensor) -> MatchedState:
        """Match an anchor, with the anchor before it as a prior.

        Args:
            before: the anchor before it. motions: from frame to frame between the two.
            a: the frame, (1, 3, H, W) float32.
        """
        if digest(a) == before.digest:
            return before
        motion, from_origin = motion_between_anchors(before.from_origin, motions)
        follows = Interpolated(FromAnchor(before, motion))
        carried = self._carry_matches(follows, a)
        if carried[0].unknown_share > _NEW_SCENE_ABOVE:
            return self.begin(a)
        prior, prior_back = _loosen(carried[0]), _loosen(carried[1])
        age, coarsest = count_changes(motions), self.network.levels[0]
        state = self._match(a, follows, (prior, prior_back), self.config, coarsest, age)
        return replace(state, from_origin=from_origin)

    @torch.no_grad()
    def follow(self, frame: Interpolated[MatchedState], a: Tensor, *, age: int) -> Frame:
        """Keep a frame as interpolated, or match it if too little of it can be followed.

        Args:
            frame: interpolated between matched ones. a: the frame itself, (1, 3, H, W) float32.
            age: number of picture changes since the earlier matched frame.
        """
        carried = self._carry_matches(frame, a)
        if carried[0].unknown_share <= _MATCH_ABOVE[self.config.refine]:
            return frame
        if carried[0].unknown_share > _NEW_SCENE_ABOVE:
            return self.begin(a)
        config = self.config
        if carried[0].unknown_share <= _FULL_QUALITY_ABOVE:  # most is carried already
            config = replace(config, quality="draft")
        coarsest = first_level(self.network, carried[0])
        return self._match(a, frame, carried, config, coarsest, age)

    @torch.no_grad()
    def render(self, a: Tensor, frame: Frame) -> Rendered:
        """Render the outputs of a frame.

        Args:
            a: the frame, (1, 3, H, W) float32. frame: matched or interpolated.
        """
        if isinstance(frame, Interpolated):
            name = digest(a)
            frame = next((s.state for s in frame.anchors if s.state.digest == name), frame)
        a = a.to(self.network.device)
        return Rendered({name: self._picture(name, a, frame) for name in self.outputs})

    @torch.no_grad()
    def map_to_frame(self, a: Tensor, frame: Frame, values: Tensor) -> Tensor:
        """Read a map over the reference through a frame's matches: it moves with the texture.

        Args:
            a: the frame, (1, 3, H, W) float32. frame: matched or interpolated.
            values: (1, C, h', w') float32, at the reference's matching size.

        Returns:
            (1, C, h, w) float32 at the frame's matching size.
        """
        if isinstance(frame, MatchedState):
            return sample_bilinear(values, frame.ab)
        fields = _of_both(frame, lambda state: state.ab)
        earlier, later, share = frame.carry_both(fields, "domain", self._size(a))
        first = sample_bilinear(values, earlier.expected)
        if later is None or share is None:
            return first
        return first + share * (sample_bilinear(values, later.expected) - first)

    def _picture(self, name: str, a: Tensor, frame: Frame) -> Tensor:
        """Render one output from a frame's field or colour transforms."""
        own, read = (a, self.reference.image) if name == "a_prime" else (self.reference.image, a)
        if self.config.refine == "affine":
            guide = edge_guide(resize(own, self._size(own)))
            return apply_transforms(own, self._transforms(name, a, frame)[0], guide)
        picture = at_scale(read, self._size(read), self._size(own), sides(own))
        draw = functools.partial(warp_picture, picture, moved=_FIELD_ROLES[name] == "domain")
        fields, share = self._rendered_fields(name, a, frame)
        if share is None:
            warped = draw(fields[0])
        else:
            warped = draw(fields[0], share < 1).lerp(draw(fields[1], share > 0), share)
        if self.config.quality == "paper":
            return warped
        edges = edge_strength(own, self._size(own)), edge_strength(picture, self._size(read))
        sources = [seam_sources(warped, picture, field, *edges) for field in fields]
        whole = sources[0] if share is None else sources[0].lerp(sources[1], share)
        return blend_seams(warped, whole)

    def _rendered_fields(
        self, name: str, a: Tensor, frame: Frame
    ) -> tuple[list[Tensor], Tensor | None]:
        """Return the fields that render an output, and the share of the second if there are two."""
        if isinstance(frame, MatchedState):
            return [frame.fields[name]], None
        earlier, later, share = frame.carry_both(
            _of_both(frame, lambda state: state.fields[name]),
            _FIELD_ROLES[name],
            self._rendered_size(name, a),
        )
        if later is None or share is None:
            return [earlier.expected], None
        return [earlier.expected, later.expected], share

    def _transforms(self, name: str, a: Tensor, frame: Frame) -> tuple[ColourTransforms, Tensor]:
        """Return a frame's colour transforms and the confidence of each of their cells."""
        if isinstance(frame, MatchedState):
            own = frame.colours[name]
            return own, torch.ones_like(own.grid[:, 0, :1])
        grids = _of_both(frame, lambda state: state.colours[name].grid)
        cells = frame.earlier.state.colours[name].cells
        grid, confidence = frame.carry_mixed_grid(grids, cells, _FIELD_ROLES[name], self._size(a))
        return ColourTransforms(grid, cells), confidence

    def _carry_matches(
        self, frame: Interpolated[MatchedState], a: Tensor
    ) -> tuple[TemporalPrior, TemporalPrior]:
        """Carry the matches of both directions to a frame."""
        size = self._size(a)
        return (
            frame.carry_selected(_of_both(frame, lambda state: state.ab), "domain", size),
            frame.carry_selected(_of_both(frame, lambda state: state.ba), "range", size),
        )

    def _match(
        self,
        a: Tensor,
        frame: Interpolated[MatchedState],
        carried: tuple[TemporalPrior, TemporalPrior],
        config: AnalogyConfig,
        coarsest: int,
        age: int,
    ) -> MatchedState:
        """Match a frame, keeping the carried matches wherever it can be followed.

        Args:
            a: the frame. frame: as interpolated. carried: its matches, A→B and B→A.
            config: of the matching. coarsest: level to start from.
            age: number of picture changes since the earlier matched frame.
        """
        encoded = encode_picture(self.network, a, self.config, coarsest=coarsest)
        fields, (ab, ba) = match_with_prior(
            self.network, encoded, self.reference, config, carried, first=coarsest
        )
        independent = self._with_renderings(MatchedState(digest(a), ab, ba), encoded, fields)
        colours = {}
        for name, new in independent.colours.items():
            old, confidence = self._transforms(name, a, frame)
            change = self._light_change(name, frame.earlier, encoded, new)
            grid = old.grid + refresh_share(age, change) * (new.grid - old.grid)
            colours[name] = ColourTransforms(
                extend_transforms(grid, new.grid, confidence), new.cells
            )
        kept = {"a_prime": _is_carried(ab, carried[0]), "b": _is_carried(ba, carried[1])}
        rendered = {
            name: self._continue_field(name, new, frame, kept[name], a)
            for name, new in independent.fields.items()
        }
        return replace(independent, colours=colours, fields=rendered)

    def _light_change(
        self,
        name: str,
        earlier: FromAnchor[MatchedState],
        a: EncodedPicture,
        colours: ColourTransforms,
    ) -> Tensor:
        """Measure the change of light since an earlier frame: the larger of overall and regional.

        Returns:
            (1, 1, 1, h, w) over the cells of an output's colour transforms, or (1, 1, 1, 1, 1).
        """
        motion, before = earlier.motion, earlier.state.block_means
        whole = motion.global_light_change()
        if before is not None:
            whole = max(whole, colour_change(before, resize(a.image, a.size(1)), motion))
        # The reference does not move, so its look follows the overall light of the frame.
        if _FIELD_ROLES[name] == "range":
            return colours.grid.new_full((1, 1, 1, 1, 1), whole)
        here = average_over_cells(
            motion.local_light_change(), colours.grid, colours.cells, a.size(1)
        )
        return here[:, :, None].clamp_min(whole)

    def _continue_field(
        self, name: str, new: Tensor, frame: Interpolated[MatchedState], kept: Tensor, a: Tensor
    ) -> Tensor:
        """Keep an output's carried field where the match was kept; take the new one elsewhere."""
        fields = _of_both(frame, lambda state: state.fields[name])
        carried = frame.carry_selected(fields, _FIELD_ROLES[name], self._rendered_size(name, a))
        kept = functional.interpolate(kept, size=sides(new), mode="nearest-exact") > 0
        return torch.where(kept & carried.known, carried.expected, new)

    def _with_renderings(
        self, state: MatchedState, a: EncodedPicture, fields: MatchFields
    ) -> MatchedState:
        """Add the field or transforms that render each output, independently of other frames."""
        both = {
            "a_prime": (a, self.reference, fields.ab, fields.ba, fields.cost_ab),
            "b": (self.reference, a, fields.ba, fields.ab, fields.cost_ba),
        }
        for name in self.outputs:
            own, read, nnf, back, cost = both[name]
            if self.config.refine == "affine":
                small = resize(own.image, own.size(1))
                styled = vote(resize(read.image, read.size(1)), nnf, _VOTE_PATCH)
                confidence = match_confidence(nnf, back, cost, HALF_CONFIDENCE_CELLS)
                guide = edge_guide(small)
                fit = fit_exactly if self.config.exact else fit_transforms
                state.colours[name] = fit(small, styled, guide, confidence)
            else:
                state.fields[name] = warp_field(
                    read.image, nnf, read.size(1), own.full_size, seed=self.config.seed
                )
        if state.colours:
            state = replace(state, block_means=block_means(resize(a.image, a.size(1))))
        return state

    def _rendered_size(self, name: str, a: Tensor) -> Size:
        """Return the frame's size in the units of the field that renders an output."""
        if name == "a_prime":
            return sides(a)
        own = self.reference.image
        return size_at_scale(sides(a), self._size(a), self._size(own), sides(own))

    def _size(self, picture: Tensor) -> Size:
        return matching_size(*sides(picture), self.config)


def _of_both(
    frame: Interpolated[MatchedState], part: Callable[[MatchedState], Tensor]
) -> tuple[Tensor, Tensor | None]:
    """Return the same tensor from the states of both matched frames."""
    later = None if frame.later is None else part(frame.later.state)
    return part(frame.earlier.state), later


def _loosen(carried: TemporalPrior) -> TemporalPrior:
    """Lower the penalty for leaving carried matches, and drop them near new regions.

    If matches were held up to the border of what was visible before, that border would show.
    """
    confidence = taper_confidence(carried.confidence, _TAPER_CELLS)
    return TemporalPrior(carried.expected, confidence, _ANCHOR_PENALTY)


def _is_carried(found: Tensor, carried: TemporalPrior) -> Tensor:
    """Return 1 where a match is the carried one and 0 elsewhere, (1, 1, H, W) float32."""
    away = (found - carried.expected).abs().amax(dim=1, keepdim=True)
    return (carried.known & (away < _SAME_MATCH)).float()
