"""Guides computed from two pictures: colour, edges, features, position, brightness, slopes, labels.

Colour is the strongest guide where A and B show the same scene. Edges keep outlines in place.
VGG-19 features compare what things are, so an example of another scene works too. Positions keep
neighbours together. Blurred, rank-matched brightness lets a texture follow the light of a scene and
keep its own grain. Slopes show relief, and labels are flat colours that say which texture goes
where.

Source: Hertzmann et al. 2001 (luminance remapping); the guides of StyLit, EbSynth and its rebuilds
(docs/method.md, "Guide weights"); the feature guide is our own.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from batch_analogy.analogy.correspondence.channel_pca import project_terms
from batch_analogy.analogy.deterministic import resize_bilinear
from batch_analogy.analogy.features import FeatureExtractor
from batch_analogy.analogy.guided import Guide, GuidedConfig
from batch_analogy.analogy.nnf import Size, initial_position, sides
from batch_analogy.colour import luma_of_planes
from batch_analogy.config.painting import PaintConfig
from batch_analogy.errors import InputError

FEATURE_LEVEL = 3
"""VGG-19 level of the feature guide: conv3_1 tells parts of things apart, to within 4 px."""

MOST_LABELS = 16
"""Most labels that a label map may have."""

_RARE = 0.001  # least share of the pixels that makes a colour a label
_BETWEEN_LABELS = 0.2  # largest share of mixed pixels, which smoothing makes at borders
_ALIKE = 24  # 8-bit levels within which colours count as one label
_DIRECTIONS = 8  # principal directions of the features; more add little
_EDGE_TAPS = (1.0, 4.0, 7.0, 10.0, 7.0, 4.0, 1.0)  # a Gaussian of σ ≈ 1.6 px
_LIGHT_TAPS = (1.0, 4.0, 11.0, 27.0, 49.0, 72.0, 82.0, 72.0, 49.0, 27.0, 11.0, 4.0, 1.0)  # 2 px
_LARGEST_GAIN = 4.0  # of contrast; its reciprocal is the smallest


@dataclass(frozen=True)
class GuidePicture:
    """A picture and its features, at the size at which guides are compared."""

    image: Tensor  # (1, 3, H, W) float32 [0, 1]
    features: Tensor | None = None  # (1, C, h, w) float32; None: there is no feature guide


def guide_picture(network: FeatureExtractor | None, image: Tensor) -> GuidePicture:
    """Encode a picture for ``make_guides``.

    Args:
        network: VGG-19; None if there is no feature guide.
        image: (1, 3, H, W) float32 in [0, 1].
    """
    if network is None:
        return GuidePicture(image)
    with torch.no_grad():
        return GuidePicture(image, network.pyramid(image, (FEATURE_LEVEL,))[FEATURE_LEVEL])


def make_guides(a: GuidePicture, b: GuidePicture, config: PaintConfig) -> list[Guide]:
    """Make the guides between two pictures whose weight is above 0.

    Args:
        a: A.
        b: B.
        config: weight of each guide.
    """
    if config.luminance:
        a = replace(a, image=remap_luminance(a.image, b.image))
    guides = []
    if config.colour:
        guides.append(Guide(a.image, b.image, config.colour))
    if config.edges:
        guides.append(Guide(edges(a.image), edges(b.image), config.edges))
    if config.brightness:
        guides.append(Guide(*brightness_guides(a.image, b.image), config.brightness))
    if config.slopes:
        guides.append(Guide(slopes(a.image), slopes(b.image), config.slopes))
    if config.labels:
        palette = label_palette(a.image)
        maps = one_hot_labels(a.image, palette), one_hot_labels(b.image, palette)
        guides.append(Guide(*maps, config.labels))
    if config.meaning and a.features is not None and b.features is not None:
        maps = feature_guides((a.features, sides(a.image)), (b.features, sides(b.image)))
        guides.append(Guide(*maps, config.meaning))
    return guides


def synthesis_config(config: PaintConfig, seed: int) -> GuidedConfig:
    """Return the settings of the synthesis that belong to a painting's configuration."""
    return GuidedConfig(
        patch=config.patch,
        uniformity=config.uniformity,
        coherence=config.kappa,
        seed=seed,
    )


def edges(image: Tensor) -> Tensor:
    """Subtract blurred luma from luma, and add one half.

    Args:
        image: (1, 3, H, W) float32.

    Returns:
        (1, 1, H, W) float32 in [0, 1].
    """
    brightness = luma(image)
    return (brightness - _blurred(brightness, _EDGE_TAPS) + 0.5).clamp_(0.0, 1.0)


def _blurred(brightness: Tensor, weights: tuple[float, ...]) -> Tensor:
    """Blur (1, 1, H, W) along both axes, edges replicated."""
    taps = brightness.new_tensor(weights) / sum(weights)
    reach = len(weights) // 2
    padded = F.pad(brightness, (reach, reach, reach, reach), mode="replicate")
    return F.conv2d(F.conv2d(padded, taps.view(1, 1, 1, -1)), taps.view(1, 1, -1, 1))


def slopes(image: Tensor) -> Tensor:
    """Compute the gradient of luma, to the right and down, and add one half.

    Args:
        image: (1, 3, H, W) float32.

    Returns:
        (1, 2, H, W) float32 in [0, 1].
    """
    brightness = F.pad(luma(image), (1, 1, 1, 1), mode="replicate")
    right = brightness[..., 1:-1, 2:] - brightness[..., 1:-1, :-2]
    down = brightness[..., 2:, 1:-1] - brightness[..., :-2, 1:-1]
    return (0.5 + torch.cat([right, down], dim=1)).clamp_(0.0, 1.0)


def brightness_guides(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Blur the brightness of A and B, and match the histogram of A's to B's.

    Without the blur, the grain of a texture would pass for light. Matching mean and contrast alone
    would make everything in B that is darker than A from the same few places.

    Args:
        a: (1, 3, H', W') float32.
        b: (1, 3, H, W) float32.

    Returns:
        (1, 1, H', W') and (1, 1, H, W) float32 in [0, 1].

    Source: in place of luminance remapping (Hertzmann et al. 2001, §3.2), the correspondence maps
    of Efros & Freeman 2001 (blurred brightness), matched by histogram.
    """
    own, other = _blurred(luma(a), _LIGHT_TAPS), _blurred(luma(b), _LIGHT_TAPS)
    order = own.flatten().argsort(stable=True)
    values = other.flatten().sort().values
    places = torch.linspace(0, len(values) - 1, len(order), device=own.device, dtype=torch.float64)
    ranked = torch.empty_like(own.flatten())
    ranked[order] = values[places.round().long()]
    return ranked.view_as(own), other


def label_palette(image: Tensor) -> Tensor:
    """Find the flat colours of a picture, the most frequent first.

    A colour close to a more frequent one counts as that colour, changed by an encoder. A rare
    colour counts as a mixture, made by smoothing between two others.

    Args:
        image: (1, 3, H, W) float32 in [0, 1].

    Returns:
        (K, 3) float32, K from 1 to ``MOST_LABELS``.

    Raises:
        InputError: too many pixels have none of these colours.
    """
    levels = (image[0].flatten(1).T * 255).round().cpu()
    colours, counts = torch.unique(levels, dim=0, return_counts=True)
    palette: Tensor = colours[:0]
    while len(palette) < MOST_LABELS and int(counts.max()) >= max(1, _RARE * len(levels)):
        chosen = colours[int(counts.argmax())]
        near = (colours - chosen).abs().amax(dim=1) <= _ALIKE
        counts = counts.masked_fill(near, 0)
        palette = torch.cat([palette, chosen[None]])
    left = float(counts.sum()) / len(levels)
    if left > _BETWEEN_LABELS:
        raise InputError(
            f"{left:.0%} of the pixels have none of the {len(palette)} flat colours; a label map "
            f"has at most {MOST_LABELS} colours and no shades: paint such a map, or choose another "
            "preset"
        )
    return (palette / 255).to(image.device)


def resize_nearest(image: Tensor, size: Size) -> Tensor:
    """Resize a picture (B, C, H, W) without adding colours: nearest neighbour."""
    return image if sides(image) == size else F.interpolate(image, size=size, mode="nearest-exact")


def one_hot_labels(image: Tensor, palette: Tensor) -> Tensor:
    """Label each pixel with the nearest colour of a palette; any two labels are equally far apart.

    Args:
        image: (1, 3, H, W) float32.
        palette: (K, 3) float32.

    Returns:
        (1, K, H, W) float32, 0 or 1.
    """
    away = torch.stack([(image - colour.view(1, 3, 1, 1)).square().sum(1) for colour in palette], 1)
    return F.one_hot(away.argmin(dim=1), len(palette)).permute(0, 3, 1, 2).float().contiguous()


def luma(image: Tensor) -> Tensor:
    """Convert RGB (1, 3, H, W) to luma (1, 1, H, W)."""
    return luma_of_planes(image[:, :1], image[:, 1:2], image[:, 2:])


def remap_luminance(a: Tensor, b: Tensor) -> Tensor:
    """Give A the mean and standard deviation of B's luma; its colours stay.

    Args:
        a: (1, 3, H', W') float32.
        b: (1, 3, H, W) float32.

    Returns:
        (1, 3, H', W') float32 in [0, 1].

    Source: Hertzmann et al. 2001, §3.2, with the gain bounded; docs/method.md, "Luminance
    remapping".
    """
    brightness = luma(a)
    (own_mean, own_spread), (mean, spread) = _statistics(brightness), _statistics(luma(b))
    gain = min(max(spread / max(own_spread, 1e-3), 1 / _LARGEST_GAIN), _LARGEST_GAIN)
    return (a + ((brightness - own_mean) * gain + mean - brightness)).clamp(0.0, 1.0)


def _statistics(brightness: Tensor) -> tuple[float, float]:
    """Compute mean and standard deviation with NumPy, whose sums do not depend on threads."""
    values = brightness.cpu().double().numpy()
    return float(values.mean()), float(values.std())


def feature_guides(a: tuple[Tensor, Size], b: tuple[Tensor, Size]) -> tuple[Tensor, Tensor]:
    """Project the features of two pictures on their first principal directions, as guides.

    Args:
        a: features of A, (1, C, h', w'), and the size (H', W') of its guide.
        b: features of B, (1, C, h, w), and the size (H, W) of its guide.

    Returns:
        (1, K, H', W') and (1, K, H, W) float32 in [0, 1], on a common scale.
    """
    own, other = project_terms((a[0], a[0]), (b[0], b[0]), _DIRECTIONS)
    low = torch.minimum(own.amin(dim=(2, 3), keepdim=True), other.amin(dim=(2, 3), keepdim=True))
    high = torch.maximum(own.amax(dim=(2, 3), keepdim=True), other.amax(dim=(2, 3), keepdim=True))
    span = (high - low).amax().clamp_min(1e-6)  # of the strongest direction: weak ones stay weak
    maps = [resize_bilinear((m - low) / span, size) for m, size in ((own, a[1]), (other, b[1]))]
    return maps[0].clamp_(0.0, 1.0), maps[1].clamp_(0.0, 1.0)


def position_guide(expected: Tensor, size: Size, weight: float) -> Guide:
    """Guide each pixel of B to the position in A that its motion suggests.

    Args:
        expected: (1, 2, H, W) float32, absolute (y, x) in A.
        size: height and width of A.
        weight: weight of the guide.
    """
    own = initial_position(size, size, expected.device)
    ratio = own.new_tensor(size).view(1, 2, 1, 1)
    return Guide(
        ((own + 0.5) / ratio).clamp(0.0, 1.0), ((expected + 0.5) / ratio).clamp(0.0, 1.0), weight
    )
