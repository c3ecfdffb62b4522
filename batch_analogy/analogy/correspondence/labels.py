"""Masks: pictures in flat colours that restrict matches to areas of the same label (sky to sky).

A mask becomes one soft map per colour. The search compares these maps as additional channels of
the features, so the kernels need no support for masks.
"""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from batch_analogy.analogy.features.pictures import EncodedPicture, cell_norms
from batch_analogy.errors import ConfigError

MAX_LABELS = 16
LABEL_WEIGHT = 1.0  # a match across labels costs as much as one without any common feature
_MIN_SHARE = 0.002  # of a mask; rarer colours are edges between two labels
_SAME_COLOUR = 40 / 255  # largest channel difference within a label, from JPEG or antialiasing


def label_maps(mask_a: Tensor, mask_bp: Tensor) -> tuple[Tensor, Tensor]:
    """Compute one map per label from the masks of A and B'.

    Args:
        mask_a: (1, 3, H, W) float32 RGB [0, 1] in flat colours; antialiased pixels go to the
            nearest colour. mask_bp: (1, 3, H', W'), in the same colours.

    Returns:
        (1, K, H, W) and (1, K, H', W') float32, 1 where a pixel has the label.

    Raises:
        ConfigError: a mask has too many colours, or the masks have no colour in common.
    """
    own, other = _colours(mask_a, "A"), _colours(mask_bp, "B'")
    common = [c for c in own if any(_alike(c, d) for d in other)]
    if not common:
        raise ConfigError(
            f"the masks of A and B' have no colour in common: A's are {_names(own)}, B''s are "
            f"{_names(other)}; paint areas that should match in the same colour"
        )
    palette = own + [d for d in other if not any(_alike(c, d) for c in own)]
    return _one_hot(mask_a, palette), _one_hot(mask_bp, palette)


def pool_labels(maps: Tensor, picture: EncodedPicture) -> dict[int, Tensor]:
    """Reduce label maps to every level: level → (1, K, h, w) float32, each cell of length 1."""
    pooled = {}
    for level in picture.features:
        cells = F.adaptive_avg_pool2d(maps, picture.size(level))
        pooled[level] = cells / cell_norms(cells)
    return pooled


def with_labels(features: Tensor, labels: Tensor) -> Tensor:
    """Append labels to the search channels; costs of features shrink by 1 + LABEL_WEIGHT."""
    share = 1.0 / (1.0 + LABEL_WEIGHT)
    joined = torch.cat([features * share**0.5, labels * (LABEL_WEIGHT * share) ** 0.5], dim=1)
    return joined.contiguous(memory_format=torch.channels_last)


def _colours(mask: Tensor, name: str) -> list[Tensor]:
    """Find the flat colours of a mask, the most frequent first."""
    pixels = (mask[0].flatten(1).T * 255).round().to(torch.uint8)
    found, counts = torch.unique(pixels, dim=0, return_counts=True)
    colours: list[Tensor] = []
    for index in counts.argsort(descending=True, stable=True).tolist():
        if counts[index] < _MIN_SHARE * len(pixels) and colours:
            break
        colour = found[index].float() / 255
        if not any(_alike(colour, c) for c in colours):
            colours.append(colour)
    if len(colours) > MAX_LABELS:
        raise ConfigError(
            f"the mask of {name} has {len(colours)} colours; use at most {MAX_LABELS} flat colours "
            "(a photograph is not a mask)"
        )
    return colours


def _alike(one: Tensor, other: Tensor) -> bool:
    return bool((one - other).abs().max() <= _SAME_COLOUR)


def _names(colours: list[Tensor]) -> str:
    values = ((c * 255).round().int().tolist() for c in colours)
    return ", ".join("#" + "".join(f"{v:02x}" for v in value) for value in values)


def _one_hot(mask: Tensor, palette: list[Tensor]) -> Tensor:
    distances = torch.cat(
        [(mask - c.view(1, 3, 1, 1)).square().sum(dim=1, keepdim=True) for c in palette], dim=1
    )
    chosen = distances.argmin(dim=1)
    return F.one_hot(chosen, len(palette)).permute(0, 3, 1, 2).float()
