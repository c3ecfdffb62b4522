"""Several copies of B', scaled and mirrored, matched as one picture.

A patch is compared upright and at its own size, so content that B' shows smaller, larger or the
other way round is not found: the method's authors list it as a limit. Here copies of B' are
matched one by one down to conv4_1, each cell of A chooses the copy that fits its neighbourhood
best, and from there on the copies in use lie side by side in one picture, an atlas, in which the
search, the solve and the vote go on as ever. Afterwards everything is read back in B''s own frame.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from batch_analogy.analogy.features.pictures import EncodedPicture
from batch_analogy.analogy.nnf import Size, initial_position

_SLOT_PX = 16  # slots begin and end on whole cells of every level
_GAP_PX = 32  # between copies, filled with their edges: no patch sees two copies
_NEIGHBOURHOOD_CELLS = 9  # over which a copy's costs are averaged before one is chosen
_CHANGE_PRICE = 0.02  # what a changed copy must be better by
_LEAST_SHARE = 0.05  # of A's cells, for a copy to be kept
_NOWHERE = -(1 << 20)  # a match that no vote accepts


@dataclass(frozen=True)
class Candidate:
    """One copy of B' and its matches with A at the level at which copies are chosen."""

    copy: EncodedPicture
    ab: Tensor
    ba: Tensor
    cost_ab: Tensor
    cost_ba: Tensor


@dataclass(frozen=True, kw_only=True)
class AtlasPicture(EncodedPicture):
    """Copies of a picture side by side, as one picture."""

    base: EncodedPicture  # B' itself
    tiles: tuple[EncodedPicture, ...]
    lefts: tuple[int, ...]  # where each tile begins, px at matching size

    def frame_size(self, level: int) -> Size:
        """The size of the one frame that all copies show."""
        return self.base.size(level)

    def positions_in(self, other: EncodedPicture, level: int) -> Tensor:
        """Each slot covers the other picture as a copy as large as B' would."""
        own, target = self.base.size(level), other.frame_size(level)
        ratio = [t / o for t, o in zip(target, own, strict=True)]
        slots = [
            initial_position(slot, (slot[0] * ratio[0], slot[1] * ratio[1]), self.seen.device)
            for slot in self._slots(level)
        ]
        return torch.cat(slots, dim=3)

    def join(
        self, candidates: Sequence[Candidate], chosen: Tensor, level: int
    ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        """The fields of the atlas from those of its tiles: ab, ba and their costs.

        Args:
            candidates: one a tile, in their order. chosen: (1, 1, h, w) int64, each cell's tile.
            level: the fields' level.
        """
        lefts = torch.tensor(self.lefts, device=chosen.device) >> (level - 1)
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
        """The size of each copy's part of the atlas, its gap included."""
        height, width = self.size(level)
        edges = [left >> (level - 1) for left in self.lefts] + [width]
        return [(height, stop - start) for start, stop in itertools.pairwise(edges)]

    def tile_of(self, nnf: Tensor) -> Tensor:
        """Which tile each match of a finest field lies in, (1, 1, h, w) int64."""
        borders = torch.tensor(self.lefts[1:], device=nnf.device, dtype=nnf.dtype)
        return torch.bucketize(nnf[:, 1:].contiguous(), borders, right=True)

    def own_field(self, nnf: Tensor, tile: int) -> Tensor:
        """A's finest field as seen from one tile: matches in other tiles lead nowhere."""
        height, width = self.tiles[tile].size(1)
        own = nnf.clone()
        own[:, 0].clamp_(0, height - 1)
        own[:, 1] = (own[:, 1] - self.lefts[tile]).clamp(0, width - 1)
        return own.masked_fill(self.tile_of(nnf) != tile, _NOWHERE)

    def back_field(self, values: Tensor, tile: int) -> Tensor:
        """The part of a finest map over the atlas that belongs to one tile."""
        height, width = self.tiles[tile].size(1)
        left = self.lefts[tile]
        return values[:, :, :height, left : left + width]

    def to_base(self, nnf: Tensor) -> Tensor:
        """A's finest field with its matches in B''s own cells."""
        result = torch.zeros_like(nnf)
        tiles = self.tile_of(nnf)
        limits = self.base.size(1)
        for tile, picture in enumerate(self.tiles):
            own, size = self.own_field(nnf, tile), picture.size(1)
            if picture.transform.mirrored:
                own[:, 1] = size[1] - 1 - own[:, 1]
            for axis in range(2):
                place = (own[:, axis].double() + 0.5) * limits[axis] / size[axis]
                place = place.floor().clamp(0, limits[axis] - 1).to(torch.int32)
                result[:, axis] = torch.where(tiles[:, 0] == tile, place, result[:, axis])
        return result

    def merge_back(self, nnf: Tensor, confidence: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """B''s own finest field and confidence out of the atlas's, from each cell's surest tile.

        Returns:
            (1, 2, h', w') int32, (1, 1, h', w') float32, and which tile, (1, 1, h', w') int64.
        """
        fields = torch.stack([self._upright(nnf.float(), tile) for tile in range(len(self.tiles))])
        sure = torch.stack([self._upright(confidence, tile) for tile in range(len(self.tiles))])
        best = torch.stack([_smooth(tile) for tile in sure]).argmax(dim=0)
        field = fields.gather(0, best[None].expand(1, -1, 2, -1, -1))[0]
        return field.to(torch.int32), sure.gather(0, best[None])[0], best

    def _upright(self, values: Tensor, tile: int) -> Tensor:
        """One tile's part of a finest map over the atlas, in B''s own cells."""
        own = self.back_field(values, tile)
        own = own.flip(3) if self.tiles[tile].transform.mirrored else own
        return F.interpolate(own, size=self.base.size(1), mode="nearest-exact")


def choose_copies(candidates: Sequence[Candidate]) -> tuple[list[Candidate], Tensor]:
    """Which copies are used, and by which cell of A.

    Args:
        candidates: all copies; the first is the unchanged one.

    Returns:
        Those that enough cells chose, and each cell's choice among them, (1, 1, h, w) int64.
    """
    prices = torch.cat(
        [_smooth(c.cost_ab) + _CHANGE_PRICE * (k > 0) for k, c in enumerate(candidates)], dim=1
    )
    shares = torch.bincount(prices.argmin(dim=1).flatten(), minlength=len(candidates))
    kept = [k for k, share in enumerate((shares / shares.sum()).tolist()) if share >= _LEAST_SHARE]
    return [candidates[k] for k in kept], prices[:, kept].argmin(dim=1, keepdim=True)


def make_atlas(base: EncodedPicture, copies: Sequence[EncodedPicture]) -> AtlasPicture:
    """Lay copies side by side; a single one is the whole atlas."""
    gap = _GAP_PX if len(copies) > 1 else 0
    sizes = [copy.size(1) for copy in copies]
    height = _whole_slots(max(size[0] for size in sizes))
    widths = [_whole_slots(size[1] + gap) for size in sizes]
    lefts = tuple(sum(widths[:k]) for k in range(len(copies)))
    features = {
        level: _lay([c.features[level] for c in copies], height, widths, 1 << (level - 1))
        for level in base.features
    }
    labels = {
        level: _lay([c.labels[level] for c in copies], height, widths, 1 << (level - 1))
        for level in base.labels
    }
    return AtlasPicture(
        image=base.image,
        seen=_lay([copy.seen for copy in copies], height, widths, 1),
        features=features,
        labels=labels,
        base=base,
        tiles=tuple(copies),
        lefts=lefts,
    )


def _lay(maps: Sequence[Tensor], height: int, widths: Sequence[int], step: int) -> Tensor:
    slots = [(height // step, width // step) for width in widths]
    joined = torch.cat([_extend(x, slot) for x, slot in zip(maps, slots, strict=True)], dim=3)
    return joined.contiguous(memory_format=torch.channels_last)


def _extend(x: Tensor, size: Size) -> Tensor:
    """Repeat the last row and column until a map has this size."""
    down, right = size[0] - x.shape[2], size[1] - x.shape[3]
    return F.pad(x, (0, right, 0, down), mode="replicate") if down or right else x


def _whole_slots(pixels: int) -> int:
    return -(-pixels // _SLOT_PX) * _SLOT_PX


def _smooth(cost: Tensor) -> Tensor:
    reach = _NEIGHBOURHOOD_CELLS // 2
    for _ in range(2):
        cost = F.avg_pool2d(
            cost, _NEIGHBOURHOOD_CELLS, stride=1, padding=reach, count_include_pad=False
        )
    return cost
