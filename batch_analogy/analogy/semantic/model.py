"""What training leaves: a network that turns label maps into pictures like the one it knows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

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
from batch_analogy.analogy.semantic.networks import Generator, Segmenter, place
from batch_analogy.analogy.semantic.working_size import (
    laid_out,
    padded_size,
    reduce_classes,
    reduce_picture,
    scaled,
    working_scale,
)
from batch_analogy.config.semantic import SemanticConfig
from batch_analogy.errors import InputError

MODEL_VERSION = 1
"""Rises whenever networks trained before would not be understood, or make other pictures."""


class SemanticModel:
    """A picture, its labels, and the networks trained on them.

    ``jobs.semantic.model_files`` writes and reads models. Applying one draws no random numbers,
    so a map
    always gives the same picture.

    Args:
        image: (1, 3, H, W) float32 RGB in [0, 1], I at its full size.
        classes: (1, H, W) int64, P.
        palette: the classes' colours.
        config: how it was trained.
        generator, segmenter: the networks; new ones by default.
        half: whether they are applied in bfloat16, all but the generator's last layer.
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
        """How much pictures and maps are reduced for the network."""
        height, width = (int(side) for side in self.classes.shape[1:])
        return working_scale(height, width, self.config.size)

    @property
    def device(self) -> torch.device:
        """Where the networks are."""
        return next(self.generator.parameters()).device

    def read(self, labels: Labels, *, name: str = "the target map") -> Classes:
        """The classes of a target map; otherwise as ``classes.read_classes``."""
        return read_classes(labels, self.palette, name=name)

    @torch.no_grad()
    def apply(self, target: Labels | Classes | Tensor, *, name: str = "the target map") -> Tensor:
        """Make I', the picture of another layout.

        Args:
            target: P', of any size: (H, W, 3) uint8 in the label map's colours, or classes as
                (H, W) or (1, H, W) int64.
            name: what it is called in messages.

        Returns:
            (1, 3, H, W) float32 RGB in [0, 1]. Where the model works at a smaller size, it is
            enlarged.

        Raises:
            InputError: the map has colours or classes that were never learnt.
        """
        classes = self._target_classes(target, name)
        full = int(classes.shape[1]), int(classes.shape[2])
        small = scaled(*full, self.scale)
        wanted = reduce_classes(classes.to(self.device), len(self.palette), small)
        canvas = padded_size(small)
        with torch.autocast(self.device.type, dtype=torch.bfloat16, enabled=self.half):
            begun, own = self._own_on(small, canvas)
            features = self._label_features(laid_out(wanted, canvas, centred=False))
            made = self.generator(begun, own, features).image
        return resize(made[:, :, : small[0], : small[1]].clamp(0.0, 1.0), full)

    @torch.no_grad()
    def segment(self, image: Tensor) -> Tensor:
        """Which class each pixel of a picture seems to have, by the auxiliary segmenter.

        Args:
            image: (1, 3, H, W) float32 in [0, 1], of the size of the picture's own things.

        Returns:
            (1, H, W) int64.
        """
        full = int(image.shape[2]), int(image.shape[3])
        small = scaled(*full, self.scale)
        canvas = laid_out(
            reduce_picture(image.to(self.device), small), padded_size(small), centred=False
        )
        logits = F.interpolate(self.segmenter(canvas).float(), scale_factor=4, mode="bilinear")
        return F.interpolate(logits[:, :, : small[0], : small[1]], size=full).argmax(dim=1)

    def to(self, device: str | torch.device, *, half: bool = False) -> SemanticModel:
        """Move the networks; they stay this model's.

        Args:
            device: where to. half: whether to apply them in bfloat16, where that is quicker.
        """
        place(self.generator, device)
        place(self.segmenter, device)
        self.half = half and has_fast_bfloat16(device)
        self._own.clear()
        return self

    def tensors(self) -> dict[str, Tensor]:
        """All that a file must hold, besides ``facts``."""
        return {
            "image": self.image.cpu().contiguous(),
            "classes": self.classes.to(torch.uint8).cpu().contiguous(),
            **_prefixed("generator.", self.generator.state_dict()),
            **_prefixed("segmenter.", self.segmenter.state_dict()),
        }

    def facts(self) -> dict[str, Any]:
        """The rest, as plain JSON values."""
        return {
            "version": MODEL_VERSION,
            "colours": [list(colour) for colour in self.palette.colours],
            "config": self.config.fields(),
        }

    @classmethod
    def from_parts(cls, tensors: Mapping[str, Tensor], facts: Mapping[str, Any]) -> SemanticModel:
        """The model that ``tensors`` and ``facts`` were taken from."""
        colours = tuple((int(r), int(g), int(b)) for r, g, b in facts["colours"])
        model = cls(
            tensors["image"],
            tensors["classes"].long(),
            Palette(colours),
            SemanticConfig(**facts["config"]),
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

    def _own_on(
        self, size: tuple[int, int], canvas: tuple[int, int]
    ) -> tuple[Tensor, list[Tensor]]:
        """What is made of I and P over a target's canvas; worked out once for each size."""
        if size not in self._own:
            self._own.clear()  # a film has one size
            has = int(self.classes.shape[1]), int(self.classes.shape[2])
            small = scaled(*has, self.scale)
            image = reduce_picture(self.image.to(self.device), small)
            classes = reduce_classes(self.classes.to(self.device), len(self.palette), small)
            image, classes = (
                laid_out(laid_out(x, size, centred=True), canvas, centred=False)
                for x in (image, classes)
            )
            self._own[size] = self.generator.begin(image), self._label_features(classes)
        return self._own[size]

    def _label_features(self, classes: Tensor) -> list[Tensor]:
        planes = encode(classes, self.palette, self.config.encoding)
        found: list[Tensor] = self.generator.labels(planes)
        return found


def _prefixed(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {prefix + k: v.detach().cpu().contiguous() for k, v in tensors.items()}


def _without(prefix: str, tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {k.removeprefix(prefix): v for k, v in tensors.items() if k.startswith(prefix)}
