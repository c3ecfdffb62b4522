"""TemporalMatcher films: a few frames are matched, and what lies between them is carried by its
motion.

Every so many frames of a shot there is an *anchor*. The first is matched by itself; each later one
is given the matches of the one before, moved as the picture moves, and leaves them only where
others are clearly better. The frames between two anchors (a *span*) take each pixel's match
from the anchor that it can be followed to, the nearer one if both will do; a frame in which much
can be followed to neither is matched as well. Where a photograph is wanted, colour transforms are
carried and faded instead of pixels, so that nothing that moves leaves a ghost.

A span is decided by its own frames and its two anchors alone, so spans can be done in any
order, by anybody.

Source: the forward and backward passes of Jamriška et al. 2019 (Stylizing Video by Example), here
between matched frames instead of painted ones; video-and-timelapse facts §1.
"""

from __future__ import annotations

import functools
import hashlib
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
from batch_analogy.analogy.refine.colour_fit import fit_transforms
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
from batch_analogy.motion.temporal.interpolated import FieldRole, FromAnchor, Interpolated, changes
from batch_analogy.motion.temporal.light_change import block_means, colour_change
from batch_analogy.motion.temporal.walk import Rendered

_VOTE_PATCH = 3
_RENEWED = 0.15  # of a colour transform in changing light, a frame after the one it follows …
_RENEWED_AT_MOST = 0.5  # … and many frames after it
_OTHER_LIGHT = 0.03  # a change of brightness or colour of so much; in light that stays nothing is
_MUCH_OPEN = {"none": 0.08, "affine": 0.5}  # share of a frame that cannot be followed: match it
_MOSTLY_OPEN = 0.5  # above it hardly anything is carried, and the frame is worth its whole quality
_ALL_OPEN = 0.9  # above it the frame shows another scene: by chance 0.5 % can be followed
_LOOSELY = 0.06  # price at which an anchor leaves a match of the one before (``carried.FIRM``)
_FLOW_AREA_PX = 250_000  # of a span all flow is held at once; finer than this it gains little
_BORDER_CELLS = 6  # around what is new in an anchor
_SAME_PLACE = 1e-3
_WAYS: dict[str, FieldRole] = {"a_prime": "domain", "b": "range"}


@dataclass(frozen=True)
class MatchedState:
    """A matched frame, as others are made from it. MatchFields lie between cells."""

    digest: str  # of the frame's pixels
    ab: Tensor  # (1, 2, h, w) float32
    ba: Tensor  # (1, 2, h', w') float32
    fields: dict[str, Tensor] = field(default_factory=dict)  # output → its drawing field
    colours: dict[str, ColourTransforms] = field(default_factory=dict)  # output → its transforms
    block_means: Tensor | None = None  # of its colours, where its outputs have transforms
    from_origin: Motion | None = None  # of an anchor; None: it is an origin anchor itself


Frame = MatchedState | Interpolated[MatchedState]
"""What became of a frame: it was matched, or carried from matched ones."""


@dataclass
class TemporalMatcher:
    """Frames of one shot against one reference.

    ``outputs``: ``"a_prime"``, ``"b"`` or both. The reference's transformed copies are not used.
    """

    network: FeatureExtractor
    reference: EncodedPicture
    config: AnalogyConfig  # its precision resolved; refine is "none" or "affine"
    outputs: tuple[str, ...]

    def motion_luma(self, a: Tensor) -> Luma:
        """A frame's brightness at the size at which its motion is found."""
        area = replace(self.config, max_area_px=min(self.config.max_area_px, _FLOW_AREA_PX))
        small = resize(a.cpu(), matching_size(*sides(a), area))
        return brightness(small[0].permute(1, 2, 0).numpy())

    @torch.no_grad()
    def begin(self, a: Tensor) -> MatchedState:
        """The first anchor of a shot, (1, 3, H, W) float32: matched by itself."""
        encoded = encode_picture(self.network, a, self.config)
        fields, _ = match(self.network, encoded, self.reference, self.config)
        state = MatchedState(digest(a), fields.ab.float(), fields.ba.float())
        return self._dressed(state, encoded, fields)

    def clean_motion(self, side: FromAnchor[MatchedState], a: Tensor) -> FromAnchor[MatchedState]:
        """As ``TemporalMethod``: without what noise alone explains, by which textures would
        tremble."""
        return replace(side, motion=suppress_noise_flow(side.motion))

    @torch.no_grad()
    def anchor(self, before: MatchedState, motions: Sequence[Motion], a: Tensor) -> MatchedState:
        """The next anchor.

        Args:
            before: the anchor before it. motions: frame by frame from that one to this.
            a: this frame.
        """
        if digest(a) == before.digest:
            return before
        motion, from_origin = motion_between_anchors(before.from_origin, motions)
        follows = Interpolated(FromAnchor(before, motion))
        carried = self._carried(follows, a)
        if carried[0].unknown_share > _ALL_OPEN:
            return self.begin(a)
        carried = _loosened(carried)
        age = changes(motions)
        state = self._matched(a, follows, carried, self.config, self.network.levels[0], age)
        return replace(state, from_origin=from_origin)

    @torch.no_grad()
    def follow(self, frame: Interpolated[MatchedState], a: Tensor, *, age: int) -> Frame:
        """A frame as it was carried, or matched where too much of it cannot be followed.

        Args:
            frame: carried from the matched frames around it. a: the frame itself.
            age: how many changes lie between it and the earlier one.
        """
        carried = self._carried(frame, a)
        if carried[0].unknown_share <= _MUCH_OPEN[self.config.refine]:
            return frame
        if carried[0].unknown_share > _ALL_OPEN:
            return self.begin(a)
        config = self.config
        if carried[0].unknown_share <= _MOSTLY_OPEN:  # what was solved is carried along
            config = replace(config, quality="draft")
        return self._matched(a, frame, carried, config, first_level(self.network, carried[0]), age)

    @torch.no_grad()
    def render(self, a: Tensor, frame: Frame) -> Rendered:
        """Render the outputs of a frame.

        Args:
            a: the frame, (1, 3, H, W) float32. frame: what became of it.
        """
        if isinstance(frame, Interpolated):
            name = digest(a)
            frame = next((s.state for s in frame.sides if s.state.digest == name), frame)
        a = a.to(self.network.device)
        return Rendered({name: self._picture(name, a, frame) for name in self.outputs})

    @torch.no_grad()
    def map_to_frame(self, a: Tensor, frame: Frame, values: Tensor) -> Tensor:
        """A map over the reference, as it lies over a frame: it moves as the texture does.

        Args:
            a: the frame, (1, 3, H, W) float32. frame: what became of it.
            values: (1, C, h', w') float32, at the reference's matching size.

        Returns:
            (1, C, h, w) float32 at the frame's matching size.
        """
        if isinstance(frame, MatchedState):
            return sample_bilinear(values, frame.ab)
        fields = _of(frame, lambda state: state.ab)
        earlier, later, share = frame.both(fields, "domain", self._size(a))
        first = sample_bilinear(values, earlier.expected)
        if later is None or share is None:
            return first
        return first + share * (sample_bilinear(values, later.expected) - first)

    def _picture(self, name: str, a: Tensor, frame: Frame) -> Tensor:
        own, read = (a, self.reference.image) if name == "a_prime" else (self.reference.image, a)
        if self.config.refine == "affine":
            guide = edge_guide(resize(own, self._size(own)))
            return apply_transforms(own, self._transforms(name, a, frame)[0], guide)
        picture = at_scale(read, self._size(read), self._size(own), sides(own))
        drawn = functools.partial(warp_picture, picture, moved=_WAYS[name] == "domain")
        if isinstance(frame, MatchedState):
            return drawn(frame.fields[name])
        earlier, later, share = frame.both(
            _of(frame, lambda state: state.fields[name]), _WAYS[name], self._drawn_size(name, a)
        )
        if later is None or share is None:
            return drawn(earlier.expected)
        first = drawn(earlier.expected, share < 1)
        return first.lerp(drawn(later.expected, share > 0), share)

    def _transforms(self, name: str, a: Tensor, frame: Frame) -> tuple[ColourTransforms, Tensor]:
        """A frame's colour transforms, and how far each of their cells could be followed."""
        if isinstance(frame, MatchedState):
            own = frame.colours[name]
            return own, torch.ones_like(own.grid[:, 0, :1])
        grids = _of(frame, lambda state: state.colours[name].grid)
        cells = frame.earlier.state.colours[name].cells
        grid, confidence = frame.grid(grids, cells, _WAYS[name], self._size(a))
        return ColourTransforms(grid, cells), confidence

    def _carried(
        self, frame: Interpolated[MatchedState], a: Tensor
    ) -> tuple[TemporalPrior, TemporalPrior]:
        """Both directions' matches of a frame, each from where it can be followed to."""
        size = self._size(a)
        return (
            frame.chosen(_of(frame, lambda state: state.ab), "domain", size),
            frame.chosen(_of(frame, lambda state: state.ba), "range", size),
        )

    def _matched(
        self,
        a: Tensor,
        frame: Interpolated[MatchedState],
        carried: tuple[TemporalPrior, TemporalPrior],
        config: AnalogyConfig,
        first: int,
        age: int,
    ) -> MatchedState:
        """Match a frame where it cannot be followed; elsewhere it takes over what was carried."""
        encoded = encode_picture(self.network, a, self.config, coarsest=first)
        fields, (ab, ba) = match_with_prior(
            self.network, encoded, self.reference, config, carried, first=first
        )
        alone = self._dressed(MatchedState(digest(a), ab, ba), encoded, fields)
        colours = {}
        for name, new in alone.colours.items():
            old, confidence = self._transforms(name, a, frame)
            change = self._change_of_light(name, frame.earlier, encoded, new)
            grid = old.grid + _renewed(age, change) * (new.grid - old.grid)
            colours[name] = ColourTransforms(
                extend_transforms(grid, new.grid, confidence), new.cells
            )
        kept = {"a_prime": _kept(ab, carried[0]), "b": _kept(ba, carried[1])}
        drawing = {
            name: self._drawing_on(name, new, frame, kept[name], a)
            for name, new in alone.fields.items()
        }
        return replace(alone, colours=colours, fields=drawing)

    def _change_of_light(
        self,
        name: str,
        earlier: FromAnchor[MatchedState],
        a: EncodedPicture,
        colours: ColourTransforms,
    ) -> Tensor:
        """Since an earlier frame: of the whole frame or of a region, by what is larger there.

        Returns:
            (1, 1, 1, h, w) over the cells of an output's colour transforms, or (1, 1, 1, 1, 1).
        """
        motion, before = earlier.motion, earlier.state.block_means
        whole = motion.global_light_change()
        if before is not None:
            whole = max(whole, colour_change(before, resize(a.image, a.size(1)), motion))
        if _WAYS[name] == "range":  # a picture that stands still has the look of the whole frame
            return colours.grid.new_full((1, 1, 1, 1, 1), whole)
        here = average_over_cells(
            motion.local_light_change(), colours.grid, colours.cells, a.size(1)
        )
        return here[:, :, None].clamp_min(whole)

    def _drawing_on(
        self, name: str, new: Tensor, frame: Interpolated[MatchedState], kept: Tensor, a: Tensor
    ) -> Tensor:
        """A drawing field: the carried one where its match was kept, else the new one."""
        fields = _of(frame, lambda state: state.fields[name])
        carried = frame.chosen(fields, _WAYS[name], self._drawn_size(name, a))
        kept = functional.interpolate(kept, size=sides(new), mode="nearest-exact") > 0
        return torch.where(kept & carried.known, carried.expected, new)

    def _dressed(self, state: MatchedState, a: EncodedPicture, fields: MatchFields) -> MatchedState:
        """A frame's matches with what its outputs are made by, as if it stood alone."""
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
                state.colours[name] = fit_transforms(small, styled, edge_guide(small), confidence)
            else:
                state.fields[name] = warp_field(
                    read.image, nnf, read.size(1), own.full_size, seed=self.config.seed
                )
        if state.colours:
            state = replace(state, block_means=block_means(resize(a.image, a.size(1))))
        return state

    def _drawn_size(self, name: str, a: Tensor) -> Size:
        """The frame's size in the units of an output's drawing field."""
        if name == "a_prime":
            return sides(a)
        own = self.reference.image
        return size_at_scale(sides(a), self._size(a), self._size(own), sides(own))

    def _size(self, picture: Tensor) -> Size:
        return matching_size(*sides(picture), self.config)


def digest(a: Tensor) -> str:
    """What tells a frame from another: equal frames get equal pictures."""
    return hashlib.blake2b(a.cpu().contiguous().numpy().tobytes(), digest_size=16).hexdigest()


def _of(
    frame: Interpolated[MatchedState], part: Callable[[MatchedState], Tensor]
) -> tuple[Tensor, Tensor | None]:
    """A part of both matched frames."""
    later = None if frame.later is None else part(frame.later.state)
    return part(frame.earlier.state), later


def _loosened(both: tuple[TemporalPrior, TemporalPrior]) -> tuple[TemporalPrior, TemporalPrior]:
    """Matches that an anchor may leave for better ones, and near what is new does not have.

    Were they held up to the border of what was seen before, that border would stay visible.
    """
    first, second = (
        TemporalPrior(c.expected, taper_confidence(c.confidence, _BORDER_CELLS), _LOOSELY)
        for c in both
    )
    return first, second


def _renewed(age: int, change: Tensor) -> Tensor:
    """How much of a frame's colour transforms is its own: colours may drift only with the light."""
    most = min(_RENEWED_AT_MOST, 1.0 - (1.0 - _RENEWED) ** age)
    return most * (change / _OTHER_LIGHT).clamp_max(1.0)


def _kept(found: Tensor, carried: TemporalPrior) -> Tensor:
    """(1, 1, H, W) float32: 1 where a match is the carried one."""
    away = (found - carried.expected).abs().amax(dim=1, keepdim=True)
    return (carried.known & (away < _SAME_PLACE)).float()
