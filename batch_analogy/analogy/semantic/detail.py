"""Add the picture's own detail, at full size, to the picture that the network made.

Departure: the published method ends with the network's picture, at about 250 pixels, and blurred.
Here an image analogy follows (Hertzmann et al. 2001, "super-resolution"). A is the picture that the
network makes from P, A' is I, and B is the network's I'. A and B have the same blur and the same
colours, so the analogy removes them: pieces of I are placed where I' and P' say.

Each map is treated alone. Where the maps of a film do not change, neither do the guides, so the
same pieces are found again: detail flickers no more than the network (``benchmarks.semantic``).
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from batch_analogy.analogy.features.pictures import resize
from batch_analogy.analogy.guided import Guide, GuidedConfig, synthesise
from batch_analogy.analogy.nnf import Size, sides
from batch_analogy.analogy.rendering.upscale import render_full_size
from batch_analogy.analogy.semantic.label_maps import class_planes
from batch_analogy.analogy.semantic.model import SemanticModel
from batch_analogy.analogy.semantic.working_size import reduce_classes, scaled_size

MADE_WEIGHT = 6.0  # of the network's pictures, relative to that of I itself, which is 1
LABELS_WEIGHT = 4.0
SEARCHED_PX = 400_000  # largest area during the search; pieces are then cut at full size
_UNIFORMITY = 500.0  # in EbSynth's unit; low, as a thing may become larger than in I
_COHERENCE = 0.5
_SEAM_PX = 3  # nearer to the seam, a piece would lie half in I and half in its mirror image


class Detail:
    """Adds detail to the pictures of one model.

    Pieces may be mirrored if training mirrored the picture. A thing that the border of I cuts off
    then gets an outline on both sides.

    Args:
        model: the model, with I and P.
        searched_px: largest area during the search; larger pictures are reduced for it.
    """

    def __init__(self, model: SemanticModel, *, searched_px: int = SEARCHED_PX) -> None:
        self._model = model
        self._mirrored = model.config.flip > 0
        self._searched_px = searched_px
        self._picture = model.image.to(model.device)
        self._classes = model.classes.to(model.device)
        self._made = model.apply(model.classes)

    @torch.no_grad()
    def add(self, made: Tensor, classes: Tensor) -> Tensor:
        """Rebuild a picture from pieces of I.

        Args:
            made: (1, 3, H, W) float32 in [0, 1], I' as the network made it.
            classes: (1, H, W) int64, P'.

        Returns:
            (1, 3, H, W) float32 in [0, 1].
        """
        full, seed = sides(made), self._model.config.seed
        largest = max(math.prod(full), math.prod(sides(self._picture)))
        scale = min(1.0, math.sqrt(self._searched_px / largest))
        source, target = scaled_size(*sides(self._picture), scale), scaled_size(*full, scale)
        style = self._add_mirrored(resize(self._picture, source))
        colours = self._add_mirrored(resize(self._made, source)), resize(made, target)
        labels = (
            self._add_mirrored(self._planes(self._classes, source)),
            self._planes(classes, target),
        )
        found = synthesise(
            style,
            [Guide(*colours, MADE_WEIGHT), Guide(*labels, LABELS_WEIGHT)],
            GuidedConfig(uniformity=_UNIFORMITY, coherence=_COHERENCE, seed=seed),
            usable=self._away_from_seam(style),
        )
        if scale == 1.0:
            return found.picture
        pieces = self._add_mirrored(self._picture)
        rendered = render_full_size(pieces, found.field, sides(style), full, seed=seed)
        return rendered.picture.clamp(0.0, 1.0)

    def _planes(self, classes: Tensor, size: Size) -> Tensor:
        count = len(self._model.palette)
        return class_planes(reduce_classes(classes.to(self._picture.device), count, size), count)

    def _add_mirrored(self, x: Tensor) -> Tensor:
        """Append the mirror image of a map over I on its right."""
        return torch.cat([x, x.flip(-1)], dim=-1) if self._mirrored else x

    def _away_from_seam(self, style: Tensor) -> Tensor:
        usable = torch.ones_like(style[:, :1], dtype=torch.bool)
        middle = style.shape[-1] // 2
        if self._mirrored and middle > 4 * _SEAM_PX:
            usable[..., middle - _SEAM_PX : middle + _SEAM_PX] = False
        return usable
