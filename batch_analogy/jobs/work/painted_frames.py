"""A worker's painted frames: their paintings, guides and masks are read, and they are painted."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from batch_analogy.analogy.features.pictures import FeatureExtractor
from batch_analogy.config.matching import AnalogyConfig
from batch_analogy.config.painting import PaintConfig
from batch_analogy.errors import FrameError
from batch_analogy.files import hash_file
from batch_analogy.jobs.plan.dependencies import AnchorSpan, SpanContext
from batch_analogy.jobs.plan.paint_inputs import FramePictures, PaintInputs
from batch_analogy.jobs.plan.run_plan import FramePlan, Plan
from batch_analogy.jobs.store import RunStore
from batch_analogy.jobs.work.anchor_cache import (
    AnchorCache,
    AnchorFormat,
    Facts,
    Tensors,
    pack_origin_motion,
    unpack_origin_motion,
)
from batch_analogy.jobs.work.anchored_frames import AnchoredFrames, Read
from batch_analogy.media.colour_tags import to_wide_gamut
from batch_analogy.media.stills import FloatPixels, read_opacity, read_still
from batch_analogy.motion.temporal.painter import KeyframePainter, PaintedState
from batch_analogy.motion.temporal.painting_synthesis import ExtraChannels, Painting
from batch_analogy.motion.temporal.walk import Rendered

_LUMA = np.array([0.299, 0.587, 0.114], np.float32)


@dataclass(frozen=True)
class PaintSpec:
    """What a worker needs to know to paint; paths must be reachable from its machine."""

    config: PaintConfig
    inputs: PaintInputs
    frames: tuple[FramePlan | None, ...]  # that were painted over, for each painted picture
    wide_gamut: bool  # frames are in BT.2020, and paintings have to be too


def paint_spec(config: PaintConfig | None, plan: Plan) -> PaintSpec | None:
    """What the workers of a run need to know to paint; None where nothing is painted."""
    if config is None or plan.painting is None:
        return None
    frames = [None if k.frame is None else plan.frames[k.frame] for k in plan.painting.keys]
    wide_gamut = plan.footage is not None and plan.footage.colours.wide
    return PaintSpec(config, plan.painting, tuple(frames), wide_gamut)


class PaintedFrames:
    """Paints frames, each by its context or alone.

    Args:
        spec: what to paint after. config: of the run.
        network: compares what things are. store: the run folder. plan_hash: of its plan.
        read: gives a frame, (1, 3, H, W) float32, or raises InputError.
    """

    def __init__(
        self,
        spec: PaintSpec,
        config: AnalogyConfig,
        network: FeatureExtractor,
        store: RunStore,
        plan_hash: str,
        read: Read,
    ) -> None:
        self._spec = spec
        self._read_frame = read
        self._device = network.device
        layers = ExtraChannels((3,) * len(spec.config.guides), mask=spec.inputs.mask is not None)
        self._painter = KeyframePainter(network, config, spec.config, self._painting, layers)
        anchors = AnchorCache(store, plan_hash, str(network.device), PAINTED_FORMAT)
        self._steady = AnchoredFrames(
            self._painter, self._begin, anchors, self._layered, reanchor=False
        )

    def render(self, index: int, a: Tensor, context: SpanContext | None) -> Rendered:
        """Render B' of a frame.

        Args:
            index: the frame. a: its pixels, (1, 3, H, W) float32.
            context: how one comes to it; None: it stands alone.
        """
        a = self._with_layers(index, a)
        if context is not None:
            return self._steady.render(index, a, context)
        key = self._spec.inputs.keyframes.get(index)
        if key is not None:
            return self._painter.render(a, self._painter.begin(a, key, painted=True))
        return self._painter.alone(a, self._spec.inputs.nearest(index, index))

    def _begin(self, span: AnchorSpan, frame: FramePlan, a: Tensor) -> PaintedState:
        painted = span.painted and frame.index == span.start
        return self._painter.begin(a, span.key, painted=painted)

    def _layered(self, frame: FramePlan) -> Tensor:
        return self._with_layers(frame.index, self._read_frame(frame))

    def _with_layers(self, index: int, a: Tensor) -> Tensor:
        """A frame with its guides made by hand, and its mask."""
        inputs = self._spec.inputs
        layers = [a, *(self._read(guide.target.of(index)) for guide in inputs.guides)]
        if inputs.mask is not None:
            layers.append(_read_mask(inputs.mask, index))
        for layer in layers[1:]:
            if layer.shape[2:] != a.shape[2:]:
                raise FrameError(f"a guide or the mask of frame {index} has changed its size")
        return torch.cat([layer.to(self._device) for layer in layers], dim=1)

    def _painting(self, number: int) -> Painting:
        key, frame = self._spec.inputs.keys[number], self._spec.frames[number]
        path = Path(key.painted.path)
        if hash_file(path) != key.painted.blake2b:
            raise FrameError(f"{path} has changed since the run began; run the same command again")
        if frame is not None:
            a = self._read_frame(frame)
        else:
            assert key.example is not None
            a = _tensor(self._in_gamut(read_still(Path(key.example.path))))
        guides = [self._read(guide.source.of(number)) for guide in self._spec.inputs.guides]
        mask = None
        if self._spec.inputs.mask is not None and frame is not None:
            mask = _read_mask(self._spec.inputs.mask, frame.index).to(self._device)
        return Painting(
            a.to(self._device),
            self._premultiplied(path).to(self._device),
            tuple(guide.to(self._device) for guide in guides),
            mask,
        )

    def _premultiplied(self, path: Path) -> Tensor:
        """A painted picture, (1, 4, H, W): colours times opacity, and opacity."""
        pixels, opacity = read_still(path), read_opacity(path)
        if opacity is None:
            opaque = np.ones((*pixels.shape[:2], 1), np.float32)
            return _tensor(np.concatenate([self._in_gamut(pixels), opaque], axis=2))
        opacity = opacity[..., None]
        over_black = np.maximum(pixels - (np.float32(1.0) - opacity), np.float32(0.0))
        colours = np.minimum(over_black / np.maximum(opacity, np.float32(1e-3)), np.float32(1.0))
        return _tensor(np.concatenate([self._in_gamut(colours) * opacity, opacity], axis=2))

    def _in_gamut(self, pixels: FloatPixels) -> FloatPixels:
        return to_wide_gamut(pixels) if self._spec.wide_gamut else pixels

    def _read(self, path: Path) -> Tensor:
        return _tensor(read_still(path))


def _read_mask(masks: FramePictures, index: int) -> Tensor:
    return _tensor(_grey(read_still(masks.of(index))))


def _grey(pixels: FloatPixels) -> FloatPixels:
    """(H, W, 3) → (H, W, 1) brightness."""
    red, green, blue = _LUMA
    grey = pixels[..., 0] * red + pixels[..., 1] * green + pixels[..., 2] * blue
    return np.asarray(grey[..., None].clip(0.0, 1.0), np.float32)


def _tensor(pixels: FloatPixels) -> Tensor:
    """(H, W, C) float32 → (1, C, H, W) float32."""
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))[None]


def _pack(state: PaintedState) -> tuple[Tensors, Facts]:
    colours = torch.from_numpy(state.colours)
    tensors = {"field": state.field, "cost": state.cost, "colours": colours}
    return tensors | pack_origin_motion(state.from_origin), {"key": state.key}


def _unpack(tensors: Tensors, facts: Facts) -> PaintedState:
    field, cost, colours = (tensors[name] for name in ("field", "cost", "colours"))
    return PaintedState(
        facts["digest"],
        int(facts["key"]),
        field,
        cost,
        colours.cpu().numpy(),
        unpack_origin_motion(tensors),
    )


PAINTED_FORMAT = AnchorFormat(_pack, _unpack)
"""Of frames that were painted."""
