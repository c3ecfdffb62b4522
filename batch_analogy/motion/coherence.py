"""A film frame by frame: each takes over from the one before what its motion carries along.

The first frame of a chain is matched by itself. Each after it is given the matches of the one
before, moved as the picture moves, keeps them wherever that motion can be believed, and is matched
anew elsewhere. Where a photograph is wanted, its colour transforms are smoothed in time instead of
its pixels, so that nothing that moves leaves a ghost.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from batch_analogy.analogy.carried import Carried
from batch_analogy.analogy.drawing import draw, drawing_field
from batch_analogy.analogy.features import (
    EncodedPicture,
    FeatureNetwork,
    encode_picture,
    matching_size,
    resize,
)
from batch_analogy.analogy.fine import at_scale
from batch_analogy.analogy.matching import Fields, first_level, match, match_following
from batch_analogy.analogy.nnf import HALF_SURE_CELLS, match_confidence, sides
from batch_analogy.analogy.refine.apply import ColourTransforms, apply_transforms, edge_guide
from batch_analogy.analogy.refine.colours import fit_transforms
from batch_analogy.analogy.vote import vote
from batch_analogy.config import AnalogyConfig
from batch_analogy.motion.carry import carry_domain, carry_grid, carry_range, scaled
from batch_analogy.motion.flow import Grey, Motion, brightness, motion_between

_VOTE_PATCH = 3
_RENEWED = 0.15  # of a colour transform from one frame to the next, where the motion is known
_RENEWED_UNSURE = 0.5  # … and where it is not
_SAME_PLACE = 1e-3


@dataclass(frozen=True)
class FrameState:
    """All that the frame after this one takes over. Fields are between cells."""

    picture: Tensor  # (1, 3, H, W) float32: A itself, for telling that the next is the same
    grey: Grey  # A's brightness at matching size
    ab: Tensor  # (1, 2, h, w) float32
    ba: Tensor  # (1, 2, h', w') float32
    fields: dict[str, Tensor] = field(default_factory=dict)  # "a_prime" → its drawing field
    colours: dict[str, ColourTransforms] = field(default_factory=dict)


@dataclass
class Chain:
    """Frames of one shot against one reference.

    ``outputs``: ``"a_prime"``, ``"b"`` or both.
    """

    network: FeatureNetwork
    reference: EncodedPicture
    config: AnalogyConfig  # its precision resolved
    outputs: tuple[str, ...]

    @torch.no_grad()
    def begin(self, a: Tensor) -> FrameState:
        """The first frame, (1, 3, H, W) float32: matched by itself."""
        encoded = encode_picture(self.network, a, self.config)
        fields, _ = match(self.network, encoded, self.reference, self.config)
        state = FrameState(encoded.image, self._grey(a), fields.ab.float(), fields.ba.float())
        return self._dressed(state, encoded, fields)

    @torch.no_grad()
    def follow(self, before: FrameState, a: Tensor) -> FrameState:
        """The frame after ``before``, or some frames after it."""
        if torch.equal(before.picture, a.to(before.picture.device)):
            return before
        grey = self._grey(a)
        motion = motion_between(before.grey, grey)
        carried = carry_domain(before.ab, motion), carry_range(before.ba, motion)
        encoded = encode_picture(self.network, a, self.config, coarsest=first_level(carried[0]))
        fields, (ab, ba) = match_following(
            self.network, encoded, self.reference, self.config, carried
        )
        state = FrameState(encoded.image, grey, ab, ba)
        state = self._dressed(state, encoded, fields)
        return self._continued(before, state, motion, carried)

    def pictures(
        self, state: FrameState, other: FrameState | None = None, share: float = 0.0
    ) -> dict[str, Tensor]:
        """The outputs of a frame, each (1, 3, H, W) float32 in [0, 1].

        Args:
            state: of the frame.
            other: of the same frame, come to by another way. share: how much of it is taken.
        """
        if other is None or other is state:
            return {name: self._picture(name, state) for name in self.outputs}
        if self.config.refine == "affine":
            mixed = {
                name: _mixed(state.colours[name], other.colours[name], share)
                for name in self.outputs
            }
            return self.pictures(replace(state, colours=mixed))
        own, others = self.pictures(state), self.pictures(other)
        return {name: own[name].lerp(others[name], share) for name in self.outputs}

    def _picture(self, name: str, state: FrameState) -> Tensor:
        own = state.picture if name == "a_prime" else self.reference.image
        read = self.reference.image if name == "a_prime" else state.picture
        if self.config.refine == "affine":
            guide = edge_guide(resize(own, self._size(own)))
            return apply_transforms(own, state.colours[name], guide)
        field = state.fields[name]
        return draw(at_scale(read, self._size(read), self._size(own), sides(own)), field)

    def _dressed(self, state: FrameState, a: EncodedPicture, fields: Fields) -> FrameState:
        """A frame's matches with what its outputs are made by, as if it stood alone."""
        for name in self.outputs:
            own, read = (a, self.reference) if name == "a_prime" else (self.reference, a)
            nnf, back, cost = (
                (fields.ab, fields.ba, fields.cost_ab)
                if name == "a_prime"
                else (fields.ba, fields.ab, fields.cost_ba)
            )
            if self.config.refine == "affine":
                small = resize(own.image, own.size(1))
                styled = vote(resize(read.image, read.size(1)), nnf, _VOTE_PATCH)
                sure = match_confidence(nnf, back, cost, HALF_SURE_CELLS)
                state.colours[name] = fit_transforms(small, styled, edge_guide(small), sure)
            else:
                state.fields[name] = drawing_field(
                    read.image, nnf, read.size(1), own.full_size, seed=self.config.seed
                )
        return state

    def _continued(
        self,
        before: FrameState,
        now: FrameState,
        motion: Motion,
        carried: tuple[Carried, Carried],
    ) -> FrameState:
        """A frame whose outputs go on from those of the one before."""
        colours = {
            name: self._renewed(before.colours[name], now.colours[name], motion, name)
            for name in now.colours
        }
        fields = {name: self._carried_on(name, before, now, motion, carried) for name in now.fields}
        return replace(now, colours=colours, fields=fields)

    def _renewed(
        self, old: ColourTransforms, new: ColourTransforms, motion: Motion, name: str
    ) -> ColourTransforms:
        grid, renewed = old.grid, torch.full_like(old.grid[:, :1, :1], _RENEWED)
        if name == "a_prime":  # B' stands still
            grid, sure = carry_grid(old.grid, old.cells, motion)
            renewed = (_RENEWED_UNSURE + (_RENEWED - _RENEWED_UNSURE) * sure)[:, :, None]
        return ColourTransforms(grid + renewed * (new.grid - grid), new.cells)

    def _carried_on(
        self,
        name: str,
        before: FrameState,
        now: FrameState,
        motion: Motion,
        carried: tuple[Carried, Carried],
    ) -> Tensor:
        """The drawing field: carried where the match was kept, else the new one."""
        old, new = before.fields[name], now.fields[name]
        at_full = scaled(motion, sides(now.picture))
        if name == "a_prime":
            moved, kept = carry_domain(old, at_full), _kept(now.ab, carried[0])
        else:
            moved, kept = carry_range(old, at_full), _kept(now.ba, carried[1])
        kept = torch.nn.functional.interpolate(kept, size=sides(new), mode="bilinear") >= 0.999
        return torch.where(kept & moved.held, moved.expected, new)

    def _grey(self, a: Tensor) -> Grey:
        small = resize(a.cpu(), self._size(a))
        return brightness(small[0].permute(1, 2, 0).numpy())

    def _size(self, picture: Tensor) -> tuple[int, int]:
        return matching_size(*sides(picture), self.config)


def _kept(found: Tensor, carried: Carried) -> Tensor:
    """(1, 1, H, W) float32: 1 where a match is the carried one."""
    away = (found - carried.expected).abs().amax(dim=1, keepdim=True)
    return (carried.held & (away < _SAME_PLACE)).float()


def _mixed(a: ColourTransforms, b: ColourTransforms, share: float) -> ColourTransforms:
    return ColourTransforms(a.grid.lerp(b.grid, share), a.cells)
