"""The trained model, which turns label maps into pictures like the one it was trained on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor

from batch_analogy.analogy.features.pictures import has_fast_bfloat16, resize
from batch_analogy.analogy.semantic.label_maps import (
    Classes,
    Labels,
    Palette,
    channels_of,
    encode,
    read_classes,
)
from batch_analogy.analogy.semantic.networks import Generator, Segmenter, to_device
from batch_analogy.analogy.semantic.working_size import (
    crop_or_mirror,
    padded_size,
    reduce_classes,
    reduce_picture,
    scaled_size,
    working_scale,
)
from batch_analogy.config.semantic import SemanticConfig
from batch_analogy.errors import InputError

MODEL_VERSION = 2
"""Increased whenever earlier models cannot be read, or would make other pictures."""


@dataclass(frozen=True)
class ModelMetadata:
    """Content of a model file, apart from its tensors."""

    version: int
    colours: tuple[tuple[int, int, int], ...]  # of the classes, 8 bits per channel
    config: SemanticConfig


class SemanticModel:
    """A picture, its labels, and the networks trained on them.

    ``jobs.semantic.model_files`` writes and reads models. Applying one draws no random numbers, so
    a map always gives the same picture.

    Args:
        image: (1, 3, H, W) float32 RGB in [0, 1], I at its full size.
        classes: (1, H, W) int64, P.
        palette: colours of the classes.
        config: settings of the training.
        generator, segmenter: the networks; new ones by default.
        half: apply them in bfloat16, all but the generator's last layer.
    """

    def __init__(
        self,
        image: Tensor,
        classes: Tensor,
        palette: Palette,
        config: SemanticConfig,
        *,
        generator: Generator | None = None,
        segmenter: Segmenter | None = None,
        half: bool = False,
    ) -> None:
        self.image, self.classes = image, classes
        self.palette, self.config = palette, config
        channels = channels_of(palette, config.encoding)
        self.generator = generator or Generator(channels, config.width)
        self.segmenter = segmenter or Segmenter(len(palette))
        self.half = half
        self._own: dict[tuple[int, int], tuple[Tensor, list[Tensor]]] = {}

    @property
    def scale(self) -> float:
        """Scale at which the network sees pictures and maps."""
        height, width = (int(side) for side in self.classes.shape[1:])
        return working_scale(height, width, self.config.size)

    @property
    def device(self) -> torch.device:
        """Device of the networks."""
        return next(self.generator.parameters()).device

    def read(self, labels: Labels, *, name: str = "the target map") -> Classes:
        """Find the classes of a target map; see ``label_maps.read_classes``."""
        return read_classes(labels, self.palette, name=name)

    @torch.no_grad()
    def apply(self, target: Labels | Classes | Tensor, *, name: str = "the target map") -> Tensor:
        """Make I', the picture of another layout.

        Args:
            target: P', of any size: (H, W, 3) uint8 in the colours of the label map, or classes as
                (H, W) or (1, H, W) int64.
            name: name of the map in messages.

        Returns:
            (1, 3, H, W) float32 RGB in [0, 1], enlarged if the network works at a smaller size.

        Raises:
            InputError: the map has colours or classes that the training never saw.
        """
        classes = self._target_classes(target, name)
        full = int(classes.shape[1]), int(classes.shape[2])
        small = scaled_size(*full, self.scale)
        wanted = reduce_classes(classes.to(self.device), len(self.palette), small)
        canvas = padded_size(small)
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.half):
            encoded, own = self._own_features(small, canvas)
            features = self._label_features(crop_or_mirror(wanted, canvas, centred=False))
            made = self.generator(encoded, own, features).image
        return resize(made[:, :, : small[0], : small[1]].clamp(0.0, 1.0), full)

    @torch.no_grad()
    def segment(self, image: Tensor) -> Tensor:
        """Predict the class of each pixel of a picture by the auxiliary segmenter.

        Args:
            image: (1, 3, H, W) float32 in [0, 1]; things in it should be as large as in I.

        Returns:
            (1, H, W) int64.
        """
        full = int(image.shape[2]), int(image.shape[3])
        small = scaled_size(*full, self.scale)
        canvas = crop_or_mirror(
            reduce_picture(image.to(self.device), small), padded_size(small), centred=False
        )
        logits = F.interpolate(self.segmenter(canvas).float(), scale_factor=4, mode="bilinear")
        return F.interpolate(logits[:, :, : small[0], : small[1]], size=full).argmax(dim=1)

    def to(self, device: str | torch.device, *, half: bool = False) -> SemanticModel:
        """Move the networks of this model to a device.

        Args:
            device: the device.
            half: apply the networks in bfloat16 if the device is faster with it.

        Returns:
            This model.
        """
        to_device(self.generator, device)
        to_device(self.segmenter, device)
        self.half = half and has_fast_bfloat16(device)
        self._own.clear()
        return self

    def tensors(self) -> dict[str, Tensor]:
        """Return the tensors that a file of the model must contain; see also ``metadata``."""
        return {
            "image": self.image.cpu().contiguous(),
            "classes": self.classes.to(torch.uint8).cpu().contiguous(),
            **_prefixed("generator.", self.generator.state_dict()),
            **_prefixed("segmenter.", self.segmenter.state_dict()),
        }

    def metadata(self) -> ModelMetadata:
        """Return all that a file of the model must contain, apart from ``tensors``."""
        return ModelMetadata(MODEL_VERSION, self.palette.colours, self.config)

    @classmethod
    def from_parts(cls, tensors: Mapping[str, Tensor], metadata: ModelMetadata) -> SemanticModel:
        """Restore the model that ``tensors`` and ``metadata`` were taken from."""
        model = cls(
            tensors["image"],
            tensors["classes"].long(),
            Palette(metadata.colours),
            metadata.config,
        )
        model.generator.load_state_dict(_without("generator.", tensors))
        model.segmenter.load_state_dict(_without("segmenter.", tensors))
        return model

    def _target_classes(self, target: Labels | Classes | Tensor, name: str) -> Tensor:
        if isinstance(target, np.ndarray) and target.ndim == 3:
            target = self.read(np.asarray(target, dtype=np.uint8), name=name)
        classes = torch.as_tensor(target).long()
        classes = classes[None] if classes.dim() == 2 else classes
        highest = int(classes.max())
        if highest >= len(self.palette) or int(classes.min()) < 0:
            raise InputError(
                f"{name} has class {highest}, but the label map has {len(self.palette)}: number "
                f"them from 0 to {len(self.palette) - 1}"
            )
        return classes

    def _own_features(
        self, size: tuple[int, int], canvas: tuple[int, int]
    ) -> tuple[Tensor, list[Tensor]]:
        """Encode I and P on the canvas of a target; computed once for each size."""
        if size not in self._own:
            self._own.clear()  # a film has one size
            has = int(self.classes.shape[1]), int(self.classes.shape[2])
            small = scaled_size(*has, self.scale)
            image = reduce_picture(self.image.to(self.device), small)
            classes = reduce_classes(self.classes.to(self.device), len(self.palette), small)
            image, classes = (
                crop_or_mirror(crop_or_mirror(x, size, centred=True), canvas, centred=False)
                for x in (image, classes)
            )
            encoded = self.generator.encode_picture(image)
            self._own[size] = encoded, self._label_features(classes)
        return self._own[size]

    def _label_features(self, classes: Tensor) -> list[Tensor]:
        planes = encode(classes, self.palette, self.config.encoding)
        found: list[Tensor] = self.generator.labels(planes)
        return found


def _prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {prefix + k: v.detach().cpu().contiguous() for k, v in tensors.items()}


def _without(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
