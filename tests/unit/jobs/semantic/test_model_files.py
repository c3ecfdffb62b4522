"""Model files: models are read as they were written, and other files are refused."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from batch_analogy.analogy.features.pictures import has_fast_bfloat16
from batch_analogy.analogy.semantic.label_maps import Palette
from batch_analogy.analogy.semantic.model import MODEL_VERSION, SemanticModel
from batch_analogy.config.semantic import SemanticConfig
from batch_analogy.errors import FrameError, InputError, UsageError
from batch_analogy.jobs.semantic.model_files import (
    load_model,
    read_pair,
    read_state,
    save_model,
    write_state,
)


@pytest.fixture
def model() -> SemanticModel:
    torch.manual_seed(4)
    classes = torch.zeros(1, 32, 40, dtype=torch.long)
    classes[:, 8:20, 8:20] = 1
    config = SemanticConfig(size=40, width=4)
    return SemanticModel(
        torch.rand(1, 3, 32, 40), classes, Palette(((0, 0, 0), (9, 200, 9))), config
    )


@pytest.mark.parametrize("opaque", [True, False])
def test_transparency_of_the_picture_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, opaque: bool
) -> None:
    labels = np.zeros((32, 40, 3), np.uint8)
    labels[:, 20:] = (255, 0, 0)
    Image.fromarray(labels).save(tmp_path / "labels.png")
    picture = Image.fromarray(labels)
    picture.putalpha(255 if opaque else 100)
    picture.save(tmp_path / "picture.png")
    image, _, _ = read_pair(tmp_path / "picture.png", tmp_path / "labels.png")
    assert image.shape[1] == 3
    assert ("is transparent" in caplog.text) == (not opaque)


def test_reads_a_model_as_it_was_written(model: SemanticModel, tmp_path: Path) -> None:
    save_model(model.to("cpu"), tmp_path)
    again = load_model(tmp_path, half=False)
    assert again.palette == model.palette
    assert again.config == model.config
    target = np.eye(40, dtype=np.int64)[:32]
    assert torch.equal(again.apply(target), model.apply(target))
    assert [path.name for path in tmp_path.iterdir()] == ["model.safetensors"]


def test_applies_a_model_in_bfloat16_where_that_is_fast(
    model: SemanticModel, tmp_path: Path
) -> None:
    save_model(model.to("cpu"), tmp_path)
    assert load_model(tmp_path).half == has_fast_bfloat16("cpu")
    same = load_model(tmp_path)
    target = np.eye(40, dtype=np.int64)[:32]
    made = same.apply(target)
    assert made.dtype == torch.float32
    inside = made[(made > 0) & (made < 1)]  # in bfloat16's steps, 128 from ½ to 1, skies have bands
    assert (inside.bfloat16().float() != inside).float().mean() > 0.5
    assert torch.equal(load_model(tmp_path).apply(target), made)


def test_refuses_a_folder_without_a_model(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="contains no trained model"):
        load_model(tmp_path)


def test_refuses_a_model_of_another_version(model: SemanticModel, tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    later = dataclasses.replace(model.metadata(), version=MODEL_VERSION + 1)
    write_state(path, model.tensors(), later)
    with pytest.raises(UsageError, match=rf"version {MODEL_VERSION + 1}, but .* train again"):
        load_model(tmp_path)


def test_refuses_a_damaged_model(model: SemanticModel, tmp_path: Path) -> None:
    path = save_model(model, tmp_path)
    path.write_bytes(path.read_bytes()[:-100])
    with pytest.raises(InputError, match="damaged"):
        load_model(tmp_path)


def test_refuses_a_model_whose_parts_do_not_fit(model: SemanticModel, tmp_path: Path) -> None:
    tensors = model.tensors()
    del tensors["generator.last.convolution.bias"]
    write_state(tmp_path / "model.safetensors", tensors, model.metadata())
    with pytest.raises(InputError, match="do not fit together"):
        load_model(tmp_path)


def test_refuses_the_safetensors_of_another_program(tmp_path: Path) -> None:
    import safetensors.torch

    safetensors.torch.save_file({"x": torch.zeros(2)}, tmp_path / "x.safetensors")
    with pytest.raises(InputError, match="not written by batch-analogy"):
        read_state(tmp_path / "x.safetensors")


def test_refuses_a_label_map_of_another_size(tmp_path: Path) -> None:
    Image.new("RGB", (40, 32)).save(tmp_path / "picture.png")
    Image.new("RGB", (40, 30)).save(tmp_path / "label.png")
    with pytest.raises(InputError, match=r"label.png is 40×30 px, but .*picture.png is 40×32 px"):
        read_pair(tmp_path / "picture.png", tmp_path / "label.png")


def test_refuses_a_map_of_one_colour_and_a_file_that_is_not_a_picture(tmp_path: Path) -> None:
    Image.new("RGB", (40, 32)).save(tmp_path / "picture.png")
    with pytest.raises(InputError, match=r"picture.png has only one colour, #000000"):
        read_pair(tmp_path / "picture.png", tmp_path / "picture.png")
    (tmp_path / "text.png").write_text("no picture")
    with pytest.raises(FrameError):
        read_pair(tmp_path / "picture.png", tmp_path / "text.png")


def test_composites_transparency_over_white(tmp_path: Path) -> None:
    Image.new("RGB", (40, 32)).save(tmp_path / "picture.png")
    labels = np.zeros((32, 40, 4), np.uint8)
    labels[:16] = (200, 0, 0, 255)
    Image.fromarray(labels).save(tmp_path / "label.png")
    _, classes, palette = read_pair(tmp_path / "picture.png", tmp_path / "label.png")
    assert set(palette.names) == {"#c80000", "#ffffff"}
    assert (classes[0, :16] != classes[0, 16:]).all()
