"""Frames in, a film out: H.264 that plays everywhere and says truly what it holds."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np

from batch_analogy.errors import FilmError, FrameError, OutputDiskError, UsageError
from batch_analogy.media.ffmpeg import (
    FfmpegPipe,
    as_url,
    is_disk_trouble,
    last_words,
    run_ffmpeg,
)
from batch_analogy.media.files import disk_errors, temporary_beside
from batch_analogy.media.stills import BytePixels, read_still, to_bytes
from batch_analogy.media.video import VideoInfo, probe_video

FILM_SUFFIXES = (".mp4", ".mov", ".mkv")
MAX_FILM_SIDE_PX = 16384  # what x264 takes

# What a player can be expected to find inside each container; the rest becomes AAC.
_COPIED_AUDIO = {
    ".mp4": frozenset({"aac", "mp3", "ac3", "eac3", "alac"}),
    ".mov": frozenset({"aac", "mp3", "ac3", "eac3", "alac", "pcm_s16le", "pcm_s24le"}),
    ".mkv": frozenset(
        {"aac", "mp3", "ac3", "eac3", "alac", "flac", "opus", "vorbis", "pcm_s16le", "pcm_s24le"}
    ),
}
_THREADS = 4  # fixed, because x264's result depends on it

_COLOUR = (
    "scale=in_range=pc:out_color_matrix=bt709:out_range=tv:flags=bicubic+accurate_rnd+full_chroma_inp,"
    "format=yuv420p,"
    "setparams=colorspace=bt709:color_primaries=bt709:color_trc=bt709:range=tv,"
    "setsar=1"
)


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


def encode_film(
    frames: Sequence[Path],
    output: Path,
    *,
    fps: Fraction,
    crf: int = 16,
    audio_from: Path | None = None,
    on_frame: Callable[[int], None] | None = None,
) -> FilmInfo:
    """Encode pictures as an H.264 film, in the order given, and check it by decoding it.

    Odd sizes are padded by repeating the last row or column. The film lasts exactly as long as
    its frames: longer sound is cut, shorter sound ends earlier.

    Args:
        frames: the pictures, all of one size; a path given twice is shown twice.
        output: the film, .mp4, .mov or .mkv; written whole or not at all, replacing what is there.
        fps: frames a second, exact.
        crf: 0 (lossless) to 51; about 16 is hard to tell from the frames.
        audio_from: a video whose sound is taken over, from its first frame on; one without sound
            gives a silent film.
        on_frame: called with the number of frames encoded so far.

    Returns:
        What was written.

    Raises:
        UsageError: the output has another suffix or is a folder, or the rate is not positive.
        InputError: the sound's source cannot be read.
        FilmError: a frame is unreadable or of another size, or the film did not verify.
        OutputDiskError: the disk is full, read-only or closed to this user.
    """
    if output.suffix.lower() not in FILM_SUFFIXES:
        raise UsageError(f"{output} must end in one of {', '.join(FILM_SUFFIXES)}")
    if output.is_dir():
        raise UsageError(f"{output} is a folder; name a file for the film")
    if fps <= 0:
        raise UsageError(f"fps is {fps}; it must be above 0")
    if not frames:
        raise FilmError(f"{output} would hold no frames; there must be at least one")
    sound = None if audio_from is None else probe_video(audio_from)
    height, width, scaled = _film_size(*_read_frame(frames[0]).shape[:2])
    with _temporary(output) as temporary:
        command = ["-f", "rawvideo", "-pix_fmt", "rgb24", "-s", f"{width}x{height}"]
        command += ["-framerate", _ratio(fps), "-i", "pipe:0"]
        command += _sound_options(sound, output.suffix.lower(), len(frames) / fps)
        command += ["-vf", _COLOUR, "-c:v", "libx264", "-crf", str(crf), "-threads", str(_THREADS)]
        command += ["-fps_mode", "passthrough", "-movflags", "+faststart", "-y", as_url(temporary)]
        _feed(command, frames, (height, width, scaled), output, on_frame)
        _verify(temporary, output, len(frames), height, width)
        with disk_errors(output):
            size_bytes = temporary.stat().st_size
            os.replace(temporary, output)
    return FilmInfo(
        path=output,
        frames=len(frames),
        height=height,
        width=width,
        fps=fps,
        duration_seconds=float(len(frames) / fps),
        bytes=size_bytes,
        has_audio=sound is not None and sound.has_audio,
        scaled=scaled,
    )


def _ratio(value: Fraction) -> str:
    return f"{value.numerator}/{value.denominator}"


def _film_size(height: int, width: int) -> tuple[int, int, bool]:
    """The film's even height and width in px, and whether the frames must be made smaller."""
    scaled = max(height, width) > MAX_FILM_SIDE_PX
    if scaled:
        factor = MAX_FILM_SIDE_PX / max(height, width)
        height, width = max(2, round(height * factor)), max(2, round(width * factor))
    return height + height % 2, width + width % 2, scaled


def _read_frame(path: Path) -> BytePixels:
    try:
        return to_bytes(read_still(path))
    except FrameError as error:
        raise FilmError(f"the film cannot be assembled: {error}") from error


def _fit(pixels: BytePixels, height: int, width: int, scaled: bool) -> BytePixels:
    if scaled:
        return np.asarray(
            cv2.resize(pixels, (width, height), interpolation=cv2.INTER_AREA), dtype=np.uint8
        )
    below, right = height - pixels.shape[0], width - pixels.shape[1]
    return np.pad(pixels, ((0, below), (0, right), (0, 0)), mode="edge")


@contextlib.contextmanager
def _temporary(output: Path) -> Iterator[Path]:
    """A file beside the output that is gone afterwards unless it was renamed."""
    temporary = temporary_beside(output)
    with disk_errors(output):
        output.parent.mkdir(parents=True, exist_ok=True)
        temporary.touch(exist_ok=False)
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _sound_options(sound: VideoInfo | None, suffix: str, duration: Fraction) -> list[str]:
    if sound is None or sound.audio_codec is None:
        return ["-map", "0:v:0"]
    copied = sound.audio_codec in _COPIED_AUDIO[suffix]
    codec = ["copy"] if copied else ["aac", "-b:a", "192k"]
    # Limiting what is read, not what is written, cannot cost the film its last frame.
    limits = ["-ss", f"{sound.start_seconds:.6f}", "-t", f"{float(duration):.6f}"]
    source = [*limits, "-i", as_url(sound.path)]
    return [*source, "-map", "0:v:0", "-map", "1:a:0", "-c:a", *codec, "-map_metadata", "-1"]


def _feed(
    command: list[str],
    frames: Sequence[Path],
    size: tuple[int, int, bool],
    output: Path,
    on_frame: Callable[[int], None] | None,
) -> None:
    shape: tuple[int, ...] | None = None
    previous, data = None, b""
    with FfmpegPipe(["-v", "error", *command], reads=False) as pipe:
        try:
            for number, path in enumerate(frames, start=1):
                if path != previous:
                    pixels = _read_frame(path)
                    _check_same_size(path, pixels.shape, shape or pixels.shape)
                    shape = pixels.shape
                    previous, data = path, _fit(pixels, *size).tobytes()
                pipe.stream.write(data)
                if on_frame is not None:
                    on_frame(number)
        except BrokenPipeError:
            pass  # ffmpeg ended early; its exit code and messages say why
    if pipe.code == 0:
        return
    if is_disk_trouble(pipe.messages):
        raise OutputDiskError(
            f"cannot write {output}: {last_words(pipe.messages)}; the finished frames are safe: "
            "free some space and run the same command again"
        )
    raise FilmError(f"ffmpeg could not encode {output}: {last_words(pipe.messages)}")


def _check_same_size(path: Path, shape: tuple[int, ...], first: tuple[int, ...]) -> None:
    if shape != first:
        raise FilmError(
            f"{path} is {shape[1]}×{shape[0]} px and the frames before it {first[1]}×{first[0]}; "
            "all frames of a film must have one size"
        )


def _verify(film: Path, output: Path, count: int, height: int, width: int) -> None:
    """Decode the whole film and compare what comes out with what went in."""
    command = ["-i", as_url(film), "-map", "0:v:0", "-fps_mode", "passthrough"]
    seen = run_ffmpeg([*command, "-f", "framecrc", "-"])
    decoded = len(re.findall(r"^0,", seen.output, re.MULTILINE))
    if seen.code != 0 or decoded != count:
        raise FilmError(
            f"{output} did not verify: {decoded} of {count} frames can be decoded; "
            f"{last_words(seen.messages)}"
        )
    if f"#dimensions 0: {width}x{height}" not in seen.output:
        raise FilmError(f"{output} did not verify: it is not {width}×{height} px")
    if "yuv420p(tv, bt709" not in seen.messages:
        raise FilmError(f"{output} did not verify: its colours are not tagged as BT.709")
