"""The three networks: generator, discriminator and segmenter.

Departures from the published code, each for a reason:

* Features are normalised by their length at each pixel, not by batch norm. A batch is one picture,
  so batch norm would let one end of it change colours at the other, and colours would vary between
  the maps of a film. Only the translation uses statistics of a whole map, as published.
* The decoder enlarges and then convolves. Transposed convolution overlaps unevenly, which shows as
  a grid. Its last layer is linear, without norm and LeakyReLU.
* Label features are positive and bounded away from zero, so that their ratio stays finite.
* The discriminator can judge each position by its class (``by_label``), as a projection
  discriminator does (Miyato, Koyama 2018); the published one sees no labels by default.
* The segmenter predicts classes, not label colours. It has no dropout, whose random numbers a
  resumed training would have to restore.

Source: docs/method.md, "Generator", "Discriminator", "Segmenter".
"""

from __future__ import annotations

import itertools
from typing import NamedTuple, TypeVar

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.nn.utils.parametrizations import spectral_norm

SCALES = 3
STRIDE = 2**SCALES
"""Sides of the generator's input are multiples of this, pixels."""

_SLOPE = 0.2
_LEAST_LABEL = 0.1  # added to label features before they are divided
_EPSILON = 1e-5


Network = TypeVar("Network", bound=nn.Module)


class Translation(NamedTuple):
    """Scale and shift that take features from the layout of P to that of P', at one scale."""

    gamma: Tensor  # (B, C, h, w); 1 where nothing changes
    beta: Tensor  # (B, C, h, w); 0 where nothing changes


class Generated(NamedTuple):
    """A picture that the generator made, and the translations that it used."""

    image: Tensor  # (B, 3, H, W), about [0, 1], not clipped
    translations: tuple[Translation, ...]


class ReflectedConv(nn.Module):
    """A convolution with reflection padding; zero padding would show as a rim.

    The padding is made of slices: on a GPU the gradient of PyTorch's own is not deterministic.
    """

    def __init__(self, inputs: int, outputs: int, side: int = 3, stride: int = 1) -> None:
        super().__init__()
        self.convolution = nn.Conv2d(inputs, outputs, side, stride=stride)
        self.margin = side // 2

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.convolution(mirror_pad(x, self.margin))
        return made


def mirror_pad(x: Tensor, margin: int) -> Tensor:
    """Pad (B, C, H, W) by ``margin`` rows and columns on each side, by reflection."""
    for dim in (2, 3):
        size = x.shape[dim]
        before = x.narrow(dim, 1, margin).flip(dim)
        after = x.narrow(dim, size - 1 - margin, margin).flip(dim)
        x = torch.cat([before, x, after], dim=dim)
    return x


class _Normalise(nn.Module):
    """Scales features to length √C at each pixel."""

    def forward(self, x: Tensor) -> Tensor:
        return x * torch.rsqrt(x.square().mean(dim=1, keepdim=True) + _EPSILON)


class _Bottleneck(nn.Module):
    """Residual block: x plus a narrower 3 × 3 convolution of x."""

    def __init__(self, channels: int, *, normalised: bool = True) -> None:
        super().__init__()
        half = channels // 2
        self.body = nn.Sequential(
            nn.Conv2d(channels, half, 1),
            nn.LeakyReLU(_SLOPE),
            ReflectedConv(half, half),
            nn.LeakyReLU(_SLOPE),
            nn.Conv2d(half, channels, 1),
        )
        self.norm = _Normalise() if normalised else nn.Identity()

    def forward(self, x: Tensor) -> Tensor:
        return F.leaky_relu(self.norm(x + self.body(x)), _SLOPE)


class Encoder(nn.Module):
    """Encodes a picture or a label map at a half, a quarter and an eighth of its size."""

    def __init__(self, inputs: int, width: int) -> None:
        super().__init__()
        self.stem = nn.Sequential(ReflectedConv(inputs, width, 7), *_activation())
        self.stages = nn.ModuleList(
            nn.Sequential(
                _Bottleneck(width << scale),
                ReflectedConv(width << scale, width << scale),
                *_activation(),
                nn.Conv2d(width << scale, width << scale + 1, 4, stride=2, padding=1),
                *_activation(),
            )
            for scale in range(SCALES)
        )
        deepest = width << SCALES
        self.tail = nn.Sequential(ReflectedConv(deepest, deepest), *_activation())


class LabelEncoder(Encoder):
    """Encodes a label map as positive features at three scales, the finest first."""

    def forward(self, planes: Tensor) -> list[Tensor]:
        """Encode (B, K, H, W): (B, 2w, H/2, W/2), (B, 4w, H/4, W/4), (B, 8w, H/8, W/8)."""
        x, found = self.stem(planes), []
        for index, stage in enumerate(self.stages):
            x = stage(x)
            found.append(_positive(self.tail(x) if index == SCALES - 1 else x))
        return found


class FeatureTranslation(nn.Module):
    """Spatial feature transform: γ = net(F'/F), β = net(F' - F) modulate normalised features."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.scale, self.shift = _Modulator(channels, 1.0), _Modulator(channels, 0.0)

    def forward(self, x: Tensor, own: Tensor, target: Tensor) -> tuple[Tensor, Translation]:
        """Translate features from the layout of label features ``own`` to that of ``target``."""
        ratio = (target + _LEAST_LABEL) / (own + _LEAST_LABEL)
        made = Translation(self.scale(ratio), self.shift(target - own))
        off = x - _mean(x)
        return made.gamma * (off * torch.rsqrt(_mean(off.square()) + _EPSILON)) + made.beta, made


class Generator(nn.Module):
    """Makes I' from I and the label features of P and P'."""

    def __init__(self, classes: int, width: int) -> None:
        super().__init__()
        self.labels = LabelEncoder(classes, width)
        self.picture = Encoder(3, width)
        self.encoding = nn.ModuleList(
            FeatureTranslation(width << scale + 1) for scale in range(SCALES)
        )
        self.decoding = nn.ModuleList(
            FeatureTranslation(width << scale + 1) for scale in reversed(range(SCALES))
        )
        deepest = width << SCALES
        self.head = nn.Sequential(ReflectedConv(deepest, deepest), *_activation())
        self.stages = nn.ModuleList(
            nn.Sequential(
                _Bottleneck(width << scale + 1),
                ReflectedConv(width << scale + 1, width << scale + 1),
                *_activation(),
                nn.UpsamplingNearest2d(scale_factor=2),
                ReflectedConv(width << scale + 1, width << scale),
                *_activation(),
            )
            for scale in reversed(range(SCALES))
        )
        self.last = ReflectedConv(width, 3)
        _initialise(self)
        for translation in (*self.encoding, *self.decoding):
            translation.scale.initialise_neutral()
            translation.shift.initialise_neutral()

    def encode_picture(self, image: Tensor) -> Tensor:
        """Encode I, (B, 3, H, W) in [0, 1], at half its size, before any translation.

        The sides of I are multiples of ``STRIDE``.
        """
        encoded: Tensor = self.picture.stages[0](self.picture.stem(image * 2.0 - 1.0))
        return encoded

    def forward(self, encoded: Tensor, own: list[Tensor], target: list[Tensor]) -> Generated:
        """Make I'.

        Args:
            encoded: I, from ``encode_picture``.
            own: label features of P.
            target: label features of P'.
        """
        x, made = encoded, []
        for index, stage in enumerate(self.picture.stages):
            x = stage(x) if index else x
            x, translation = self.encoding[index](x, own[index], target[index])
            made.append(translation)
        x = self.head(self.picture.tail(x))
        for index, stage in enumerate(self.stages):
            scale = SCALES - 1 - index
            x, translation = self.decoding[index](x, own[scale], target[scale])
            made.append(translation)
            x = stage(x)
        with torch.autocast(x.device.type, enabled=False):  # bfloat16 has too few steps for a sky
            return Generated(self.last(x.float()) * 0.5 + 0.5, tuple(made))


class DiscriminatorOutput(NamedTuple):
    """Scores and features of the discriminator at a quarter and an eighth of the size."""

    scores: tuple[Tensor, ...]  # (B, 1, h, w): 1 real, 0 made
    features: tuple[Tensor, ...]  # (B, C, h, w)


class Discriminator(nn.Module):
    """Tells parts of real pictures from parts of made ones, at two scales."""

    def __init__(self, classes: int, width: int = 64, *, by_label: bool) -> None:
        super().__init__()
        sizes = (3, width, 2 * width, 4 * width)
        self.down = nn.ModuleList(
            nn.Sequential(
                spectral_norm(nn.Conv2d(inputs, outputs, 3, stride=2, padding=1)),
                nn.InstanceNorm2d(outputs),
                nn.LeakyReLU(_SLOPE),
            )
            for inputs, outputs in itertools.pairwise(sizes)
        )
        self.fusing = spectral_norm(nn.Conv2d(4 * width, 2 * width, 1))
        self.smoothing = spectral_norm(nn.Conv2d(2 * width, 2 * width, 3, padding=1))
        self.narrowing = spectral_norm(nn.Conv2d(4 * width, 2 * width, 1))
        self.real = spectral_norm(nn.Conv2d(2 * width, 1, 1))
        self.fits = spectral_norm(nn.Conv2d(2 * width, classes, 1)) if by_label else None

    def forward(self, image: Tensor, shares: Tensor) -> DiscriminatorOutput:
        """Judge pictures.

        Args:
            image: (B, 3, H, W) in [0, 1].
            shares: (B, K, H, W), 1 in the plane of a pixel's class.
        """
        half = self.down[0](image * 2.0 - 1.0)
        quarter = self.down[1](half)
        eighth = self.down[2](quarter)
        upper = F.interpolate(self.fusing(eighth), size=quarter.shape[2:], mode="nearest")
        features = (
            F.leaky_relu(self.smoothing(quarter + upper), _SLOPE),
            F.leaky_relu(self.narrowing(eighth), _SLOPE),
        )
        return DiscriminatorOutput(tuple(self._score(f, shares) for f in features), features)

    def _score(self, features: Tensor, shares: Tensor) -> Tensor:
        score: Tensor = self.real(features)
        if self.fits is not None:
            height, width = features.shape[2:]
            here = F.adaptive_avg_pool2d(shares, (height, width))
            score = score + (self.fits(features) * here).sum(dim=1, keepdim=True)
        return score


class Segmenter(nn.Module):
    """Predicts the class of each part of a picture: a small ASPP."""

    def __init__(self, classes: int, width: int = 64) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            ReflectedConv(3, width // 2, stride=2),
            nn.LeakyReLU(_SLOPE),
            ReflectedConv(width // 2, width, stride=2),
            nn.LeakyReLU(_SLOPE),
        )
        self.branches = nn.ModuleList(
            nn.Conv2d(width, width // 2, 3, padding=d, dilation=d) for d in (1, 2, 4)
        )
        self.last = nn.Conv2d(3 * (width // 2) + width, classes, 1)

    def forward(self, image: Tensor) -> Tensor:
        """Predict logits (B, K, H/4, W/4) of a picture (B, 3, H, W) in [0, 1]."""
        x = self.stem(image * 2.0 - 1.0)
        wide = [F.leaky_relu(branch(x), _SLOPE) for branch in self.branches]
        found: Tensor = self.last(torch.cat([x, *wide], dim=1))
        return found


class _Modulator(nn.Module):
    """Residual block without norm, 1 × 1 to half the channels, ReLU, 1 × 1 back to all."""

    def __init__(self, channels: int, neutral: float) -> None:
        super().__init__()
        self.neutral = neutral
        self.body = nn.Sequential(
            _Bottleneck(channels, normalised=False),
            nn.Conv2d(channels, channels // 2, 1),
            nn.ReLU(),
        )
        self.out = nn.Conv2d(channels // 2, channels, 1)

    def initialise_neutral(self) -> None:
        """Initialise near the value that changes nothing."""
        assert self.out.bias is not None
        nn.init.constant_(self.out.bias, self.neutral)
        with torch.no_grad():
            self.out.weight.mul_(0.2)

    def forward(self, x: Tensor) -> Tensor:
        made: Tensor = self.out(self.body(x))
        return made


def to_device(network: Network, device: str | torch.device) -> Network:
    """Move a network to a device, in channels-last format, which is twice as fast on CPUs."""
    network.to(device)
    return network.to(memory_format=torch.channels_last)  # type: ignore[call-overload,no-any-return]


def _positive(x: Tensor) -> Tensor:
    """Map smoothly to positive values; the last bits of softplus would depend on threads."""
    return 0.5 * (x + torch.sqrt(x.square() + 1.0))


def _mean(x: Tensor) -> Tensor:
    """Average each channel, one axis at a time, or the last bits would depend on threads."""
    return x.mean(dim=3, keepdim=True).mean(dim=2, keepdim=True)


def _activation() -> tuple[nn.Module, nn.Module]:
    return _Normalise(), nn.LeakyReLU(_SLOPE)


def _initialise(module: nn.Module) -> None:
    for layer in module.modules():
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight, a=_SLOPE)
            assert layer.bias is not None
            nn.init.zeros_(layer.bias)
