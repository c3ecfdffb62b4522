"""What a video holds."""

from __future__ import annotations

import re
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from batch_analogy.errors import InputError, UsageError
from batch_analogy.media.colour_tags import ColourSpace, ColourTags, film_colour_space, square
from batch_analogy.media.ffmpeg import FfmpegPipe, FfmpegResult, as_url, last_lines, run_ffmpeg
from batch_analogy.media.stills import MIN_SIDE_PX
from batch_analogy.media.timing import FrameTimes

FILES_ONLY = ("-protocol_whitelist", "file")
"""Input option: a playlist that calls itself a video must not make ffmpeg open addresses."""

_NO_TIME = -(2**63)  # ffmpeg's "this packet has no time"
_DISCARD = 4  # packet flag: decoded for others' sake, never shown

_STREAM = re.compile(r"^\s{2}Stream #0:\d+.*?: (Video|Audio|Subtitle): (.*)$", re.MULTILINE)
_TRANSPARENT = re.compile(
    r"^  Stream #0:\d+[^\n]*?: Video: (vp[89])\b[^\n]*\n(?:    [^\n]*\n)*?\s+alpha_mode\s*: 1",
    re.MULTILINE,
)
_TRANSPARENT_DECODERS = {"vp8": "libvpx", "vp9": "libvpx-vp9"}
_DIMENSIONS = re.compile(r"^#dimensions 0: (\d+)x(\d+)", re.MULTILINE)
_TIME_BASE = re.compile(r"^#tb 0: (\d+)/(\d+)")
_PACKET = re.compile(r"^0,\s*(-?\d+),\s*(-?\d+),\s*(\d+),[^\n]*?(?:F=0x([0-9a-fA-F]+))?\s*$")
_RATE = re.compile(r"([\d.]+)(k?) (fps|tbr)\b")


@dataclass(frozen=True, kw_only=True)
class VideoInfo:
    """What a video holds.

    ``height`` and ``width`` are those of the extracted frames: turned upright, with square
    pixels. ``fps`` times ``duration_seconds`` is the number of frames; where the rate varies it
    is the average, and ``times`` say when each frame is shown.
    """

    path: Path
    height: int
    width: int
    fps: Fraction
    times: FrameTimes
    variable_rate: bool
    start_seconds: float  # of the first frame, after the file's beginning
    has_pts: bool  # packets say when frames are shown, not only when they are decoded, as AVI's do
    audio_codecs: tuple[str, ...]  # of each audio stream, such as "aac"
    subtitle_codecs: tuple[str, ...]
    tags: ColourTags
    decoder: tuple[str, ...] = ()  # input options that choose one; () for ffmpeg's own choice

    @property
    def frame_count(self) -> int:
        """How many frames are shown."""
        return len(self.times.ticks)

    @property
    def duration_seconds(self) -> float:
        """How long they are shown."""
        return float(self.frame_count / self.fps)

    @property
    def has_audio(self) -> bool:
        """Whether there is sound."""
        return bool(self.audio_codecs)

    @property
    def colours(self) -> ColourSpace:
        """The colours of a film made of its frames."""
        return film_colour_space(self.tags, self.height, self.width)


def probe_video(path: Path) -> VideoInfo:
    """Find out a video's size, exact times and sound without decoding more than one frame.

    Args:
        path: the video.

    Returns:
        Its description.

    Raises:
        UsageError: the file does not exist.
        InputError: it cannot be read or decoded, or holds no video.
        MachineError: there is no ffmpeg.
    """
    check_readable(path)
    source = [*FILES_ONLY, "-i", as_url(path), "-map", "0:V:0"]
    seen, header = _first_frame(source)
    decoder = _decoder(header)
    if decoder:
        seen, header = _first_frame([*decoder, *source])
    size = _DIMENSIONS.search(seen.output)
    streams = _STREAM.findall(header)
    videos = [text for kind, text in streams if kind == "Video" and "(attached pic)" not in text]
    audios, subtitles = (_codecs(streams, kind) for kind in ("Audio", "Subtitle"))
    if not videos and audios:
        raise InputError(f"{path} holds sound but no video; give a video")
    if size is None or not videos:
        raise InputError(
            f"{path} cannot be decoded as a video ({last_lines(seen.messages)}); "
            "check that the copy is whole, or convert it to .mp4"
        )
    width, height = (int(number) for number in size.groups())
    if min(height, width) < MIN_SIDE_PX:
        raise InputError(f"{path} is {width}×{height} px; each side must be {MIN_SIDE_PX} or more")
    times, begin, has_pts = _packet_times(
        ["-v", "error", *source, "-c", "copy", "-f", "framecrc", "-"]
    )
    if not times.ticks:
        raise InputError(f"{path} holds no frames; check that the copy is whole")
    fps, variable = times.rate(_named_rates(videos[0]))
    return VideoInfo(
        path=path,
        height=height,
        width=width,
        fps=fps,
        times=times,
        variable_rate=variable,
        start_seconds=max(0.0, float(begin)),
        has_pts=has_pts,
        audio_codecs=audios,
        subtitle_codecs=subtitles,
        tags=ColourTags.read(videos[0]),
        decoder=decoder,
    )


def _first_frame(source: list[str]) -> tuple[FfmpegResult, str]:
    """What ffmpeg says of a video's first frame, and what it says of the file before that."""
    seen = run_ffmpeg([*source, "-frames:v", "1", "-vf", square(""), "-f", "framecrc", "-"])
    return seen, seen.messages.partition("Stream mapping:")[0].partition("Output #0")[0]


def _decoder(header: str) -> tuple[str, ...]:
    """Input options for videos whose transparency ffmpeg's own decoder would pass over."""
    found = _TRANSPARENT.search(header)
    return () if found is None else ("-c:v", _TRANSPARENT_DECODERS[found[1]])


def check_readable(path: Path) -> None:
    """Raise UsageError or InputError unless there is a file with something in it."""
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


def _codecs(streams: list[tuple[str, str]], kind: str) -> tuple[str, ...]:
    return tuple(re.split(r"[\s,]", text)[0] for found, text in streams if found == kind)


def _packet_times(command: list[str]) -> tuple[FrameTimes, Fraction, bool]:
    """Every shown frame's time, and the first one's in seconds after the file's beginning.

    The third value tells whether packets say when they are shown. The list is read line by line:
    a film of a day has a million.
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
    # AVI and bare streams have decoding times only; sorted, they are as far apart.
    has_pts = all(time != _NO_TIME for time, _ in shown)
    packets = sorted(shown if has_pts else decoded)
    if not packets:
        return FrameTimes.of_ticks(tick, (), 0), Fraction(0), has_pts
    times = FrameTimes.of_ticks(tick, [time for time, _ in packets], packets[-1][1])
    return times, packets[0][0] * tick, has_pts


def _named_rates(stream: str) -> list[Fraction]:
    """The rates in ffmpeg's line about a stream, the likelier first."""
    named = {
        kind: Fraction(number) * (1000 if thousand else 1)
        for number, thousand, kind in _RATE.findall(stream)
    }
    return [named[kind] for kind in ("fps", "tbr") if kind in named]
