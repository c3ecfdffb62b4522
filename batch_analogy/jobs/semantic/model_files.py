"""Files of trained models and checkpoints, and label maps read from files.

A model or checkpoint is one safetensors file. Its header contains everything else than tensors as
JSON. The file is replaced atomically, so both always belong together.
"""

from __future__ import annotations

import contextlib
import json
import logging
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import safetensors
import safetensors.torch
import torch
from torch import Tensor

from batch_analogy.analogy.semantic.label_maps import (
    MAX_CLASSES,
    MIN_CLASSES,
    Labels,
    Palette,
    find_palette,
    read_classes,
)
from batch_analogy.analogy.semantic.model import MODEL_VERSION, ModelMetadata, SemanticModel
from batch_analogy.errors import InputError, UsageError
from batch_analogy.files import atomic_write_bytes
from batch_analogy.json_files import from_plain, to_plain
from batch_analogy.media.label_pictures import read_map
from batch_analogy.media.stills import read_opacity, read_still, to_uint8

MODEL_FILE = "model.safetensors"

_log = logging.getLogger(__name__)
_HEADER_KEY = "batch-analogy"


def save_model(model: SemanticModel, folder: Path) -> Path:
    """Write a trained model into a folder, replacing an earlier one.

    Raises:
        OutputDiskError: the disk is full or may not be written to.
    """
    path = folder / MODEL_FILE
    write_state(path, model.tensors(), model.metadata())
    return path


def load_model(
    folder: Path, device: str | torch.device = "cpu", *, half: bool = True
) -> SemanticModel:
    """Read a trained model.

    Args:
        folder: the training folder, or the model file itself.
        device: device to apply it on.
        half: apply it in bfloat16 if the device is faster with it.

    Raises:
        UsageError: there is no model, or one of another version.
        InputError: the file is damaged.
    """
    path = folder / MODEL_FILE if folder.is_dir() else folder
    if not path.is_file():
        raise UsageError(
            f"{folder} contains no trained model ({MODEL_FILE}); give the folder that "
            "batch-analogy semantic trained into, or train again"
        )
    tensors, values = read_state(path)
    if values.get("version") != MODEL_VERSION:
        raise UsageError(
            f"{path} is a model of version {values.get('version')}, but this batch-analogy reads "
            f"version {MODEL_VERSION}: train again with --overwrite, or install the release that "
            "made it"
        )
    try:
        model = SemanticModel.from_parts(tensors, from_plain(values, ModelMetadata))
    except (KeyError, TypeError, ValueError, RuntimeError) as error:
        raise InputError(
            f"{path} is damaged: its parts do not fit together ({error}); train again with "
            "--overwrite"
        ) from error
    return model.to(device, half=half)


def write_state(path: Path, tensors: Mapping[str, Tensor], values: object) -> None:
    """Write tensors, and values that msgspec can encode, completely or not at all."""
    header = {_HEADER_KEY: json.dumps(to_plain(values))}
    atomic_write_bytes(path, safetensors.torch.save(dict(tensors), metadata=header))


def read_state(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read tensors and values that ``write_state`` wrote.

    Raises:
        InputError: the file is missing, damaged or not written by batch-analogy.
    """
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            values = json.loads((file.metadata() or {})[_HEADER_KEY])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, ValueError, KeyError, safetensors.SafetensorError) as error:
        raise InputError(
            f"{path} cannot be read ({error}); it is damaged or was not written by batch-analogy: "
            "train again with --overwrite"
        ) from error
    return tensors, values


def read_labels(path: Path, palette: Palette | None = None) -> Labels:
    """Read the colours of a label map, whose class numbers and transparent parts get colours too.

    Args:
        path: the map.
        palette: that of the picture's own label map, if this is a target map.

    Returns:
        (H, W, 3) uint8.

    Raises:
        FrameError: the file is not a picture, or is damaged, too small or too large.
    """
    return to_uint8(read_map(path, palette=palette.colours if palette else ()).pixels)


def read_pair(picture: Path, label: Path) -> tuple[Tensor, Tensor, Palette]:
    """Read a picture and its label map.

    Returns:
        The picture (1, 3, H, W) float32 in [0, 1], its classes (1, H, W) int64, and their colours.

    Raises:
        InputError: sizes differ, or the map has one colour, too many colours, or is a photograph.
        FrameError: one of the files cannot be read.
    """
    pixels, read = read_still(picture), read_map(label, picture=picture)
    labels, name = to_uint8(read.pixels), str(label)
    if read_opacity(picture) is not None:
        _log.warning("%s is transparent; the network learns it over white", picture)
    if pixels.shape != labels.shape:
        raise InputError(
            f"{label} is {labels.shape[1]}×{labels.shape[0]} px, but {picture} is "
            f"{pixels.shape[1]}×{pixels.shape[0]} px; a label map has the size of its picture, as "
            "it says what each pixel shows"
        )
    palette = _exact_palette(labels, name) if read.exact else find_palette(labels, name=name)
    classes = read_classes(labels, palette, name=name)
    image = torch.from_numpy(pixels).permute(2, 0, 1)[None].contiguous()
    return image, torch.from_numpy(classes)[None], palette


def map_notes(picture: Path, label: Path, maps: Sequence[Path]) -> list[str]:
    """Return what a user should know about how a label map and target maps are read.

    Raises:
        InputError, FrameError: as for ``read_pair``.
    """
    _, _, palette = read_pair(picture, label)
    return [*read_map(label, picture=picture).notes, *target_notes(maps, palette)]


def target_notes(maps: Sequence[Path], palette: Palette) -> list[str]:
    """Return what a user should know about how target maps are read; unreadable ones have none."""
    notes: list[str] = []
    for path in maps:
        with contextlib.suppress(InputError):
            notes += read_map(path, palette=palette.colours).notes
    return notes


def _exact_palette(labels: Labels, name: str) -> Palette:
    """Return all colours of a map, the most frequent first.

    Raises:
        InputError: there are too few or too many.
    """
    colours, counts = np.unique(labels.reshape(-1, 3), axis=0, return_counts=True)
    if not MIN_CLASSES <= len(colours) <= MAX_CLASSES:
        raise InputError(
            f"{name} has {len(colours)} classes; a label map has {MIN_CLASSES} to {MAX_CLASSES}: "
            "give things of one kind the same number"
        )
    order = np.argsort(-counts, kind="stable")
    return Palette(tuple((int(r), int(g), int(b)) for r, g, b in colours[order]))
