"""What a frame needs of a painting, synthesised: all of it, or only what is open.

Pictures are compared by the guides of ``analogy.guided.guides``, by those made by hand, and in
a hole by
what lies around it in the film: where its places would go on, and its colours.

Source: Jamriška et al. 2019 (Stylizing Video by GuidePicture), whose guides of position, mask
and the
frame before these are.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from batch_analogy.analogy.correspondence.smoothness_prior import pull_push
from batch_analogy.analogy.correspondence.temporal_prior import TemporalPrior
from batch_analogy.analogy.features import FeatureExtractor
from batch_analogy.analogy.features.pictures import resize
from batch_analogy.analogy.guided import Guide, synthesise
from batch_analogy.analogy.guided.guides import (
    GuidePicture,
    guide_picture,
    make_guides,
    position_guide,
    resize_nearest,
    synthesis_config,
)
from batch_analogy.analogy.nnf import Size, sides
from batch_analogy.analogy.rendering.warp import warp_field
from batch_analogy.config.matching import AnalogyConfig
from batch_analogy.config.painting import PaintConfig


@dataclass(frozen=True)
class Painting:
    """What somebody painted, and over what."""

    a: Tensor  # (1, 3, H', W') float32 [0, 1]
    ap: Tensor  # (1, 4, H', W') float32: colours times opacity, and opacity
    guides: tuple[Tensor, ...] = ()  # over A, (1, C, H', W') float32, made by hand
    mask: Tensor | None = None  # over A, (1, 1, H', W') float32: how far it was to be painted


@dataclass(frozen=True)
class ExtraChannels:
    """What a frame's tensor (1, C, H, W) holds after its three colours."""

    guides: tuple[int, ...] = ()  # channels of each guide made by hand
    mask: bool = False  # last: how far each pixel is to be painted

    def make_guides(self, a: Tensor) -> list[Tensor]:
        """The guides made by hand."""
        return list(torch.split(a[:, 3 : 3 + sum(self.guides)], list(self.guides), dim=1))

    def mask_of(self, a: Tensor) -> Tensor | None:
        """(1, 1, H, W), if there is one."""
        return a[:, -1:] if self.mask else None


@dataclass(frozen=True)
class Hole:
    """What of a frame is to be filled, and what is known around it."""

    mask: Tensor  # (1, 1, H, W) bool: the pixels that are wanted
    base: Tensor  # (1, 4, H, W) float32: what is there elsewhere, colours times opacity and opacity
    expected: Tensor  # (1, 2, H, W) float32: places in the painting, going on into the hole


@dataclass(frozen=True)
class _Compared:
    """A painting at the size at which frames of one size are compared with it."""

    example: GuidePicture  # A
    ap: Tensor  # (1, 4, h', w')
    guides: list[Tensor]  # over A, made by hand
    mask: Tensor | None  # over A


class PaintingSynthesiser:
    """Synthesises frames, or holes in them, of paintings.

    Args:
        network: what compares meaning; not used where that weighs nothing.
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
        self._network = network if paint.meaning else None
        self._config = config
        self._paint = paint
        self._synthesis = synthesis_config(paint, config.seed)
        self._resized = resize_nearest if paint.labels else resize  # labels are not to be mixed
        self._paintings = paintings
        self._compare = functools.lru_cache(maxsize=2)(self._compared)
        self._layers = layers

    @torch.no_grad()
    def filled(self, a: Tensor, key: int, hole: Hole | None = None) -> tuple[Tensor, Tensor]:
        """A frame's places in a painting, (1, 2, H, W) float32, and their cost, (1, 1, H, W).

        Args:
            a: the frame with its layers. key: the painting. hole: what is wanted; all by default.
        """
        size, full = sides(a), sides(self._paintings(key).a)
        small, own = _compared_size(size, full, self._config), self._own_size(key, size)
        painting = self._compare(key, size)
        guides = self._guides(a, painting, small)
        if hole is not None:
            guides += self._going_on(hole, painting, _at(hole.expected, full, small, own))
        found = synthesise(
            painting.ap,
            guides,
            self._synthesis,
            mask=None if hole is None else _coarse(hole.mask, small),
            base=None if hole is None else resize(hole.base, small),
        )
        if small == size:
            return found.field.float(), found.cost
        field = warp_field(self._paintings(key).ap[:, :3], found.field, own, size)
        return field, functional.interpolate(found.cost, size=size, mode="nearest-exact")

    def _guides(self, a: Tensor, painting: _Compared, small: Size) -> list[Guide]:
        """What is compared of a whole frame."""
        seen = guide_picture(self._network, self._resized(a[:, :3], small))
        guides = make_guides(painting.example, seen, self._paint)
        targets = self._layers.make_guides(a)
        for source, target, given in zip(painting.guides, targets, self._paint.guides, strict=True):
            guides.append(Guide(source, resize(target, small), given.weight))
        mask = self._layers.mask_of(a)
        if painting.mask is not None and mask is not None and self._paint.mask_weight:
            guides.append(Guide(painting.mask, resize(mask, small), self._paint.mask_weight))
        return guides

    def _going_on(self, hole: Hole, painting: _Compared, expected: Tensor) -> list[Guide]:
        """What is compared of a hole besides: places, and colours of the film so far."""
        guides, small = [], sides(expected)
        if self._paint.position:
            guides.append(position_guide(expected, sides(painting.ap), self._paint.position))
        if self._paint.previous:
            base, known = resize(hole.base, small), (~_coarse(hole.mask, small)).float()
            previous = base * known + pull_push(base, known) * (1.0 - known)
            guides.append(Guide(painting.ap, previous.clamp(0.0, 1.0), self._paint.previous))
        return guides

    def _compared(self, key: int, size: Size) -> _Compared:
        painting, own = self._paintings(key), self._own_size(key, size)
        return _Compared(
            guide_picture(self._network, self._resized(painting.a, own)),
            resize(painting.ap, own),
            [resize(guide, own) for guide in painting.guides],
            None if painting.mask is None else resize(painting.mask, own),
        )

    def _own_size(self, key: int, size: Size) -> Size:
        return _compared_size(sides(self._paintings(key).a), size, self._config)


def _compared_size(picture: Size, other: Size, config: AnalogyConfig) -> Size:
    """The size at which a picture is compared with another: one scale for both, as for A and B."""
    scale = min(1.0, math.sqrt(config.max_area_px / max(math.prod(picture), math.prod(other))))
    return max(1, round(picture[0] * scale)), max(1, round(picture[1] * scale))


def _coarse(mask: Tensor, small: Size) -> Tensor:
    """Pixels at a smaller size that hold one of these."""
    return functional.adaptive_max_pool2d(mask.float(), small) > 0


def _at(field: Tensor, painting: Size, small: Size, own: Size) -> Tensor:
    """A field between full pictures as one between small ones."""
    whole = TemporalPrior(field, torch.ones_like(field[:, :1]))
    return whole.at_level(small, painting, own).expected
