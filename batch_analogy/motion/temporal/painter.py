"""Paint the frames of a clip: paint is carried along the motion, and the rest is synthesised.

A painted keyframe is an anchor whose field is the identity: every pixel is where it was painted.
Anchors further away are made from it step by step: regions that can be followed keep their position
in the painting, and only new regions are synthesised, guided by the frames. The frames between two
anchors are carried from both, as in ``matcher``, and filled in where they can be followed to
neither. Every frame is rendered from the paintings themselves, at fractional positions, so it is
resampled once.

Source: Jamriška et al. 2019 (Stylizing Video by Example), with fields carried along composed flow
instead of pictures synthesised frame by frame; docs/method.md, "Keyframes along a film".
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from batch_analogy.analogy.correspondence.smoothness_prior import pull_push
from batch_analogy.analogy.correspondence.temporal_prior import TemporalPrior
from batch_analogy.analogy.nnf import Size, initial_position, sides
from batch_analogy.analogy.rendering.warp import warp_picture
from batch_analogy.motion.flow.drift_correction import motion_between_anchors
from batch_analogy.motion.flow.motion_boundaries import Colours, sharpen_boundaries
from batch_analogy.motion.flow.optical_flow import Motion
from batch_analogy.motion.flow.photometry import brightness
from batch_analogy.motion.flow.sampling import Luma
from batch_analogy.motion.temporal.blending import blend_keeping_contrast
from batch_analogy.motion.temporal.carry import carry_map, map_to_tensor, resize_map
from batch_analogy.motion.temporal.interpolated import FromAnchor, Interpolated
from batch_analogy.motion.temporal.painting_synthesis import Hole, PaintingSynthesiser
from batch_analogy.motion.temporal.walk import Rendered, digest, motion_picture

_FILL_ABOVE = 0.01  # unknown share of a frame above which it is filled in
_WIDENED_PX = 7  # side of the window by which a hole is widened, so that its border fits
_BAD_RMS = 0.1  # root mean square difference of guides at which a match counts half
_SOFT_PX = 5
_VISIBLE = 0.5  # confidence above which an anchor shows a pixel
_SYNTHESIS_MISFIT = 0.3  # least misfit of synthesised pixels, however well they match
_MIN_COST = 1e-6  # of synthesised pixels, which distinguishes them from painted ones


@dataclass(frozen=True)
class PaintedState:
    """Positions in paintings of all pixels of a painted frame, for other frames to follow."""

    digest: str  # of the frame's pixels
    key: int  # number of the painting from which new regions are synthesised
    field: Tensor  # (1, 3, H, W) float32: (y, x) in a painting, and that painting's number
    cost: Tensor  # (1, 1, H, W) float32: of synthesised pixels; 0 where painted
    colours: Colours  # of the frame, at the size at which motion is estimated
    from_origin: Motion | None = None  # of an anchor; None: it is an origin anchor itself
    rendered_as: Interpolated[PaintedState] | None = None  # if not by its field alone


class KeyframePainter:
    """Paint the frames of a clip.

    Args:
        synthesis: fills holes, and holds the paintings and the configuration.
    """

    def __init__(self, synthesis: PaintingSynthesiser) -> None:
        self._synthesis = synthesis
        self._paintings = synthesis.paintings

    def motion_luma(self, a: Tensor) -> Luma:
        """Return the luma of a frame at the size at which motion is estimated."""
        return brightness(self._motion_picture(a))

    def clean_motion(self, anchor: FromAnchor[PaintedState], a: Tensor) -> FromAnchor[PaintedState]:
        """Correct the motion from an anchor near the outlines of moving objects."""
        motion = sharpen_boundaries(anchor.motion, self._motion_picture(a), anchor.state.colours)
        return dataclasses.replace(anchor, motion=motion)

    def _motion_picture(self, a: Tensor) -> Colours:
        return motion_picture(a, self._synthesis.config)

    def begin(self, a: Tensor, key: int, *, painted: bool) -> PaintedState:
        """Paint a frame independently of all others.

        Args:
            a: (1, C, H, W) float32. key: number of the painting.
            painted: whether the painting was made over this very frame.
        """
        if painted:
            field = initial_position(sides(a), sides(a), a.device)
            return self._state(a, key, _with_key(field, key), torch.zeros_like(a[:, :1]))
        field, cost = self._synthesis.fill(a, key)
        return self._state(a, key, _with_key(field, key), cost.clamp_min(_MIN_COST))

    def _state(self, a: Tensor, key: int, field: Tensor, cost: Tensor) -> PaintedState:
        return PaintedState(digest(a), key, field, cost, self._motion_picture(a))

    def anchor(self, before: PaintedState, motions: Sequence[Motion], a: Tensor) -> PaintedState:
        """Paint an anchor from the one before or after it.

        Args:
            before: that anchor. motions: from frame to frame between the two.
            a: the frame, (1, C, H, W) float32.
        """
        if digest(a) == before.digest:
            return before
        motion, from_origin = motion_between_anchors(before.from_origin, motions)
        follows = Interpolated(self.clean_motion(FromAnchor(before, motion), a))
        filled = self._fill(a, follows)
        return dataclasses.replace(filled, from_origin=from_origin)

    def follow(
        self, frame: Interpolated[PaintedState], a: Tensor, *, age: int
    ) -> PaintedState | Interpolated[PaintedState]:
        """Keep a frame as interpolated, or fill it in if too little of it can be followed."""
        frame = self._weight_by_cost(frame)
        if self._carry_fields(frame, sides(a)).unknown_share <= _FILL_ABOVE:
            return frame
        return self._fill(a, frame)

    @torch.no_grad()
    def render(self, a: Tensor, frame: PaintedState | Interpolated[PaintedState]) -> Rendered:
        """Render B' of a frame, (1, 3, H, W) float32 in [0, 1], and measure its misfit."""
        if isinstance(frame, Interpolated):
            name = digest(a)
            frame = next((s.state for s in frame.anchors if s.state.digest == name), frame)
        if isinstance(frame, PaintedState):
            misfit = self._misfit(frame.cost, torch.ones_like(frame.cost))
            if frame.rendered_as is None:
                paint = self._read_paint(frame.field)
            else:
                paint = self._blend_paint(frame.rendered_as, sides(a))
        else:
            carried = self._carry_fields(frame, sides(a))
            misfit = self._misfit(self._carry_cost(frame, sides(a)), carried.known.float())
            paint = self._blend_paint(frame, sides(a))
        return Rendered({"b_prime": self._lay_over(a, paint)}, misfit)

    def render_alone(self, a: Tensor, key: int) -> Rendered:
        """Render a frame by synthesis alone, without following another frame."""
        return self.render(a, self.begin(a, key, painted=False))

    def _lay_over(self, a: Tensor, paint: Tensor) -> Tensor:
        """Composite paint (1, 4, H, W) over a frame, within the mask of what is to be painted."""
        image, mask = a[:, :3], self._synthesis.channels.mask_of(a)
        whole = paint[:, :3] + (1.0 - paint[:, 3:]) * image
        whole = whole if mask is None else image.lerp(whole, mask)
        return whole.clamp_(0.0, 1.0)

    def _blend_paint(self, frame: Interpolated[PaintedState], size: Size) -> Tensor:
        """Blend the paint of both anchors, (1, 4, H, W)."""
        earlier, later, share = frame.carry_both(_fields(frame), "domain", size)
        if later is None or share is None:
            return self._read_paint(earlier.expected)
        first = self._read_paint(earlier.expected, share < 1)
        return blend_keeping_contrast(first, self._read_paint(later.expected, share > 0), share)

    def _read_paint(self, field: Tensor, wanted: Tensor | None = None) -> Tensor:
        """Read the paintings at a field: colours times opacity, and opacity, (1, 4, H, W)."""
        positions, keys = field[:, :2], field[:, 2:]
        paint = field.new_zeros((1, 4, *sides(field)))
        for key in [int(k) for k in torch.unique(keys)]:
            here = keys == key if wanted is None else wanted & (keys == key)
            ap = self._paintings(key).ap
            pixels = None if bool(here.all()) else here
            paint[:, :3] += warp_picture(ap[:, :3].contiguous(), positions, pixels)
            if float(ap[:, 3:].min()) == 1.0:
                paint[:, 3:] += here
            else:
                opacity = ap[:, 3:].expand(-1, 3, -1, -1).contiguous()
                paint[:, 3:] += warp_picture(opacity, positions, pixels)[:, :1]
        return paint

    def _carry_fields(self, frame: Interpolated[PaintedState], size: Size) -> TemporalPrior:
        return frame.carry_selected(_fields(frame), "domain", size)

    def _carry_cost(self, frame: Interpolated[PaintedState], size: Size) -> Tensor:
        """Carry the costs of both anchors to a frame, (1, 1, H, W)."""
        costs = [carry_map(anchor.state.cost, anchor.motion) for anchor in frame.anchors]
        if frame.share is None or len(costs) == 1:
            return costs[0]
        share = map_to_tensor(resize_map(frame.share, size), costs[0].device)
        return torch.where(share > 0.5, costs[1], costs[0])

    def _weight_by_cost(self, frame: Interpolated[PaintedState]) -> Interpolated[PaintedState]:
        """Give the anchor whose matches cost less a larger share of each pixel.

        A pixel visible in only one anchor is taken from that one only: a mix would also show what
        hides it in the other. Where one anchor is synthesised and the other painted, the
        share changes to the painting slowly, over the whole span.

        Source: docs/method.md, "Choosing between two keyframes".
        """
        if frame.share is None or frame.later is None:
            return frame
        visible, later_visible = (one.motion.confidence > _VISIBLE for one in frame.anchors)
        quality = [self._quality(anchor, frame.share.shape) for anchor in frame.anchors]
        badness, synthesised = zip(*quality, strict=True)
        fade, position = np.float32(frame.fade), np.float32(frame.position)
        later = fade / (1.0 + badness[1])
        share = later / (later + (1.0 - fade) / (1.0 + badness[0]))
        share = np.where(synthesised[0] & ~synthesised[1], np.maximum(share, position), share)
        share = np.where(synthesised[1] & ~synthesised[0], np.minimum(share, position), share)
        share = cv2.blur(share, (_SOFT_PX, _SOFT_PX), borderType=cv2.BORDER_REPLICATE)
        share = np.where(visible == later_visible, share, later_visible)
        return dataclasses.replace(frame, share=np.asarray(share, np.float32))

    def _quality(
        self, anchor: FromAnchor[PaintedState], size: Size
    ) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
        """Judge an anchor's paint in a frame, (h, w): badness, and whether it was synthesised.

        Badness is 0 for a perfect match, and 1 where the match counts half.
        """
        cost = carry_map(anchor.state.cost, anchor.motion)
        maps = (self._rms(cost) / _BAD_RMS).square(), (cost > 0).float()
        badness, synthesised = (
            functional.adaptive_avg_pool2d(m, size)[0, 0].cpu().numpy() for m in maps
        )
        return np.asarray(badness, np.float32), np.asarray(synthesised > 0.5)

    def _rms(self, cost: Tensor) -> Tensor:
        """Convert a cost to the root mean square difference of guides and style."""
        return (cost / self._synthesis.paint.total_weight).sqrt()

    def _misfit(self, cost: Tensor, known: Tensor) -> float:
        """Measure how badly the paintings fit a frame, from 0 to 1."""
        share = self._rms(cost) / (2 * _BAD_RMS)
        new = (_SYNTHESIS_MISFIT + (1 - _SYNTHESIS_MISFIT) * share).clamp_max(1.0)
        misfit = torch.where(cost > 0, new, torch.zeros_like(cost)) * known + (1.0 - known)
        return round(float(misfit.cpu().double().numpy().mean()), 6)

    def _fill(self, a: Tensor, frame: Interpolated[PaintedState]) -> PaintedState:
        """Keep the regions of a frame that can be followed, and synthesise the rest."""
        size, key = sides(a), frame.earlier.state.key
        kept, cost = self._keep_earlier(frame, size)
        unknown = 1.0 - kept.known.float()
        hole = functional.max_pool2d(unknown, _WIDENED_PX, 1, _WIDENED_PX // 2) > 0
        if not bool(hole.any()):
            return self._state(a, key, kept.expected, cost)
        positions, keys = kept.expected[:, :2], kept.expected[:, 2:]
        known = ~hole & (keys == key)
        painted = sides(self._paintings(key).a)
        found, new_cost = self._synthesis.fill(
            a,
            key,
            Hole(
                mask=hole,
                base=self._blend_paint(frame, size),
                expected=_extrapolate(positions, known, painted),
            ),
        )
        field = torch.where(hole, _with_key(found, key), kept.expected)
        filled = self._state(a, key, field, torch.where(hole, new_cost.clamp_min(_MIN_COST), cost))
        return dataclasses.replace(filled, rendered_as=_fade_to_later(frame, filled, hole))

    def _keep_earlier(
        self, frame: Interpolated[PaintedState], size: Size
    ) -> tuple[TemporalPrior, Tensor]:
        """Carry fields and costs, preferring the earlier anchor wherever it is visible.

        So the frames after this one change to the later anchor as if nothing had been filled in.
        """
        earlier, later, _ = frame.carry_both(_fields(frame), "domain", size)
        costs = [carry_map(anchor.state.cost, anchor.motion) for anchor in frame.anchors]
        if later is None:
            return earlier, costs[0]
        use_later = later.known & ~earlier.known
        expected = torch.where(use_later, later.expected, earlier.expected)
        confidence = torch.where(use_later, later.confidence, earlier.confidence)
        return TemporalPrior(expected, confidence), torch.where(use_later, costs[1], costs[0])


def _fade_to_later(
    frame: Interpolated[PaintedState], filled: PaintedState, hole: Tensor
) -> Interpolated[PaintedState] | None:
    """Describe how a filled frame is rendered: outside the hole it fades to the later anchor."""
    if frame.later is None or frame.share is None:
        return None
    now = frame.earlier.motion.now
    zero, certain = np.zeros((*now.shape, 2), np.float32), np.ones(now.shape, np.float32)
    still = Motion(now, now, zero, zero, certain, certain, still=True)
    new = functional.adaptive_max_pool2d(hole.float(), frame.share.shape)[0, 0].cpu().numpy()
    share = np.where(new > 0, np.float32(0.0), frame.share)
    return dataclasses.replace(frame, earlier=FromAnchor(filled, still), share=share)


def _with_key(field: Tensor, key: int) -> Tensor:
    """Add the number of a painting to positions in it: (1, 2, H, W) → (1, 3, H, W)."""
    return torch.cat([field, torch.full_like(field[:, :1], key)], dim=1)


def _extrapolate(positions: Tensor, known: Tensor, painted: Size) -> Tensor:
    """Continue known positions in a painting, mirrored at its edges.

    Args:
        positions: (1, 2, H, W) float32. known: (1, 1, H, W) bool. painted: size of the painting.

    Source: docs/method.md, "Positions beyond a painting".
    """
    own = initial_position(sides(positions), painted, positions.device)
    moved = pull_push(positions - own, known.float())
    whole = torch.where(known, positions, own + moved)
    last = whole.new_tensor(painted).view(1, 2, 1, 1).sub(1).clamp_min(1)
    there_and_back = whole.remainder(2 * last)
    return torch.minimum(there_and_back, 2 * last - there_and_back)


def _fields(frame: Interpolated[PaintedState]) -> tuple[Tensor, Tensor | None]:
    """Return the fields of both anchors."""
    return frame.earlier.state.field, None if frame.later is None else frame.later.state.field
