"""Read frames and other input pictures as tensors."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from batch_analogy.errors import FrameError
from batch_analogy.files import hash_file
from batch_analogy.jobs.plan.colour_spaces import NamedSpace
from batch_analogy.jobs.plan.run_plan import FramePlan
from batch_analogy.media.camera_raw import WhiteBalance
from batch_analogy.media.colour_transforms import from_space
from batch_analogy.media.decoding import turn_upright
from batch_analogy.media.highlights import compress_highlights
from batch_analogy.media.label_pictures import read_map
from batch_analogy.media.openexr import is_exr
from batch_analogy.media.pixel_spaces import SRGB, PixelSpace, srgb_to_scene
from batch_analogy.media.stills import FloatPixels, read_layers, read_stored
from batch_analogy.motion.shots.deflicker import apply_exposure


class FrameReader:
    """Read frames and the pictures that go with them.

    Args:
        white_balance: the white balance for RAW frames.
        space: of the frames; other pictures are converted to it.
        named_space: of the frames, and of other pictures in EXR.
        labels: True if frames are label maps (``media.label_pictures``).
        scene_light: True if frames may be brighter than white, as EXR is; highlights of all
            pictures are compressed.
    """

    def __init__(
        self,
        *,
        white_balance: WhiteBalance | None,
        space: PixelSpace = SRGB,
        named_space: NamedSpace | None = None,
        labels: bool = False,
        scene_light: bool = False,
    ) -> None:
        self._scene_light = scene_light
        self._convert = None
        if named_space is not None:
            self._convert = from_space(named_space.config, named_space.name)
        self._white_balance = white_balance
        self._labels = labels
        self._space = space

    def read(self, frame: FramePlan) -> Tensor:
        """Read a frame, with the exposure correction of its plan.

        Returns:
            (1, 3, H, W) float32 in [0, 1]; the visible colours continue under transparency.

        Raises:
            InputError: the file cannot be read, or has changed since the run was planned.
        """
        source = Path(frame.source)
        _check_unchanged(source, frame)
        pixels = turn_upright(self._visible(source, self._white_balance, own=True), frame.turn)
        if pixels.shape[:2] != (frame.height, frame.width):
            found = f"{pixels.shape[1]}×{pixels.shape[0]}"
            raise FrameError(f"{source} is {found} px, expected {frame.width}×{frame.height}")
        return to_tensor(self._compressed(self._exposed(pixels, frame.exposure_ev)))

    def read_picture(self, path: Path) -> Tensor:
        """Read a picture in the colours of the frames, (1, 3, H, W) float32 in [0, 1]."""
        return to_tensor(self._compressed(self.in_gamut(self._visible(path))))

    def _exposed(self, pixels: FloatPixels, ev: float) -> FloatPixels:
        return self._space.exposed(pixels, ev) if self._space.is_hdr else apply_exposure(pixels, ev)

    def _compressed(self, pixels: FloatPixels) -> FloatPixels:
        return compress_highlights(pixels) if self._scene_light else pixels

    def _visible(
        self, path: Path, white_balance: WhiteBalance | None = None, *, own: bool = False
    ) -> FloatPixels:
        if self._labels:
            return read_map(path).pixels
        if self._convert is not None and (own or is_exr(path)):
            return srgb_to_scene(self._convert(read_stored(path, white_balance)))
        light = self._scene_light
        space = self._space if self._space.is_named else SRGB
        found = read_layers(path, white_balance=white_balance, beyond_white=light, space=space)
        return found[0] if self._convert is None else srgb_to_scene(found[0])

    def in_gamut(self, pixels: FloatPixels) -> FloatPixels:
        """Convert pixels as they were read, (H, W, 3), to the colours of the frames."""
        return pixels if self._space.is_named else self._space.from_srgb(pixels)


def to_tensor(pixels: FloatPixels) -> Tensor:
    """Convert (H, W, C) float32 to (1, C, H, W) float32."""
    return torch.from_numpy(np.ascontiguousarray(pixels.transpose(2, 0, 1)))[None]


def to_pixels(picture: Tensor) -> FloatPixels:
    """Convert (1, C, H, W) float32 to (H, W, C) float32."""
    return np.ascontiguousarray(picture[0].permute(1, 2, 0).cpu().numpy())


def _check_unchanged(source: Path, frame: FramePlan) -> None:
    if frame.blake2b is None:  # extracted from a video, whose file has the hash
        return
    try:
        facts = source.stat()
    except OSError as error:
        raise FrameError(f"cannot read {source}: {error.strerror or error}") from error
    if (facts.st_size, facts.st_mtime_ns) == (frame.bytes, frame.mtime_ns):
        return
    if hash_file(source) != frame.blake2b:
        raise FrameError(
            f"{source} has changed since the run was planned; run the same command again"
        )
