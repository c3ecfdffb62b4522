"""Guided patch synthesis: B' out of pieces of A', put where the guides say.

From the coarsest size up, search and vote take turns (expectation and maximisation): the search
finds for each patch of B' and its guides the most similar one of A' and A's, the vote makes B' of
what the patches say. Pixels that no longer change are settled and left out.

Source: Hertzmann et al. 2001 (Image Analogies), Wexler et al. 2007 and Kwatra et al. 2005 (search
and vote), Fišer et al. 2016 (StyLit) and the EbSynth library (guides, uniformity, last pass).
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from batch_analogy.analogy.correspondence.patchmatch.rng import derive_seed, hash_cells
from batch_analogy.analogy.guided.checks import check
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
from batch_analogy.analogy.guided.search import reference
from batch_analogy.analogy.guided.spec import (
    Guide,
    GuidedConfig,
    GuidedSearchSpec,
    Synthesis,
    radii_of,
)
from batch_analogy.analogy.nnf import sides, upsample_nnf

_LAST_PATCH = 3


@dataclass(frozen=True)
class _Made:
    """B' so far, at one size."""

    field: Tensor  # (2, H, W) int32
    picture: Tensor | None  # (H, W, S) float32; None: nothing is known of it yet
    difference: Tensor | None = None  # (H, W) int32, of the patches at the last search


@dataclass(frozen=True)
class _Pass:
    """Search and vote at one size with one patch."""

    given: LevelInputs
    scales: ChannelScales
    config: GuidedConfig
    level: int  # 0 is full size
    name: str  # of its random numbers

    def spec(self, number: int) -> GuidedSearchSpec:
        """What the search of one round is asked to do."""
        config = self.config
        return GuidedSearchSpec(
            patch=config.patch,
            iterations=config.iterations,
            radii=radii_of(max(self.given.source_size)),
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
    """Make B' of pieces of A' so that B' is to the target guides what A' is to the source guides.

    Args:
        style: A', (1, C, H', W') float32 in [0, 1]; one to four channels (colours, alpha).
        guides: at least one; the sources have A''s size, the targets one size of their own.
        config: patch, rounds, prices, seed.
        start: (1, 2, H, W) float32, a field to start from (of the frame before, say): coarse sizes
            are skipped.
        mask: (1, 1, H, W) bool, the pixels to be made; all by default.
        base: (1, C, H, W) float32, B' where it is not made. Patches at the mask's border go on from
            it; without it what lies outside the mask is not looked at, and stays 0.
        usable: (1, 1, H', W') bool, the pixels of A' that may be used; all by default.

    Returns:
        The same for any number of threads.

    Raises:
        ConfigError: shapes, types or weights do not fit together, or nothing of A' is usable.
    """
    check(style, guides, config, start=start, mask=mask, base=base, usable=usable)
    heavy = [guide for guide in guides if guide.weight > 0]
    full = _originals(style, guides[0], heavy, config, mask, base, usable)
    scales = channel_scales(int(style.shape[1]), heavy, config, patch=config.patch)
    if start is None:
        made = _coarse_to_fine(full, scales, config)
    else:
        given = inputs_at_level(full, scales, 0)
        made = _rounds(_Pass(given, scales, config, 0, "warm"), _started(start, given))
    if config.last_pass:
        config = replace(config, patch=_LAST_PATCH, uniformity=0.0)
        scales = channel_scales(int(style.shape[1]), heavy, config, patch=_LAST_PATCH)
        given = inputs_at_level(full, scales, 0)
        made = _rounds(_Pass(given, scales, config, 0, "last"), made)
    return _finished(made, scales, mask, base)


def _originals(
    style: Tensor,
    first: Guide,
    heavy: Sequence[Guide],
    config: GuidedConfig,
    mask: Tensor | None,
    base: Tensor | None,
    usable: Tensor | None,
) -> FullSizeInputs:
    """All that is given, with masks for all and everything between 0 and 1."""
    wanted = first.target.new_ones((1, 1, *sides(first.target)))
    if mask is not None:
        wanted = mask.float()
        if base is None:  # the patches of what is wanted are to be made whole
            wanted = F.max_pool2d(wanted, config.patch, 1, config.patch // 2)
    return FullSizeInputs(
        style=style.clamp(0.0, 1.0),
        usable=torch.ones_like(style[:, :1]) if usable is None else usable.float(),
        source=[guide.source.clamp(0.0, 1.0) for guide in heavy],
        target=[guide.target.clamp(0.0, 1.0) for guide in heavy],
        wanted=wanted,
        base=None if base is None else base.clamp(0.0, 1.0),
    )


def _coarse_to_fine(full: FullSizeInputs, scales: ChannelScales, config: GuidedConfig) -> _Made:
    made: _Made | None = None
    below: LevelInputs | None = None
    for level in reversed(range(level_count(sides(full.wanted), sides(full.style), config))):
        given = inputs_at_level(full, scales, level)
        if made is None or below is None:
            start = _Made(_scattered(given, config.seed), None)
        else:
            start = _enlarged(made.field, below, given)
        made, below = _rounds(_Pass(given, scales, config, level, "size"), start), given
    assert made is not None
    return made


def _scattered(given: LevelInputs, seed: int) -> Tensor:
    """A usable place for each pixel, at random, (2, H, W) int32."""
    height, width = given.size
    cells = torch.arange(height * width, device=given.wanted.device).view(height, width)
    places = given.usable.flatten().nonzero()[:, 0]
    drawn = hash_cells(cells ^ derive_seed("guided", seed, "start"))
    place = places[(drawn * len(places)) >> 32]
    columns = given.source_size[1]
    return torch.stack([place // columns, place % columns]).to(torch.int32)


def _enlarged(field: Tensor, below: LevelInputs, given: LevelInputs) -> _Made:
    """A coarser field at this size, and what it says of B'."""
    finer = upsample_nnf(field[None], below.source_size, given.size, given.source_size)[0]
    return _said(_at_usable(finer, given.usable), given)


def _started(start: Tensor, given: LevelInputs) -> _Made:
    """The field that a warm start gives, and what it says of B'."""
    limits = start.new_tensor(given.source_size).view(2, 1, 1) - 1
    nearest = torch.minimum((start[0] + 0.5).floor().clamp_min(0), limits).to(torch.int32)
    return _said(_at_usable(nearest, given.usable), given)


def _said(field: Tensor, given: LevelInputs) -> _Made:
    return _Made(field, _with_base(_vote(given, field, given.wanted, 1), given))


def _at_usable(field: Tensor, usable: Tensor) -> Tensor:
    """Matches at pixels that are not usable go to the nearest usable one."""
    if bool(usable.all()):
        return field
    from scipy import ndimage

    nearest = ndimage.distance_transform_edt(
        ~usable.cpu().numpy(), return_distances=False, return_indices=True
    )
    to = torch.from_numpy(nearest).to(field.device, torch.int32)
    return to[:, field[0].long(), field[1].long()]


def _rounds(task: _Pass, made: _Made) -> _Made:
    """Search and vote by turns until the rounds are over or all is settled."""
    given, config = task.given, task.config
    guides_only = made.picture is None and len(given.source) > 0
    active = given.wanted
    for number in range(config.rounds):
        source, target = _maps(task, made.picture, guides_only=guides_only and number == 0)
        field, difference = _search(source, target, made.field, given, active, task.spec(number))
        picture = _vote(given, field, given.wanted, config.patch // 2)
        picture = _with_base(picture, given)
        if made.picture is not None:
            active = _unsettled(made.picture, picture, given, config)
        made = _Made(field, picture, difference)
        if not bool((active == 2).any()):
            break
    return made


def _maps(task: _Pass, picture: Tensor | None, *, guides_only: bool) -> tuple[Tensor, Tensor]:
    """What a search compares, (H', W', C) and (H, W, C) int16."""
    given = task.given
    if guides_only:
        return stack_channels(given.source), stack_channels(given.target)
    if picture is None:
        picture = given.style.new_full((*given.size, given.style.shape[2]), 0.5)
    own, there = (
        quantise(values.permute(2, 0, 1)[None], task.scales.style)
        for values in (given.style, picture)
    )
    return stack_channels([own, *given.source]), stack_channels([there, *given.target])


def _unsettled(old: Tensor, new: Tensor, given: LevelInputs, config: GuidedConfig) -> Tensor:
    """What is still to be searched: patches that hold a pixel which changed."""
    if config.stop == 0:
        return given.wanted
    changed = ((new - old).abs().amax(dim=2) >= config.stop).float()
    near = F.max_pool2d(changed[None, None], config.patch, 1, config.patch // 2)[0, 0] > 0
    return torch.where(near, given.wanted, given.wanted.clamp_max(1))


def _with_base(picture: Tensor, given: LevelInputs) -> Tensor:
    if given.base is None:
        return picture
    return torch.where((given.wanted > 0)[..., None], picture, given.base)


def _search(
    source: Tensor,
    target: Tensor,
    field: Tensor,
    given: LevelInputs,
    active: Tensor,
    spec: GuidedSearchSpec,
) -> tuple[Tensor, Tensor]:
    """``reference.search`` by the fastest kernel there is for the tensors' device."""
    if source.device.type == "cpu":
        from batch_analogy.analogy.guided.search import cpu  # Numba is slow to import

        return cpu.search(source, target, field, given.usable, active, spec)
    if source.device.type == "cuda" and importlib.util.find_spec("triton") is not None:
        from batch_analogy.analogy.guided.search import cuda

        return cuda.search(source, target, field, given.usable, active, spec)
    return reference.search(source, target, field, given.usable, active, spec)


def _vote(given: LevelInputs, field: Tensor, active: Tensor, reach: int) -> Tensor:
    """``reference.vote`` likewise."""
    if field.device.type == "cpu":
        from batch_analogy.analogy.guided.search import cpu

        return cpu.vote(given.style, field, given.usable, active, reach)
    return reference.vote(given.style, field, given.usable, active, reach)


def _finished(
    made: _Made, scales: ChannelScales, mask: Tensor | None, base: Tensor | None
) -> Synthesis:
    assert made.picture is not None
    assert made.difference is not None
    picture = made.picture.permute(2, 0, 1)[None].clamp(0.0, 1.0).contiguous()
    cost = (made.difference.double() * scales.unit).float()[None, None]
    if mask is not None:
        picture = torch.where(mask, picture, 0.0 if base is None else base)
        cost = torch.where(mask, cost, 0.0)
    return Synthesis(picture=picture, field=made.field[None], cost=cost)
