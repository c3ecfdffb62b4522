"""Guides made for the user: what of A and what of B correspond, by colour, edges, meaning, place.

Colour says most where both are of one scene. Edges keep outlines where they are. VGG-19 features
compare what things are, so an example of another scene works too. Positions keep what was found
beside each other in one piece. Light, soft and by rank, is what a texture without the scene's
colours can follow and keep its grain; slopes are what reliefs show, labels are flat colours that
say which texture goes where.

Source: Hertzmann et al. 2001 (luminance remapping); the guides of StyLit, EbSynth and its rebuilds
(image-analogies facts §2); the semantic guide is ours.
"""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
import torch.nn.functional as F
from torch import Tensor

from batch_analogy.analogy.correspondence.channel_pca import project_terms
from batch_analogy.analogy.deterministic import resize_bilinear
from batch_analogy.analogy.features.pictures import PIXELS, FeatureExtractor
from batch_analogy.analogy.guided import Guide, GuidedConfig
from batch_analogy.analogy.nnf import Size, initial_position, sides
from batch_analogy.config.painting import PaintConfig
from batch_analogy.errors import InputError

FEATURE_LEVEL = 3
"""Of the features: conv3_1 tells parts of things from each other, and where they are to 4 px."""

MOST_LABELS = 16
"""In one picture; what has more is no map of labels."""

_RARE = 0.001  # of the pixels: fewer are no label
_BETWEEN_LABELS = 0.2  # of the pixels, at most: what smoothing makes at borders
_ALIKE = 24  # 8-bit levels within which colours are one label
_DIRECTIONS = 8  # of the features; more say little
_EDGE_TAPS = (1.0, 4.0, 7.0, 10.0, 7.0, 4.0, 1.0)  # a Gaussian of σ ≈ 1.6 px
_LIGHT_TAPS = (1.0, 4.0, 11.0, 27.0, 49.0, 72.0, 82.0, 72.0, 49.0, 27.0, 11.0, 4.0, 1.0)  # 2 px
_LUMA = (0.299, 0.587, 0.114)
_REMAPPED_AT_MOST = 4.0  # times the contrast


@dataclass(frozen=True)
class GuidePicture:
    """A picture and what it shows, at the size at which guides are compared."""

    image: Tensor  # (1, 3, H, W) float32 [0, 1]
    features: Tensor | None = None  # (1, C, h, w) float32; None: meaning is not compared


def guide_picture(network: FeatureExtractor | None, image: Tensor) -> GuidePicture:
    """A picture with what is compared of it.

    Args:
        network: None where meaning is not compared. image: (1, 3, H, W) float32 in [0, 1].
    """
    if network is None:
        return GuidePicture(image)
    with torch.no_grad():
        seen = network.preprocess(image).contiguous(memory_format=torch.channels_last)
        return GuidePicture(image, network.forward(seen, start=PIXELS, stop=FEATURE_LEVEL))


def make_guides(a: GuidePicture, b: GuidePicture, config: PaintConfig) -> list[Guide]:
    """The guides between two pictures that weigh anything.

    Args:
        a: A. b: B. config: the weights.
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
    """How B' is made of A' under these guides."""
    return GuidedConfig(
        patch=config.patch,
        uniformity=config.uniformity,
        coherence=config.kappa,
        seed=seed,
    )


def edges(image: Tensor) -> Tensor:
    """What sets a pixel off from its surroundings: brightness less its blur, about one half.

    Args:
        image: (1, 3, H, W) float32. Returns (1, 1, H, W) float32 in [0, 1].
    """
    grey = luma(image)
    return (grey - _softened(grey, _EDGE_TAPS) + 0.5).clamp_(0.0, 1.0)


def _softened(grey: Tensor, weights: tuple[float, ...]) -> Tensor:
    """(1, 1, H, W) blurred both ways, edges held."""
    taps = grey.new_tensor(weights) / sum(weights)
    reach = len(weights) // 2
    padded = F.pad(grey, (reach, reach, reach, reach), mode="replicate")
    return F.conv2d(F.conv2d(padded, taps.view(1, 1, 1, -1)), taps.view(1, 1, -1, 1))


def slopes(image: Tensor) -> Tensor:
    """How brightness rises to the right and down, about one half; without its level.

    Args:
        image: (1, 3, H, W) float32. Returns (1, 2, H, W) float32 in [0, 1].
    """
    grey = F.pad(luma(image), (1, 1, 1, 1), mode="replicate")
    right = grey[..., 1:-1, 2:] - grey[..., 1:-1, :-2]
    down = grey[..., 2:, 1:-1] - grey[..., :-2, 1:-1]
    return (0.5 + torch.cat([right, down], dim=1)).clamp_(0.0, 1.0)


def brightness_guides(a: Tensor, b: Tensor) -> tuple[Tensor, Tensor]:
    """Soft brightness of A and of B, A's with B's values by rank: each light has its share of A.

    Unsoftened, a texture's own grain is taken for light; by mean and contrast alone, what is darker
    in B than anything in A is all made of the same few places.

    Args:
        a: (1, 3, H', W') float32. b: (1, 3, H, W) float32.

    Returns:
        (1, 1, H', W') and (1, 1, H, W) float32 in [0, 1].

    Source: in place of luminance remapping (Hertzmann et al. 2001, §3.2), the correspondence maps
    of Efros & Freeman 2001 (blurred brightness), matched by histogram.
    """
    own, other = _softened(luma(a), _LIGHT_TAPS), _softened(luma(b), _LIGHT_TAPS)
    order = own.flatten().argsort(stable=True)
    values = other.flatten().sort().values
    places = torch.linspace(0, len(values) - 1, len(order), device=own.device, dtype=torch.float64)
    ranked = torch.empty_like(own.flatten())
    ranked[order] = values[places.round().long()]
    return ranked.view_as(own), other


def label_palette(image: Tensor) -> Tensor:
    """The flat colours of a picture, the most frequent first.

    Colours close to a more frequent one are that one as an encoder changed it; rare ones are what
    smoothing makes between two.

    Args:
        image: (1, 3, H, W) float32 in [0, 1].

    Returns:
        (K, 3) float32, K from 1 to MOST_LABELS.

    Raises:
        InputError: the picture has many more colours than that.
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
            f"{left:.0%} of the picture is in none of its {len(palette)} flat colours; labels are "
            f"at most {MOST_LABELS} colours without shades: make such a map, or choose another "
            "preset"
        )
    return (palette / 255).to(image.device)


def nearest(image: Tensor, size: Size) -> Tensor:
    """A picture (B, C, H, W) at another size, with no colours that it does not have."""
    return image if sides(image) == size else F.interpolate(image, size=size, mode="nearest-exact")


def one_hot_labels(image: Tensor, palette: Tensor) -> Tensor:
    """Which colour of a palette each pixel is nearest to: any two labels are equally far apart.

    Args:
        image: (1, 3, H, W) float32. palette: (K, 3) float32. Returns (1, K, H, W) float32, 0 or 1.
    """
    away = torch.stack([(image - colour.view(1, 3, 1, 1)).square().sum(1) for colour in palette], 1)
    return F.one_hot(away.argmin(dim=1), len(palette)).permute(0, 3, 1, 2).float().contiguous()


def luma(image: Tensor) -> Tensor:
    """(1, 3, H, W) RGB → (1, 1, H, W) brightness."""
    red, green, blue = _LUMA
    return image[:, :1] * red + image[:, 1:2] * green + image[:, 2:] * blue


def remap_luminance(a: Tensor, b: Tensor) -> Tensor:
    """A with B's mean brightness and contrast, its colours kept.

    Args:
        a: (1, 3, H', W') float32. b: (1, 3, H, W) float32.

    Returns:
        (1, 3, H', W') float32 in [0, 1].

    Source: Hertzmann et al. 2001, §3.2, with the gain bounded.
    """
    grey = luma(a)
    (own_mean, own_spread), (mean, spread) = _statistics(grey), _statistics(luma(b))
    gain = min(max(spread / max(own_spread, 1e-3), 1 / _REMAPPED_AT_MOST), _REMAPPED_AT_MOST)
    return (a + ((grey - own_mean) * gain + mean - grey)).clamp(0.0, 1.0)


def _statistics(grey: Tensor) -> tuple[float, float]:
    """Mean and standard deviation, of NumPy's sums, which no thread count changes."""
    values = grey.cpu().double().numpy()
    return float(values.mean()), float(values.std())


def feature_guides(a: tuple[Tensor, Size], b: tuple[Tensor, Size]) -> tuple[Tensor, Tensor]:
    """Features of two pictures in the few directions in which these differ most, as guide maps.

    Args:
        a: A's features (1, C, h', w') and the size that is wanted of the map. b: B's.

    Returns:
        (1, K, H', W') and (1, K, H, W) float32 in [0, 1], on one scale.
    """
    own, other = project_terms((a[0], a[0]), (b[0], b[0]), _DIRECTIONS)
    low = torch.minimum(own.amin(dim=(2, 3), keepdim=True), other.amin(dim=(2, 3), keepdim=True))
    high = torch.maximum(own.amax(dim=(2, 3), keepdim=True), other.amax(dim=(2, 3), keepdim=True))
    span = (high - low).amax().clamp_min(1e-6)  # of the strongest: weak directions stay weak
    maps = [resize_bilinear((m - low) / span, size) for m, size in ((own, a[1]), (other, b[1]))]
    return maps[0].clamp_(0.0, 1.0), maps[1].clamp_(0.0, 1.0)


def position_guide(expected: Tensor, size: Size, weight: float) -> Guide:
    """Where each pixel of B comes from in A, as far as its motion tells.

    Args:
        expected: (1, 2, H, W) float32, places in A. size: of A. weight: of the guide.
    """
    own = initial_position(size, size, expected.device)
    ratio = own.new_tensor(size).view(1, 2, 1, 1)
    return Guide(
        ((own + 0.5) / ratio).clamp(0.0, 1.0), ((expected + 0.5) / ratio).clamp(0.0, 1.0), weight
    )
