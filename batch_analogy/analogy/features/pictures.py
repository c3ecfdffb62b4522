"""VGG-19 feature maps: what the matching sees of a picture.

Post-ReLU activations of conv1_1 … conv5_1 with ceil pooling, as the official code's Caffe
network gives them (deep-image-analogy facts §1). Only this module knows the network's value
range; everywhere else pictures are RGB float32 in [0, 1].
"""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
import torch.nn.functional as F
from torch import Tensor

from batch_analogy.analogy.features.weights import BLOCKS, Preprocessing, WeightsFile, load_tensors
from batch_analogy.analogy.nnf import initial_position
from batch_analogy.config.matching import ENCODED_EXACTLY, LEVELS, AnalogyConfig, Transform
from batch_analogy.errors import ConfigError

PIXELS = 0
"""The "level" below conv1_1: preprocessed pixels."""

UNCHANGED = Transform()

_CAFFE_MEAN_BGR = (103.939, 116.779, 123.68)
_TORCHVISION_MEAN = (0.485, 0.456, 0.406)
_TORCHVISION_STD = (0.229, 0.224, 0.225)
_ROWS_AT_ONCE = 64
_NORM_EPSILON = 1e-8  # keeps an all-zero cell at zero instead of NaN (facts §2)


class FeatureExtractor:
    """VGG-19 up to conv5_1, on one device.

    Weights are kept channels-last: on CPUs that more than doubles the speed of a convolution,
    and it leaves feature maps in the (H, W, C) order that PatchMatch reads.
    """

    def __init__(
        self, tensors: dict[str, Tensor], preprocessing: Preprocessing, device: torch.device
    ) -> None:
        self.preprocessing: Preprocessing = preprocessing
        self.device = device
        self._tensors = {
            name: _channels_last(tensor.to(device)) if tensor.dim() == 4 else tensor.to(device)
            for name, tensor in tensors.items()
        }
        self._by_dtype: dict[torch.dtype, dict[str, Tensor]] = {torch.float32: self._tensors}

    def preprocess(self, image: Tensor) -> Tensor:
        """RGB [0, 1] (B, 3, H, W) float32 → the values that the weights were trained on."""
        if self.preprocessing == "caffe":
            mean = image.new_tensor(_CAFFE_MEAN_BGR).view(1, 3, 1, 1)
            return image.flip(1) * 255.0 - mean
        mean = image.new_tensor(_TORCHVISION_MEAN).view(1, 3, 1, 1)
        std = image.new_tensor(_TORCHVISION_STD).view(1, 3, 1, 1)
        return (image - mean) / std

    def forward(self, x: Tensor, *, start: int, stop: int) -> Tensor:
        """Carry the activations of one level on to a finer-to-coarser later one.

        Args:
            x: activations of conv{start}_1 (post-ReLU), or preprocessed pixels for start 0;
                (B, C, H, W) float32 or bfloat16.
            start: 0 … 4.
            stop: a level above ``start``, at most 5.

        Returns:
            Activations of conv{stop}_1, post-ReLU, in x's dtype.
        """
        weights = self._weights_in(x.dtype)
        for level in range(start + 1, stop + 1):
            if level > 1:
                for convolution in range(2, BLOCKS[level - 2] + 1):
                    x = self._convolve(x, weights, f"conv{level - 1}_{convolution}")
                x = F.max_pool2d(x, 2, stride=2, ceil_mode=True)
            x = self._convolve(x, weights, f"conv{level}_1")
        return x

    def _convolve(self, x: Tensor, weights: dict[str, Tensor], layer: str) -> Tensor:
        y = F.conv2d(x, weights[f"{layer}.weight"], weights[f"{layer}.bias"], padding=1)
        return F.relu(y) if y.requires_grad else F.relu_(y)

    def _weights_in(self, dtype: torch.dtype) -> dict[str, Tensor]:
        if dtype not in self._by_dtype:
            self._by_dtype[dtype] = {k: v.to(dtype) for k, v in self._tensors.items()}
        return self._by_dtype[dtype]


@dataclass(frozen=True)
class EncodedPicture:
    """A picture and everything of it that matching needs, computed once."""

    image: Tensor  # (1, 3, H, W) float32 RGB [0, 1], full resolution
    seen: Tensor  # (1, 3, h, w) float32, preprocessed: what the network saw
    features: dict[int, Tensor]  # level → (1, C, h, w) float32, post-ReLU
    transform: Transform = UNCHANGED  # of which this is a copy
    labels: dict[int, Tensor] = field(default_factory=dict)  # level → (1, K, h, w); empty: no mask
    copies: tuple[EncodedPicture, ...] = ()  # to be matched instead, if any; itself is the first

    @property
    def full_size(self) -> tuple[int, int]:
        """(height, width) in pixels of the picture itself."""
        return int(self.image.shape[2]), int(self.image.shape[3])

    def size(self, level: int) -> tuple[int, int]:
        """(height, width) in cells of one level, encoded or not: pooling rounds up."""
        height, width = (-int(side) >> (level - 1) for side in self.seen.shape[2:])
        return -height, -width

    def frame_size(self, level: int) -> tuple[int, int]:
        """The size in cells of what the picture shows; an atlas shows one frame several times."""
        return self.size(level)

    def positions_in(self, other: EncodedPicture, level: int) -> Tensor:
        """Where each cell lies in the other picture's frame when both cover the same.

        Returns:
            (1, 2, h, w) float32 (y, x) in the other picture's cells.
        """
        return initial_position(self.size(level), other.frame_size(level), self.seen.device)


def load_network(weights: WeightsFile, device: str | torch.device = "cpu") -> FeatureExtractor:
    """Read resolved weights onto a device.

    Raises:
        WeightsError: the file is gone or damaged.
    """
    return FeatureExtractor(load_tensors(weights), weights.preprocessing, torch.device(device))


def encode_picture(
    network: FeatureExtractor, image: Tensor, config: AnalogyConfig, *, coarsest: int = LEVELS[0]
) -> EncodedPicture:
    """Scale a picture to its matching size and compute its features.

    Args:
        network: the network; its device is used.
        image: (1, 3, H, W) float32 RGB in [0, 1].
        config: matching area, sides and ratio.
        coarsest: the last level that is computed; from conv1_1 on.

    Raises:
        ConfigError: the image has another shape or type.
    """
    _check(image)
    image = image.to(network.device)
    height, width = matching_size(int(image.shape[2]), int(image.shape[3]), config)
    return _encode_at(network, image, (height, width), config, coarsest)


def encode_reference(
    network: FeatureExtractor, image: Tensor, config: AnalogyConfig
) -> EncodedPicture:
    """``encode_picture`` of B', with the transformed copies that the configuration asks for."""
    base = encode_picture(network, image, config)
    if len(config.transforms) == 1:
        return base
    height, width = base.size(1)
    copies = [base]
    for transform in config.transforms[1:]:
        size = max(1, round(height * transform.scale)), max(1, round(width * transform.scale))
        turned = base.image.flip(3) if transform.mirrored else base.image
        copy = _encode_at(network, turned, size, config)
        copies.append(dataclasses.replace(copy, image=turned, transform=transform))
    return dataclasses.replace(base, copies=tuple(copies))


def _check(image: Tensor) -> None:
    if image.dim() != 4 or image.shape[0] != 1 or image.shape[1] != 3:
        raise ConfigError(f"a picture must have shape (1, 3, H, W), not {tuple(image.shape)}")
    if image.dtype != torch.float32:
        raise ConfigError(f"a picture must be float32 in [0, 1], not {image.dtype}")


def _encode_at(
    network: FeatureExtractor,
    image: Tensor,
    size: tuple[int, int],
    config: AnalogyConfig,
    coarsest: int = LEVELS[0],
) -> EncodedPicture:
    with torch.no_grad():
        seen = _channels_last(network.preprocess(resize(image, size)))
        features: dict[int, Tensor] = {}
        x, previous = seen.to(_encoding_type(config, network.device)), PIXELS
        for level in range(1, coarsest + 1):
            x = network.forward(x, start=previous, stop=level)
            features[level] = x.float()
            previous = level
    return EncodedPicture(image=image, seen=seen, features=features)


def _encoding_type(config: AnalogyConfig, device: torch.device) -> torch.dtype:
    half = resolve_precision(config, device).precision == "bfloat16"
    return torch.bfloat16 if half and config.quality not in ENCODED_EXACTLY else torch.float32


def stack_pictures(pictures: Sequence[EncodedPicture]) -> EncodedPicture:
    """Pictures of one size as one batch, to be matched together."""
    first = pictures[0]
    return EncodedPicture(
        image=torch.cat([picture.image for picture in pictures]),
        seen=torch.cat([picture.seen for picture in pictures]),
        features={
            level: torch.cat([picture.features[level] for picture in pictures])
            for level in first.features
        },
    )


def matching_size(height: int, width: int, config: AnalogyConfig) -> tuple[int, int]:
    """The (height, width) in pixels at which the network sees a picture of this size.

    Pictures above the area or side limit are reduced; small ones are enlarged to the smallest
    side, as far as the limits allow. Unlike the official code one scale is used for both axes,
    so the aspect is kept.
    """
    area_limit = math.sqrt(config.max_area_px / (height * width))
    side_limit = config.max_side_px / max(height, width)
    largest = min(area_limit, side_limit)
    wanted = max(1.0, config.min_side_px / min(height, width))
    scale = min(largest, wanted) * config.ratio
    return max(1, round(height * scale)), max(1, round(width * scale))


def resize(image: Tensor, size: tuple[int, int]) -> Tensor:
    """Bicubic, antialiased resize of (B, C, H, W) pictures in [0, 1]; overshoot is clamped."""
    if (image.shape[2], image.shape[3]) == size:
        return image
    scaled = F.interpolate(image, size=size, mode="bicubic", antialias=True, align_corners=False)
    return scaled.clamp_(0.0, 1.0)


def cell_norms(features: Tensor) -> Tensor:
    """Each cell's L2 norm over channels (dimension 1, kept), kept off zero (facts §2)."""
    return _energy(features).sqrt_().clamp_min_(_NORM_EPSILON)


def _energy(features: Tensor) -> Tensor:
    """Σ_c F² of each cell; some rows at a time, so that no second map as large is made."""
    tops = range(0, int(features.shape[2]), _ROWS_AT_ONCE)
    parts = [features[:, :, top : top + _ROWS_AT_ONCE] for top in tops]
    return torch.cat([part.square().sum(dim=1, keepdim=True) for part in parts], dim=2)


def unit_features(features: Tensor) -> Tensor:
    """Divide each cell by its L2 norm over channels; all-zero cells stay zero."""
    return features / cell_norms(features)


def response(features: Tensor) -> Tensor:
    """How strongly each cell fires: Σ_c F², min-max scaled to [0, 1] per picture (facts §3).

    Returns:
        (B, 1, H, W) float32; zeros where the map is constant.
    """
    energy = _energy(features)
    low = energy.amin(dim=(2, 3), keepdim=True)
    span = energy.amax(dim=(2, 3), keepdim=True) - low
    return (energy - low) / span.clamp_min(_NORM_EPSILON)


def resolve_precision(config: AnalogyConfig, device: str | torch.device) -> AnalogyConfig:
    """Replace ``precision="auto"`` by what this machine does fast.

    bfloat16 where the CPU has instructions for it (AMX tiles give 8 times float32's speed,
    AVX-512 twice) and on a GPU, else float32. It is resolved once, by whoever starts the work, so
    that all workers compute the same pixels.
    """
    if config.precision != "auto":
        return config
    fast = is_quick_in_bfloat16(device)
    return dataclasses.replace(config, precision="bfloat16" if fast else "float32")


def is_quick_in_bfloat16(device: str | torch.device) -> bool:
    """Whether a device has instructions for it: any GPU, and some CPUs."""
    probes = ("_is_amx_tile_supported", "_is_avx512_bf16_supported")  # not in every release
    on_cpu = any(getattr(torch.cpu, probe, lambda: False)() for probe in probes)
    return torch.device(device).type == "cuda" or on_cpu


def _channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)
