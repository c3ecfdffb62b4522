"""Checks that the inputs of guided synthesis fit together."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from batch_analogy.analogy.guided.spec import Guide, GuidedConfig
from batch_analogy.analogy.nnf import Size, sides
from batch_analogy.errors import ConfigError

_MOST_STYLE_CHANNELS = 4


def check_inputs(
    style: Tensor,
    guides: Sequence[Guide],
    config: GuidedConfig,
    *,
    start: Tensor | None,
    mask: Tensor | None,
    base: Tensor | None,
    usable: Tensor | None,
) -> None:
    """Check the arguments of ``synthesise``, which describes them.

    Raises:
        ConfigError: an argument does not fit; the message names it and says what was expected.
    """
    _check_map("style (A')", style, None, torch.float32)
    channels = int(style.shape[1])
    if channels > _MOST_STYLE_CHANNELS:
        raise ConfigError(
            f"style (A') has {channels} channels; it must have 1 to {_MOST_STYLE_CHANNELS} "
            "(colours and alpha)"
        )
    if not guides:
        raise ConfigError("no guide was given; at least one is needed, if only for the size of B'")
    _check_guides(guides, sides(style), config)
    size = sides(guides[0].target)
    for name, values, count, kind in (
        ("start", start, 2, torch.float32),
        ("mask", mask, 1, torch.bool),
        ("base", base, channels, torch.float32),
    ):
        if values is not None:
            _check_map(name, values, size, kind, count)
    if usable is not None:
        _check_map("usable", usable, sides(style), torch.bool, 1)
        if not bool(usable.any()):
            raise ConfigError("no pixel of A' is usable; its alpha or mask leaves nothing")


def _check_guides(guides: Sequence[Guide], source_size: Size, config: GuidedConfig) -> None:
    size = sides(guides[0].target) if guides[0].target.dim() == 4 else None
    for number, guide in enumerate(guides, start=1):
        _check_map(f"guide {number}'s source", guide.source, source_size, torch.float32)
        channels = int(guide.source.shape[1])
        _check_map(f"guide {number}'s target", guide.target, size, torch.float32, channels)
        if not 0 <= guide.weight < float("inf"):
            raise ConfigError(
                f"guide {number}'s weight is {guide.weight}; it must be finite and at least 0"
            )
    if config.style_weight == 0 and all(guide.weight == 0 for guide in guides):
        raise ConfigError("all weights, of the style and of the guides, are 0; set at least one")


def _check_map(
    name: str, values: Tensor, size: Size | None, kind: torch.dtype, channels: int | None = None
) -> None:
    shape = tuple(values.shape)
    if len(shape) != 4 or shape[0] != 1 or 0 in shape:
        raise ConfigError(f"{name} must have shape (1, C, H, W), not {shape}")
    if channels is not None and shape[1] != channels:
        raise ConfigError(f"{name} has {shape[1]} channels; it must have {channels}")
    if size is not None and shape[2:] != size:
        raise ConfigError(f"{name} is {shape[3]}x{shape[2]} pixels; it must be {size[1]}x{size[0]}")
    if values.dtype != kind:
        raise ConfigError(f"{name} must be {kind}, not {values.dtype}")
    if kind.is_floating_point and not bool(values.isfinite().all()):
        raise ConfigError(f"{name} contains values that are not finite (NaN or infinity)")
