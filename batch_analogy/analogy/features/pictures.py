"""Encoded pictures: a picture at its matching size, with its features at every level."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from batch_analogy.analogy.features import PIXELS, FeatureExtractor
from batch_analogy.analogy.nnf import Size, initial_position
from batch_analogy.config.matching import FLOAT32_ENCODING, AnalogyConfig, Transform
from batch_analogy.errors import ConfigError

UNCHANGED = Transform()

_ROWS_AT_ONCE = 64
_MIN_SCALED_SIDE_PX = 64  # 4 cells of conv5_1; on fewer its bits depend on the number of threads
_NORM_EPSILON = 1e-8  # keeps an all-zero cell at zero instead of NaN


@dataclass(frozen=True)
class EncodedPicture:
    """A picture and the data that matching needs from it, computed once."""

    image: Tensor  # (1, 3, H, W) float32 RGB [0, 1], full resolution
    network_input: Tensor  # (1, 3, h, w) float32: the picture at matching size, preprocessed
    features: dict[int, Tensor]  # level → (1, C, h, w) float32
    strides: Mapping[int, int]  # level → pixels of the input per cell, encoded or not
    transform: Transform = UNCHANGED  # of a copy: how it differs from the picture
    labels: dict[int, Tensor] = field(default_factory=dict)  # level → (1, K, h, w); empty: no mask
    copies: tuple[EncodedPicture, ...] = ()  # matched instead, this picture first; empty: none

    @property
    def full_size(self) -> Size:
        """Size of the picture itself, (height, width) in pixels."""
        return int(self.image.shape[2]), int(self.image.shape[3])

    @property
    def input_size(self) -> Size:
        """Size at which the extractor sees the picture, (height, width) in pixels."""
        return int(self.network_input.shape[2]), int(self.network_input.shape[3])

    def size(self, level: int) -> Size:
        """Return (height, width) in cells of one level, encoded or not; ``PIXELS`` is the input."""
        stride = 1 if level == PIXELS else self.strides[level]
        height, width = self.input_size
        return -(-height // stride), -(-width // stride)

    def frame_size(self, level: int) -> Size:
        """Return the size in cells of the scene shown; an atlas shows one scene several times."""
        return self.size(level)

    def positions_in(self, other: EncodedPicture, level: int) -> Tensor:
        """Compute each cell's position in the other frame, assuming both frames show the same area.

        Returns:
            (1, 2, h, w) float32 (y, x) in the other picture's cells.
        """
        return initial_position(
            self.size(level), other.frame_size(level), self.network_input.device
        )


def encode_picture(
    network: FeatureExtractor,
    image: Tensor,
    config: AnalogyConfig,
    *,
    coarsest: int | None = None,
) -> EncodedPicture:
    """Scale a picture to its matching size and compute its features.

    Args:
        network: the feature extractor; its device is used.
        image: (1, 3, H, W) float32 RGB in [0, 1].
        config: matching area, sides and ratio.
        coarsest: the coarsest level computed; all levels by default.

    Raises:
        ConfigError: the image has the wrong shape or type.
    """
    _check(image)
    network = extractor_for(network, config)
    image = image.to(network.device)
    height, width = matching_size(int(image.shape[2]), int(image.shape[3]), config)
    size = height * network.input_scale, width * network.input_scale
    return _encode_at(network, image, size, config, coarsest)


def encode_reference(
    network: FeatureExtractor, image: Tensor, config: AnalogyConfig
) -> EncodedPicture:
    """Encode B' together with the transformed copies that the configuration asks for.

    Arguments and exceptions are those of ``encode_picture``.
    """
    network = extractor_for(network, config)
    base = encode_picture(network, image, config)
    if len(config.transforms) == 1:
        return base
    height, width = base.input_size
    copies = [base]
    for transform in config.transforms[1:]:
        size = max(1, round(height * transform.scale)), max(1, round(width * transform.scale))
        flipped = base.image.flip(3) if transform.mirrored else base.image
        copy = _encode_at(network, flipped, size, config)
        copies.append(dataclasses.replace(copy, image=flipped, transform=transform))
    return dataclasses.replace(base, copies=tuple(copies))


def extractor_for(network: FeatureExtractor, config: AnalogyConfig) -> FeatureExtractor:
    """Return the extractor at the scales that a configuration asks for.

    Raises:
        ConfigError: two scales are asked for, and the extractor has one.
    """
    if not config.two_scales:
        return network
    if network.two_scales is None:
        raise ConfigError(f"the extractor {network.name} cannot see pictures at two scales")
    return network.two_scales


def _check(image: Tensor) -> None:
    if image.dim() != 4 or image.shape[0] != 1 or image.shape[1] != 3:
        raise ConfigError(f"a picture must have shape (1, 3, H, W), not {tuple(image.shape)}")
    if image.dtype != torch.float32:
        raise ConfigError(f"a picture must be float32 in [0, 1], not {image.dtype}")


def _encode_at(
    network: FeatureExtractor,
    image: Tensor,
    size: Size,
    config: AnalogyConfig,
    coarsest: int | None = None,
) -> EncodedPicture:
    wanted = [level for level in network.levels if coarsest is None or level <= coarsest]
    dtype = _encoding_dtype(config, network.device)
    with torch.no_grad():
        features = network.pyramid(resize(image, size), (PIXELS, *wanted), dtype=dtype)
    return EncodedPicture(
        image=image,
        network_input=features.pop(PIXELS),
        features=features,
        strides={level: network.stride(level) for level in network.levels},
    )


def _encoding_dtype(config: AnalogyConfig, device: torch.device) -> torch.dtype:
    half = resolve_precision(config, device).precision == "bfloat16"
    return torch.bfloat16 if half and config.quality not in FLOAT32_ENCODING else torch.float32


def stack_pictures(pictures: Sequence[EncodedPicture]) -> EncodedPicture:
    """Stack pictures of one size into one batch, to be matched together."""
    first = pictures[0]
    return EncodedPicture(
        image=torch.cat([picture.image for picture in pictures]),
        network_input=torch.cat([picture.network_input for picture in pictures]),
        features={
            level: torch.cat([picture.features[level] for picture in pictures])
            for level in first.features
        },
        strides=first.strides,
    )


def matching_size(height: int, width: int, config: AnalogyConfig) -> Size:
    """Return the (height, width) in pixels at which a picture of this size is matched.

    Pictures above the area or side limit are reduced. Small ones are enlarged to the smallest
    side, as far as the limits allow. The ratio then shrinks them, but no side below 64 px. Both
    axes are scaled equally, so the aspect ratio is kept.

    Source: docs/method.md, "Input sizes", with the departures named there.
    """
    area_limit = math.sqrt(config.max_area_px / (height * width))
    side_limit = config.max_side_px / max(height, width)
    largest = min(area_limit, side_limit)
    wanted = max(1.0, config.min_side_px / min(height, width))
    unscaled = min(largest, wanted)
    scale = max(unscaled * config.ratio, min(unscaled, _MIN_SCALED_SIDE_PX / min(height, width)))
    return max(1, round(height * scale)), max(1, round(width * scale))


def resize(image: Tensor, size: Size) -> Tensor:
    """Resize pictures (B, C, H, W) in [0, 1], bicubic and antialiased; overshoot is clamped."""
    if (image.shape[2], image.shape[3]) == size:
        return image
    scaled = F.interpolate(image, size=size, mode="bicubic", antialias=True, align_corners=False)
    return scaled.clamp_(0.0, 1.0)


def cell_norms(features: Tensor) -> Tensor:
    """Compute each cell's L2 norm over channels (dimension 1, kept), never exactly 0.

    Source: docs/method.md, "Feature distance".
    """
    return _energy(features).sqrt_().clamp_min_(_NORM_EPSILON)


def _energy(features: Tensor) -> Tensor:
    """Compute Σ_c F² of each cell, a few rows at a time, to avoid a second map of this size."""
    tops = range(0, int(features.shape[2]), _ROWS_AT_ONCE)
    parts = [features[:, :, top : top + _ROWS_AT_ONCE] for top in tops]
    return torch.cat([part.square().sum(dim=1, keepdim=True) for part in parts], dim=2)


def unit_features(features: Tensor) -> Tensor:
    """Divide each cell by its L2 norm over channels; all-zero cells stay zero."""
    return features / cell_norms(features)


def response(features: Tensor) -> Tensor:
    """Compute the response of each cell: Σ_c F², min-max scaled to [0, 1] per picture.

    Returns:
        (B, 1, H, W) float32; zeros where the map is constant.

    Source: docs/method.md, "Response gate and blend weights".
    """
    energy = _energy(features)
    low = energy.amin(dim=(2, 3), keepdim=True)
    span = energy.amax(dim=(2, 3), keepdim=True) - low
    return (energy - low) / span.clamp_min(_NORM_EPSILON)


def resolve_precision(config: AnalogyConfig, device: str | torch.device) -> AnalogyConfig:
    """Replace ``precision="auto"`` by the fastest precision of a device.

    That is bfloat16 on a GPU and on CPUs with instructions for it (AMX tiles give 8 times
    float32's speed, AVX-512 twice), float32 elsewhere. Resolve it once before distributing work,
    so that all workers compute the same pixels.
    """
    if config.precision != "auto":
        return config
    fast = has_fast_bfloat16(device)
    return dataclasses.replace(config, precision="bfloat16" if fast else "float32")


def has_fast_bfloat16(device: str | torch.device) -> bool:
    """Return whether a device has instructions for bfloat16: any GPU, and some CPUs."""
    probes = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")  # not in every release
    on_cpu = any(getattr(torch.cpu, probe, lambda: False)() for probe in probes)
    return torch.device(device).type == "cuda" or on_cpu
