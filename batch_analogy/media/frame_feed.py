"""The pictures of a film on their way to the encoder: read, fitted, and written into its pipe."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO

import numpy as np

from batch_analogy.errors import FilmError, FrameError
from batch_analogy.media.blend import FrameBlend, as_blend, read_blend
from batch_analogy.media.captions import Captions
from batch_analogy.media.film_layout import FilmLayout
from batch_analogy.media.fitting import fit_pixels
from batch_analogy.media.matroska import MatroskaWriter
from batch_analogy.media.opacity import with_opacity
from batch_analogy.media.stills import (
    Uint8Pixels,
    Uint16Pixels,
    read_depth,
    read_has_alpha,
    to_uint8,
    to_uint16,
)

Frames = Sequence[Path | FrameBlend]
"""Pictures of one size; a path given twice is shown twice, a tuple is blended."""


@dataclass(frozen=True)
class FrameFacts:
    """What a film's encoding depends on in its pictures."""

    height: int  # px, of the first
    width: int
    deep: bool  # the first has more than 8 bits a channel
    alpha: bool  # one of them is transparent


def read_frame_facts(frames: Frames) -> FrameFacts:
    """Read the size and depth of the first picture, and whether any is transparent.

    Raises:
        FilmError: a picture is unreadable.
    """
    first = as_blend(frames[0])
    paths = {path for frame in frames for path in as_blend(frame)}
    try:
        deep = read_depth(first[0]) > 8
        height, width = read_blend(first).shape[:2]
        return FrameFacts(height, width, deep, any(map(read_has_alpha, paths)))
    except FrameError as error:
        raise _unreadable(error) from error


@dataclass(frozen=True)
class FrameFeed:
    """The pictures of a film, and how ffmpeg is to read them from its pipe.

    Pictures of a constant rate go as raw video; those with times of their own go as Matroska.
    """

    frames: Frames
    layout: FilmLayout
    fps: Fraction
    durations: Sequence[Fraction] | None  # seconds of each frame; None: the rate is constant
    captions: Captions | None
    on_frame: Callable[[int], None] | None  # called with the number of frames written so far

    def input_options(self) -> list[str]:
        """Return ffmpeg's options for the pipe."""
        if self.durations is not None:
            return ["-f", "matroska", "-i", "pipe:0"]
        layout, rate = self.layout, f"{self.fps.numerator}/{self.fps.denominator}"
        deep, shallow = ("rgba64le", "rgba") if layout.alpha else ("rgb48le", "rgb24")
        raw = ["-f", "rawvideo", "-pix_fmt", deep if layout.deep else shallow]
        size = ["-s", f"{layout.width}x{layout.height}"]
        return [*raw, *size, "-framerate", rate, "-i", "pipe:0"]

    def write(self, stream: IO[bytes]) -> None:
        """Write all pictures into the pipe.

        Raises:
            FilmError: one is unreadable, or of another size than the first.
            BrokenPipeError: ffmpeg has ended.
        """
        layout, matroska = self.layout, None
        if self.durations is not None:
            bits = 16 if layout.deep else 8
            size = (layout.height, layout.width)
            matroska = MatroskaWriter(stream, *size, bits, alpha=layout.alpha)
        for number, data in enumerate(self._encoded()):
            if matroska is None or self.durations is None:
                stream.write(data)
            else:
                matroska.write(data, self.durations[number])
            if self.on_frame is not None:
                self.on_frame(number + 1)

    def _encoded(self) -> Iterator[bytes]:
        """Yield the bytes of each picture; those that are repeated are read once."""
        shape: tuple[int, ...] | None = None
        previous: tuple[FrameBlend, str] = ((), "")
        data = b""
        for number, frame in enumerate(map(as_blend, self.frames)):
            text = "" if self.captions is None else self.captions.texts[number]
            if (frame, text) != previous:
                pixels = self._read(frame)
                _check_same_size(frame[0], pixels.shape, shape or pixels.shape)
                shape = pixels.shape
                previous, data = (frame, text), self._fitted(number, pixels).tobytes()
            yield data

    def _read(self, frame: FrameBlend) -> Uint8Pixels | Uint16Pixels:
        layout = self.layout
        try:
            pixels = read_blend(frame, alpha=layout.alpha, space=layout.space)
        except FrameError as error:
            raise _unreadable(error) from error
        if layout.alpha and pixels.shape[2] == 3:
            pixels = with_opacity(pixels, np.ones(pixels.shape[:2], np.float32))
        return to_uint16(pixels) if layout.deep else to_uint8(pixels)

    def _fitted(
        self, number: int, pixels: Uint8Pixels | Uint16Pixels
    ) -> Uint8Pixels | Uint16Pixels:
        """Return a picture in the size of the film, with its text."""
        layout = self.layout
        fitted = fit_pixels(pixels, (layout.height, layout.width), layout.fit)
        if self.captions is None:
            return fitted
        return self.captions.burn(number, fitted, layout.space.white)


def _check_same_size(path: Path, shape: tuple[int, ...], first: tuple[int, ...]) -> None:
    if shape != first:
        raise FilmError(
            f"{path} is {shape[1]}×{shape[0]} px and the frames before it {first[1]}×{first[0]}; "
            "all frames of a film must have one size"
        )


def _unreadable(error: FrameError) -> FilmError:
    return FilmError(f"the film cannot be assembled: {error}")
