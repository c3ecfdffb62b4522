"""Encode frames as a film with correct times and colour tags."""

from __future__ import annotations

import contextlib
import itertools
import logging
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import IO

import numpy as np

from batch_analogy.errors import FilmError, FrameError, OutputDiskError, UsageError
from batch_analogy.files import disk_errors, move_into_place, temporary_path
from batch_analogy.media.blend import FrameBlend, as_blend, read_blend
from batch_analogy.media.captions import Captions
from batch_analogy.media.chapters import with_chapters, write_chapters
from batch_analogy.media.colour_tags import ColourSpace
from batch_analogy.media.encoding import (
    KEEP_ALPHA,
    MATROSKA,
    EncodingOptions,
    Soundtrack,
    check_container,
    dropped_subtitles,
)
from batch_analogy.media.ffmpeg import FfmpegPipe, as_url, is_disk_error, last_lines
from batch_analogy.media.film_layout import FilmLayout, choose_layout, playing_note
from batch_analogy.media.fitting import fit_pixels
from batch_analogy.media.light_levels import LightLevels, with_light_levels
from batch_analogy.media.matroska import MatroskaWriter
from batch_analogy.media.music import Music
from batch_analogy.media.opacity import with_opacity
from batch_analogy.media.pixel_spaces import SRGB, PixelSpace
from batch_analogy.media.sound import TrackChoice
from batch_analogy.media.stills import (
    Uint8Pixels,
    Uint16Pixels,
    read_depth,
    read_has_alpha,
    to_uint8,
    to_uint16,
)
from batch_analogy.media.verify import verify_film
from batch_analogy.media.webp_frames import correct_frames

_MAX_TICKS_PER_SECOND = 1_000_000  # of a film's clock
_USUAL_TICKS_PER_SECOND = 90_000
_BT709 = ColourSpace()
_DEFAULT_ENCODING = EncodingOptions()

_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class FilmInfo:
    """A finished film."""

    path: Path
    frames: int
    height: int
    width: int
    fps: Fraction
    duration_seconds: float
    bytes: int
    has_audio: bool
    scaled: bool  # the frames were too large for the codec and were scaled down


class EncoderError(FilmError):
    """ffmpeg ended with an error that is not the disk's."""


def encode_film(
    frames: Sequence[Path | FrameBlend],
    output: Path,
    *,
    fps: Fraction,
    durations: Sequence[Fraction] | None = None,
    encoding: EncodingOptions = _DEFAULT_ENCODING,
    colours: ColourSpace = _BT709,
    light_levels: LightLevels | None = None,
    sound: Soundtrack | Music | None = None,
    scratch: Path | None = None,
    captions: Captions | None = None,
    chapters: Sequence[Fraction] = (),
    on_frame: Callable[[int], None] | None = None,
    place: Callable[[Path, Path], None] = move_into_place,
) -> FilmInfo:
    """Encode pictures as a film, in the given order, and verify it by decoding it.

    The film has the size that ``encoding`` asks for, by default that of the frames. If the codec
    needs even sizes, odd ones are padded by repeating the last row or column.
    Transparent frames stay transparent if the codec can, else they are seen over white. The film
    lasts exactly as long as its frames: longer sound is cut, shorter sound ends earlier.

    Args:
        frames: pictures of one size; a path given twice is shown twice, a tuple is blended.
        output: the film; written as a whole or not at all, replacing an existing file.
        fps: frames a second, exact.
        durations: seconds that each frame is shown, if the rate is not constant.
        encoding: codec, depth and quality; the codec decides which suffixes are allowed.
        colours: colour space in which the frames' RGB is encoded and tagged.
        light_levels: of HDR.
        sound: a video whose sound and subtitles are copied, or music.
        scratch: folder of the unfinished film, on the same disk; None: that of the output.
        captions: a text for each frame, which is burnt in.
        chapters: seconds at which chapters begin, the first at 0.
        on_frame: called with the number of frames encoded so far.
        place: moves the finished film (first argument) to the output (second argument).

    Raises:
        UsageError: the output has a wrong suffix or is a folder, or the rate is not positive.
        FilmError: a frame is unreadable or has another size, or the film fails verification.
        OutputDiskError: the disk is full or read-only, or the user may not write there.
    """
    _check(frames, output, fps, encoding)
    if encoding.spec.animation and colours.is_hdr:
        colours = _BT709  # the frames are read as sRGB
    first = as_blend(frames[0])
    deep = _is_deep(first[0])
    height, width = _read_frame(first).shape[:2]
    alpha = _keeps_alpha(frames, output, encoding)
    space = PixelSpace.of_film(colours) if colours.is_hdr else SRGB
    layout = choose_layout((height, width), encoding, fps, deep=deep, alpha=alpha, space=space)
    if note := playing_note(encoding, (layout.height, layout.width), fps, deep=deep):
        _log.warning("%s: %s", output, note)
    duration = len(frames) / fps if durations is None else sum(durations, Fraction(0))
    pixel_format = encoding.pixel_format(deep, layout.alpha)
    encoder = ["-vf", encoding.filters(colours, deep, layout.alpha)]
    encoder += _encoder_options(encoding, durations, output.suffix.lower(), layout.alpha)
    encoder = with_light_levels(encoder, light_levels)
    with contextlib.ExitStack() as cleaner:
        temporary = cleaner.enter_context(_temporary(output, scratch))
        target = ["-y", as_url(temporary)]
        pictures = _input_options(layout, None if durations else fps)
        marks = temporary.with_name(f"{temporary.name}.chapters")
        if chapters:
            cleaner.callback(marks.unlink, missing_ok=True)
            with disk_errors(output):
                write_chapters(marks, chapters, duration)

        def encode(tracks: list[str]) -> None:
            if chapters:
                tracks = with_chapters(tracks, marks)
            command = [*pictures, *tracks, *encoder, *target]
            _run_encoder(command, frames, durations, layout, output, captions, on_frame)

        has_audio = _encode_with_sound(encode, encoding, sound, output, duration)
        if output.suffix.lower() == ".webp":
            correct_frames(temporary, duration, transparent=layout.alpha)
        verify_film(
            temporary,
            output,
            count=len(frames),
            times=_frame_times(fps, durations),
            size=(layout.height, layout.width),
            pixel_format=pixel_format,
            colours=None if encoding.spec.animation else colours,
        )
        with disk_errors(output):
            size_bytes = temporary.stat().st_size
            place(temporary, output)
    return FilmInfo(
        path=output,
        frames=len(frames),
        height=layout.height,
        width=layout.width,
        fps=fps,
        duration_seconds=float(duration),
        bytes=size_bytes,
        has_audio=has_audio,
        scaled=layout.scaled,
    )


def _check(
    frames: Sequence[Path | FrameBlend], output: Path, fps: Fraction, encoding: EncodingOptions
) -> None:
    """Raise UsageError or FilmError for arguments that cannot be encoded."""
    check_container(output, encoding.codec)
    if output.is_dir():
        raise UsageError(f"{output} is a folder; name a file for the film")
    if fps <= 0:
        raise UsageError(f"fps is {fps}; it must be above 0")
    if not frames:
        raise FilmError(f"{output} would have no frames; there must be at least one")


def _keeps_alpha(
    frames: Sequence[Path | FrameBlend], output: Path, encoding: EncodingOptions
) -> bool:
    """Return whether the film is transparent; warn if the frames are and it is not."""
    paths = {path for frame in frames for path in as_blend(frame)}
    try:
        transparent = any(map(read_has_alpha, paths))
    except FrameError as error:
        raise FilmError(f"the film cannot be assembled: {error}") from error
    if transparent and encoding.spec.alpha is None:
        _log.warning("%s shows transparent frames over white; %s", output, KEEP_ALPHA)
    return transparent and encoding.spec.alpha is not None


def _frame_times(fps: Fraction, durations: Sequence[Fraction] | None) -> Iterator[Fraction]:
    """Yield the start time of each frame in seconds; endlessly if the rate is constant."""
    if durations is None:
        return (index / fps for index in itertools.count())
    return itertools.accumulate(durations, initial=Fraction(0))


def _input_options(layout: FilmLayout, fps: Fraction | None) -> list[str]:
    """Return options for the pipe: raw video at a constant rate, or Matroska with times."""
    if fps is None:
        return ["-f", "matroska", "-i", "pipe:0"]
    names = ("rgba64le", "rgba") if layout.alpha else ("rgb48le", "rgb24")
    pixel_format = names[0] if layout.deep else names[1]
    size = f"{layout.width}x{layout.height}"
    rate = f"{fps.numerator}/{fps.denominator}"
    raw = ["-f", "rawvideo", "-pix_fmt", pixel_format, "-s", size, "-framerate", rate]
    return [*raw, "-i", "pipe:0"]


def _encode_with_sound(
    encode: Callable[[list[str]], None],
    encoding: EncodingOptions,
    sound: Soundtrack | Music | None,
    output: Path,
    duration: Fraction,
) -> bool:
    """Encode the film with its sound, or without if the sound alone is at fault.

    Returns:
        Whether the film has sound.
    """
    silent = ["-map", "0:v:0"]
    if sound is None or encoding.spec.animation:
        encode(silent)
        return False
    suffix = output.suffix.lower()
    if isinstance(sound, Music):
        encode(sound.options(suffix, duration))
        return True
    choices = sound.choices(suffix)
    _warn_of_losses(sound, choices, output)
    attempts = [(sound.options(suffix, duration, choices), "sound")]
    if sound.video.subtitle_codecs:
        without_words = sound.options(suffix, duration, choices, subtitles=False)
        attempts = [(attempts[0][0], "subtitles"), (without_words, "sound")]
    for tracks, lost in attempts:
        try:
            encode(tracks)
        except EncoderError as error:
            _log.warning("%s has no %s: with the video's, %s", output, lost, error)
        else:
            return any(choice.encoder for choice in choices)
    encode(silent)
    return False


def _warn_of_losses(sound: Soundtrack, choices: Sequence[TrackChoice], output: Path) -> None:
    for choice in choices:
        if choice.note:
            _log.warning("%s, of the video: %s", output, choice.note)
    if dropped := dropped_subtitles(sound.video.subtitle_codecs, output.suffix.lower()):
        _log.warning(
            "%s cannot hold the video's subtitles of kind %s; a .mkv can",
            output,
            ", ".join(dropped),
        )


def _encoder_options(
    encoding: EncodingOptions, durations: Sequence[Fraction] | None, suffix: str, alpha: bool
) -> list[str]:
    return [
        *encoding.options(suffix, alpha),
        *_clock_options(durations, suffix),
        *("-fps_mode", "passthrough", "-movflags", "+faststart"),
        *("-fflags", "+bitexact"),  # otherwise Matroska gets random identifiers
    ]


def _clock_options(durations: Sequence[Fraction] | None, suffix: str) -> list[str]:
    """Return options for a clock that, if possible, represents every time exactly."""
    if durations is None:
        return []
    ticks = 1
    for duration in durations:
        ticks = math.lcm(ticks, duration.denominator)
        if ticks > _MAX_TICKS_PER_SECOND:
            ticks = _USUAL_TICKS_PER_SECOND
            break
    while ticks < 1000:  # some players do not support coarser clocks
        ticks *= 10
    scale = [] if suffix in MATROSKA else ["-video_track_timescale", str(ticks)]
    return ["-enc_time_base", f"1/{ticks}", *scale]


@contextlib.contextmanager
def _temporary(output: Path, scratch: Path | None) -> Iterator[Path]:
    """Create a file for the unfinished film; it is deleted afterwards unless it was renamed."""
    temporary = temporary_path(output if scratch is None else scratch / output.name)
    with disk_errors(output):
        output.parent.mkdir(parents=True, exist_ok=True)
        temporary.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch(exist_ok=False)
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _run_encoder(
    command: list[str],
    frames: Sequence[Path | FrameBlend],
    durations: Sequence[Fraction] | None,
    layout: FilmLayout,
    output: Path,
    captions: Captions | None,
    on_frame: Callable[[int], None] | None,
) -> None:
    """Run ffmpeg, writing the frames into its pipe."""
    pipe = FfmpegPipe(["-v", "error", *command], reads=False)
    with pipe, contextlib.suppress(BrokenPipeError):  # if ffmpeg ends early, its messages say why
        _write_frames(pipe.stream, frames, durations, layout, captions, on_frame)
    if pipe.code == 0:
        return
    if is_disk_error(pipe.messages):
        raise OutputDiskError(
            f"cannot write {output}: {last_lines(pipe.messages)}; the finished frames are safe: "
            "free some space and run the same command again"
        )
    raise EncoderError(f"ffmpeg could not encode {output}: {last_lines(pipe.messages)}")


def _write_frames(
    stream: IO[bytes],
    frames: Sequence[Path | FrameBlend],
    durations: Sequence[Fraction] | None,
    layout: FilmLayout,
    captions: Captions | None,
    on_frame: Callable[[int], None] | None,
) -> None:
    """Write the frames as raw video or, with durations, as Matroska; read repeated ones once."""
    bits = 16 if layout.deep else 8
    matroska = None
    if durations is not None:
        size = (layout.height, layout.width)
        matroska = MatroskaWriter(stream, *size, bits, alpha=layout.alpha)
    shape: tuple[int, ...] | None = None
    previous: tuple[FrameBlend, str] = ((), "")
    data = b""
    for number, frame in enumerate(map(as_blend, frames), start=1):
        text = captions.texts[number - 1] if captions is not None else ""
        if (frame, text) != previous:
            pixels = _read_frame(frame, deep=layout.deep, alpha=layout.alpha, space=layout.space)
            _check_same_size(frame[0], pixels.shape, shape or pixels.shape)
            shape = pixels.shape
            fitted = fit_pixels(pixels, (layout.height, layout.width), layout.fit)
            if captions is not None:
                fitted = captions.burn(number - 1, fitted, layout.space.white)
            previous, data = (frame, text), fitted.tobytes()
        if matroska is None or durations is None:
            stream.write(data)
        else:
            matroska.write(data, durations[number - 1])
        if on_frame is not None:
            on_frame(number)


def _check_same_size(path: Path, shape: tuple[int, ...], first: tuple[int, ...]) -> None:
    if shape != first:
        raise FilmError(
            f"{path} is {shape[1]}×{shape[0]} px and the frames before it {first[1]}×{first[0]}; "
            "all frames of a film must have one size"
        )


def _is_deep(path: Path) -> bool:
    """Return whether a picture has more than 8 bits a channel."""
    try:
        return read_depth(path) > 8
    except FrameError as error:
        raise FilmError(f"the film cannot be assembled: {error}") from error


def _read_frame(
    frame: FrameBlend, *, deep: bool = False, alpha: bool = False, space: PixelSpace = SRGB
) -> Uint8Pixels | Uint16Pixels:
    try:
        pixels = read_blend(frame, alpha=alpha, space=space)
    except FrameError as error:
        raise FilmError(f"the film cannot be assembled: {error}") from error
    if alpha and pixels.shape[2] == 3:
        pixels = with_opacity(pixels, np.ones(pixels.shape[:2], np.float32))
    return to_uint16(pixels) if deep else to_uint8(pixels)
