"""Guided patch synthesis: B' from pieces of A', placed as the guides say.

From the coarsest size up, search and vote alternate (expectation maximisation). The search finds,
for each patch of B' with its guides, the most similar patch of A' with its own; the vote averages
the matched patches into a new B'. Pixels that no longer change are settled and skipped.

Source: Hertzmann et al. 2001 (Image Analogies), Wexler et al. 2007 and Kwatra et al. 2005 (search
and vote), Fišer et al. 2016 (StyLit) and the EbSynth library (guides, uniformity, last pass);
docs/method.md, "Size pyramid of the synthesis", "Votes in the synthesis".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from batch_analogy.analogy.correspondence.patchmatch.rng import derive_seed, hash_cells
from batch_analogy.analogy.guided.checks import check_inputs
from batch_analogy.analogy.guided.pyramid import (
    FullSizeInputs,
    LevelInputs,
    inputs_at_level,
    level_count,
)
from batch_analogy.analogy.guided.quantisation import (
    ChannelScales,
    channel_scales,
    quantise,
    stack_channels,
)
from batch_analogy.analogy.guided.search import GuidedSearchSpec, search
from batch_analogy.analogy.guided.search.spec import radii_of
from batch_analogy.analogy.guided.spec import Guide, GuidedConfig, Synthesis
from batch_analogy.analogy.guided.vote import vote
from batch_analogy.analogy.nnf import sides, upsample_nnf

_LAST_PATCH = 3  # odd side, pixels


@dataclass(frozen=True)
class _Estimate:
    """The field and B' so far, at one size."""

    field: Tensor  # (2, H, W) int32
    picture: Tensor | None  # (H, W, S) float32: B'; None before the first vote
    difference: Tensor | None = None  # (H, W) int32, of the patches at the last search


@dataclass(frozen=True)
class _Stage:
    """Search and vote at one size with one patch."""

    inputs: LevelInputs
    scales: ChannelScales
    config: GuidedConfig
    level: int  # 0 is full size
    name: str  # part of the seed of its random numbers

    def search_spec(self, number: int) -> GuidedSearchSpec:
        """Return the parameters of the search in round ``number``."""
        config = self.config
        return GuidedSearchSpec(
            patch=config.patch,
            iterations=config.iterations,
            radii=radii_of(max(self.inputs.source_size)),
            seed=derive_seed("guided", config.seed, self.level, self.name, number),
            occurrence_cost=self.scales.occurrence_cost(config.uniformity),
            coherence=config.coherence * 0.5**self.level,
        )


def synthesise(
    style: Tensor,
    guides: Sequence[Guide],
    config: GuidedConfig,
    *,
    start: Tensor | None = None,
    mask: Tensor | None = None,
    base: Tensor | None = None,
    usable: Tensor | None = None,
) -> Synthesis:
    """Make B' from pieces of A' so that B' relates to the guides over B as A' to those over A.

    Args:
        style: A', (1, C, H', W') float32 in [0, 1]; one to four channels (colours, alpha).
        guides: at least one. Sources have the size of A'; targets share one size.
        config: patch, rounds, costs, seed.
        start: (1, 2, H, W) float32, a field to start from, such as that of the frame before; coarse
            sizes are then skipped.
        mask: (1, 1, H, W) bool, the pixels to make; all by default.
        base: (1, C, H, W) float32, B' outside the mask. Patches at the border of the mask continue
            it. Without a base, pixels outside the mask are ignored and stay 0.
        usable: (1, 1, H', W') bool, the pixels of A' that may be used; all by default.

    Returns:
        B', the field and its costs; the same for any number of threads.

    Raises:
        ConfigError: shapes, types or weights do not fit together, or no pixel of A' is usable.
    """
    check_inputs(style, guides, config, start=start, mask=mask, base=base, usable=usable)
    weighted = [guide for guide in guides if guide.weight > 0]
    full = _full_size_inputs(style, guides[0], weighted, config, mask, base, usable)
    scales = channel_scales(int(style.shape[1]), weighted, config, patch=config.patch)
    if start is None:
        estimate = _coarse_to_fine(full, scales, config)
    else:
        inputs = inputs_at_level(full, scales, 0)
        stage = _Stage(inputs, scales, config, 0, "warm")
        estimate = _alternate(stage, _from_start(start, inputs))
    if config.last_pass:
        config = replace(config, patch=_LAST_PATCH, uniformity=0.0)
        scales = channel_scales(int(style.shape[1]), weighted, config, patch=_LAST_PATCH)
        inputs = inputs_at_level(full, scales, 0)
        estimate = _alternate(_Stage(inputs, scales, config, 0, "last"), estimate)
    return _synthesis(estimate, scales, mask, base)


def _full_size_inputs(
    style: Tensor,
    first: Guide,
    weighted: Sequence[Guide],
    config: GuidedConfig,
    mask: Tensor | None,
    base: Tensor | None,
    usable: Tensor | None,
) -> FullSizeInputs:
    """Fill in the missing masks and clamp all values to [0, 1]."""
    active = first.target.new_ones((1, 1, *sides(first.target)))
    if mask is not None:
        active = mask.float()
        if base is None:  # patches around the pixels to make must be whole
            active = F.max_pool2d(active, config.patch, 1, config.patch // 2)
    return FullSizeInputs(
        style=style.clamp(0.0, 1.0),
        usable=torch.ones_like(style[:, :1]) if usable is None else usable.float(),
        source=[guide.source.clamp(0.0, 1.0) for guide in weighted],
        target=[guide.target.clamp(0.0, 1.0) for guide in weighted],
        active=active,
        base=None if base is None else base.clamp(0.0, 1.0),
    )


def _coarse_to_fine(full: FullSizeInputs, scales: ChannelScales, config: GuidedConfig) -> _Estimate:
    estimate: _Estimate | None = None
    coarser: LevelInputs | None = None
    for level in reversed(range(level_count(sides(full.active), sides(full.style), config))):
        inputs = inputs_at_level(full, scales, level)
        if estimate is None or coarser is None:
            start = _Estimate(_random_field(inputs, config.seed), None)
        else:
            start = _upsampled(estimate.field, coarser, inputs)
        stage = _Stage(inputs, scales, config, level, "size")
        estimate, coarser = _alternate(stage, start), inputs
    assert estimate is not None
    return estimate


def _random_field(inputs: LevelInputs, seed: int) -> Tensor:
    """Match each pixel with a random usable one: (2, H, W) int32."""
    height, width = inputs.size
    cells = torch.arange(height * width, device=inputs.active.device).view(height, width)
    positions = inputs.usable.flatten().nonzero()[:, 0]
    drawn = hash_cells(cells ^ derive_seed("guided", seed, "start"))
    position = positions[(drawn * len(positions)) >> 32]
    columns = inputs.source_size[1]
    return torch.stack([position // columns, position % columns]).to(torch.int32)


def _upsampled(field: Tensor, coarser: LevelInputs, inputs: LevelInputs) -> _Estimate:
    """Bring a coarser field to this size, and vote."""
    finer = upsample_nnf(field[None], coarser.source_size, inputs.size, inputs.source_size)[0]
    return _first_vote(_at_usable(finer, inputs.usable), inputs)


def _from_start(start: Tensor, inputs: LevelInputs) -> _Estimate:
    """Round the field of a warm start to whole pixels, and vote."""
    limits = start.new_tensor(inputs.source_size).view(2, 1, 1) - 1
    nearest = torch.minimum((start[0] + 0.5).floor().clamp_min(0), limits).to(torch.int32)
    return _first_vote(_at_usable(nearest, inputs.usable), inputs)


def _first_vote(field: Tensor, inputs: LevelInputs) -> _Estimate:
    picture = vote(inputs.style, field, inputs.usable, inputs.active, 1)
    return _Estimate(field, _over_base(picture, inputs))


def _at_usable(field: Tensor, usable: Tensor) -> Tensor:
    """Move matches at unusable pixels to the nearest usable one."""
    if bool(usable.all()):
        return field
    from scipy import ndimage

    nearest = ndimage.distance_transform_edt(
        ~usable.cpu().numpy(), return_distances=False, return_indices=True
    )
    to = torch.from_numpy(nearest).to(field.device, torch.int32)
    return to[:, field[0].long(), field[1].long()]


def _alternate(stage: _Stage, estimate: _Estimate) -> _Estimate:
    """Alternate search and vote until the rounds are over or every pixel is settled."""
    inputs, config = stage.inputs, stage.config
    guides_only = estimate.picture is None and len(inputs.source) > 0
    active = inputs.active
    for number in range(config.rounds):
        source, target = _maps(stage, estimate.picture, guides_only=guides_only and number == 0)
        field, difference = search(
            source, target, estimate.field, inputs.usable, active, stage.search_spec(number)
        )
        picture = vote(inputs.style, field, inputs.usable, inputs.active, config.patch // 2)
        picture = _over_base(picture, inputs)
        if estimate.picture is not None:
            active = _unsettled(estimate.picture, picture, inputs, config)
        estimate = _Estimate(field, picture, difference)
        if not bool((active == 2).any()):
            break
    return estimate


def _maps(stage: _Stage, picture: Tensor | None, *, guides_only: bool) -> tuple[Tensor, Tensor]:
    """Return the maps that a search compares: (H', W', C) and (H, W, C) int16."""
    inputs = stage.inputs
    if guides_only:
        return stack_channels(inputs.source), stack_channels(inputs.target)
    if picture is None:
        picture = inputs.style.new_full((*inputs.size, inputs.style.shape[2]), 0.5)
    ap, bp = (
        quantise(values.permute(2, 0, 1)[None], stage.scales.style)
        for values in (inputs.style, picture)
    )
    return stack_channels([ap, *inputs.source]), stack_channels([bp, *inputs.target])


def _unsettled(old: Tensor, new: Tensor, inputs: LevelInputs, config: GuidedConfig) -> Tensor:
    """Restrict the search to pixels whose patch contains a pixel that changed."""
    if config.stop == 0:
        return inputs.active
    changed = ((new - old).abs().amax(dim=2) >= config.stop).float()
    near = F.max_pool2d(changed[None, None], config.patch, 1, config.patch // 2)[0, 0] > 0
    return torch.where(near, inputs.active, inputs.active.clamp_max(1))


def _over_base(picture: Tensor, inputs: LevelInputs) -> Tensor:
    if inputs.base is None:
        return picture
    return torch.where((inputs.active > 0)[..., None], picture, inputs.base)


def _synthesis(
    estimate: _Estimate, scales: ChannelScales, mask: Tensor | None, base: Tensor | None
) -> Synthesis:
    assert estimate.picture is not None
    assert estimate.difference is not None
    picture = estimate.picture.permute(2, 0, 1)[None].clamp(0.0, 1.0).contiguous()
    cost = (estimate.difference.double() * scales.unit).float()[None, None]
    if mask is not None:
        picture = torch.where(mask, picture, 0.0 if base is None else base)
        cost = torch.where(mask, cost, 0.0)
    return Synthesis(picture=picture, field=estimate.field[None], cost=cost)
