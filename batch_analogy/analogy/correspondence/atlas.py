"""Match scaled and mirrored copies of B' as one picture, the atlas.

Patches are compared upright and at their own size, so content that B' shows smaller, larger or
mirrored is not found; the method's authors list this as a limit. Copies of B' are therefore matched
one by one down to the extractor's choice level, and each cell of A chooses the copy that fits its
neighbourhood best. From there on the copies in use lie side by side in one picture, the atlas,
through which search, solve and vote go on as usual. The results are then read back in B''s own
frame.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from batch_analogy.analogy.features.pictures import EncodedPicture
from batch_analogy.analogy.nnf import Size, initial_position

_GAP_PX = 32  # between copies, filled with their edges: no patch sees two copies
_NEIGHBOURHOOD_CELLS = 9  # side of the window over which a copy's costs are averaged
_COPY_PENALTY = 0.02  # cost by which a transformed copy must be better than B' itself
_MIN_SHARE = 0.05  # share of A's cells that must choose a copy for it to be kept
_NOWHERE = -(1 << 20)  # a match that no vote accepts


@dataclass(frozen=True)
class Candidate:
    """A copy of B' and its matches with A at the choice level."""

    copy: EncodedPicture
    ab: Tensor  # (1, 2, h, w) int32
    ba: Tensor  # (1, 2, h', w') int32
    cost_ab: Tensor  # (1, 1, h, w) float32
    cost_ba: Tensor  # (1, 1, h', w') float32


@dataclass(frozen=True, kw_only=True)
class AtlasPicture(EncodedPicture):
    """Copies of a picture side by side, as one picture."""

    base: EncodedPicture  # B' itself
    tiles: tuple[EncodedPicture, ...]
    lefts: tuple[int, ...]  # left edge of each tile, px at matching size

    def frame_size(self, level: int) -> Size:
        """Return the size of B' itself, which all copies show."""
        return self.base.size(level)

    def positions_in(self, other: EncodedPicture, level: int) -> Tensor:
        """Compute each cell's position in the other frame, from its copy's corner at B''s scale."""
        own, target = self.base.size(level), other.frame_size(level)
        ratio = [t / o for t, o in zip(target, own, strict=True)]
        slots = [
            initial_position(
                slot, (slot[0] * ratio[0], slot[1] * ratio[1]), self.network_input.device
            )
            for slot in self._slots(level)
        ]
        return torch.cat(slots, dim=3)

    def join(
        self, candidates: Sequence[Candidate], chosen: Tensor, level: int
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """Combine the tiles' fields into fields of the atlas.

        Args:
            candidates: one for each tile, in their order.
            chosen: (1, 1, h, w) int64, the tile that each cell of A chose.
            level: the fields' level.

        Returns:
            The fields ab and ba, and their costs.
        """
        lefts = torch.tensor(self._lefts_at(level), device=chosen.device)
        fields = torch.stack([candidate.ab for candidate in candidates])
        costs = torch.stack([candidate.cost_ab for candidate in candidates])
        index = chosen[None]
        ab = fields.gather(0, index.expand(1, -1, 2, -1, -1))[0]
        ab[:, 1:] += lefts[chosen].to(ab.dtype)
        slots = self._slots(level)
        back, back_cost = (
            torch.cat([_extend(x, slot) for x, slot in zip(maps, slots, strict=True)], dim=3)
            for maps in ([c.ba.float() for c in candidates], [c.cost_ba for c in candidates])
        )
        return ab, back.to(torch.int32), costs.gather(0, index)[0], back_cost

    def _slots(self, level: int) -> list[Size]:
        """Return the size of each copy's part of the atlas, its gap included, in cells."""
        height, width = self.size(level)
        edges = [*self._lefts_at(level), width]
        return [(height, stop - start) for start, stop in itertools.pairwise(edges)]

    def _lefts_at(self, level: int) -> list[int]:
        """Return the left edge of each tile in cells of a level."""
        return [left // self.strides[level] for left in self.lefts]

    def tile_of(self, nnf: Tensor) -> Tensor:
        """Return the tile that contains each match of a finest field, (1, 1, h, w) int64."""
        borders = torch.tensor(self._lefts_at(1)[1:], device=nnf.device, dtype=nnf.dtype)
        return torch.bucketize(nnf[:, 1:].contiguous(), borders, right=True)

    def own_field(self, nnf: Tensor, tile: int) -> Tensor:
        """Convert A's finest field to one tile's cells; matches in other tiles become invalid."""
        height, width = self.tiles[tile].size(1)
        own = nnf.clone()
        own[:, 0].clamp_(0, height - 1)
        own[:, 1] = (own[:, 1] - self._lefts_at(1)[tile]).clamp(0, width - 1)
        return own.masked_fill(self.tile_of(nnf) != tile, _NOWHERE)

    def back_field(self, values: Tensor, tile: int) -> Tensor:
        """Crop one tile from a finest map over the atlas."""
        height, width = self.tiles[tile].size(1)
        left = self._lefts_at(1)[tile]
        return values[:, :, :height, left : left + width]

    def to_base(self, nnf: Tensor) -> Tensor:
        """Convert A's finest field to matches in B''s own cells."""
        result = torch.zeros_like(nnf)
        tiles = self.tile_of(nnf)
        limits = self.base.size(1)
        for tile, picture in enumerate(self.tiles):
            own, size = self.own_field(nnf, tile), picture.size(1)
            if picture.transform.mirrored:
                own[:, 1] = size[1] - 1 - own[:, 1]
            for axis in range(2):
                cell = (own[:, axis].double() + 0.5) * limits[axis] / size[axis]
                cell = cell.floor().clamp(0, limits[axis] - 1).to(torch.int32)
                result[:, axis] = torch.where(tiles[:, 0] == tile, cell, result[:, axis])
        return result

    def merge_back(self, nnf: Tensor, confidence: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Reduce the atlas's finest field and confidence to B''s own cells.

        Each cell takes the match of the tile that is most confident around it.

        Returns:
            The field (1, 2, h', w') int32, its confidence (1, 1, h', w') float32, and the tile of
            each cell (1, 1, h', w') int64.
        """
        fields = torch.stack([self._upright(nnf.float(), tile) for tile in range(len(self.tiles))])
        confidences = torch.stack(
            [self._upright(confidence, tile) for tile in range(len(self.tiles))]
        )
        best = torch.stack([_smooth(tile) for tile in confidences]).argmax(dim=0)
        field = fields.gather(0, best[None].expand(1, -1, 2, -1, -1))[0]
        return field.to(torch.int32), confidences.gather(0, best[None])[0], best

    def _upright(self, values: Tensor, tile: int) -> Tensor:
        """Crop one tile from a finest map over the atlas, and convert it to B''s own cells."""
        own = self.back_field(values, tile)
        own = own.flip(3) if self.tiles[tile].transform.mirrored else own
        return F.interpolate(own, size=self.base.size(1), mode="nearest-exact")


def choose_copies(candidates: Sequence[Candidate]) -> tuple[list[Candidate], Tensor]:
    """Choose the copies to use, and one of them for each cell of A.

    Args:
        candidates: all copies, B' itself first.

    Returns:
        The copies that enough cells chose, and each cell's choice among them, (1, 1, h, w) int64.
    """
    costs = torch.cat(
        [_smooth(c.cost_ab) + _COPY_PENALTY * (k > 0) for k, c in enumerate(candidates)], dim=1
    )
    shares = torch.bincount(costs.argmin(dim=1).flatten(), minlength=len(candidates))
    kept = [k for k, share in enumerate((shares / shares.sum()).tolist()) if share >= _MIN_SHARE]
    return [candidates[k] for k in kept], costs[:, kept].argmin(dim=1, keepdim=True)


def make_atlas(base: EncodedPicture, copies: Sequence[EncodedPicture]) -> AtlasPicture:
    """Lay copies side by side; a single copy is the whole atlas."""
    gap = _GAP_PX if len(copies) > 1 else 0
    sizes = [copy.input_size for copy in copies]
    slot = math.lcm(*base.strides.values())  # tiles begin and end on whole cells of every level
    height = _round_up(max(size[0] for size in sizes), slot)
    widths = [_round_up(size[1] + gap, slot) for size in sizes]
    lefts = tuple(sum(widths[:k]) for k in range(len(copies)))
    features = {
        level: _lay([c.features[level] for c in copies], height, widths, base.strides[level])
        for level in base.features
    }
    labels = {
        level: _lay([c.labels[level] for c in copies], height, widths, base.strides[level])
        for level in base.labels
    }
    return AtlasPicture(
        image=base.image,
        network_input=_lay([copy.network_input for copy in copies], height, widths, 1),
        features=features,
        strides=base.strides,
        labels=labels,
        base=base,
        tiles=tuple(copies),
        lefts=lefts,
    )


def _lay(maps: Sequence[Tensor], height: int, widths: Sequence[int], stride: int) -> Tensor:
    """Lay the copies' maps side by side; height and widths of the slots are in pixels."""
    slots = [(height // stride, width // stride) for width in widths]
    joined = torch.cat([_extend(x, slot) for x, slot in zip(maps, slots, strict=True)], dim=3)
    return joined.contiguous(memory_format=torch.channels_last)


def _extend(x: Tensor, size: Size) -> Tensor:
    """Repeat the last row and column until a map has this size."""
    down, right = size[0] - x.shape[2], size[1] - x.shape[3]
    return F.pad(x, (0, right, 0, down), mode="replicate") if down or right else x


def _round_up(pixels: int, multiple: int) -> int:
    return -(-pixels // multiple) * multiple


def _smooth(cost: Tensor) -> Tensor:
    """Average a map over the neighbourhood of each cell, twice."""
    reach = _NEIGHBOURHOOD_CELLS // 2
    for _ in range(2):
        cost = F.avg_pool2d(
            cost, _NEIGHBOURHOOD_CELLS, stride=1, padding=reach, count_include_pad=False
        )
    return cost
