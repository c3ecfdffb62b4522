"""Training samples: the picture flipped, bent and enlarged, and random layouts.

Random numbers depend on the seed and the iteration alone, so a resumed training draws the same.

Source: docs/method.md, "Training samples".
"""

from __future__ import annotations

import hashlib
import math
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from batch_analogy.config.semantic import SemanticConfig

_POINTS = tuple((y, x) for y in (-1.0, 0.0, 1.0) for x in (-1.0, 0.0, 1.0))
_CORNERS = (0, 2, 6, 8)
_STEPS = 100  # of the ramp from 0 to 1, as published
_WAVES = 4  # in a random outline


@dataclass(frozen=True)
class Sample:
    """A picture and the class of each of its pixels."""

    image: Tensor  # (1, 3, H, W) float32 in [0, 1]
    classes: Tensor  # (1, H, W) int64


def random_numbers(seed: int, *about: int) -> torch.Generator:
    """Seed a generator of random numbers on the CPU.

    Args:
        seed: seed of the training.
        about: further numbers that tell generators apart, such as the iteration.
    """
    text = ",".join(map(str, (seed, *about)))
    digest = hashlib.blake2b(text.encode(), digest_size=7).digest()
    return torch.Generator().manual_seed(int.from_bytes(digest, "big"))


def augmentation_strength(iteration: int, ramp: int) -> float:
    """Ramp the strength of augmentation from 0 to 1, in steps of a hundredth.

    >>> augmentation_strength(255, 1000), augmentation_strength(2000, 1000)
    (0.25, 1.0)
    """
    return min(1.0, math.floor(iteration * _STEPS / ramp) / _STEPS)


class Augmenter:
    """Augments pictures of one size, that of ``like``; the basis of the spline is computed once."""

    def __init__(self, like: Sample) -> None:
        height, width = (int(side) for side in like.classes.shape[1:])
        self._device = device = like.image.device
        y, x = np.meshgrid(_centres(height), _centres(width), indexing="ij")
        self._basis = torch.from_numpy(_spline_basis(y, x)).to(device)  # (H, W, 9)
        self._places = torch.from_numpy(np.stack([x, y], axis=2).astype(np.float32)).to(device)

    def augment(
        self, sample: Sample, config: SemanticConfig, share: float, numbers: torch.Generator
    ) -> Sample:
        """Flip, bend and enlarge a picture together with its labels.

        Departure: labels are sampled by nearest neighbour; the published code blends their colours
        (docs/method.md, "Training samples").

        Args:
            sample: the picture and its classes.
            config: largest changes.
            share: strength, 0 … 1, that scales them.
            numbers: random numbers.
        """
        drawn = torch.rand(5, generator=numbers).tolist()
        offsets = torch.rand(9, 2, generator=numbers) * 2.0 - 1.0
        grid = self._places
        zoom = 1.0 + config.zoom * share * drawn[0]
        shift = torch.tensor(drawn[1:3], device=self._device) * 2.0 - 1.0
        grid = grid / zoom + shift * (1.0 - 1.0 / zoom)
        if drawn[3] < 0.5:  # as published: half of the samples are bent
            offsets[list(_CORNERS)] = 0.0
            grid = grid + self._basis @ (offsets * (2.0 * config.bend * share)).to(self._device)
        if drawn[4] < config.flip * share:
            grid = grid * grid.new_tensor([-1.0, 1.0])
        return _resample(sample, grid[None])


def random_layout(classes: Tensor, count: int, numbers: torch.Generator) -> Tensor:
    """Make a random layout: move things, or lay blobs of other classes over them.

    Departure: the published training knows only layouts close to the picture's own, and fails on
    distant ones (docs/method.md, "Failures in the authors' figures").

    Args:
        classes: (1, H, W) int64, the layout to start from.
        count: number of classes.
        numbers: random numbers.

    Returns:
        (1, H, W) int64.
    """
    found = classes.clone()
    for _ in range(int(torch.randint(1, 4, (1,), generator=numbers))):
        chosen = int(torch.randint(count, (1,), generator=numbers))
        if float(torch.rand(1, generator=numbers)) < 0.5:
            found = torch.where(_moved(classes == chosen, numbers), chosen, found)
        else:
            found = torch.where(_blob(classes, numbers), chosen, found)
    return found


def add_noise(image: Tensor, numbers: torch.Generator) -> Tensor:
    """Add uniform noise of ± 1/255 to a picture, as published."""
    noise = torch.rand(image.shape, generator=numbers) * 2.0 - 1.0
    return image + noise.to(image.device) / 255.0


def _resample(sample: Sample, grid: Tensor) -> Sample:
    image = F.grid_sample(
        sample.image, grid, mode="bilinear", padding_mode="reflection", align_corners=False
    )
    planes = F.grid_sample(
        sample.classes[None].float(),
        grid,
        mode="nearest",
        padding_mode="reflection",
        align_corners=False,
    )
    return Sample(image, planes[0].long())


def _moved(mask: Tensor, numbers: torch.Generator) -> Tensor:
    """Move the region of a class, scale it, and perhaps mirror it."""
    drawn = torch.rand(4, generator=numbers).tolist()
    size = 0.6 + 0.9 * drawn[0]
    mirror = -1.0 if drawn[1] < 0.5 else 1.0
    matrix = torch.tensor(
        [[[mirror / size, 0.0, drawn[2] - 0.5], [0.0, 1.0 / size, drawn[3] - 0.5]]],
        device=mask.device,
    )
    shape = [1, 1, *mask.shape[1:]]
    grid = F.affine_grid(matrix, shape, align_corners=False)
    moved: Tensor = F.grid_sample(mask[None].float(), grid, mode="nearest", align_corners=False)[0]
    inside: Tensor = moved > 0.5
    return inside


def _blob(classes: Tensor, numbers: torch.Generator) -> Tensor:
    """Draw a round blob with a wavy outline at a random position."""
    height, width = classes.shape[1:]
    drawn = torch.rand(4, generator=numbers).tolist()
    waves = torch.randn(_WAVES, 2, generator=numbers) / torch.arange(1, _WAVES + 1)[:, None]
    y = torch.arange(height, device=classes.device)[:, None] / height - drawn[0]
    x = torch.arange(width, device=classes.device)[None] / width - drawn[1]
    radius = 0.06 + 0.3 * drawn[2]
    angle = torch.atan2(y, x * (0.6 + 0.8 * drawn[3]))
    reach = torch.ones_like(angle)
    for n, (cosine, sine) in enumerate(waves.tolist(), start=1):
        reach = reach + 0.15 * (cosine * torch.cos(n * angle) + sine * torch.sin(n * angle))
    inside: Tensor = torch.sqrt(y * y + x * x) < radius * reach
    return inside[None]


def _centres(cells: int) -> np.ndarray[tuple[int], np.dtype[np.float64]]:
    """Return the centres of cells in -1 … 1."""
    return (np.arange(cells) * 2.0 + 1.0) / cells - 1.0


def _spline_basis(
    y: np.ndarray[tuple[int, int], np.dtype[np.float64]],
    x: np.ndarray[tuple[int, int], np.dtype[np.float64]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    """Compute how far each control point shifts each pixel: a thin-plate spline, (H, W, 9)."""
    points = np.asarray(_POINTS)
    system = np.zeros((12, 12))
    system[:9, :9] = _kernel(((points[:, None] - points[None]) ** 2).sum(axis=2))
    system[:9, 9:] = np.concatenate([np.ones((9, 1)), points], axis=1)
    system[9:, :9] = system[:9, 9:].T
    solved = np.linalg.inv(system)[:, :9]
    away = (y[..., None] - points[:, 0]) ** 2 + (x[..., None] - points[:, 1]) ** 2
    terms = np.concatenate([_kernel(away), np.stack([np.ones_like(y), y, x], axis=2)], axis=2)
    basis: np.ndarray[tuple[int, ...], np.dtype[np.float32]] = (terms @ solved).astype(np.float32)
    return basis


def _kernel(
    squares: np.ndarray[tuple[int, ...], np.dtype[np.float64]],
) -> np.ndarray[tuple[int, ...], np.dtype[np.float64]]:
    """Compute r² log r², which is 0 at 0."""
    return squares * np.log(np.where(squares > 0, squares, 1.0))
