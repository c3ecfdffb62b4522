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

from batch_analogy.errors import FilmError, UsageError
from batch_analogy.files import disk_errors, move_into_place, temporary_path
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
from batch_analogy.media.ffmpeg import FfmpegPipe, as_url, disk_error_in, last_lines
from batch_analogy.media.film_layout import FilmLayout, choose_layout, playing_note
from batch_analogy.media.frame_feed import FrameFacts, FrameFeed, Frames, read_frame_facts
from batch_analogy.media.light_levels import LightLevels, with_light_levels
from batch_analogy.media.music import Music
from batch_analogy.media.pixel_spaces import SRGB, PixelSpace
from batch_analogy.media.sound import TrackChoice
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
    frames: Frames,
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
    facts = read_frame_facts(frames)
    layout = _choose_layout(facts, output, fps, encoding, colours)
    duration = len(frames) / fps if durations is None else sum(durations, Fraction(0))
    feed = FrameFeed(frames, layout, fps, durations, captions, on_frame)
    suffix = output.suffix.lower()
    encoder = ["-vf", encoding.filters(colours, facts.deep, layout.alpha)]
    encoder += _encoder_options(encoding, durations, suffix, layout.alpha)
    encoder = with_light_levels(encoder, light_levels)
    with _temporary(output, scratch) as temporary:
        with _chapter_file(temporary, output, chapters, duration) as chapter_file:

            def encode(tracks: list[str]) -> None:
                if chapter_file is not None:
                    tracks = with_chapters(tracks, chapter_file)
                target = ["-y", as_url(temporary)]
                _run_encoder([*feed.input_options(), *tracks, *encoder, *target], feed, output)

            has_audio = _encode_with_sound(encode, encoding, sound, output, duration)
        if suffix == ".webp":
            correct_frames(temporary, duration, transparent=layout.alpha)
        verify_film(
            temporary,
            output,
            count=len(frames),
            times=_frame_times(fps, durations),
            size=(layout.height, layout.width),
            pixel_format=encoding.pixel_format(facts.deep, layout.alpha),
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


def _check(frames: Frames, output: Path, fps: Fraction, encoding: EncodingOptions) -> None:
    """Raise UsageError or FilmError for arguments that cannot be encoded."""
    check_container(output, encoding.codec)
    if output.is_dir():
        raise UsageError(f"{output} is a folder; name a file for the film")
    if fps <= 0:
        raise UsageError(f"fps is {fps}; it must be above 0")
    if not frames:
        raise FilmError(f"{output} would have no frames; there must be at least one")


def _choose_layout(
    facts: FrameFacts, output: Path, fps: Fraction, encoding: EncodingOptions, colours: ColourSpace
) -> FilmLayout:
    """Choose what the encoder receives; warn of what is lost, and of what few players show."""
    if facts.alpha and encoding.spec.alpha is None:
        _log.warning("%s shows transparent frames over white; %s", output, KEEP_ALPHA)
    layout = choose_layout(
        (facts.height, facts.width),
        encoding,
        fps,
        deep=facts.deep,
        alpha=facts.alpha and encoding.spec.alpha is not None,
        space=PixelSpace.of_film(colours) if colours.is_hdr else SRGB,
    )
    if note := playing_note(encoding, (layout.height, layout.width), fps, deep=facts.deep):
        _log.warning("%s: %s", output, note)
    return layout


def _frame_times(fps: Fraction, durations: Sequence[Fraction] | None) -> Iterator[Fraction]:
    """Yield the start time of each frame in seconds; endlessly if the rate is constant."""
    if durations is None:
        return (index / fps for index in itertools.count())
    return itertools.accumulate(durations, initial=Fraction(0))


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


@contextlib.contextmanager
def _chapter_file(
    temporary: Path, output: Path, chapters: Sequence[Fraction], duration: Fraction
) -> Iterator[Path | None]:
    """Write the chapters of a film beside the unfinished film; delete them afterwards."""
    if not chapters:
        yield None
        return
    path = temporary.with_name(f"{temporary.name}.chapters")
    try:
        with disk_errors(output):
            write_chapters(path, chapters, duration)
        yield path
    finally:
        path.unlink(missing_ok=True)


def _run_encoder(command: list[str], feed: FrameFeed, output: Path) -> None:
    """Run ffmpeg, writing the frames into its pipe."""
    pipe = FfmpegPipe(["-v", "error", *command], reads=False)
    with pipe, contextlib.suppress(BrokenPipeError):  # if ffmpeg ends early, its messages say why
        feed.write(pipe.stream)
    if pipe.code == 0:
        return
    if (error := disk_error_in(pipe.messages)) is not None:
        with disk_errors(output):
            raise error
    raise EncoderError(f"ffmpeg could not encode {output}: {last_lines(pipe.messages)}")
