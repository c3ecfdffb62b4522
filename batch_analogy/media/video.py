"""Probe a video: its size, exact times, colour tags, sound and subtitles."""

from __future__ import annotations

import dataclasses
import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from batch_analogy.errors import InputError, UsageError
from batch_analogy.media.animation import needs_pillow, read_animation_times
from batch_analogy.media.colour_tags import ColourSpace, ColourTags, film_colour_space, square
from batch_analogy.media.container import SoundStream, VideoStream, open_container, read_container
from batch_analogy.media.ffmpeg import FILES_ONLY, FfmpegPipe, as_url, last_lines, run_ffmpeg
from batch_analogy.media.pixel_spaces import PixelSpace
from batch_analogy.media.stills import MIN_SIDE_PX
from batch_analogy.media.timing import FrameTimes

_NO_TIME = -(2**63)  # ffmpeg's AV_NOPTS_VALUE
_DISCARD = 4  # ffmpeg's AV_PKT_FLAG_DISCARD: decoded as a reference, never shown

_TRANSPARENT_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
_DIMENSIONS = re.compile(r"^#dimensions 0: (\d+)x(\d+)", re.MULTILINE)
_TIME_BASE = re.compile(r"^#tb 0: (\d+)/(\d+)")
_PACKET = re.compile(r"^0,\s*(-?\d+),\s*(-?\d+),\s*(\d+),[^\n]*?(?:F=0x([0-9a-fA-F]+))?\s*$")


@dataclass(frozen=True, kw_only=True)
class VideoInfo:
    """Properties of a video.

    ``height`` and ``width`` are those of the extracted frames: upright, with square pixels.
    ``fps`` times ``duration_seconds`` is the number of frames; with a variable rate ``fps`` is the
    average, and ``times`` holds the time of each frame.
    """

    path: Path
    height: int
    width: int
    fps: Fraction
    times: FrameTimes
    variable_rate: bool
    start_seconds: float  # of the first frame, after the start of the file
    has_pts: bool  # packets have presentation times, not decoding times alone as in AVI
    sounds: tuple[SoundStream, ...]
    subtitle_codecs: tuple[str, ...]
    tags: ColourTags
    decoder: tuple[str, ...] = ()  # input options that choose a decoder; (): ffmpeg's default
    is_animation: bool = False  # a picture with several frames, read by Pillow
    created: str | None = None  # when the recording began, in ISO 8601
    parts: tuple[VideoInfo, ...] = ()  # of a recording in several files, each by itself
    file_times: FrameTimes | None = None  # of the whole file, if this is a clip of it
    clip_start: Fraction = Fraction(0)  # of a clip: its first frame, after the file's first
    keeps_hdr: bool = False  # HDR is not mapped to BT.709

    @property
    def frame_count(self) -> int:
        """Number of frames shown."""
        return len(self.times.ticks)

    @property
    def duration_seconds(self) -> float:
        """Duration of all frames."""
        return float(self.frame_count / self.fps)

    @property
    def has_audio(self) -> bool:
        """True if the video has sound."""
        return bool(self.sounds)

    @property
    def audio_codecs(self) -> tuple[str, ...]:
        """Codec of each sound track, such as "aac"."""
        return tuple(sound.codec for sound in self.sounds)

    @property
    def colours(self) -> ColourSpace:
        """Colour space of a film made of the video's frames."""
        return film_colour_space(self.tags, self.height, self.width, keep_hdr=self.keeps_hdr)

    @property
    def space(self) -> PixelSpace:
        """What the numbers of the extracted frames' pixels mean."""
        return PixelSpace.of_film(self.colours)

    def keeping_hdr(self, keep: bool) -> VideoInfo:
        """Return the video, whose HDR is kept or not."""
        parts = tuple(part.keeping_hdr(keep) for part in self.parts)
        return dataclasses.replace(self, parts=parts, keeps_hdr=keep and self.tags.is_hdr)


def probe_video(path: Path) -> VideoInfo:
    """Read a video's size, exact times, tags and sound; at most one frame is decoded.

    Raises:
        UsageError: the file does not exist.
        InputError: it cannot be read or decoded, or has no video.
        MachineError: no ffmpeg was found.
    """
    check_readable(path)
    if needs_pillow(path):
        return _probe_animation(path)
    container = read_container(path)
    if not container.videos:
        what = "sound but no video" if container.sounds else "neither video nor sound"
        raise InputError(f"{path} holds {what}; give a video")
    stream = container.videos[0]
    decoder = _decoder(stream)
    source = [*FILES_ONLY, "-i", as_url(path), "-map", "0:V:0"]
    height, width = _first_frame_size(path, [*decoder, *source])
    packets = ["-v", "error", *source, "-c", "copy", "-f", "framecrc", "-"]
    times, begin, has_pts = _packet_times(packets)
    if not times.ticks:
        raise InputError(f"{path} has no frames; check that the copy is complete")
    fps, variable = times.rate(stream.rates)
    return VideoInfo(
        path=path,
        height=height,
        width=width,
        fps=fps,
        times=times,
        variable_rate=variable,
        start_seconds=max(0.0, float(begin)),
        has_pts=has_pts,
        sounds=container.sounds,
        subtitle_codecs=container.subtitles,
        tags=stream.tags,
        decoder=decoder,
        created=container.created,
    )


def _probe_animation(path: Path) -> VideoInfo:
    height, width, alpha, times = read_animation_times(path)
    _check_size(path, height, width)
    fps, variable = times.rate()
    return VideoInfo(
        path=path,
        height=height,
        width=width,
        fps=fps,
        times=times,
        variable_rate=variable,
        start_seconds=0.0,
        has_pts=True,
        sounds=(),
        subtitle_codecs=(),
        tags=ColourTags.of_format("rgba" if alpha else "rgb24"),
        is_animation=True,
    )


def _check_size(path: Path, height: int, width: int) -> None:
    if min(height, width) < MIN_SIDE_PX:
        raise InputError(f"{path} is {width}×{height} px; each side must be {MIN_SIDE_PX} or more")


def _decoder(stream: VideoStream) -> tuple[str, ...]:
    """Return input options for transparent videos, whose alpha ffmpeg's own decoder ignores."""
    name = _TRANSPARENT_DECODERS.get(stream.codec) if stream.has_alpha_layer else None
    return () if name is None else ("-c:v", name)


def _first_frame_size(path: Path, source: list[str]) -> tuple[int, int]:
    """Return height and width of the first frame: upright, with square pixels.

    Raises:
        InputError: it cannot be decoded, or is too small.
    """
    first = run_ffmpeg(
        ["-v", "error", *source, "-frames:v", "1", "-vf", square(""), "-f", "framecrc", "-"]
    )
    size = _DIMENSIONS.search(first.output)
    if size is None:
        raise InputError(
            f"{path} cannot be decoded as a video ({last_lines(first.messages)}); "
            "check that the copy is complete, or convert it to .mp4"
        )
    width, height = (int(number) for number in size.groups())
    _check_size(path, height, width)
    return height, width


def read_start_timecode(path: Path) -> str | None:
    """Return the timecode of a video's first frame, as it was recorded; None if it has none.

    Raises:
        InputError: the file cannot be read.
    """
    with open_container(path) as container:
        for holder in (container, *container.streams):
            code = holder.metadata.get("timecode")
            if code:
                return str(code)
    return None


def check_readable(path: Path) -> None:
    """Raise UsageError if a file is missing, InputError if it is unreadable or empty."""
    if not path.exists():
        address = ":/" in str(path)
        hint = "addresses are not opened, download it" if address else "give a video"
        raise UsageError(f"{path} does not exist; {hint}")
    try:
        with path.open("rb") as stream:
            empty = not stream.read(1)
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror or error}") from error
    if empty:
        raise InputError(f"{path} is empty; copy it again from its source")


def _packet_times(command: list[str]) -> tuple[FrameTimes, Fraction, bool]:
    """Read the times of all shown frames from ffmpeg's list of packets.

    The list is read line by line: a long video has a million packets.

    Returns:
        The times, the first frame's time in seconds after the start of the file, and whether
        packets have presentation times.
    """
    tick = Fraction(1)
    decoded: list[tuple[int, int]] = []
    shown: list[tuple[int, int]] = []
    with FfmpegPipe(command, reads=True) as pipe:
        for raw in pipe.stream:
            line = raw.decode(errors="replace")
            if base := _TIME_BASE.match(line):
                tick = Fraction(int(base[1]), int(base[2]))
            packet = _PACKET.match(line)
            if packet and not int(packet[4] or "0", 16) & _DISCARD:
                decoded.append((int(packet[1]), int(packet[3])))
                shown.append((int(packet[2]), int(packet[3])))
    # AVI and raw streams have decoding times only; sorted, these have the same intervals.
    has_pts = all(time != _NO_TIME for time, _ in shown)
    packets = sorted(shown if has_pts else decoded)
    if not packets:
        return FrameTimes.of_ticks(tick, (), 0), Fraction(0), has_pts
    times = FrameTimes.of_ticks(tick, [time for time, _ in packets], packets[-1][1])
    return times, packets[0][0] * tick, has_pts
