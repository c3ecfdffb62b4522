"""What a film can be encoded as, and what its container takes besides pictures."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from batch_analogy.config.run import Codec
from batch_analogy.errors import MachineError, UsageError
from batch_analogy.media.ffmpeg import as_url, run_ffmpeg
from batch_analogy.media.video import FILES_ONLY, VideoInfo

CONTAINERS: dict[Codec, tuple[str, ...]] = {
    "h264": (".mp4", ".mov", ".mkv"),
    "h265": (".mp4", ".mov", ".mkv"),
    "prores": (".mov", ".mkv"),
    "ffv1": (".mkv",),
}
MAX_SIDE_PX: dict[Codec, int] = {"h264": 16384, "h265": 16384, "prores": 16384, "ffv1": 32767}
TITLES: dict[Codec, str] = {"h264": "H.264", "h265": "H.265", "prores": "ProRes", "ffv1": "FFV1"}

_ENCODERS: dict[Codec, str] = {
    "h264": "libx264",
    "h265": "libx265",
    "prores": "prores_ks",
    "ffv1": "ffv1",
}
_THREADS = "4"  # fixed, because some encoders' result depends on it
_AAC = ("aac", "-b:a", "256k")
_EVERYWHERE = frozenset({"aac", "mp3", "ac3", "eac3", "alac"})
_PCM = frozenset({"pcm_s16le", "pcm_s24le"})
# What a player can be expected to find inside each container; the rest becomes AAC.
_COPIED_AUDIO = {
    ".mp4": _EVERYWHERE,
    ".mov": _EVERYWHERE | _PCM,
    ".mkv": _EVERYWHERE | _PCM | {"flac", "opus", "vorbis"},
}
_TEXTS = frozenset({"subrip", "srt", "ass", "ssa", "webvtt", "text", "mov_text"})
_PICTURES = frozenset({"hdmv_pgs_subtitle", "dvd_subtitle", "dvb_subtitle"})

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class EncodingOptions:
    """How a film's pictures are stored."""

    codec: Codec = "h264"
    depth: int | None = None  # bits a channel, 8 or 10; None: what the codec and the frames suit
    crf: int = 16  # of H.264 and H.265: 0 (lossless) to 51

    def bits(self, deep: bool) -> int:
        """Bits a channel of the film, given whether its frames have more than 8."""
        if self.codec == "prores":
            return 10
        if self.depth is not None:
            return self.depth
        if not deep or self.codec == "h264":  # few players show H.264 of 10 bits
            return 8
        return 10 if self.codec == "h265" else 16

    def pixel_format(self, deep: bool) -> str:
        """ffmpeg's name for the film's pixels. FFV1 keeps RGB, so that nothing is lost."""
        bits = self.bits(deep)
        if self.codec == "ffv1" and bits == 8:
            return "bgr0"
        base = {"prores": "yuv422p", "ffv1": "gbrp"}.get(self.codec, "yuv420p")
        return base if bits == 8 else f"{base}{bits}le"

    @property
    def even_sizes(self) -> bool:
        """Whether height and width must be even, because colours are stored coarser."""
        return self.codec != "ffv1"

    def options(self, suffix: str) -> list[str]:
        """The encoder's options for ffmpeg."""
        encoder = ["-c:v", _ENCODERS[self.codec]]
        if self.codec == "h264":
            quality = ["-qp", "0"] if self.crf == 0 else ["-crf", str(self.crf)]
            return [*encoder, *quality, "-threads", _THREADS]
        if self.codec == "h265":
            private = f"log-level=error:pools={_THREADS}:frame-threads=2"
            private += ":lossless=1" if self.crf == 0 else ""
            # The tag by which Apple's players know it.
            tag = [] if suffix == ".mkv" else ["-tag:v", "hvc1"]
            return [*encoder, "-crf", str(self.crf), "-x265-params", private, *tag]
        if self.codec == "prores":
            high = ["-profile:v", "hq", "-vendor", "apl0"]
            return [*encoder, *high, "-threads", _THREADS]
        lossless = ["-level", "3", "-g", "1", "-slices", "4", "-slicecrc", "1"]
        return [*encoder, *lossless, "-threads", _THREADS]


def check_encoder(codec: Codec) -> None:
    """Make sure, before any work, that this machine's ffmpeg can encode the film.

    Raises:
        MachineError: it was built without that encoder.
    """
    name = _ENCODERS[codec]
    if "is not recognized" in run_ffmpeg(["-h", f"encoder={name}"]).messages:
        raise MachineError(
            f"this machine's ffmpeg cannot encode {TITLES[codec]} (it has no {name}); choose "
            "another --codec, or name another ffmpeg in IMAGEIO_FFMPEG_EXE"
        )


def check_container(output: Path, codec: Codec) -> None:
    """Refuse a film whose suffix does not say a container that takes the codec.

    Raises:
        UsageError: it does not.
    """
    if output.suffix.lower() in CONTAINERS[codec]:
        return
    known = any(output.suffix.lower() in suffixes for suffixes in CONTAINERS.values())
    held = f" to hold {TITLES[codec]}" if known or codec != "h264" else ""
    raise UsageError(f"output {output} must end in one of {', '.join(CONTAINERS[codec])}{held}")


@dataclass(frozen=True)
class Soundtrack:
    """What of a video goes into a film besides pictures."""

    video: VideoInfo
    begin: Fraction  # of the film, in seconds after the video file's beginning

    def options(self, suffix: str, duration: Fraction) -> list[str]:
        """ffmpeg's second input and what is taken from it: every sound, and subtitles that fit.

        They keep their language. Limiting what is read, not what is written, cannot cost the film
        its last frame.
        """
        streams = [
            *_streams("a", [_sound(c, suffix) for c in self.video.audio_codecs]),
            *_streams("s", [_subtitle(c, suffix) for c in self.video.subtitle_codecs]),
        ]
        if not streams:
            return ["-map", "0:v:0"]
        limits = ["-t", f"{float(duration):.6f}"]
        if self.begin > 0:  # some AVIs have nothing left after a search for their beginning
            limits = ["-ss", f"{float(self.begin):.6f}", *limits]
        source = [*FILES_ONLY, *limits, "-i", as_url(self.video.path)]
        if self.begin > 0 or suffix == ".mkv":
            # What lies before would delay the picture, or be hidden in a .mp4.
            streams += ["-copypriorss:a", "0", "-copypriorss:s", "0"]
        return [*source, "-map", "0:v:0", *streams, "-map_metadata", "-1"]

    def lost(self, suffix: str) -> list[str]:
        """The codecs of subtitles that the container does not take."""
        return [c for c in self.video.subtitle_codecs if _subtitle(c, suffix) is None]


def _streams(kind: str, codecs: list[tuple[str, ...] | None]) -> list[str]:
    options: list[str] = []
    place = 0
    for index, codec in enumerate(codecs):
        if codec is None:
            continue
        name, *rest = codec
        options += ["-map", f"1:{kind}:{index}", f"-c:{kind}:{place}", name]
        options += [f"{option}:{place}" if option[0] == "-" else option for option in rest]
        options += [f"-map_metadata:s:{kind}:{place}", f"1:s:{kind}:{index}"]
        place += 1
    return options


def _sound(codec: str, suffix: str) -> tuple[str, ...]:
    return ("copy",) if codec in _COPIED_AUDIO[suffix] else _AAC


def _subtitle(codec: str, suffix: str) -> tuple[str, ...] | None:
    """The encoder for a subtitle stream; None where the container cannot hold it."""
    if suffix == ".mkv":
        if codec == "mov_text":
            return ("subrip",)
        return ("copy",) if codec in _TEXTS | _PICTURES else None
    if codec == "mov_text":
        return ("copy",)
    return ("mov_text",) if codec in _TEXTS else None
