"""Frames that follow painted pictures, as made by Image Analogies."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from batch_analogy.analogy.features import FeatureExtractor
from batch_analogy.errors import FrameError
from batch_analogy.files import hash_file
from batch_analogy.jobs.plan.dependencies import AnchorSpan
from batch_analogy.jobs.plan.paint_inputs import FramePictures
from batch_analogy.jobs.plan.run_plan import FramePlan
from batch_analogy.jobs.store import RunStore
from batch_analogy.jobs.work.anchor_cache import (
    AnchorCache,
    AnchorFormat,
    Facts,
    Tensors,
)
from batch_analogy.jobs.work.anchored_frames import AnchoredFrames
from batch_analogy.jobs.work.frame_method import LoadedFrame, MadeFrame
from batch_analogy.jobs.work.frame_reader import FrameReader, to_tensor
from batch_analogy.jobs.work.tasks import PaintSpec, WorkerSpec
from batch_analogy.media.coverage import read_coverage
from batch_analogy.media.scaling import fit, is_same_shape
from batch_analogy.media.stills import FloatPixels, read_opacity, read_still
from batch_analogy.motion.flow.optical_flow import Motion
from batch_analogy.motion.temporal.painter import KeyframePainter, PaintedState
from batch_analogy.motion.temporal.painting_synthesis import (
    ExtraChannels,
    Painting,
    PaintingSynthesiser,
)
from batch_analogy.motion.temporal.walk import Rendered


class Painted:
    """Paint frames, each in the context of its span or by itself.

    Args:
        spec: the specification of the worker.
        painting: the painted pictures, guides and settings.
        network: the feature extractor.
        reader: the reader of frames.
        store: the run folder.
    """

    frames_at_once = 1

    def __init__(
        self,
        spec: WorkerSpec,
        painting: PaintSpec,
        network: FeatureExtractor,
        reader: FrameReader,
        store: RunStore,
    ) -> None:
        self._inputs = painting.inputs
        self._painted_over = painting.frames
        self._reader = reader
        self._device = network.device
        channels = ExtraChannels(
            (3,) * len(painting.config.guides), mask=painting.inputs.mask is not None
        )
        synthesis = PaintingSynthesiser(
            network, spec.analogy, painting.config, self._painting, channels
        )
        self._painter = KeyframePainter(synthesis)
        anchors = AnchorCache(store, spec.plan_hash, str(network.device), PAINTED_FORMAT)
        self._frames = AnchoredFrames(
            self._painter, self._begin, anchors, self._read_with_channels, reanchor=False
        )

    def make(self, frames: Sequence[LoadedFrame]) -> list[MadeFrame]:
        """Paint frames, and measure the misfit of each."""
        made = [self._render(frame) for frame in frames]
        return [MadeFrame(rendered.pictures, misfit=rendered.misfit) for rendered in made]

    def _render(self, loaded: LoadedFrame) -> Rendered:
        index, contexts = loaded.task.index, loaded.task.contexts
        a = self._with_channels(index, loaded.a)
        if contexts:  # exactly one, as there are no references to mix
            return self._frames.render(index, a, contexts[0])
        key = self._inputs.keyframes.get(index)
        if key is not None:
            return self._painter.render(a, self._painter.begin(a, key, painted=True))
        return self._painter.render_alone(a, self._inputs.nearest(index, index))

    def _begin(self, span: AnchorSpan, frame: FramePlan, a: Tensor) -> PaintedState:
        painted = span.is_keyframe and frame.index == span.start
        return self._painter.begin(a, span.key, painted=painted)

    def _read_with_channels(self, frame: FramePlan) -> Tensor:
        return self._with_channels(frame.index, self._reader.read(frame))

    def _with_channels(self, index: int, a: Tensor) -> Tensor:
        """Add a frame's guides made by hand and its mask as further channels."""
        guides, mask = self._inputs.guides, self._inputs.mask
        size = _size_of(a)
        parts = [a, *(_read(guide.target.of(index), size) for guide in guides)]
        if mask is not None:
            parts.append(_read_mask(mask, index, size))
        return torch.cat([part.to(self._device) for part in parts], dim=1)

    def _painting(self, number: int) -> Painting:
        key, frame = self._inputs.keys[number], self._painted_over[number]
        path = Path(key.painted.path)
        if hash_file(path) != key.painted.blake2b:
            raise FrameError(f"{path} has changed since the run began; run the same command again")
        if frame is not None:
            a = self._reader.read(frame)
        else:
            assert key.example is not None
            a = self._reader.read_picture(Path(key.example.path))
        size = _size_of(a)
        guides = [_read(guide.source.of(number), size) for guide in self._inputs.guides]
        mask = None
        if self._inputs.mask is not None and frame is not None:
            mask = _read_mask(self._inputs.mask, frame.index, size).to(self._device)
        return Painting(
            a.to(self._device),
            self._premultiplied(path, size).to(self._device),
            tuple(guide.to(self._device) for guide in guides),
            mask,
        )

    def _premultiplied(self, path: Path, size: tuple[int, int]) -> Tensor:
        """Read a painted picture as colours times opacity, and opacity: (1, 4, H, W)."""
        pixels, opacity = _fitted(read_still(path), path, size), read_opacity(path)
        in_gamut = self._reader.in_gamut
        if opacity is None:
            opaque = np.ones((*pixels.shape[:2], 1), np.float32)
            return to_tensor(np.concatenate([in_gamut(pixels), opaque], axis=2))
        opacity = _fitted(opacity[..., None], path, size)
        over_black = np.maximum(pixels - (np.float32(1.0) - opacity), np.float32(0.0))
        colours = np.minimum(over_black / np.maximum(opacity, np.float32(1e-3)), np.float32(1.0))
        return to_tensor(np.concatenate([in_gamut(colours) * opacity, opacity], axis=2))


def _read(path: Path, size: tuple[int, int]) -> Tensor:
    return to_tensor(_fitted(read_still(path), path, size))


def _read_mask(masks: FramePictures, index: int, size: tuple[int, int]) -> Tensor:
    path = masks.of(index)
    return to_tensor(_fitted(read_coverage(path, size), path, size))


def _fitted(pixels: FloatPixels, path: Path, size: tuple[int, int]) -> FloatPixels:
    """Scale a picture to the (height, width) of its frame."""
    height, width = pixels.shape[:2]
    if not is_same_shape((height, width), size):
        raise FrameError(f"the size of {path} has changed; run the same command again")
    return fit(pixels, size)


def _size_of(picture: Tensor) -> tuple[int, int]:
    return int(picture.shape[2]), int(picture.shape[3])


def _pack(state: PaintedState) -> tuple[Tensors, Facts]:
    colours = torch.from_numpy(state.colours)
    tensors = {"field": state.field, "cost": state.cost, "colours": colours}
    return tensors, {"key": state.key}


def _unpack(tensors: Tensors, facts: Facts, from_origin: Motion | None) -> PaintedState:
    field, cost, colours = (tensors[name] for name in ("field", "cost", "colours"))
    return PaintedState(
        facts["digest"],
        int(facts["key"]),
        field,
        cost,
        colours.cpu().numpy(),
        from_origin,
    )


PAINTED_FORMAT = AnchorFormat(_pack, _unpack)
"""Format of frames that were painted."""
