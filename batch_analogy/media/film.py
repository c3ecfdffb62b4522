"""Frames in, a film out, which says truly what it holds."""

from __future__ import annotations

import contextlib
import itertools
import logging
import math
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from batch_analogy.errors import FilmError, FrameError, OutputDiskError, UsageError
from batch_analogy.files import disk_errors, temporary_path
from batch_analogy.media.blend import FrameBlend, read_blend, shown
from batch_analogy.media.colour_tags import ColourSpace, encode_filter
from batch_analogy.media.encoding import EncodingOptions, Soundtrack, check_container
from batch_analogy.media.ffmpeg import FfmpegPipe, as_url, is_disk_error, last_lines
from batch_analogy.media.matroska import MatroskaWriter
from batch_analogy.media.stills import (
    Uint8Pixels,
    Uint16Pixels,
    read_depth,
    to_uint8,
    to_uint16,
)
from batch_analogy.media.verify import verify_film

_FINEST_CLOCK = 1_000_000  # ticks a second that a film's own clock may have
_USUAL_CLOCK = 90_000
_PLAIN_COLOURS = ColourSpace()
_PLAIN_CODING = EncodingOptions()

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class FilmInfo:
    """What was written."""

    path: Path
    frames: int
    height: int
    width: int
    fps: Fraction
    duration_seconds: float
    bytes: int
    has_audio: bool
    scaled: bool  # the frames were too large for H.264 and were made smaller


@dataclass(frozen=True)
class _Shape:
    """What the encoder is given."""

    height: int  # px, of the film
    width: int
    scaled: bool
    deep: bool  # frames are handed over with 16 bits a channel


def encode_film(
    frames: Sequence[Path | FrameBlend],
    output: Path,
    *,
    fps: Fraction,
    durations: Sequence[Fraction] | None = None,
    encoding: EncodingOptions = _PLAIN_CODING,
    colours: ColourSpace = _PLAIN_COLOURS,
    sound: Soundtrack | None = None,
    on_frame: Callable[[int], None] | None = None,
) -> FilmInfo:
    """Encode pictures as a film, in the order given, and check it by decoding it.

    Odd sizes are padded by repeating the last row or column, where the codec needs even ones. The
    film lasts exactly as long as its frames: longer sound is cut, shorter sound ends earlier.

    Args:
        frames: the pictures, all of one size; a path given twice is shown twice, and of several
            together their mean.
        output: the film; written whole or not at all, replacing what is there.
        fps: frames a second, exact.
        durations: how many seconds each frame is shown, where the rate is not constant.
        encoding: codec, depth and quality; it decides which suffixes the output may have.
        colours: what the frames' RGB is encoded with and tagged as.
        sound: a video whose sound and subtitles are taken over.
        on_frame: called with the number of frames encoded so far.

    Returns:
        What was written.

    Raises:
        UsageError: the output has another suffix or is a folder, or the rate is not positive.
        FilmError: a frame is unreadable or of another size, or the film did not verify.
        OutputDiskError: the disk is full, read-only or closed to this user.
    """
    _check(frames, output, fps, encoding)
    first = shown(frames[0])
    shape = _shape(first, encoding)
    length = len(frames) / fps if durations is None else sum(durations, Fraction(0))
    suffix, pixel_format = output.suffix.lower(), encoding.pixel_format(_is_deep(first[0]))
    with _temporary(output) as temporary:
        command = _input_options(shape, None if durations else fps)
        command += _sound_options(sound, output, length)
        command += ["-vf", encode_filter(colours, pixel_format), *encoding.options(suffix)]
        command += [] if durations is None else _clock_options(durations, suffix)
        command += ["-fps_mode", "passthrough", "-movflags", "+faststart"]
        command += ["-fflags", "+bitexact", "-y", as_url(temporary)]  # Matroska draws random names
        _feed(command, frames, durations, shape, output, on_frame)
        verify_film(
            temporary,
            output,
            count=len(frames),
            begins=_begins(fps, durations),
            size=(shape.height, shape.width),
            pixel_format=pixel_format,
            colours=colours,
        )
        with disk_errors(output):
            size_bytes = temporary.stat().st_size
            os.replace(temporary, output)
    return FilmInfo(
        path=output,
        frames=len(frames),
        height=shape.height,
        width=shape.width,
        fps=fps,
        duration_seconds=float(length),
        bytes=size_bytes,
        has_audio=sound is not None and sound.video.has_audio,
        scaled=shape.scaled,
    )


def _check(
    frames: Sequence[Path | FrameBlend], output: Path, fps: Fraction, encoding: EncodingOptions
) -> None:
    """Refuse what cannot be encoded, before anything is begun."""
    check_container(output, encoding.codec)
    if output.is_dir():
        raise UsageError(f"{output} is a folder; name a file for the film")
    if fps <= 0:
        raise UsageError(f"fps is {fps}; it must be above 0")
    if not frames:
        raise FilmError(f"{output} would hold no frames; there must be at least one")


def _sound_options(sound: Soundtrack | None, output: Path, length: Fraction) -> list[str]:
    """What is taken besides the pictures; what the container does not take is told."""
    if sound is None:
        return ["-map", "0:v:0"]
    suffix = output.suffix.lower()
    _tell_lost(sound.lost(suffix), output)
    return sound.options(suffix, length)


def _begins(fps: Fraction, durations: Sequence[Fraction] | None) -> Iterator[Fraction]:
    """When each frame is shown, in seconds, without end; with durations, until the last is over."""
    if durations is None:
        return (place / fps for place in itertools.count())
    return itertools.accumulate(durations, initial=Fraction(0))


def _input_options(shape: _Shape, fps: Fraction | None) -> list[str]:
    """What comes through the pipe: bare pictures at a constant rate, or a stream with times."""
    if fps is None:
        return ["-f", "matroska", "-i", "pipe:0"]
    pixels = [
        "-pix_fmt",
        "rgb48le" if shape.deep else "rgb24",
        "-s",
        f"{shape.width}x{shape.height}",
    ]
    return ["-f", "rawvideo", *pixels, "-framerate", _ratio(fps), "-i", "pipe:0"]


def _clock_options(durations: Sequence[Fraction], suffix: str) -> list[str]:
    """A clock for the film in which every time is a whole number of ticks, if there is one."""
    ticks = 1
    for duration in durations:
        ticks = math.lcm(ticks, duration.denominator)
        if ticks > _FINEST_CLOCK:
            ticks = _USUAL_CLOCK
            break
    while ticks < 1000:  # some players know no coarser ones
        ticks *= 10
    scale = [] if suffix == ".mkv" else ["-video_track_timescale", str(ticks)]
    return ["-enc_time_base", f"1/{ticks}", *scale]


def _tell_lost(codecs: list[str], output: Path) -> None:
    if codecs:
        _log.warning(
            "%s cannot hold the video's subtitles of kind %s; a .mkv can",
            output,
            ", ".join(sorted(set(codecs))),
        )


def _ratio(value: Fraction) -> str:
    return f"{value.numerator}/{value.denominator}"


def _shape(first: FrameBlend, encoding: EncodingOptions) -> _Shape:
    """The film's size in px, even where it must be, and whether frames must be made smaller."""
    height, width = _read_frame(first).shape[:2]
    most = encoding.spec.max_side_px
    scaled = max(height, width) > most
    if scaled:
        factor = most / max(height, width)
        height, width = max(2, round(height * factor)), max(2, round(width * factor))
    if encoding.spec.even_sides:
        height, width = height + height % 2, width + width % 2
    return _Shape(height, width, scaled, encoding.bits(_is_deep(first[0])) > 8)


def _is_deep(path: Path) -> bool:
    try:
        return read_depth(path) == 16
    except FrameError as error:
        raise FilmError(f"the film cannot be assembled: {error}") from error


def _read_frame(frame: FrameBlend, *, deep: bool = False) -> Uint8Pixels | Uint16Pixels:
    try:
        pixels = read_blend(frame)
    except FrameError as error:
        raise FilmError(f"the film cannot be assembled: {error}") from error
    return to_uint16(pixels) if deep else to_uint8(pixels)


def _fit(pixels: Uint8Pixels | Uint16Pixels, shape: _Shape) -> bytes:
    if shape.scaled:
        size = (shape.width, shape.height)
        return np.ascontiguousarray(
            cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
        ).tobytes()
    below, right = shape.height - pixels.shape[0], shape.width - pixels.shape[1]
    return np.pad(pixels, ((0, below), (0, right), (0, 0)), mode="edge").tobytes()


@contextlib.contextmanager
def _temporary(output: Path) -> Iterator[Path]:
    """A file beside the output that is gone afterwards unless it was renamed."""
    temporary = temporary_path(output)
    with disk_errors(output):
        output.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch(exist_ok=False)
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _feed(
    command: list[str],
    frames: Sequence[Path | FrameBlend],
    durations: Sequence[Fraction] | None,
    shape: _Shape,
    output: Path,
    on_frame: Callable[[int], None] | None,
) -> None:
    first: tuple[int, ...] | None = None
    previous: FrameBlend = ()
    data = b""
    with FfmpegPipe(["-v", "error", *command], reads=False) as pipe:
        try:
            bits = 16 if shape.deep else 8
            timed = (
                MatroskaWriter(pipe.stream, shape.height, shape.width, bits) if durations else None
            )
            for number, frame in enumerate(map(shown, frames), start=1):
                if frame != previous:
                    pixels = _read_frame(frame, deep=shape.deep)
                    _check_same_size(frame[0], pixels.shape, first or pixels.shape)
                    first = pixels.shape
                    previous, data = frame, _fit(pixels, shape)
                if timed is None or durations is None:
                    pipe.stream.write(data)
                else:
                    timed.write(data, durations[number - 1])
                if on_frame is not None:
                    on_frame(number)
        except BrokenPipeError:
            pass  # ffmpeg ended early; its exit code and messages say why
    if pipe.code == 0:
        return
    if is_disk_error(pipe.messages):
        raise OutputDiskError(
            f"cannot write {output}: {last_lines(pipe.messages)}; the finished frames are safe: "
            "free some space and run the same command again"
        )
    raise FilmError(f"ffmpeg could not encode {output}: {last_lines(pipe.messages)}")


def _check_same_size(path: Path, shape: tuple[int, ...], first: tuple[int, ...]) -> None:
    if shape != first:
        raise FilmError(
            f"{path} is {shape[1]}×{shape[0]} px and the frames before it {first[1]}×{first[0]}; "
            "all frames of a film must have one size"
        )
