"""Trained models and checkpoints as files: safetensors whose header holds the rest as JSON.

One file is replaced in one go, so tensors and facts always belong together.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import safetensors
import safetensors.torch
import torch
from torch import Tensor

from batch_analogy.analogy.semantic.label_maps import Labels, Palette, find_palette, read_classes
from batch_analogy.analogy.semantic.model import MODEL_VERSION, SemanticModel
from batch_analogy.errors import ConfigError, InputError, UsageError
from batch_analogy.files import atomic_write_bytes
from batch_analogy.media.stills import read_still, to_uint8

MODEL_FILE = "model.safetensors"

_FACTS = "batch-analogy"  # the header's entry


def save_model(model: SemanticModel, folder: Path) -> Path:
    """Write a trained model into a folder, replacing the one that is there.

    Raises:
        OutputDiskError: the disk is full, read-only or closed to this user.
    """
    path = folder / MODEL_FILE
    write_state(path, model.tensors(), model.metadata())
    return path


def load_model(
    folder: Path, device: str | torch.device = "cpu", *, half: bool = True
) -> SemanticModel:
    """Read a trained model.

    Args:
        folder: what it was trained into, or the model file itself.
        device: where to apply it.
        half: whether to do so in bfloat16, if that is quicker there.

    Raises:
        UsageError: there is no model, or one of another version.
        InputError: the file is damaged.
    """
    path = folder / MODEL_FILE if folder.is_dir() else folder
    if not path.is_file():
        raise UsageError(
            f"{folder} holds no trained model ({MODEL_FILE}); give the folder that batch-analogy "
            "semantic trained into, or train again"
        )
    tensors, facts = read_state(path)
    if facts.get("version") != MODEL_VERSION:
        raise UsageError(
            f"{path} is a model of version {facts.get('version')}, and this batch-analogy reads "
            f"version {MODEL_VERSION}: train again with --overwrite, or install the release that "
            "made it"
        )
    try:
        model = SemanticModel.from_parts(tensors, facts)
    except (KeyError, TypeError, ValueError, RuntimeError, ConfigError) as error:
        raise InputError(
            f"{path} is damaged, what it holds does not fit together ({error}); train again with "
            "--overwrite"
        ) from error
    return model.to(device, half=half)


def write_state(path: Path, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> None:
    """Write tensors and plain JSON values, wholly or not at all."""
    header = {_FACTS: json.dumps(facts)}
    atomic_write_bytes(path, safetensors.torch.save(dict(tensors), metadata=header))


def read_state(path: Path) -> tuple[dict[str, Tensor], dict[str, Any]]:
    """Read what ``write_state`` wrote.

    Raises:
        InputError: the file is missing, damaged or of another program.
    """
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            facts = json.loads((file.metadata() or {})[_FACTS])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    except (OSError, ValueError, KeyError, safetensors.SafetensorError) as error:
        raise InputError(
            f"{path} cannot be read ({error}); it is damaged or not batch-analogy's: train again "
            "with --overwrite"
        ) from error
    return tensors, facts


def read_labels(path: Path) -> Labels:
    """A label map's colours as they are stored; transparency is laid over white.

    Returns:
        (H, W, 3) uint8.

    Raises:
        FrameError: the file is no picture, damaged, too small or too large.
    """
    return to_uint8(read_still(path))


def read_pair(picture: Path, label: Path) -> tuple[Tensor, Tensor, Palette]:
    """A picture and its label map.

    Returns:
        (1, 3, H, W) float32 in [0, 1]; (1, H, W) int64 classes; their colours.

    Raises:
        InputError: they differ in size, or the map is none: one colour, too many, a photograph.
        FrameError: one of them cannot be read.
    """
    pixels, labels = read_still(picture), read_labels(label)
    if pixels.shape != labels.shape:
        raise InputError(
            f"{label} is {labels.shape[1]}×{labels.shape[0]} px, but {picture} is "
            f"{pixels.shape[1]}×{pixels.shape[0]} px; a label map has its picture's size: it says "
            "of each pixel what is there"
        )
    palette = find_palette(labels, name=str(label))
    classes = read_classes(labels, palette, name=str(label))
    image = torch.from_numpy(pixels).permute(2, 0, 1)[None].contiguous()
    return image, torch.from_numpy(classes)[None], palette
