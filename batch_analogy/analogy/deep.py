"""Deep Image Analogy: compute A' and B from A and B'.

Source: Liao, Yao, Yuan, Hua, Kang: Visual Attribute Transfer through Deep Image Analogy,
SIGGRAPH 2017, algorithm 1; docs/method.md, "Deep Image Analogy", for the published constants.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
import torch.nn.functional as F
from numpy.typing import NDArray
from torch import Tensor

from batch_analogy.analogy.correspondence.atlas import AtlasPicture
from batch_analogy.analogy.correspondence.coarse_to_fine import LevelDone, MatchFields, match
from batch_analogy.analogy.correspondence.labels import label_maps, pool_labels
from batch_analogy.analogy.features import FeatureExtractor
from batch_analogy.analogy.features.pictures import (
    EncodedPicture,
    encode_picture,
    encode_reference,
    resize,
    resolve_precision,
    stack_pictures,
)
from batch_analogy.analogy.features.vgg import load_network
from batch_analogy.analogy.features.weights import resolve_weights
from batch_analogy.analogy.nnf import HALF_CONFIDENCE_CELLS, match_confidence, nnf_to_flow, sides
from batch_analogy.analogy.reconstruction.vote import vote
from batch_analogy.analogy.refine import refine
from batch_analogy.analogy.rendering.seams import blend_seams, edge_strength, seam_sources
from batch_analogy.analogy.rendering.upscale import render_full_size
from batch_analogy.config.matching import AnalogyConfig
from batch_analogy.errors import ConfigError

_VOTE_PATCH = 3  # (docs/method.md, "Final vote")

__all__ = ["AnalogyResult", "LevelDone", "deep_image_analogies", "deep_image_analogy"]


@dataclass(frozen=True)
class AnalogyResult:
    """Result of one pair: pictures at full resolution, fields at matching size."""

    a_prime: Tensor  # (1, 3, H, W) float32 RGB [0, 1]: A's structure, B''s appearance
    b: Tensor  # (1, 3, H', W') float32 RGB [0, 1]: B''s structure, A's appearance
    nnf_ab: Tensor  # (1, 2, h, w) int32
    nnf_ba: Tensor  # (1, 2, h', w') int32
    confidence_a: Tensor  # (1, 1, h, w) float32 [0, 1], of A's matches
    confidence_b: Tensor  # (1, 1, h', w') float32 [0, 1]

    def flow_ab(self) -> NDArray[np.float32]:
        """Return the flow A→B, (H, W, 2) float32: (dx, dy) in pixels, match − self."""
        return self._flow(self.nnf_ab, self.nnf_ba, self.a_prime, self.b)

    def flow_ba(self) -> NDArray[np.float32]:
        """Return the flow B→A, (H', W', 2) float32: (dx, dy) in pixels, match − self."""
        return self._flow(self.nnf_ba, self.nnf_ab, self.b, self.a_prime)

    @staticmethod
    def _flow(nnf: Tensor, back: Tensor, own: Tensor, other: Tensor) -> NDArray[np.float32]:
        return nnf_to_flow(nnf, sides(back), sides(own), sides(other))


def deep_image_analogy(
    a: Tensor,
    bp: Tensor,
    *,
    config: AnalogyConfig | None = None,
    network: FeatureExtractor | None = None,
    reference: EncodedPicture | None = None,
    masks: tuple[Tensor, Tensor] | None = None,
    on_level: Callable[[LevelDone], None] | None = None,
) -> AnalogyResult:
    """Find A' and B so that A : A' :: B : B'.

    Args:
        a: picture A, (1, 3, H, W) float32 RGB in [0, 1].
        bp: picture B', (1, 3, H', W') float32 RGB in [0, 1], of any other size.
        config: quality, blend weight and so on; those of photo-to-style by default.
        network: the feature extractor; by default VGG-19 with the default weights on A's device.
        reference: ``encode_reference`` of B' with the same configuration, to match many A with
            one B'.
        masks: of A and of B', (1, 3, h, w) float32 RGB of any size in flat colours; areas of one
            colour match areas of the same colour.
        on_level: called after each level.

    Returns:
        Both pictures, both fields and their confidence. The same arguments give the same result,
        for any number of threads.

    Raises:
        ConfigError: a picture has the wrong shape or type, or the masks do not fit together.
        WeightsError: no network was given and the default weights are missing.

    >>> import torch
    >>> picture = torch.rand(1, 3, 32, 40, generator=torch.Generator().manual_seed(0))
    >>> small = AnalogyConfig(quality="draft", min_side_px=32)
    >>> result = deep_image_analogy(picture, picture, config=small)
    >>> tuple(result.a_prime.shape), bool((result.a_prime - picture).abs().max() < 1e-3)
    ((1, 3, 32, 40), True)
    """
    config = config or AnalogyConfig.for_preset("photo-to-style")
    network = network or load_network(resolve_weights(), a.device)
    config = resolve_precision(config, network.device)
    picture_a = encode_picture(network, a, config)
    picture_bp = reference or encode_reference(network, bp, config)
    with torch.no_grad():
        if masks is not None:
            picture_a, picture_bp = _label(picture_a, picture_bp, masks)
        fields, found = match(network, picture_a, picture_bp, config, on_level)
        return _assemble(picture_a, picture_bp, found, fields, config)


def deep_image_analogies(
    frames: Sequence[Tensor],
    bp: Tensor,
    *,
    config: AnalogyConfig | None = None,
    network: FeatureExtractor | None = None,
    reference: EncodedPicture | None = None,
) -> list[AnalogyResult]:
    """Match several pictures A of one size with one B' at once.

    A batch keeps a GPU busy where the coarse levels of one picture would not. Every result equals
    that of ``deep_image_analogy`` bit for bit, so batches may be formed in any way. If B' has
    transformed copies, each A chooses its own among them, so the pictures are matched one by one.

    Args:
        frames: pictures A, (1, 3, H, W) float32 RGB in [0, 1] each, all of one size.
        bp, config, network, reference: see ``deep_image_analogy``.

    Returns:
        One result for each picture, in their order.

    Raises:
        ConfigError: as for ``deep_image_analogy``, or the pictures differ in size.
        torch.cuda.OutOfMemoryError: the batch does not fit the GPU; see ``batching.in_batches``.
    """
    if len({tuple(frame.shape) for frame in frames}) > 1:
        raise ConfigError("pictures of one batch must have the same size")
    if not frames:
        return []
    config = config or AnalogyConfig.for_preset("photo-to-style")
    network = network or load_network(resolve_weights(), frames[0].device)
    config = resolve_precision(config, network.device)
    encoded = [encode_picture(network, frame, config) for frame in frames]
    picture_bp = reference or encode_reference(network, bp, config)
    with torch.no_grad():
        if picture_bp.copies:
            matched = [match(network, a, picture_bp, config) for a in encoded]
        else:
            fields, found = match(network, stack_pictures(encoded), picture_bp, config)
            matched = [(fields.item(k), found) for k in range(len(encoded))]
        return [
            _assemble(a, picture_bp, found, fields, config)
            for a, (fields, found) in zip(encoded, matched, strict=True)
        ]


def _label(
    a: EncodedPicture, bp: EncodedPicture, masks: tuple[Tensor, Tensor]
) -> tuple[EncodedPicture, EncodedPicture]:
    """Add the masks' labels to both pictures and to the copies of B'."""
    map_a, map_bp = (maps.to(a.network_input.device) for maps in label_maps(*masks))
    copies = tuple(
        replace(
            copy,
            labels=pool_labels(map_bp.flip(3) if copy.transform.mirrored else map_bp, copy),
        )
        for copy in bp.copies
    )
    return (
        replace(a, labels=pool_labels(map_a, a)),
        replace(bp, labels=pool_labels(map_bp, bp), copies=copies),
    )


def _assemble(
    a: EncodedPicture,
    bp: EncodedPicture,
    found: EncodedPicture,
    fields: MatchFields,
    config: AnalogyConfig,
) -> AnalogyResult:
    confidence_a = match_confidence(fields.ab, fields.ba, fields.cost_ab, HALF_CONFIDENCE_CELLS)
    confidence_b = match_confidence(fields.ba, fields.ab, fields.cost_ba, HALF_CONFIDENCE_CELLS)
    if not isinstance(found, AtlasPicture):
        blended = config.quality != "paper"
        return AnalogyResult(
            a_prime=_refine(a, _vote(bp, fields.ab, a, config, blended), confidence_a, config),
            b=_refine(bp, _vote(a, fields.ba, bp, config, blended), confidence_b, config),
            nnf_ab=fields.ab,
            nnf_ba=fields.ba,
            confidence_a=confidence_a,
            confidence_b=confidence_b,
        )
    nnf_ba, confidence_b, tiles = found.merge_back(fields.ba, confidence_b)
    return AnalogyResult(
        a_prime=_refine(a, _vote_from_tiles(found, fields.ab, a, config), confidence_a, config),
        b=_refine(bp, _vote_onto_tiles(found, fields.ba, tiles, a, config), confidence_b, config),
        nnf_ab=found.to_base(fields.ab),
        nnf_ba=nnf_ba,
        confidence_a=confidence_a,
        confidence_b=confidence_b,
    )


def _vote(
    other: EncodedPicture,
    nnf: Tensor,
    own: EncodedPicture,
    config: AnalogyConfig,
    blended: bool = False,
) -> Tensor:
    """Render the other picture through a field; small if refined, as only colours are needed."""
    if config.refine != "none":
        return vote(resize(other.image, other.size(1)), nnf, _VOTE_PATCH)
    rendered = render_full_size(other.image, nnf, other.size(1), own.full_size, seed=config.seed)
    if not blended:
        return rendered.picture
    edges = edge_strength(own.image, own.size(1)), edge_strength(rendered.read, other.size(1))
    sources = seam_sources(rendered.picture, rendered.read, rendered.field, *edges)
    return blend_seams(rendered.picture, sources)


def _vote_from_tiles(
    atlas: AtlasPicture, nnf: Tensor, own: EncodedPicture, config: AnalogyConfig
) -> Tensor:
    """Render A' from the copies of B', each pixel from the copy that contains its match."""
    tiles = atlas.tile_of(nnf).float()
    result: Tensor | None = None
    for tile, picture in enumerate(atlas.tiles):
        voted = _vote(picture, atlas.own_field(nnf, tile), own, config)
        here = _nearest(tiles, voted) == tile
        result = voted if result is None else torch.where(here, voted, result)
    assert result is not None
    return result


def _vote_onto_tiles(
    atlas: AtlasPicture, nnf: Tensor, tiles: Tensor, other: EncodedPicture, config: AnalogyConfig
) -> Tensor:
    """Render B from A on each copy of B' in use; each pixel from its most confident copy."""
    result: Tensor | None = None
    for tile, picture in enumerate(atlas.tiles):
        voted = _vote(other, atlas.back_field(nnf, tile), picture, config)
        voted = voted.flip(3) if picture.transform.mirrored else voted
        if config.refine != "none":
            voted = resize(voted, atlas.base.size(1))
        here = _nearest(tiles.float(), voted) == tile
        result = voted if result is None else torch.where(here, voted, result)
    assert result is not None
    return result


def _nearest(labels: Tensor, like: Tensor) -> Tensor:
    return F.interpolate(labels, size=like.shape[2:], mode="nearest-exact")


def _refine(
    own: EncodedPicture, voted: Tensor, confidence: Tensor, config: AnalogyConfig
) -> Tensor:
    if config.refine == "none":
        return voted.clamp_(0.0, 1.0)
    return refine(own.image, voted, config.refine, confidence, exact=config.exact)
