"""VGG-19, the feature extractor of Deep Image Analogy.

Levels 5 … 1 are the post-ReLU activations of conv5_1 … conv1_1, with pooling that rounds sizes up,
as in the published program.

Source: docs/method.md, "VGG-19 features".
"""

from __future__ import annotations

import functools
from collections.abc import Mapping, Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from batch_analogy.analogy.features import PIXELS, LevelSpec, Step
from batch_analogy.analogy.features.two_scales import TwoScales
from batch_analogy.analogy.features.weights import (
    BLOCKS,
    Preprocessing,
    WeightsFile,
    load_tensors,
)

LEVEL_SPECS: Mapping[int, LevelSpec] = {
    5: LevelSpec(
        stride=16,
        patch=3,
        radius=None,
        smoothness_share=0.0,  # no coarser level provides expected matches
        alphas={1: 1.0, 2: 1.0, 3: 1.0},
        solve_iterations={"standard": 0, "paper": 100},
    ),
    4: LevelSpec(
        stride=8,
        patch=3,
        radius=6,
        smoothness_share=0.2,
        semantic_share=0.3,
        alphas={1: 0.7, 2: 0.8, 3: 0.9},
        solve_iterations={"standard": 0, "paper": 100},
    ),
    3: LevelSpec(
        stride=4,
        patch=3,
        radius=6,
        smoothness_share=1.0,
        semantic_share=0.3,
        alphas={1: 0.6, 2: 0.7, 3: 0.8},
        solve_iterations={"standard": 0, "paper": 100},
    ),
    2: LevelSpec(
        stride=2,
        patch=5,
        radius=4,
        smoothness_share=1.0,
        semantic_share=0.3,
        alphas={1: 0.5, 2: 0.6, 3: 0.7},
        solve_iterations={"standard": 0, "paper": 100},
        search_channels={"draft": 64, "standard": 64},
    ),
    1: LevelSpec(
        stride=1,
        patch=5,
        radius=4,
        smoothness_share=1.0,
        alphas={1: 0.0, 2: 0.1, 3: 0.2},
        search_channels={"draft": 32, "standard": 32},
    ),
}
"""Settings of the method at each level of VGG-19.

Patches, radii, alphas and the iterations of paper quality are those of the published program.

- Standard quality encodes the voted features again and solves nothing: that repairs seams at a
  small part of a solve's cost.
- Level 4 decides what matches what and needs freedom, so the smoothness prior has a fifth of its
  weight there, when the search starts at level 5. Starting from the global match, level 3 takes the
  full weight.
- A semantic share of 0.3 keeps matches within the same kind of thing. Level 1 has
  none: its search compares 32 channels, and these would be as many again.
- With the search channels, the matches' cost over all channels stays within 0.1 % of the full
  search's (benchmarks/kernel).

Source: docs/method.md, "PatchMatch patches, radii and iterations", "Response gate and blend
weights", "Latent features", "Smoothness prior", "Semantic channels" and "Fewer channels in the
search".
"""

_CAFFE_MEAN_BGR = (103.939, 116.779, 123.68)
_TORCHVISION_MEAN = (0.485, 0.456, 0.406)
_TORCHVISION_STD = (0.229, 0.224, 0.225)


class Vgg19:
    """VGG-19 up to conv5_1, on one device; a ``FeatureExtractor``.

    Weights are kept channels-last: on CPUs that more than doubles the speed of a convolution,
    and feature maps come out in the (H, W, C) order that PatchMatch reads.
    """

    name = "vgg19"
    input_scale = 1
    choice_level = 4
    coarse_levels = (5, 4)
    restart_level = 3

    def __init__(
        self,
        tensors: Mapping[str, Tensor],
        preprocessing: Preprocessing,
        device: torch.device,
        *,
        specs: Mapping[int, LevelSpec] = LEVEL_SPECS,
    ) -> None:
        """Move the weights to a device.

        Args:
            tensors: weights and biases as ``load_tensors`` returns them.
            preprocessing: the input values that they were trained on.
            device: the device that features are computed on.
            specs: level → settings of the method.
        """
        self.preprocessing: Preprocessing = preprocessing
        self.device = device
        self.specs = specs
        self._tensors = {
            name: _channels_last(tensor.to(device)) if tensor.dim() == 4 else tensor.to(device)
            for name, tensor in tensors.items()
        }
        self._by_dtype: dict[torch.dtype, dict[str, Tensor]] = {torch.float32: self._tensors}

    @property
    def levels(self) -> tuple[int, ...]:
        """All levels, coarse to fine: 5 … 1 for conv5_1 … conv1_1."""
        return tuple(sorted(self.specs, reverse=True))

    @functools.cached_property
    def two_scales(self) -> TwoScales:
        """The same levels, fine ones at twice the size of the coarse ones."""
        return TwoScales(self)

    def stride(self, level: int) -> int:
        """Return the pixels per cell of a level."""
        return self.specs[level].stride

    def pyramid(
        self, picture: Tensor, levels: Sequence[int], *, dtype: torch.dtype | None = None
    ) -> dict[int, Tensor]:
        """Compute the features of pictures; see ``FeatureExtractor.pyramid``."""
        pixels = _channels_last(self.preprocess(picture))
        found = {PIXELS: pixels} if PIXELS in levels else {}
        x = pixels if dtype is None else pixels.to(dtype)
        for level in range(1, max(levels) + 1):
            x = self.forward(x, start=level - 1, stop=level)
            if level in levels:
                found[level] = x.to(picture.dtype)
        return found

    def step(self, start: int, stop: int) -> Step:
        """Return ``forward`` from one level to a coarser one."""
        return lambda x: self.forward(x, start=start, stop=stop)

    def preprocess(self, picture: Tensor) -> Tensor:
        """Convert RGB in [0, 1], (B, 3, H, W), to the values that the weights were trained on."""
        if self.preprocessing == "caffe":
            mean = picture.new_tensor(_CAFFE_MEAN_BGR).view(1, 3, 1, 1)
            return picture.flip(1) * 255.0 - mean
        mean = picture.new_tensor(_TORCHVISION_MEAN).view(1, 3, 1, 1)
        std = picture.new_tensor(_TORCHVISION_STD).view(1, 3, 1, 1)
        return (picture - mean) / std

    def forward(self, x: Tensor, *, start: int, stop: int) -> Tensor:
        """Compute the activations of a coarser level from those of a finer one.

        Args:
            x: post-ReLU activations of conv{start}_1, or preprocessed pixels if ``start`` is
                ``PIXELS``; (B, C, H, W) float32 or bfloat16.
            start: 0 … 4.
            stop: a level above ``start``, at most 5.

        Returns:
            Post-ReLU activations of conv{stop}_1, in x's dtype.
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


def load_network(weights: WeightsFile, device: str | torch.device = "cpu") -> Vgg19:
    """Load the network with resolved weights onto a device.

    Raises:
        WeightsError: the file is missing or damaged.
    """
    return Vgg19(load_tensors(weights), weights.preprocessing, torch.device(device))


def _channels_last(x: Tensor) -> Tensor:
    return x.contiguous(memory_format=torch.channels_last)
