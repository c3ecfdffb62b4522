"""Synthesise a frame from a painting: all of it, or only a hole in it.

Pictures are compared by the guides of ``analogy.guided.guides`` and by guides made by hand. A hole
is also compared by its surroundings in the film: their positions continued into it, and their
colours.

Source: Jamriška et al. 2019 (Stylizing Video by Example) for the guides of position, mask and the
frame before; docs/method.md, "Guide weights"; docs/method.md, "The film so far as a guide".
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
    """A painted picture A' and the frame A that it was painted over."""

    a: Tensor  # (1, 3, H', W') float32 [0, 1]
    ap: Tensor  # (1, 4, H', W') float32: colours times opacity, and opacity
    guides: tuple[Tensor, ...] = ()  # over A, (1, C, H', W') float32, made by hand
    mask: Tensor | None = None  # over A, (1, 1, H', W') float32: how far each pixel was painted


@dataclass(frozen=True)
class ExtraChannels:
    """Channels of a frame's tensor (1, C, H, W) after its three colours."""

    guides: tuple[int, ...] = ()  # channels of each guide made by hand
    mask: bool = False  # whether the last channel is the share of paint in each pixel

    def split_guides(self, a: Tensor) -> list[Tensor]:
        """Return the guides made by hand, (1, C, H, W) each."""
        return list(torch.split(a[:, 3 : 3 + sum(self.guides)], list(self.guides), dim=1))

    def mask_of(self, a: Tensor) -> Tensor | None:
        """Return the mask, (1, 1, H, W), if there is one."""
        return a[:, -1:] if self.mask else None


@dataclass(frozen=True)
class Hole:
    """The part of a frame that is to be filled, and what is known around it."""

    mask: Tensor  # (1, 1, H, W) bool: the pixels to fill
    base: Tensor  # (1, 4, H, W) float32: the picture elsewhere, colours times opacity, and opacity
    expected: Tensor  # (1, 2, H, W) float32: positions in the painting, continued into the hole


@dataclass(frozen=True)
class _ReducedPainting:
    """A painting at the size at which it is compared with frames of one size."""

    example: GuidePicture  # A
    ap: Tensor  # (1, 4, h', w')
    guides: list[Tensor]  # over A, made by hand
    mask: Tensor | None  # over A


class PaintingSynthesiser:
    """Synthesise frames, or holes in them, from paintings.

    Args:
        network: extracts features for the guide of meaning; None if that has no weight.
        config: seed, and the area at which pictures are compared.
        paint: weights of the guides.
        paintings: returns a painting by its number.
        channels: extra channels of the frames.
    """

    def __init__(
        self,
        network: FeatureExtractor | None,
        config: AnalogyConfig,
        paint: PaintConfig,
        paintings: Callable[[int], Painting],
        channels: ExtraChannels,
    ) -> None:
        self.config = config
        self.paint = paint
        self.paintings = functools.lru_cache(maxsize=2)(paintings)
        self.channels = channels
        self._network = network if paint.meaning else None
        self._synthesis = synthesis_config(paint, config.seed)
        self._resize = resize_nearest if paint.labels else resize  # labels must not be mixed
        self._reduce = functools.lru_cache(maxsize=2)(self._reduced)

    @torch.no_grad()
    def fill(self, a: Tensor, key: int, hole: Hole | None = None) -> tuple[Tensor, Tensor]:
        """Find the positions in a painting from which a frame is painted.

        Args:
            a: the frame with its extra channels, (1, C, H, W) float32.
            key: number of the painting. hole: the pixels to fill; None: all of them.

        Returns:
            Positions (y, x), (1, 2, H, W) float32, and their cost, (1, 1, H, W).
        """
        size, full = sides(a), sides(self.paintings(key).a)
        small, own = _reduced_size(size, full, self.config), self._own_size(key, size)
        painting = self._reduce(key, size)
        guides = self._frame_guides(a, painting, small)
        if hole is not None:
            expected = _reduce_field(hole.expected, full, small, own)
            guides += self._hole_guides(hole, painting, expected)
        found = synthesise(
            painting.ap,
            guides,
            self._synthesis,
            mask=None if hole is None else _reduce_mask(hole.mask, small),
            base=None if hole is None else resize(hole.base, small),
        )
        if small == size:
            return found.field.float(), found.cost
        field = warp_field(self.paintings(key).ap[:, :3], found.field, own, size)
        return field, functional.interpolate(found.cost, size=size, mode="nearest-exact")

    def _frame_guides(self, a: Tensor, painting: _ReducedPainting, small: Size) -> list[Guide]:
        """Make the guides by which a whole frame is compared with a painting's A."""
        picture = guide_picture(self._network, self._resize(a[:, :3], small))
        guides = make_guides(painting.example, picture, self.paint)
        targets = self.channels.split_guides(a)
        for source, target, given in zip(painting.guides, targets, self.paint.guides, strict=True):
            guides.append(Guide(source, resize(target, small), given.weight))
        mask = self.channels.mask_of(a)
        if painting.mask is not None and mask is not None and self.paint.mask_weight:
            guides.append(Guide(painting.mask, resize(mask, small), self.paint.mask_weight))
        return guides

    def _hole_guides(self, hole: Hole, painting: _ReducedPainting, expected: Tensor) -> list[Guide]:
        """Make the additional guides of a hole: positions, and colours of the film so far."""
        guides, small = [], sides(expected)
        if self.paint.position:
            guides.append(position_guide(expected, sides(painting.ap), self.paint.position))
        if self.paint.previous:
            base, known = resize(hole.base, small), (~_reduce_mask(hole.mask, small)).float()
            previous = base * known + pull_push(base, known) * (1.0 - known)
            guides.append(Guide(painting.ap, previous.clamp(0.0, 1.0), self.paint.previous))
        return guides

    def _reduced(self, key: int, size: Size) -> _ReducedPainting:
        painting, own = self.paintings(key), self._own_size(key, size)
        return _ReducedPainting(
            guide_picture(self._network, self._resize(painting.a, own)),
            resize(painting.ap, own),
            [resize(guide, own) for guide in painting.guides],
            None if painting.mask is None else resize(painting.mask, own),
        )

    def _own_size(self, key: int, size: Size) -> Size:
        return _reduced_size(sides(self.paintings(key).a), size, self.config)


def _reduced_size(picture: Size, other: Size, config: AnalogyConfig) -> Size:
    """Return the size at which a picture is compared with another; both are scaled equally."""
    scale = min(1.0, math.sqrt(config.max_area_px / max(math.prod(picture), math.prod(other))))
    return max(1, round(picture[0] * scale)), max(1, round(picture[1] * scale))


def _reduce_mask(mask: Tensor, small: Size) -> Tensor:
    """Reduce a mask: a pixel is set if any pixel that it covers is."""
    return functional.adaptive_max_pool2d(mask.float(), small) > 0


def _reduce_field(field: Tensor, painting: Size, small: Size, own: Size) -> Tensor:
    """Reduce a field between pictures at full size to one between the reduced pictures."""
    whole = TemporalPrior(field, torch.ones_like(field[:, :1]))
    return whole.at_level(small, painting, own).expected
