"""Clips after painted pictures: what was painted is carried along the motion, the rest synthesised.

A painted keyframe is an anchor whose field is known: every pixel is where it was painted. Anchors
further away are made from it step by step: what can be followed keeps its place in the painting,
and only what came into view is synthesised, guided by the frames. The frames between two anchors
are carried from both, as in ``coherence``, and filled in where they can be followed to neither.
Nothing is drawn twice: each frame is read from the paintings themselves, between pixels.

Source: Jamriška et al. 2019 (Stylizing Video by Example), with fields carried along composed flow
instead of pictures synthesised frame by frame.
"""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from batch_analogy.analogy.correspondence.smoothness_prior import pull_push
from batch_analogy.analogy.correspondence.temporal_prior import TemporalPrior
from batch_analogy.analogy.features import FeatureExtractor
from batch_analogy.analogy.features.pictures import matching_size, resize
from batch_analogy.analogy.nnf import Size, initial_position, sides
from batch_analogy.analogy.rendering.warp import warp_picture
from batch_analogy.config.matching import AnalogyConfig
from batch_analogy.config.painting import PaintConfig
from batch_analogy.motion.flow.drift_correction import motion_between_anchors
from batch_analogy.motion.flow.motion_boundaries import Colours, sharpen_boundaries
from batch_analogy.motion.flow.optical_flow import Motion
from batch_analogy.motion.flow.photometry import brightness
from batch_analogy.motion.flow.sampling import Luma
from batch_analogy.motion.temporal.blending import mixed
from batch_analogy.motion.temporal.carry import carry_map, map_to_tensor, resize_map
from batch_analogy.motion.temporal.interpolated import FromAnchor, Interpolated
from batch_analogy.motion.temporal.matcher import digest
from batch_analogy.motion.temporal.painting_synthesis import (
    ExtraChannels,
    Hole,
    Painting,
    PaintingSynthesiser,
)
from batch_analogy.motion.temporal.walk import Rendered

_MUCH_OPEN = 0.01  # share of a frame that can be followed to no anchor: fill it in
_WIDENED_PX = 7  # side of the window by which what is open is widened, so that borders fit
_FLOW_AREA_PX = 250_000
_BADLY = 0.1  # difference of guides, root of the mean square, at which a match counts half
_SOFT_PX = 5
_SEEN = 0.5  # trust above which an anchor shows what is here
_GUESSED = 0.3  # how badly a frame is served by what was synthesised, however well that fits
_LEAST_COST = 1e-6  # of what was synthesised, to tell it from what was painted


@dataclass(frozen=True)
class PaintedState:
    """A frame whose every pixel has its place in a painting."""

    digest: str  # of the frame's pixels
    key: int  # the painting that what is new is taken from
    field: Tensor  # (1, 3, H, W) float32: (y, x) in a painting, and the painting's number
    cost: Tensor  # (1, 1, H, W) float32: of what was synthesised; 0 where it was painted
    colours: Colours  # of the frame, at the size at which its motion is found
    from_origin: Motion | None = None  # from its root to it (``roots``); None: it is one
    shown: Interpolated[PaintedState] | None = None  # how it is drawn, where not by its field alone


class KeyframePainter:
    """Paints the frames of a clip.

    Args:
        network: what compares meaning; None where that weighs nothing.
        config: seed, and the area at which pictures are compared.
        paint: the guides' weights.
        paintings: gives the painting of a number.
        layers: what frames hold beside their colours.
    """

    def __init__(
        self,
        network: FeatureExtractor | None,
        config: AnalogyConfig,
        paint: PaintConfig,
        paintings: Callable[[int], Painting],
        layers: ExtraChannels,
    ) -> None:
        self._config = config
        self._paint = paint
        self._paintings = functools.lru_cache(maxsize=2)(paintings)
        self._canvas = PaintingSynthesiser(network, config, paint, self._paintings, layers)
        self._layers = layers

    def motion_luma(self, a: Tensor) -> Luma:
        """A frame's brightness at the size at which its motion is found."""
        return brightness(self._small(a))

    def clean_motion(self, side: FromAnchor[PaintedState], a: Tensor) -> FromAnchor[PaintedState]:
        """An anchor whose motion to a frame is right at the rims of what moves there."""
        motion = sharpen_boundaries(side.motion, self._small(a), side.state.colours)
        return dataclasses.replace(side, motion=motion)

    def _small(self, a: Tensor) -> Colours:
        """A frame's colours, (h, w, 3), at the size at which its motion is found."""
        area = min(self._config.max_area_px, _FLOW_AREA_PX)
        config = dataclasses.replace(self._config, max_area_px=area)
        small = resize(a[:, :3].cpu(), matching_size(*sides(a), config))
        return np.ascontiguousarray(small[0].permute(1, 2, 0).numpy())

    def begin(self, a: Tensor, key: int, *, painted: bool) -> PaintedState:
        """A frame that comes from no other.

        Args:
            a: (1, C, H, W) float32. key: the painting. painted: whether it is of this very frame.
        """
        if painted:
            field = initial_position(sides(a), sides(a), a.device)
            return self._painted(a, key, _in_painting(field, key), torch.zeros_like(a[:, :1]))
        field, cost = self._canvas.filled(a, key)
        return self._painted(a, key, _in_painting(field, key), cost.clamp_min(_LEAST_COST))

    def _painted(self, a: Tensor, key: int, field: Tensor, cost: Tensor) -> PaintedState:
        return PaintedState(digest(a), key, field, cost, self._small(a))

    def anchor(self, before: PaintedState, motions: Sequence[Motion], a: Tensor) -> PaintedState:
        """An anchor, made from one before or after it.

        Args:
            before: that one. motions: frame by frame from it to this one. a: this frame.
        """
        if digest(a) == before.digest:
            return before
        motion, from_origin = motion_between_anchors(before.from_origin, motions)
        filled = self._filled(a, Interpolated(self.clean_motion(FromAnchor(before, motion), a)))
        return dataclasses.replace(filled, from_origin=from_origin)

    def follow(
        self, frame: Interpolated[PaintedState], a: Tensor, *, age: int
    ) -> PaintedState | Interpolated[PaintedState]:
        """A frame as it was carried, or filled in where too much of it cannot be followed."""
        frame = self._weighed(frame)
        if self._carried(frame, sides(a)).unknown_share <= _MUCH_OPEN:
            return frame
        return self._filled(a, frame)

    @torch.no_grad()
    def render(self, a: Tensor, frame: PaintedState | Interpolated[PaintedState]) -> Rendered:
        """Render B' of a frame, (1, 3, H, W) float32 in [0, 1], and measure its misfit."""
        if isinstance(frame, Interpolated):
            name = digest(a)
            frame = next((s.state for s in frame.sides if s.state.digest == name), frame)
        if isinstance(frame, PaintedState):
            misfit = self._misfit(frame.cost, torch.ones_like(frame.cost))
            shown = frame.shown
            drawn = self._drawn(frame.field) if shown is None else self._between(shown, sides(a))
        else:
            carried = self._carried(frame, sides(a))
            misfit = self._misfit(self._cost(frame, sides(a)), carried.known.float())
            drawn = self._between(frame, sides(a))
        return Rendered({"b_prime": self._over(a, drawn)}, misfit)

    def alone(self, a: Tensor, key: int) -> Rendered:
        """Render a frame that neither follows another nor was painted."""
        return self.render(a, self.begin(a, key, painted=False))

    def _over(self, a: Tensor, drawn: Tensor) -> Tensor:
        """What was drawn (1, 4, H, W) over the frame, where it is to be painted."""
        image, mask = a[:, :3], self._layers.mask_of(a)
        whole = drawn[:, :3] + (1.0 - drawn[:, 3:]) * image
        whole = whole if mask is None else image.lerp(whole, mask)
        return whole.clamp_(0.0, 1.0)

    def _between(self, frame: Interpolated[PaintedState], size: Size) -> Tensor:
        earlier, later, share = frame.both(_fields(frame), "domain", size)
        if later is None or share is None:
            return self._drawn(earlier.expected)
        first = self._drawn(earlier.expected, share < 1)
        return mixed(first, self._drawn(later.expected, share > 0), share)

    def _drawn(self, field: Tensor, wanted: Tensor | None = None) -> Tensor:
        """Colours times opacity, and opacity, (1, 4, H, W), read at places in the paintings."""
        inside, keys = field[:, :2], field[:, 2:]
        drawn = field.new_zeros((1, 4, *sides(field)))
        for key in [int(k) for k in torch.unique(keys)]:
            here = keys == key if wanted is None else wanted & (keys == key)
            ap = self._paintings(key).ap
            whole = None if bool(here.all()) else here
            drawn[:, :3] += warp_picture(ap[:, :3].contiguous(), inside, whole)
            if float(ap[:, 3:].min()) == 1.0:
                drawn[:, 3:] += here
            else:
                opacity = ap[:, 3:].expand(-1, 3, -1, -1).contiguous()
                drawn[:, 3:] += warp_picture(opacity, inside, whole)[:, :1]
        return drawn

    def _carried(self, frame: Interpolated[PaintedState], size: Size) -> TemporalPrior:
        return frame.chosen(_fields(frame), "domain", size)

    def _cost(self, frame: Interpolated[PaintedState], size: Size) -> Tensor:
        """What the matches cost that were carried here, (1, 1, H, W)."""
        costs = [carry_map(side.state.cost, side.motion) for side in frame.sides]
        if frame.share is None or len(costs) == 1:
            return costs[0]
        share = map_to_tensor(resize_map(frame.share, size), costs[0].device)
        return torch.where(share > 0.5, costs[1], costs[0])

    def _weighed(self, frame: Interpolated[PaintedState]) -> Interpolated[PaintedState]:
        """A frame whose pixels take more from the anchor whose matches cost less there.

        What can be followed to one of them alone is taken from that one alone: a mix with what hid
        it there, or hides it here, would show both. What was made at one anchor and painted at the
        other goes over to the painting, but slowly, over the whole way from anchor to anchor.
        """
        if frame.share is None or frame.later is None:
            return frame
        seen, later_seen = (side.motion.confidence > _SEEN for side in frame.sides)
        both = [self._worse(side, frame.share.shape) for side in frame.sides]
        worse, made = zip(*both, strict=True)
        turn, near = np.float32(frame.turn), np.float32(frame.position)
        later = turn / (1.0 + worse[1])
        share = later / (later + (1.0 - turn) / (1.0 + worse[0]))
        share = np.where(made[0] & ~made[1], np.maximum(share, near), share)
        share = np.where(made[1] & ~made[0], np.minimum(share, near), share)
        share = cv2.blur(share, (_SOFT_PX, _SOFT_PX), borderType=cv2.BORDER_REPLICATE)
        share = np.where(seen == later_seen, share, later_seen)
        return dataclasses.replace(frame, share=np.asarray(share, np.float32))

    def _worse(self, side: FromAnchor[PaintedState], size: Size) -> tuple[Luma, NDArray[np.bool_]]:
        """How badly an anchor's matches fit (1: half as good), and what was made there, (h, w)."""
        cost = carry_map(side.state.cost, side.motion)
        maps = (self._rms(cost) / _BADLY).square(), (cost > 0).float()
        worse, made = (functional.adaptive_avg_pool2d(m, size)[0, 0].cpu().numpy() for m in maps)
        return np.asarray(worse, np.float32), np.asarray(made > 0.5)

    def _rms(self, cost: Tensor) -> Tensor:
        """A cost as the root mean square of what guides and style differ by."""
        return (cost / self._paint.total_weight).sqrt()

    def _misfit(self, cost: Tensor, held: Tensor) -> float:
        """How badly a frame is served by the paintings that there are, 0 … 1."""
        guessed = (_GUESSED + (1 - _GUESSED) * self._rms(cost) / (2 * _BADLY)).clamp_max(1.0)
        misfit = torch.where(cost > 0, guessed, torch.zeros_like(cost)) * held + (1.0 - held)
        return round(float(misfit.cpu().double().numpy().mean()), 6)

    def _filled(self, a: Tensor, frame: Interpolated[PaintedState]) -> PaintedState:
        """A frame that keeps what can be followed; the rest is synthesised."""
        size, key = sides(a), frame.earlier.state.key
        kept, cost = self._kept(frame, size)
        unknown = 1.0 - kept.known.float()
        open_ = functional.max_pool2d(unknown, _WIDENED_PX, 1, _WIDENED_PX // 2) > 0
        if not bool(open_.any()):
            return self._painted(a, key, kept.expected, cost)
        expected, keys = kept.expected[:, :2], kept.expected[:, 2:]
        known = ~open_ & (keys == key)
        painted = sides(self._paintings(key).a)
        hole = Hole(
            mask=open_,
            base=self._between(frame, size),
            expected=_going_on(expected, known, painted),
        )
        found, made = self._canvas.filled(a, key, hole)
        field = torch.where(open_, _in_painting(found, key), kept.expected)
        filled = self._painted(a, key, field, torch.where(open_, made.clamp_min(_LEAST_COST), cost))
        return dataclasses.replace(filled, shown=_shown(frame, filled, open_))

    def _kept(self, frame: Interpolated[PaintedState], size: Size) -> tuple[TemporalPrior, Tensor]:
        """What can be followed, from the earlier anchor if it can be to both, and its cost.

        What follows this frame goes over to the later one as if nothing had been filled in.
        """
        earlier, later, _ = frame.both(_fields(frame), "domain", size)
        costs = [carry_map(side.state.cost, side.motion) for side in frame.sides]
        if later is None:
            return earlier, costs[0]
        takes = later.known & ~earlier.known
        expected = torch.where(takes, later.expected, earlier.expected)
        confidence = torch.where(takes, later.confidence, earlier.confidence)
        return TemporalPrior(expected, confidence), torch.where(takes, costs[1], costs[0])


def _shown(
    frame: Interpolated[PaintedState], filled: PaintedState, open_: Tensor
) -> Interpolated[PaintedState] | None:
    """How a frame that was filled in is drawn: what is not new goes over to the later anchor."""
    if frame.later is None or frame.share is None:
        return None
    now = frame.earlier.motion.now
    flow, confidence = np.zeros((*now.shape, 2), np.float32), np.ones(now.shape, np.float32)
    still = Motion(now, now, flow, flow, confidence, confidence, still=True)
    new = functional.adaptive_max_pool2d(open_.float(), frame.share.shape)[0, 0].cpu().numpy()
    share = np.where(new > 0, np.float32(0.0), frame.share)
    return dataclasses.replace(frame, earlier=FromAnchor(filled, still), share=share)


def _in_painting(field: Tensor, key: int) -> Tensor:
    """Places (1, 2, H, W) with the number of the painting that they are in, (1, 3, H, W)."""
    return torch.cat([field, torch.full_like(field[:, :1], key)], dim=1)


def _going_on(places: Tensor, known: Tensor, painted: Size) -> Tensor:
    """Places in a painting that go on from those that are known; mirrored at its edges.

    Args:
        places: (1, 2, H, W) float32. known: (1, 1, H, W) bool. painted: size of the painting.
    """
    own = initial_position(sides(places), painted, places.device)
    moved = pull_push(places - own, known.float())
    whole = torch.where(known, places, own + moved)
    last = whole.new_tensor(painted).view(1, 2, 1, 1).sub(1).clamp_min(1)
    there_and_back = whole.remainder(2 * last)
    return torch.minimum(there_and_back, 2 * last - there_and_back)


def _fields(frame: Interpolated[PaintedState]) -> tuple[Tensor, Tensor | None]:
    """The fields of both anchors."""
    return frame.earlier.state.field, None if frame.later is None else frame.later.state.field
