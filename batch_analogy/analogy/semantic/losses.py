"""Losses of the generator, and those of the discriminator and the segmenter.

Source: docs/method.md, "Loss weights", "Patch coherence loss", "Semantic alignment loss".
Departures are marked at each loss.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
import torch.nn.functional as F
from torch import Tensor

from batch_analogy.analogy.features.vgg import Vgg19
from batch_analogy.analogy.semantic.networks import DiscriminatorOutput, Translation, mirror_pad

COHERENCE_LEVELS = {1: 3, 2: 1}
"""VGG-19 level (relu1_1, relu2_1) → odd side of the compared patches, cells."""

PERCEPTUAL_LEVELS = (2, 3)

NEAREST = 5
"""Number of nearest patches that a patch is compared with: 5 in the published code, 1 in the paper.
"""

_UNREACHABLE = 1e9
_MOST_PATCHES = 8192  # of the picture, at each level


def adversarial(judged: DiscriminatorOutput, *, real: bool) -> Tensor:
    """Least-squares GAN loss: real pictures score 1, made ones 0; the mean over both scales."""
    wanted = 1.0 if real else 0.0
    return torch.stack([(scores - wanted).square().mean() for scores in judged.scores]).mean()


def feature_matching(made: DiscriminatorOutput, real: DiscriminatorOutput) -> Tensor:
    """L1 between the discriminator's features of a made picture and of the real one."""
    pairs = zip(made.features, real.features, strict=True)
    return torch.stack([F.l1_loss(m, r.detach()) for m, r in pairs]).mean()


def reconstruction(made: Tensor, image: Tensor) -> Tensor:
    """L1 between pictures, in the published range -1 … 1."""
    return 2.0 * F.l1_loss(made, image)


def fixed_point(translations: Sequence[Translation]) -> Tensor:
    """L1 of γ against 1 and of β against 0; used if P' is P, so that nothing should change."""
    off = [(t.gamma - 1.0).abs().mean() + t.beta.abs().mean() for t in translations]
    return torch.stack(off).mean()


def alignment(logits: Tensor, shares: Tensor) -> Tensor:
    """Cross-entropy between the segmenter's classes of a made picture and the wanted layout.

    Departures: classes and cross-entropy replace L1 between label colours, and gradients reach the
    generator, which they never do in the published code.

    Args:
        logits: (B, K, h, w) of the made picture, not detached.
        shares: (B, K, H, W), 1 in the plane of a pixel's class.
    """
    height, width = logits.shape[2:]
    return F.cross_entropy(logits.float(), F.adaptive_avg_pool2d(shares, (height, width)))


def vgg_features(network: Vgg19, image: Tensor, levels: Sequence[int]) -> dict[int, Tensor]:
    """Compute post-ReLU activations, level → (B, C, h, w); gradients reach the image."""
    found = network.pyramid(image, levels)
    if network.preprocessing != "caffe":
        return found
    return {level: features / 255.0 for level, features in found.items()}


def perceptual(made: dict[int, Tensor], real: dict[int, Tensor]) -> Tensor:
    """L1 between VGG-19 features of a made picture and the real one; weight 0 as published."""
    return torch.stack([F.l1_loss(made[k], real[k]) for k in PERCEPTUAL_LEVELS]).mean()


class Coherence:
    """Patch coherence loss: distance of a made picture's patches from the nearest patches of I.

    Some patches of VGG-19 features are compared with all patches of I. Departures: all at once
    instead of one by one; the nearest are found by L2, then compared by L1 as published; and with
    ``by_label`` a patch is compared only with patches of its own class.

    Args:
        network: VGG-19.
        image: (1, 3, H, W), I.
        classes: (1, H, W) int64, P.
        by_label: compare within each class.
    """

    def __init__(self, network: Vgg19, image: Tensor, classes: Tensor, *, by_label: bool) -> None:
        self._by_label = by_label
        with torch.no_grad():
            features = vgg_features(network, image, tuple(COHERENCE_LEVELS))
        self._own, self._classes = {}, {}
        for level, side in COHERENCE_LEVELS.items():
            stride = _stride(features[level], _MOST_PATCHES)
            self._own[level] = _patches(features[level], side, stride, (0, 0))
            self._classes[level] = _thin(_at_size(classes, features[level]), stride, (0, 0))
        self._squares = {k: own.square().sum(dim=1) for k, own in self._own.items()}

    def __call__(
        self, made: dict[int, Tensor], classes: Tensor, *, count: int, numbers: torch.Generator
    ) -> Tensor:
        """Return the mean distance over both levels.

        Args:
            made: level → (1, C, h, w), features of the made picture.
            classes: (1, H, W) int64, its layout.
            count: approximate number of patches at each level, on a grid with a random offset.
            numbers: random numbers.
        """
        found = []
        for level, side in COHERENCE_LEVELS.items():
            stride = _stride(made[level], count)
            first = torch.randint(stride, (2,), generator=numbers).tolist()
            patches = _patches(made[level], side, stride, first)
            found.append(
                self._distance(level, patches, _thin(_at_size(classes, made[level]), stride, first))
            )
        return torch.stack(found).mean()

    def _distance(self, level: int, patches: Tensor, classes: Tensor) -> Tensor:
        own = self._own[level]
        with torch.no_grad():
            costs = self._squares[level] - 2.0 * patches.detach() @ own.T
            if self._by_label:
                costs += _UNREACHABLE * (classes[:, None] != self._classes[level][None])
            nearest = costs.topk(min(NEAREST, len(own)), largest=False).indices
        return (patches[:, None] - own[nearest]).abs().mean()


def _stride(features: Tensor, most: int) -> int:
    """Return the step of a grid of at most about ``most`` patches."""
    return max(1, math.ceil(math.sqrt(features.shape[2] * features.shape[3] / most)))


def _patches(features: Tensor, side: int, stride: int, first: Sequence[int]) -> Tensor:
    """Cut (1, C, h, w) into (N, C · side²) patches; slices keep gradients deterministic."""
    height, width = features.shape[2:]
    padded = mirror_pad(features, side // 2) if side > 1 else features
    shifted = [
        padded[0, :, y : y + height, x : x + width][:, first[0] :: stride, first[1] :: stride]
        for y in range(side)
        for x in range(side)
    ]
    return torch.cat([part.flatten(1) for part in shifted]).T.float().contiguous()


def _thin(classes: Tensor, stride: int, first: Sequence[int]) -> Tensor:
    return classes[0, first[0] :: stride, first[1] :: stride].flatten()


def _at_size(classes: Tensor, features: Tensor) -> Tensor:
    planes = F.interpolate(classes[:, None].float(), size=features.shape[2:], mode="nearest")
    return planes[:, 0].long()
